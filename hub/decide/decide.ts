/**
 * May this card pass this door, now? A pure function of the view, the policy, the request and the time.
 *
 * The order of questions is a real controller's (facade-standards.md): door known → card known → card state →
 * alarm → rules of the policy → right at the door → time → hours → anti-passback → age of the data. Then the
 * exit rule: at a door whose policy leaves exits free, what would have denied becomes a warning, and fire and
 * evacuation release every exit, since the safety of people comes first.
 *
 *   credential ─ profile ─▶ number ─▶ 0 cards: unknown   1 card ─▶ judge   2+: ambiguous, whatever they may
 *   person ─▶ each card: the first that is let through, else the most telling deny
 */
import { alarmDeny } from './alerts.js';
import { judgeCard } from './card-state.js';
import { scheduleUntil } from './calendar.js';
import type {
  AlertFacts,
  CardFacts,
  Decision,
  DecisionOptions,
  DecisionRequest,
  DecisionView,
  DoorFacts,
  Fact,
  Passage,
  PersonFacts,
  Right,
} from './model.js';
import type { DoorRules, Policy } from './policy.js';
import type { AllowReason, DenyReason } from './reasons.js';
import { earlier, matchRight } from './rights.js';
import { askedFact, personFact, ruleRequestAtDoor } from './rule-request.js';
import type { PolicyRule, RuleTried } from './rules.js';
import { traceOf, traceRules } from './trace.js';
import { endOfShanghaiDay, weekday } from './schedule.js';

/** A person with more cards than this is judged by the first ones. */
const CARDS_OF_PERSON_MAX = 64;

interface Context {
  readonly view: DecisionView;
  readonly policy: Policy;
  readonly door: DoorFacts;
  readonly rules: DoorRules;
  readonly alert: AlertFacts | undefined;
  readonly action: 'enter' | 'exit';
  readonly request: DecisionRequest;
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
  /** The rule of the policy that gave the right, or refused. */
  readonly rule?: PolicyRule | undefined;
  readonly passage?: Passage | undefined;
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
  const { trace } = options;
  if (action !== 'enter' && action !== 'exit') {
    trace?.push({ step: 'resource', outcome: 'denies', reason: 'DENY_UNSUPPORTED' });
    return plainDeny(policy, 'DENY_UNSUPPORTED', []);
  }
  const door = view.door(request.resource);
  if (door === undefined || door.state === 'REMOVED') {
    trace?.push({ step: 'resource', outcome: 'denies', reason: 'DENY_UNKNOWN_DOOR' });
    return plainDeny(policy, 'DENY_UNKNOWN_DOOR', door === undefined ? [] : [fact('door', door, undefined)]);
  }
  const rules = policy.doorRules(door.doorClass);
  const alert = view.alert?.(door, now);
  const context: Context = { view, policy, door, rules, alert, action, request, options, now };
  if (door.state === 'DISABLED') {
    trace?.push({ step: 'resource', outcome: 'denies', reason: 'DENY_DOOR_DISABLED', on: door.key });
    return answer(context, { deny: 'DENY_DOOR_DISABLED' });
  }
  trace?.push({ step: 'resource', outcome: 'passes', on: door.key });
  return answer(context, judgeSubject(context, request));
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
    const holder = context.view.person(personKey);
    return { deny: holder === undefined ? 'DENY_UNKNOWN_PERSON' : 'DENY_NOT_ISSUED', holder };
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
  const { view, policy, options, now } = context;
  const { trace } = options;
  const holder = card.holder === undefined ? undefined : view.person(card.holder);
  trace?.push({ step: 'subject', outcome: 'passes', on: card.key });
  const state = judgeCard(policy, 'door', card, holder, now);
  if (trace !== undefined) traceOf(trace, 'card-state', state, card.key);
  if (state.deny !== undefined) return { deny: state.deny, card, holder };

  // A lockdown closes doors; it keeps people in only where the class of door says so.
  const closes = context.action === 'enter' || context.rules.exitDeniedBy.includes('DENY_LOCKDOWN');
  if (context.alert !== undefined && closes) {
    const deny = alarmDeny(policy, context.alert, context, card, holder);
    if (trace !== undefined) traceOf(trace, 'alert', { deny }, context.alert.key);
    if (deny !== undefined) return { deny, card, holder };
  }
  const entitled = entitle(context, card, holder);
  if (entitled.deny !== undefined) return entitled;
  return judgePassage(context, { ...entitled, card, holder, warning: state.warning }, card);
}

