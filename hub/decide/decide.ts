/**
 * May this card pass this door, now? A pure function of the view, the policy, the request and the time.
 *
 * The order of questions is a real controller's (facade-standards.md): door known → card known → card state →
 * right at the door → time → anti-passback → age of the data. Then the exit rule: at a door whose policy
 * leaves exits free, what would have denied becomes a warning, since the safety of people comes first.
 *
 *   credential ─ profile ─▶ number ─▶ 0 cards: unknown   1 card ─▶ judge   2+: ambiguous, whatever they may
 *   person ─▶ each card: the first that is let through, else the most telling deny
 */
import { judgeCard } from './card-state.js';
import type {
  CardFacts,
  Decision,
  DecisionOptions,
  DecisionRequest,
  DecisionView,
  DoorFacts,
  Fact,
  PersonFacts,
  Right,
} from './model.js';
import type { DoorRules, Policy } from './policy.js';
import type { AllowReason, DenyReason } from './reasons.js';
import { coveredUntil, endOfShanghaiDay } from './schedule.js';

/** A person with more cards than this is judged by the first ones. */
const CARDS_OF_PERSON_MAX = 64;

interface Context {
  readonly view: DecisionView;
  readonly policy: Policy;
  readonly door: DoorFacts;
  readonly rules: DoorRules;
  readonly action: 'enter' | 'exit';
  readonly options: DecisionOptions;
  readonly now: number;
}

/** What the questions gave, before the exit rule. `until`: when time alone may change an allow. */
interface Judgement {
  readonly deny?: DenyReason | undefined;
  readonly warning?: DenyReason | undefined;
  readonly until?: number | undefined;
  readonly card?: CardFacts;
  readonly holder?: PersonFacts | undefined;
  readonly right?: Right | undefined;
  /** undefined: never polled in full; absent with `ignoreDataAge` or without a card. */
  readonly ageMs?: number | undefined;
}

/** These change with the clock alone, so they may be cached no longer than an allow. */
const TIMED_DENIES: ReadonlySet<DenyReason> = new Set<DenyReason>([
  'DENY_TIME',
  'DENY_NOT_YET_VALID',
  'DENY_ANTIPASSBACK',
  'DENY_STALE_DATA',
]);

const NO_OPTIONS: DecisionOptions = {};

/** Decides one request. Never throws, whatever the request says. */
export function decide(
  view: DecisionView,
  policy: Policy,
  request: DecisionRequest,
  now: number,
  options: DecisionOptions = NO_OPTIONS,
): Decision {
  const { action } = request;
  if (action !== 'enter' && action !== 'exit') return plainDeny(policy, 'DENY_UNSUPPORTED', []);
  const door = view.door(request.resource);
  if (door === undefined || door.state === 'REMOVED') return plainDeny(policy, 'DENY_UNKNOWN_DOOR', []);
  const rules = policy.doorRules(door.doorClass);
  const context: Context = { view, policy, door, rules, action, options, now };
  const judgement =
    door.state === 'DISABLED' ? { deny: 'DENY_DOOR_DISABLED' as const } : judgeSubject(context, request);
  return answer(context, judgement);
}

function judgeSubject(context: Context, request: DecisionRequest): Judgement {
  const { view, door } = context;
  const { subject } = request;
  switch (subject.type) {
    case 'credential': {
      // The profile belongs to the number that was sent; the door's stands in where none was sent.
      const profile = subject.readerProfile ?? door.readerProfile;
      if (profile === undefined) return { deny: 'DENY_READER_PROFILE' };
      const read = view.readCredential(profile, subject.id);
      if (!read.ok) return { deny: read.reason };
      const cards = view.cardsByCredential(read.scheme, read.value);
      if (cards.length > 1) return { deny: 'DENY_AMBIGUOUS' };
      const card = cards[0];
      return card === undefined ? { deny: 'DENY_UNKNOWN_CARD' } : judge(context, card);
    }
    case 'card': {
      const card = view.card(subject.id);
      return card === undefined ? { deny: 'DENY_UNKNOWN_CARD' } : judge(context, card);
    }
    case 'person':
      return judgePerson(context, subject.id);
    default:
      return { deny: 'DENY_UNSUPPORTED' };
  }
}

