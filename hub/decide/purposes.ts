/**
 * Decisions that are not about doors: library, locker, classroom, identity. The card's state by the purpose's
 * table, then the rules of the policy for that type of resource; where none fits, the purpose's own answer.
 *
 *   resource   actions                    purpose           no rule fits
 *   library    borrow, renew              library_borrow    permit: the card alone is asked about
 *              return                     library_return    permit
 *   identity   check                      identity          permit
 *   locker     open                       locker_open       whose bag is in it (places.ts)
 *              override                   identity          deny: staff by rule, with a reason
 *   classroom  power_on, power_off        classroom_power   whose lesson is on (places.ts)
 *
 * A bag is never locked in by a lost card: `staff` in the table denies the card and names its condition; staff
 * open the locker with `override`, for which a rule may ask `action.reason`; and the card that replaces it opens the
 * locker of its holder.
 */
import { judgeCard } from './card-state.js';
import { traceRules } from './trace.js';
import type { EvaluationRequest } from './evaluate.js';
import type {
  CardFacts,
  Decision,
  DecisionOptions,
  DecisionView,
  Fact,
  PersonFacts,
  Subject,
} from './model.js';
import type { Policy, Purpose } from './policy.js';
import type { AllowReason, DecisionReason, DenyReason } from './reasons.js';
import { placeOf, type Place } from './places.js';
import { askedFact, cardParty, personFact } from './rule-request.js';
import type { Attributes, PolicyRule, RuleTried } from './rules.js';

interface PurposeAction {
  readonly purpose: Purpose;
  /** `place`: as the locker or the classroom itself says. */
  readonly unmatched: 'permit' | 'deny' | 'place';
  /** The state of the card of whoever acts is judged by this table instead. */
  readonly table: Purpose;
}

const action = (purpose: Purpose, unmatched: PurposeAction['unmatched'], table = purpose): PurposeAction => ({
  purpose,
  unmatched,
  table,
});

/** Types of resources beside doors, with their actions. */
export const PURPOSE_ACTIONS: Readonly<Record<string, Readonly<Record<string, PurposeAction>>>> = {
  library: {
    borrow: action('library_borrow', 'permit'),
    renew: action('library_borrow', 'permit'),
    return: action('library_return', 'permit'),
  },
  identity: { check: action('identity', 'permit') },
  // Who overrides stands there with a card of their own, which must be as good as for any identity check.
  locker: { open: action('locker_open', 'place'), override: action('locker_open', 'deny', 'identity') },
  classroom: { power_on: action('classroom_power', 'place'), power_off: action('classroom_power', 'place') },
};

export function purposeOf(resourceType: string, name: string): PurposeAction | undefined {
  const actions = Object.hasOwn(PURPOSE_ACTIONS, resourceType) ? PURPOSE_ACTIONS[resourceType] : undefined;
  return actions !== undefined && Object.hasOwn(actions, name) ? actions[name] : undefined;
}

interface Judgement {
  readonly deny?: DenyReason | undefined;
  readonly warning?: DenyReason | undefined;
  readonly card?: CardFacts | undefined;
  readonly holder?: PersonFacts | undefined;
  readonly rule?: PolicyRule | undefined;
  readonly place?: Place | undefined;
}

/** @param resourceType one of PURPOSE_ACTIONS; any other is denied as unsupported */
export function decidePurpose(
  view: DecisionView,
  policy: Policy,
  request: EvaluationRequest,
  now: number,
  options: DecisionOptions = {},
): Decision {
  const asked = purposeOf(request.resourceType, request.action);
  if (asked === undefined) {
    options.trace?.push({ step: 'resource', outcome: 'denies', reason: 'DENY_UNSUPPORTED' });
    return answer(view, policy, request, { deny: 'DENY_UNSUPPORTED' }, now);
  }
  options.trace?.push({ step: 'resource', outcome: 'passes', on: request.resourceType });
  const judge = (card: CardFacts): Judgement => judgeFor(view, policy, request, asked, card, now, options);
  const judgement = judgeSubject(view, request.subject, judge);
  if (judgement.card === undefined && judgement.deny !== undefined) {
    options.trace?.push({ step: 'subject', outcome: 'denies', reason: judgement.deny });
  }
  return answer(view, policy, request, judgement, now);
}

function judgeSubject(
  view: DecisionView,
  subject: Subject,
  judge: (card: CardFacts) => Judgement,
): Judgement {
  switch (subject.type) {
    case 'credential': {
      if (subject.readerProfile === undefined) return { deny: 'DENY_READER_PROFILE' };
      const read = view.readCredential(subject.readerProfile, subject.id);
      if (!read.ok) return { deny: read.reason };
      const [card, second] = view.cardsByCredential(read.scheme, read.value);
      if (second !== undefined) return { deny: 'DENY_AMBIGUOUS' };
      return card === undefined ? { deny: 'DENY_UNKNOWN_CARD' } : judge(card);
    }
    case 'card': {
      const card = view.card(subject.id);
      return card === undefined ? { deny: 'DENY_UNKNOWN_CARD' } : judge(card);
    }
    case 'person': {
      const holder = view.person(subject.id);
      const judged = view.cardsOfPerson(subject.id).map(judge);
      if (judged.length === 0) {
        return { deny: holder === undefined ? 'DENY_UNKNOWN_PERSON' : 'DENY_NOT_ISSUED', holder };
      }
      const good = judged.find(({ deny }) => deny === undefined);
      return good ?? judged.find(({ card }) => card?.state === 'NORMAL') ?? judged[0] ?? {};
    }
    default:
      return { deny: 'DENY_UNSUPPORTED' };
  }
}

