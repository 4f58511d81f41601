/** A request at a door, a locker … as the rules of the policy see it. */
import type { EvaluationRequest } from './evaluate.js';
import type { CardFacts, DecisionRequest, DecisionView, DoorFacts, Fact, PersonFacts } from './model.js';
import type { Policy } from './policy.js';
import { own } from './rules.js';
import type { RuleParty, RuleRequest } from './rules.js';

interface Deciding {
  readonly view: DecisionView;
  readonly policy: Policy;
}

/** Attributes of a card holder: `card`, `person`, `personClass`, `scope`, `frozen`. */
export function cardParty(
  { view, policy }: Deciding,
  card: CardFacts,
  holder: PersonFacts | undefined,
): RuleParty {
  const asksClass = policy.asksPersonClass;
  return {
    type: card.scope === 'master' ? 'card' : 'temporary-card',
    id: card.key,
    stored: {
      card: card.key,
      person: card.holder,
      scope: card.scope,
      frozen: card.frozen,
      personClass: asksClass && holder !== undefined ? view.personClass?.(holder.key) : undefined,
    },
  };
}

/** Attributes of a door: `doorClass`, `building`, `groups`. What the caller says of it is not looked at. */
export function ruleRequestAtDoor(
  context: {
    readonly view: DecisionView;
    readonly policy: Policy;
    readonly door: DoorFacts;
    readonly request: DecisionRequest;
  },
  card: CardFacts,
  holder: PersonFacts | undefined,
): RuleRequest {
  const { door, request } = context;
  const { doorClass, building, groups } = door;
  return {
    subject: cardParty(context, card, holder),
    resource: { type: 'door', id: door.key, stored: { doorClass, building, groups } },
    action: { name: request.action, properties: request.sent?.action },
    context: request.sent?.context,
  };
}

/**
 * The holder as a fact; with the class of person where the policy asks for it.
 * @param ageMs of the cards of the holder's source: a person comes with the row of their card
 */
export function personFact({ view, policy }: Deciding, holder: PersonFacts, ageMs: number | undefined): Fact {
  const { key, version, source } = holder;
  const personClass = policy.asksPersonClass ? view.personClass?.(key) : undefined;
  return {
    kind: 'person',
    key,
    version,
    source,
    ageMs,
    of: personClass === undefined ? holder : { ...holder, personClass },
  };
}

/** What a caller sent for attributes that rules ask for, so that the decision can be rebuilt. */
export interface AskedRequest {
  readonly resourceType: string;
  /** Only of what the policy knows, or of a purpose's resource: any other id is the caller's own text. */
  readonly resource?: string | undefined;
  readonly subjectType?: string;
  readonly subject?: string | undefined;
  readonly sent?: Readonly<
    Record<'subject' | 'resource' | 'action' | 'context', Readonly<Record<string, unknown>>>
  >;
}

/** Longer values are cut: no rule compares with such a text. */
const SENT_LENGTH_MAX = 256;
const SIDES = ['subject', 'resource', 'action', 'context'] as const;

export function askedFact(policy: Policy, request: EvaluationRequest): Fact | undefined {
  const { sent, resourceType, resource, subject } = request;
  const known = policy.entities.attributes(resourceType, resource) !== undefined;
  const named = known || policy.rules.names(resource);
  const of: Record<string, unknown> = { resourceType };
  if (named) of['resource'] = resource;
  if (policy.entities.attributes(subject.type, subject.id) !== undefined) {
    of['subjectType'] = subject.type;
    of['subject'] = subject.id;
  }
  if (sent !== undefined) of['sent'] = askedOf(policy, sent);
  if (resourceType === 'door' && sent === undefined) return undefined;
  return { kind: 'request', key: '', version: 0, source: '', of };
}

function askedOf(policy: Policy, sent: NonNullable<DecisionRequest['sent']>): object {
  const kept: Record<string, Record<string, unknown>> = {};
  for (const side of SIDES) {
    for (const name of policy.rules.askedOf(side)) {
      const value = own(sent[side], name);
      if (value === undefined) continue;
      (kept[side] ??= {})[name] = shortened(value);
    }
  }
  return kept;
}

function shortened(value: unknown): unknown {
  if (typeof value === 'string') return value.slice(0, SENT_LENGTH_MAX);
  if (typeof value === 'object' && value !== null) {
    return JSON.stringify(value).length <= SENT_LENGTH_MAX ? value : 'cut';
  }
  return value;
}
