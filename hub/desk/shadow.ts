/**
 * What would have changed, had the hub decided: recorded swipes through `decide()`, each with now = the time of
 * the swipe, beside what the access system did.
 *
 *   events in order of time ─▶ decide ─▶ same? ─ yes ─▶ counted
 *                                          └──── no ─▶ counted, explained, kept as a row
 *
 * The cards, grants and doors are those of the view, as they are known now: the hub keeps no past states.
 */
import type { DoorEvent } from '../../contracts/types.js';
import { decide } from '../decide/decide.js';
import type { CardFacts, Decision, DecisionOptions, DecisionRequest, DecisionView } from '../decide/model.js';
import type { Policy } from '../decide/policy.js';
import { compare, isAmbiguous, type Observation } from './propose.js';
import { explainDifference, type Explanation } from './shadow-explain.js';

/** Whose swipe it was, as far as the hub knows. */
export type Segment =
  | 'KNOWN_ALLOWED_HERE' // let through at this door in the evidence days
  | 'KNOWN_REFUSED_HERE' // seen at this door in the evidence days, never let through
  | 'KNOWN_NOT_SEEN_HERE'
  | 'UNKNOWN_CARD'
  | 'AMBIGUOUS_CARD';

export const SEGMENTS: readonly Segment[] = [
  'KNOWN_ALLOWED_HERE',
  'KNOWN_REFUSED_HERE',
  'KNOWN_NOT_SEEN_HERE',
  'UNKNOWN_CARD',
  'AMBIGUOUS_CARD',
];

/** Swipes of a segment: ours × the access system's. */
export interface Agreement {
  swipes: number;
  bothAllow: number;
  bothDeny: number;
  /** The access system let the card through, the hub would not have. */
  onlyTheyAllow: number;
  /** The access system refused, the hub would have let the card through. */
  onlyWeAllow: number;
}

export interface ReasonPair {
  readonly segment: Segment;
  readonly ourReason: string;
  readonly theyAllowed: boolean;
  /** As the access system gave it. */
  readonly upstreamReason: string;
  readonly agrees: boolean;
  readonly swipes: number;
}

/** A swipe about which the two differ. */
export interface ShadowRow {
  readonly event: DoorEvent;
  readonly segment: Segment;
  readonly decision: Pick<Decision, 'decision' | 'reason' | 'warning'>;
  readonly explanation: Explanation;
}

export interface ShadowReport {
  readonly swipes: number;
  /** The access system does not say what it did: nothing to compare. */
  readonly unstated: number;
  /** Neither an entry nor an exit is recorded: there is nothing to ask. */
  readonly directionUnknown: number;
  readonly segments: Readonly<Record<Segment, Agreement>>;
  /** Different unknown numbers that the access system let through at least once. */
  readonly unknownAdmitted: number;
  readonly pairs: readonly ReasonPair[];
  readonly explanations: readonly { readonly code: Explanation['code']; readonly swipes: number }[];
  /** Unknown cards that were let through first, then by time. */
  readonly rows: readonly ShadowRow[];
  /** Differences beyond `rowsMax`: counted, not kept. */
  readonly rowsDropped: number;
}

export interface ShadowOptions extends DecisionOptions {
  readonly view: DecisionView;
  readonly policy: Policy;
  /** What was seen before the days that are replayed. */
  readonly evidence: Observation;
  /** When the card's record last changed upstream, epoch ms. */
  readonly cardChangedAt?: (cardKey: string) => number | undefined;
  /** Called after each decision, so that anti-passback sees the passages up to there. */
  readonly passed?: (event: DoorEvent) => void;
  readonly rowsMax?: number;
}

const ROWS_MAX = 500_000;

/** @param events the door events to replay; sorted here by time, then by id */
export function replayShadow(events: readonly DoorEvent[], options: ShadowOptions): ShadowReport {
  const ordered = [...events].sort((a, b) => a.occurredAt - b.occurredAt || compare(a.eventId, b.eventId));
  const rowsMax = options.rowsMax ?? ROWS_MAX;
  const days = refusalsByDay(ordered);
  const asking = viewsToAsk(options.view);
  const segments = Object.fromEntries(SEGMENTS.map((name) => [name, noAgreement()])) as Record<
    Segment,
    Agreement
  >;
  const pairs = new Map<string, ReasonPair & { swipes: number }>();
  const codes = new Map<Explanation['code'], number>();
  const rows: ShadowRow[] = [];
  const unknownAdmitted = new Set<string>();
  let unstated = 0;
  let directionUnknown = 0;
  let rowsDropped = 0;
  for (const event of ordered) {
    if (event.granted === null) unstated += 1;
    else if (event.direction !== 'ENTER' && event.direction !== 'EXIT') directionUnknown += 1;
    else {
      const segment = segmentOf(event, options.evidence);
      const decision = decideRecorded(event, asking, options.policy, options);
      count(segments[segment], decision.decision, event.granted);
      countPair(pairs, segment, event, decision);
      if (segment === 'UNKNOWN_CARD' && event.granted) unknownAdmitted.add(event.credentialPseudonym ?? '');
      if (decision.decision !== event.granted) {
        const day = days.get(dayName(event));
        const explanation = explainDifference({ event, segment, decision, day, ...options });
        codes.set(explanation.code, (codes.get(explanation.code) ?? 0) + 1);
        if (rows.length < rowsMax) rows.push({ event, segment, decision, explanation });
        else rowsDropped += 1;
      }
    }
    options.passed?.(event);
  }
  return {
    swipes: ordered.length,
    unstated,
    directionUnknown,
    segments,
    unknownAdmitted: unknownAdmitted.size,
    pairs: [...pairs.values()].sort((a, b) => Number(a.agrees) - Number(b.agrees) || b.swipes - a.swipes),
    explanations: [...codes]
      .map(([code, swipes]) => ({ code, swipes }))
      .sort((a, b) => b.swipes - a.swipes || compare(a.code, b.code)),
    rows: rows.sort((a, b) => rank(a) - rank(b)), // stable: by time within a rank
    rowsDropped,
  };
}

