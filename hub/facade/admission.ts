/**
 * Who is answered when more comes than can be decided. The queue of a Node process is in its sockets: one turn of the
 * event loop reads all that have something to say, one after the other, and what is read late in a long turn has
 * waited longest. So each turn answers for a stated time, and tells the rest to come again (503, Retry-After).
 *
 *   turn begins ──▶ everything ──▶ 5 ms ──▶ decisions, 2 others ──▶ 10 ms ──▶ 2 others ──▶ turn ends: all over again
 *
 * What is admitted is read at once, and answered 32 together or when the turn has ended (listener.ts): some milliseconds more.
 * An admitted request then waits at most for the rest of one turn and its place in the next, far below 50 ms.
 *
 * A refusal costs a third of a decision, so clients that ask again at once could leave no time for anything else. Who
 * was told to come again is therefore not listened to for a moment (0.3 s with a thousand of them, well below what
 * Retry-After asks for); what was sent meanwhile is too old for an answer in time, and is refused when it is read.
 *
 *   shed ──▶ not read ── 32 each 10 ms ──▶ read again: what waits there is shed, what comes then is admitted as ever
 *
 * Nothing else is remembered from turn to turn, so it recovers at once.
 *
 * A connection whose client sends many requests without waiting for an answer is cut: a packet may hold hundreds.
 *
 * Some requests are answered in each turn whatever the clock says: a process that was not let run for a while must not
 * refuse the few that came meanwhile.
 */

/** `decision`: somebody stands at a door. `probe`: whoever looks after the hub. */
export type RequestKind = 'decision' | 'other' | 'probe';

interface Share {
  /** How long of a turn, ms. */
  readonly forMs: number;
  /** So many of a turn in any case. */
  readonly least: number;
}

const SHARES: Readonly<Record<'decision' | 'other', Share>> = {
  decision: { forMs: 10, least: 48 },
  other: { forMs: 5, least: 16 },
};
/**
 * Of each turn, whatever the decisions took of it: else a flood of decisions kept every controller from the list that
 * says who is lost, for as long as it lasts.
 */
const OTHERS_LEAST = 2;
/** Requests that wait for something (an upstream, the log) and hold memory meanwhile. Decisions never wait. */
const OTHERS_UNDER_WAY_MAX = 256;

/** What of a socket is needed here; what it asked in this turn is noted on it, where it costs least. */
export interface Pausable {
  pause(): unknown;
  resume(): unknown;
  [TURN]?: number;
  [ASKED]?: number;
}
const TURN = Symbol('turn');
const ASKED = Symbol('asked');
/** Of one connection in one turn. Clients that wait for their answer ask once, those that pipeline a few times. */
const PIPELINED_MAX = 16;

export type Verdict = 'answer' | 'shed' | 'cut';

/** How many are listened to again, and how often; four times as many once nobody is shed any more. */
const RESUMED_PER_STEP = 32;
const STEP_MS = 10;

export interface Admission {
  /**
   * @param from the socket of the request
   * @returns `shed`: 503; `cut`: end the connection
   */
  admit(kind: RequestKind, from: Pausable): Verdict;
  /** Ends one of kind `other` that was admitted. */
  ended(): void;
}

export interface AdmissionParts {
  /** Milliseconds of a clock that never goes back. */
  readonly clock?: () => number;
  /** Calls when the turn has ended. */
  readonly atTurnEnd?: (end: () => void) => void;
  /** Calls once, after so long. */
  readonly after?: (ms: number, step: () => void) => void;
  readonly onShed?: ((kind: RequestKind) => void) | undefined;
}

export function createAdmission(parts: AdmissionParts = {}): Admission {
  const { clock = () => performance.now(), atTurnEnd = setImmediate, onShed } = parts;
  const resting = restingClients(parts.after ?? ((ms, step) => void setTimeout(step, ms).unref()), atTurnEnd);
  let began = 0;
  let inTurn = false;
  let turn = 0;
  let admitted = 0;
  let others = 0;
  let underWay = 0;
  const end = (): void => {
    inTurn = false;
    admitted = 0;
    others = 0;
    resting.turnEnded();
  };
  return {
    admit(kind, from) {
      if (!inTurn) {
        inTurn = true;
        turn += 1;
        began = clock();
        atTurnEnd(end);
      }
      from[ASKED] = from[TURN] === turn ? (from[ASKED] ?? 0) + 1 : 1;
      from[TURN] = turn;
      if (from[ASKED] > PIPELINED_MAX) return 'cut';
      if (kind === 'probe') return 'answer';
      if (!resting.isStale(from)) {
        const { forMs, least } = SHARES[kind];
        const room = kind === 'decision' || underWay < OTHERS_UNDER_WAY_MAX;
        const isOther = kind === 'other';
        const few = admitted < least || (isOther && others < OTHERS_LEAST);
        if (room && (few || clock() - began < forMs)) {
          admitted += 1;
          if (isOther) {
            others += 1;
            underWay += 1;
          }
          return 'answer';
        }
        resting.add(from);
      }
      onShed?.(kind);
      return 'shed';
    },
    ended() {
      underWay -= 1;
    },
  };
}

/** Those who were told to come again, in the order in which they were. */
function restingClients(after: (ms: number, step: () => void) => void, atTurnEnd: (end: () => void) => void) {
  const shed = new Set<Pausable>();
  const paused = new Set<Pausable>();
  const stale = new Set<Pausable>();
  let stepping = false;
  let shedSinceStep = false;
  const forget = (): void => stale.clear();
  const step = (): void => {
    let room = shedSinceStep ? RESUMED_PER_STEP : 4 * RESUMED_PER_STEP;
    shedSinceStep = false;
    for (const client of paused) {
      if (room-- === 0) break;
      paused.delete(client);
      stale.add(client);
      client.resume();
    }
    // What waited there is read in the turn that begins now; what is read later was sent later.
    atTurnEnd(forget);
    stepping = paused.size > 0;
    if (stepping) after(STEP_MS, step);
  };
  return {
    isStale: (client: Pausable): boolean => stale.size > 0 && stale.has(client),
    add(client: Pausable): void {
      shed.add(client);
      shedSinceStep = true;
    },
    /** Not before: Node itself listens again when it has sent an answer. */
    turnEnded(): void {
      if (shed.size === 0) return;
      for (const client of shed) {
        client.pause();
        paused.add(client);
      }
      shed.clear();
      if (!stepping) after(STEP_MS, step);
      stepping = true;
    },
  };
}

/** By the path: its handler may not be known yet. */
export function kindOf(url: string): RequestKind {
  if (url.startsWith(DECISION) || (url.startsWith('/tenants/') && url.includes(DECISION))) return 'decision';
  return PROBES.has(url) ? 'probe' : 'other';
}

const DECISION = '/access/v1/evaluation';
const PROBES: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics']);