function judgePerson(context: Context, personKey: string): Judgement {
  const cards = context.view.cardsOfPerson(personKey);
  if (cards.length === 0) {
    const known = context.view.person(personKey) !== undefined;
    return { deny: known ? 'DENY_NOT_ISSUED' : 'DENY_UNKNOWN_PERSON' };
  }
  let best: Judgement | undefined;
  for (const card of cards.slice(0, CARDS_OF_PERSON_MAX)) {
    const judgement = judge(context, card);
    if (judgement.deny === undefined) return judgement;
    // The deny of a card in use says more than that of one that was lost or replaced long ago.
    if (best === undefined || (judgement.right !== undefined && best.right === undefined)) best = judgement;
    else if (card.state === 'NORMAL' && best.card?.state !== 'NORMAL') best = judgement;
  }
  return best ?? { deny: 'DENY_NOT_ISSUED' };
}

function judge(context: Context, card: CardFacts): Judgement {
  const { view, policy, door, rules, action, options, now } = context;
  const holder = card.holder === undefined ? undefined : view.person(card.holder);
  const state = judgeCard(policy, 'door', card, holder, now);
  if (state.deny !== undefined) return { deny: state.deny, card, holder };

  const { deny, right, until: rightUntil } = matchRight(view.rights(card, door, now), action, now);
  if (deny !== undefined) return { deny, right, card, holder };

  let warning = state.warning;
  if (!options.ignoreAntiPassback && rules.antiPassback !== 'off' && repeatsPassage(context, card)) {
    if (rules.antiPassback === 'hard') return { deny: 'DENY_ANTIPASSBACK', right, card, holder };
    warning ??= 'DENY_ANTIPASSBACK';
  }
  let until = rightUntil;
  if (card.validUntil !== undefined) until = earlier(until, endOfShanghaiDay(card.validUntil));
  if (options.ignoreDataAge) return { warning, until, right, card, holder };

  const ageMs = dataAge(context, card, right);
  const stale = ageMs === undefined || ageMs > rules.staleAfterMs;
  if (stale && rules.whenStale === 'deny') return { deny: 'DENY_STALE_DATA', right, card, holder, ageMs };
  if (stale && warning !== 'DENY_FROZEN') warning = 'DENY_STALE_DATA';
  if (!stale && rules.whenStale === 'deny') until = earlier(until, now + rules.staleAfterMs - ageMs);
  return { warning, until, right, card, holder, ageMs };
}

interface RightMatch {
  readonly deny?: DenyReason | undefined;
  readonly right?: Right | undefined;
  readonly until?: number | undefined;
}

/** How near a right came to opening; the nearest gives the reason. */
const NEARNESS: readonly DenyReason[] = [
  'DENY_NO_RIGHT',
  'DENY_DIRECTION',
  'DENY_NOT_YET_VALID',
  'DENY_TIME',
];

function matchRight(rights: readonly Right[], action: 'enter' | 'exit', now: number): RightMatch {
  const direction = action === 'enter' ? 'ENTER' : 'EXIT';
  let nearest = 0;
  let nearestRight: Right | undefined;
  for (const right of rights) {
    let distance: number;
    let covered: number | undefined;
    if (right.validUntil !== undefined && now >= right.validUntil) distance = 0;
    else if (right.direction !== 'BOTH' && right.direction !== direction) distance = 1;
    else if (right.validFrom !== undefined && now < right.validFrom) distance = 2;
    else if (right.schedule.length > 0 && (covered = coveredUntil(right.schedule, now)) === undefined) {
      distance = 3;
    } else {
      return { right, until: earlier(covered, right.validUntil) };
    }
    if (nearestRight === undefined || distance > nearest) {
      nearest = distance;
      nearestRight = right;
    }
  }
  return { deny: NEARNESS[nearest] ?? 'DENY_NO_RIGHT', right: nearestRight };
}