/** Adds segments up, e.g. all known cards. */
export function addAgreement(parts: readonly Agreement[]): Agreement {
  const sum = noAgreement();
  for (const part of parts) {
    for (const field of Object.keys(sum) as (keyof Agreement)[]) sum[field] += part[field];
  }
  return sum;
}

/** What the access system did with one card on one day, at all doors. */
export interface CardDay {
  readonly allowed: number;
  readonly refused: number;
  /** Doors that let it through that day. */
  readonly allowedAt: ReadonlySet<string>;
}

function refusalsByDay(events: readonly DoorEvent[]): ReadonlyMap<string, CardDay> {
  const days = new Map<string, { allowed: number; refused: number; allowedAt: Set<string> }>();
  for (const event of events) {
    if (event.cardKey === null || event.granted === null) continue;
    const name = dayName(event);
    let day = days.get(name);
    if (day === undefined) days.set(name, (day = { allowed: 0, refused: 0, allowedAt: new Set<string>() }));
    if (event.granted) {
      day.allowed += 1;
      day.allowedAt.add(event.doorKey);
    } else day.refused += 1;
  }
  return days;
}

function dayName(event: DoorEvent): string {
  return `${event.businessDate} ${event.cardKey ?? ''}`;
}

function segmentOf(event: DoorEvent, evidence: Observation): Segment {
  if (event.cardKey === null) return isAmbiguous(event) ? 'AMBIGUOUS_CARD' : 'UNKNOWN_CARD';
  const use = evidence.use(event.cardKey, event.doorKey);
  if (use === undefined) return 'KNOWN_NOT_SEEN_HERE';
  return use.allowed > 0 ? 'KNOWN_ALLOWED_HERE' : 'KNOWN_REFUSED_HERE';
}

/** Profile name under which a recorded number, known by its pseudonym only, is put before `decide()`. */
const RECORDED = 'recorded';

/** Decides a recorded swipe with now = its time. */
export function decideRecorded(
  event: DoorEvent,
  views: ViewsToAsk,
  policy: Policy,
  options: DecisionOptions,
): Decision {
  const { ignoreDataAge = true, ignoreAntiPassback = true } = options;
  const { cardKey, doorKey, occurredAt } = event;
  const subject: DecisionRequest['subject'] =
    cardKey === null
      ? { type: 'credential', id: event.credentialPseudonym ?? '', readerProfile: RECORDED }
      : { type: 'card', id: cardKey };
  const view = cardKey !== null ? views.known : isAmbiguous(event) ? views.ambiguous : views.unknown;
  const action = event.direction === 'ENTER' ? 'enter' : 'exit';
  const request = { subject, resource: doorKey, action };
  return decide(view, policy, request, occurredAt, { ignoreDataAge, ignoreAntiPassback });
}

export interface ViewsToAsk {
  readonly known: DecisionView;
  readonly unknown: DecisionView;
  readonly ambiguous: DecisionView;
}

/** A recorded number is not on the log, only what it was found to be: no card's, or several cards'. */
export function viewsToAsk(view: DecisionView): ViewsToAsk {
  const finding = (cards: readonly CardFacts[]): DecisionView => ({
    ...view,
    readCredential: (_profile, text) => ({ ok: true, scheme: RECORDED, value: text }),
    cardsByCredential: () => cards,
  });
  return { known: view, unknown: finding([]), ambiguous: finding([SOME_CARD, SOME_CARD]) };
}

const SOME_CARD: CardFacts = {
  key: '',
  source: '',
  version: 0,
  scope: 'master',
  state: 'UNKNOWN',
  lost: false,
  frozen: false,
  damaged: false,
  locked: false,
};

function noAgreement(): Agreement {
  return { swipes: 0, bothAllow: 0, bothDeny: 0, onlyTheyAllow: 0, onlyWeAllow: 0 };
}

function count(into: Agreement, ours: boolean, theirs: boolean): void {
  into.swipes += 1;
  if (ours && theirs) into.bothAllow += 1;
  else if (ours) into.onlyWeAllow += 1;
  else if (theirs) into.onlyTheyAllow += 1;
  else into.bothDeny += 1;
}

function countPair(
  pairs: Map<string, ReasonPair & { swipes: number }>,
  segment: Segment,
  event: DoorEvent,
  { decision, reason }: Decision,
): void {
  const theyAllowed = event.granted === true;
  const upstreamReason = event.upstreamReason ?? '';
  const name = [segment, reason, theyAllowed, upstreamReason].join('\n');
  const pair = pairs.get(name) ?? {
    segment,
    ourReason: reason,
    theyAllowed,
    upstreamReason,
    agrees: decision === theyAllowed,
    swipes: 0,
  };
  pair.swipes += 1;
  pairs.set(name, pair);
}

/** Unknown cards that were let through, ambiguous ones, those whom only we would let in, then the others. */
function rank({ segment, decision }: ShadowRow): number {
  if (segment === 'UNKNOWN_CARD') return 0;
  if (segment === 'AMBIGUOUS_CARD') return 1;
  return decision.decision ? 2 : 3;
}
