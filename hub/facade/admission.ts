/**
 * Who is answered when more comes than can be decided. The queue of a Node process is in its sockets: one turn of the
 * event loop reads all that have something to say, one after the other, and what is read late in a long turn has
 * waited longest. So each turn answers for a stated time, and tells the rest to come again (503, Retry-After).
 *
 *   turn begins ──▶ everything ──▶ 5 ms ──▶ decisions only ──▶ 15 ms ──▶ nobody ──▶ turn ends: all over again
 *
 * An admitted request then waits at most for the rest of one turn and its place in the next, far below 50 ms. Nothing
 * is remembered from turn to turn, so it recovers at once.
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
  decision: { forMs: 15, least: 48 },
  other: { forMs: 5, least: 16 },
};
/** Requests that wait for something (an upstream, the log) and hold memory meanwhile. Decisions never wait. */
const OTHERS_UNDER_WAY_MAX = 256;

export interface Admission {
  /** @returns whether to answer it; `false`: 503 */
  admit(kind: RequestKind): boolean;
  /** Ends one of kind `other` that was admitted. */
  ended(): void;
}

export interface AdmissionParts {
  /** Milliseconds of a clock that never goes back. */
  readonly clock?: () => number;
  /** Calls when the turn has ended. */
  readonly atTurnEnd?: (end: () => void) => void;
  readonly onShed?: ((kind: RequestKind) => void) | undefined;
}

export function createAdmission(parts: AdmissionParts = {}): Admission {
  const { clock = () => performance.now(), atTurnEnd = setImmediate, onShed } = parts;
  let began = 0;
  let inTurn = false;
  let admitted = 0;
  let underWay = 0;
  const end = (): void => {
    inTurn = false;
    admitted = 0;
  };
  return {
    admit(kind) {
      if (!inTurn) {
        inTurn = true;
        began = clock();
        atTurnEnd(end);
      }
      if (kind === 'probe') return true;
      const { forMs, least } = SHARES[kind];
      const room = kind === 'decision' || underWay < OTHERS_UNDER_WAY_MAX;
      if (room && (admitted < least || clock() - began < forMs)) {
        admitted += 1;
        if (kind === 'other') underWay += 1;
        return true;
      }
      onShed?.(kind);
      return false;
    },
    ended() {
      underWay -= 1;
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