/** Twice in without an exit between, or twice out: from door events only, within the stated window. */
function repeatsPassage(context: Context, card: CardFacts): boolean {
  const { view, rules, door, action, now } = context;
  const area = passageArea(rules, door);
  const last = view.lastPassage(card.key, area, now);
  if (last === undefined || last.occurredAt > now || now - last.occurredAt > rules.antiPassbackWindowMs) {
    return false;
  }
  return last.direction === (action === 'enter' ? 'ENTER' : 'EXIT');
}

/** Name of the area in which passages count together. */
export function passageArea(rules: Pick<DoorRules, 'antiPassbackArea'>, door: DoorFacts): string {
  return rules.antiPassbackArea === 'building' && door.building !== undefined
    ? `building:${door.building}`
    : `door:${door.key}`;
}

function dataAge(context: Context, card: CardFacts, right: Right | undefined): number | undefined {
  const cards = context.view.asOf(card.source, 'cards');
  const grants = context.view.asOf(right?.source ?? context.door.source, 'grants');
  if (cards === undefined || grants === undefined) return undefined;
  return Math.max(0, context.now - Math.min(cards, grants));
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}

function answer(context: Context, judgement: Judgement): Decision {
  const { policy, rules, action, now } = context;
  const facts = factsOf(context, judgement);
  let reason: AllowReason;
  let warning = judgement.warning;
  if (judgement.deny !== undefined) {
    if (action === 'enter' || deniesExit(rules, judgement.deny)) {
      return plainDeny(policy, judgement.deny, facts, judgement);
    }
    reason = 'ALLOW_EXIT_SAFETY';
    warning = judgement.deny;
  } else if (warning === 'DENY_FROZEN') reason = 'ALLOW_WARN_FROZEN';
  else reason = warning === 'DENY_STALE_DATA' ? 'ALLOW_WARN_STALE' : 'ALLOW';
  const allowMs = policy.document.ttl.allowMs;
  return {
    decision: true,
    reason,
    warning,
    policyVersion: policy.version,
    dataAgeMs: judgement.ageMs,
    ttlMs: judgement.until === undefined ? allowMs : Math.max(0, Math.min(allowMs, judgement.until - now)),
    facts,
    cardKey: judgement.card?.key,
  };
}

/** Old data and anti-passback keep nobody in, at any class of door. */
function deniesExit(rules: DoorRules, deny: DenyReason): boolean {
  if (deny === 'DENY_STALE_DATA' || deny === 'DENY_ANTIPASSBACK') return false;
  return rules.exit === 'as-entry' || rules.exitDeniedBy.includes(deny);
}

function plainDeny(
  policy: Policy,
  reason: DenyReason,
  facts: readonly Fact[],
  judgement?: Judgement,
): Decision {
  return {
    decision: false,
    reason,
    policyVersion: policy.version,
    dataAgeMs: judgement?.ageMs,
    ttlMs: TIMED_DENIES.has(reason) ? policy.document.ttl.allowMs : null,
    facts,
    cardKey: judgement?.card?.key,
  };
}

function factsOf(context: Context, judgement: Judgement): Fact[] {
  const { view, now, door, options } = context;
  const { card, holder, right } = judgement;
  const facts: Fact[] = [fact('door', door, undefined)];
  const age = (source: string, stream: 'cards' | 'grants'): number | undefined => {
    const asOf = options.ignoreDataAge ? undefined : view.asOf(source, stream);
    return asOf === undefined ? undefined : Math.max(0, now - asOf);
  };
  if (card !== undefined) facts.push(fact('card', card, age(card.source, 'cards')));
  if (holder !== undefined) facts.push(fact('person', holder, undefined));
  if (right !== undefined) facts.push(fact('grant', right, age(right.source, 'grants')));
  return facts;
}

function fact(
  kind: Fact['kind'],
  of: { readonly key: string; readonly version: number; readonly source: string },
  ageMs: number | undefined,
): Fact {
  const { key, version, source } = of;
  return { kind, key, version, source, ageMs };
}