/** A rule of the policy, then the grants, then the hours of the door. */
function entitle(context: Context, card: CardFacts, holder: PersonFacts | undefined): Judgement {
  const { view, policy, door, rules, action, options, now } = context;
  const { trace } = options;
  let rule: PolicyRule | undefined;
  if (policy.rules.forResource('door').length > 0) {
    const tried: RuleTried[] | undefined = trace === undefined ? undefined : [];
    rule = policy.rules.first(ruleRequestAtDoor(context, card, holder), now, tried);
    if (tried !== undefined) traceRules(options, tried, rule);
    if (rule?.effect === 'deny') return { deny: rule.reason ?? 'DENY_RULE', rule, card, holder };
  }
  const match =
    rule === undefined
      ? matchRight(view.rights(card, door, now), action, now, countAs(context))
      : PERMITTED_BY_RULE;
  const { deny, right } = match;
  if (trace !== undefined && rule === undefined) traceOf(trace, 'right', match, right?.key);
  if (deny !== undefined) return { deny, right, card, holder };
  let { until } = match;
  if (rules.hours !== undefined && action === 'enter') {
    const schedule = policy.schedule(rules.hours);
    const open = schedule && scheduleUntil(schedule, policy.calendar, now);
    const closed = open === undefined ? ('DENY_TIME' as const) : undefined;
    if (trace !== undefined) traceOf(trace, 'hours', { deny: closed }, rules.hours);
    if (closed !== undefined) return { deny: closed, right, rule, card, holder };
    until = earlier(until, open);
  }
  return { until, right, rule };
}

const PERMITTED_BY_RULE = { deny: undefined, right: undefined, until: undefined };

/** Anti-passback and the age of the data, for a card that has a right. */
function judgePassage(context: Context, entitled: Judgement, card: CardFacts): Judgement {
  const { rules, options, now } = context;
  const { trace } = options;
  const { right, rule, holder } = entitled;
  let { warning, until } = entitled;
  let passage: Passage | undefined;
  if (!options.ignoreAntiPassback && rules.antiPassback !== 'off') {
    passage = repeatedPassage(context, card);
    const deny = passage === undefined ? undefined : ('DENY_ANTIPASSBACK' as const);
    const hard = rules.antiPassback === 'hard';
    if (trace !== undefined) traceOf(trace, 'anti-passback', hard ? { deny } : { warning: deny });
    if (deny !== undefined && hard) return { deny, right, rule, passage, card, holder };
    warning ??= deny;
  }
  if (card.validUntil !== undefined) until = earlier(until, endOfShanghaiDay(card.validUntil));
  if (context.policy.rules.forResource('door').length > 0) until = earlier(until, nextMinute(now));
  if (options.ignoreDataAge) return { warning, until, right, rule, passage, card, holder };

  const ageMs = dataAge(context, card, right, rule);
  const stale = ageMs === undefined || ageMs > rules.staleAfterMs;
  const deny = stale && rules.whenStale === 'deny' ? ('DENY_STALE_DATA' as const) : undefined;
  if (trace !== undefined) {
    traceOf(trace, 'data-age', { deny, warning: stale ? 'DENY_STALE_DATA' : undefined });
  }
  if (deny !== undefined) return { deny, right, rule, passage, card, holder, ageMs };
  if (stale && warning !== 'DENY_FROZEN') warning = 'DENY_STALE_DATA';
  if (!stale && rules.whenStale === 'deny') until = earlier(until, now + rules.staleAfterMs - ageMs);
  return { warning, until, right, rule, passage, card, holder, ageMs };
}

/** Schedules of rules change on full minutes. */
function nextMinute(now: number): number {
  return (Math.floor(now / 60_000) + 1) * 60_000;
}

function countAs({ rules, policy }: Context): ((day: number) => number) | undefined {
  if (rules.grantDays !== 'calendar') return undefined;
  return (day) => policy.calendar.day(day)?.weekday ?? weekday(day);
}

/** Twice in without an exit between, or twice out: from door events only, within the stated window. */
function repeatedPassage(context: Context, card: CardFacts): Passage | undefined {
  const { view, rules, door, action, now } = context;
  const area = passageArea(rules, door);
  const last = view.lastPassage(card.key, area, now);
  if (last === undefined || last.occurredAt > now || now - last.occurredAt > rules.antiPassbackWindowMs) {
    return undefined;
  }
  return last.direction === (action === 'enter' ? 'ENTER' : 'EXIT') ? last : undefined;
}