function judgeFor(
  view: DecisionView,
  policy: Policy,
  request: EvaluationRequest,
  { table, unmatched }: PurposeAction,
  card: CardFacts,
  now: number,
  options: DecisionOptions,
): Judgement {
  const { trace } = options;
  const holder = card.holder === undefined ? undefined : view.person(card.holder);
  const { deny, warning } = judgeCard(policy, table, card, holder, now);
  const outcome = deny !== undefined ? 'denies' : warning !== undefined ? 'warns' : 'passes';
  trace?.push({ step: 'subject', outcome: 'passes', on: card.key });
  trace?.push({ step: 'card-state', outcome, reason: deny ?? warning, on: card.key });
  if (deny !== undefined) return { deny, card, holder };
  const tried: RuleTried[] | undefined = trace === undefined ? undefined : [];
  const { resource, resourceType, sent } = request;
  const place = placeOf(view, policy, { type: resourceType, id: resource }, { card, holder }, now);
  const rule = policy.rules.first(
    {
      subject: cardParty({ view, policy }, card, holder),
      resource: { type: resourceType, id: resource, stored: storedOf(policy, resourceType, resource, place) },
      action: { name: request.action, properties: sent?.action },
      context: sent?.context,
    },
    now,
    tried,
  );
  if (tried !== undefined) traceRules(options, tried, rule);
  const judged = { rule, card, holder, place };
  if (rule?.effect === 'deny') return { ...judged, deny: rule.reason ?? 'DENY_RULE' };
  if (rule !== undefined || unmatched === 'permit') return { ...judged, warning };
  const right = unmatched === 'place' ? place : undefined;
  const denied = right === undefined ? 'DENY_NO_RIGHT' : right.deny;
  trace?.push({
    ...{ step: 'right', outcome: denied !== undefined ? 'denies' : right?.warning ? 'warns' : 'permits' },
    ...{ reason: denied ?? right?.warning, on: right?.fact.key, detail: right?.relation },
  });
  return denied === undefined
    ? { ...judged, warning: warning ?? right?.warning }
    : { ...judged, deny: denied };
}

const NO_ATTRIBUTES: Attributes = {};
const ALLOWED_WITH: Partial<Record<DenyReason, AllowReason>> = {
  DENY_FROZEN: 'ALLOW_WARN_FROZEN',
  DENY_STALE_DATA: 'ALLOW_WARN_STALE',
};

/** What the caller says of a locker or a room is not looked at: it could name itself the owner. */
function storedOf(policy: Policy, type: string, id: string, place: Place | undefined): Attributes {
  const written = policy.entities.attributes(type, id);
  if (place === undefined) return written ?? NO_ATTRIBUTES;
  return written === undefined ? place.stored : { ...place.stored, ...written };
}

function answer(
  view: DecisionView,
  policy: Policy,
  request: EvaluationRequest,
  judgement: Judgement,
  now: number,
): Decision {
  const { deny, warning, card, holder } = judgement;
  const age = (source: string): number | undefined => {
    const asOf = view.asOf(source, 'cards');
    return asOf === undefined ? undefined : Math.max(0, now - asOf);
  };
  const dataAgeMs = card && age(card.source);
  const facts: Fact[] = [];
  if (card !== undefined) {
    const { key, version, source } = card;
    facts.push({ kind: 'card', key, version, source, ageMs: dataAgeMs, of: card });
  }
  if (holder !== undefined) facts.push(personFact({ view, policy }, holder, age(holder.source)));
  if (judgement.place !== undefined) facts.push(judgement.place.fact);
  if (judgement.rule !== undefined) {
    facts.push({ kind: 'rule', key: judgement.rule.id, source: '', version: 0 });
  }
  const asked = askedFact(policy, request);
  if (asked !== undefined) facts.push(asked);
  const allowed = warning === undefined ? 'ALLOW' : (ALLOWED_WITH[warning] ?? 'ALLOW');
  const reason: DecisionReason = deny ?? allowed;
  const { allowMs } = policy.document.ttl;
  return {
    decision: deny === undefined,
    reason,
    warning: deny === undefined ? warning : undefined,
    policyVersion: policy.version,
    dataAgeMs,
    ttlMs: deny === undefined || judgement.place !== undefined || policy.rules.count > 0 ? allowMs : null,
    facts,
    cardKey: card?.key,
  };
}
