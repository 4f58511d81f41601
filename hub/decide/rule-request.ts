/** A request at a door, a locker … as the rules of the policy see it. */
import type { CardFacts, DecisionRequest, DecisionView, DoorFacts, PersonFacts } from './model.js';
import type { Policy } from './policy.js';
import type { RuleParty, RuleRequest } from './rules.js';

/** Attributes of a card holder: `card`, `person`, `personClass`, `scope`, `frozen`. */
export function cardParty(
  { view, policy }: { readonly view: DecisionView; readonly policy: Policy },
  card: CardFacts,
  holder: PersonFacts | undefined,
): RuleParty {
  const asksClass = policy.rules.asks('subject.personClass');
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