/** Name of the area in which passages count together. */
export function passageArea(rules: Pick<DoorRules, 'antiPassbackArea'>, door: DoorFacts): string {
  return rules.antiPassbackArea === 'building' && door.building !== undefined
    ? `building:${door.building}`
    : `door:${door.key}`;
}

/** A right that a rule gives is as fresh as the policy; only the card's data can be old then. */
function dataAge(
  context: Context,
  card: CardFacts,
  right: Right | undefined,
  rule: PolicyRule | undefined,
): number | undefined {
  const cards = context.view.asOf(card.source, 'cards');
  if (rule !== undefined) return cards === undefined ? undefined : Math.max(0, context.now - cards);
  const grants = context.view.asOf(right?.source ?? context.door.source, 'grants');
  if (cards === undefined || grants === undefined) return undefined;
  return Math.max(0, context.now - Math.min(cards, grants));
}

function answer(context: Context, judgement: Judgement): Decision {
  const { policy, rules, action, now } = context;
  const facts = factsOf(context, judgement);
  const released = action === 'exit' && context.alert !== undefined && context.alert.state !== 'LOCKDOWN';
  let reason: AllowReason;
  let warning = judgement.warning;
  if (released) {
    reason = 'ALLOW_EMERGENCY';
    warning = judgement.deny ?? warning;
  } else if (judgement.deny !== undefined) {
    if (action === 'enter' || deniesExit(rules, judgement.deny)) {
      return plainDeny(policy, judgement.deny, facts, { ...judgement, timed: alarmMayEnd(context) });
    }
    reason = 'ALLOW_EXIT_SAFETY';
    warning = judgement.deny;
  } else if (warning === 'DENY_FROZEN') reason = 'ALLOW_WARN_FROZEN';
  else reason = warning === 'DENY_STALE_DATA' ? 'ALLOW_WARN_STALE' : 'ALLOW';
  if (judgement.deny !== undefined) {
    context.options.trace?.push({ step: 'exit', outcome: 'permits', reason: judgement.deny, detail: reason });
  }
  const allowMs = policy.document.ttl.allowMs;
  const until = earlier(judgement.until, context.alert?.until);
  return {
    decision: true,
    reason,
    warning,
    policyVersion: policy.version,
    dataAgeMs: judgement.ageMs,
    ttlMs: until === undefined ? allowMs : Math.max(0, Math.min(allowMs, until - now)),
    facts,
    cardKey: judgement.card?.key,
  };
}

/** An alarm may end with the clock; one that releases an exit may begin, which no fact of a deny could tell. */
function alarmMayEnd({ action, alert }: Context): boolean {
  return action === 'exit' || alert !== undefined;
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
  judgement?: Judgement & { readonly timed: boolean },
): Decision {
  const timed = TIMED_DENIES.has(reason) || policy.rules.count > 0 || judgement?.timed === true;
  return {
    decision: false,
    reason,
    policyVersion: policy.version,
    dataAgeMs: judgement?.ageMs,
    ttlMs: timed ? policy.document.ttl.allowMs : null,
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
  const cardAge = card && age(card.source, 'cards');
  if (card !== undefined) facts.push(fact('card', card, cardAge));
  if (holder !== undefined) {
    const sameSource = holder.source === card?.source;
    facts.push(personFact(context, holder, sameSource ? cardAge : age(holder.source, 'cards')));
  }
  if (right !== undefined) facts.push(fact('grant', right, age(right.source, 'grants')));
  if (judgement.passage !== undefined) {
    facts.push({ kind: 'event', key: '', source: door.source, version: 0, of: judgement.passage });
  }
  if (context.alert !== undefined) facts.push(fact('alert', context.alert, undefined));
  if (context.policy.rules.count > 0) {
    const { rule } = judgement;
    if (rule !== undefined) facts.push({ kind: 'rule', key: rule.id, source: '', version: 0 });
    const asked = askedFact(context.policy, { ...context.request, resourceType: 'door' });
    if (asked !== undefined) facts.push(asked);
  }
  return facts;
}

function fact(
  kind: Fact['kind'],
  of: { readonly key: string; readonly version: number; readonly source: string },
  ageMs: number | undefined,
): Fact {
  const { key, version, source } = of;
  return { kind, key, version, source, ageMs, of };
}
