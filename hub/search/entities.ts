/**
 * Candidates among the entities of a policy, found by its rules: each rule that permits what is asked says whom
 * it can fit, by id, by being listed in an attribute of the other side, or by the value of an attribute, and
 * the entities are looked up by that. Only a rule that says nothing of the kind makes all of a type candidates.
 */
import type { Subject } from '../decide/model.js';
import type { Policy } from '../decide/policy.js';
import { PURPOSE_ACTIONS } from '../decide/purposes.js';
import type { Attributes, PolicyRule, Selector } from '../decide/rules.js';
import type { Candidate, Candidates, Named, SearchQuery } from './search.js';

type Side = 'subject' | 'resource';

export function entityCandidates(policy: () => Policy): Candidates {
  return {
    order: 'id',
    *of(query, after) {
      const names =
        query.kind === 'action' ? actionsOf(policy(), query.resource.type) : idsOf(policy(), query);
      for (const name of [...names].sort()) {
        if (after === undefined || name > after) yield candidate(query, name);
      }
    },
  };
}

/** The actions of a type of resource: those that the policy lists, or that its rules name. */
export function actionsOf({ document, rules }: Policy, type: string): Iterable<string> {
  const listed = document.actions;
  if (listed !== undefined && Object.hasOwn(listed, type)) return listed[type] ?? [];
  if (type === 'door') return ['enter', 'exit'];
  if (Object.hasOwn(PURPOSE_ACTIONS, type)) return Object.keys(PURPOSE_ACTIONS[type] ?? {});
  return new Set(rules.forResource(type).flatMap(({ action = [] }) => action));
}

function idsOf(policy: Policy, query: Exclude<SearchQuery, { readonly kind: 'action' }>): Set<string> {
  const { entities, rules } = policy;
  const side: Side = query.kind;
  const other: Named =
    side === 'subject' ? (query as { resource: Named }).resource : (query as { subject: Subject }).subject;
  const type = query.kind === 'subject' ? query.subjectType : query.resourceType;
  const resourceType = query.kind === 'subject' ? query.resource.type : query.resourceType;
  const stored = entities.attributes(other.type, other.id);
  const ids = new Set<string>();
  if (stored === undefined) return ids; // an unknown subject or resource: nothing fits
  for (const rule of rules.forResource(resourceType)) {
    if (rule.effect !== 'permit' || !fits(rule, side, other, query.action)) continue;
    for (const id of narrowed(policy, rule, side, type, { ...stored, id: other.id })) ids.add(id);
  }
  return ids;
}

function fits(rule: PolicyRule, side: Side, other: Named, action: string): boolean {
  if (rule.action !== undefined && !rule.action.includes(action)) return false;
  const selector = side === 'subject' ? rule.resource : rule.subject;
  return (
    (selector?.type === undefined || selector.type === other.type) &&
    (selector?.id === undefined || idList(selector).includes(other.id))
  );
}

function idList({ id }: Selector): readonly string[] {
  return id === undefined ? [] : typeof id === 'string' ? [id] : id;
}

/** Ids of that type which this rule can fit at all. */
function narrowed(
  { entities }: Policy,
  rule: PolicyRule,
  side: Side,
  type: string,
  other: Attributes,
): readonly string[] {
  const own = side === 'subject' ? rule.subject : rule.resource;
  if (own?.type !== undefined && own.type !== type) return [];
  const known = (ids: readonly string[]) => ids.filter((id) => entities.attributes(type, id) !== undefined);
  if (own?.id !== undefined) return known(idList(own));
  for (const { attribute, memberOf, is } of rule.when ?? []) {
    const otherSide = side === 'subject' ? 'resource.' : 'subject.';
    if (attribute === `${side}.id` && memberOf?.startsWith(otherSide) === true) {
      const listed = other[memberOf.slice(otherSide.length)];
      return known([listed].flat().filter((id): id is string => typeof id === 'string'));
    }
    if (is !== undefined && attribute.startsWith(`${side}.`)) {
      const name = attribute.slice(side.length + 1);
      if (name !== 'id' && name !== 'type') return entities.having(type, name, is);
    }
  }
  return entities.ids(type);
}

function candidate(query: SearchQuery, found: string): Candidate {
  const { sent } = query;
  if (query.kind === 'action') {
    const { subject, resource } = query;
    return {
      result: { name: found },
      request: { subject, resource: resource.id, resourceType: resource.type, action: found, sent },
      cursor: found,
    };
  }
  const { action } = query;
  if (query.kind === 'subject') {
    const { resource, subjectType } = query;
    const result = { type: subjectType, id: found };
    const request = { subject: result as Subject, resource: resource.id, resourceType: resource.type };
    return { result, request: { ...request, action, sent }, cursor: found };
  }
  const { subject, resourceType } = query;
  return {
    result: { type: resourceType, id: found },
    request: { subject, resource: found, resourceType, action, sent },
    cursor: found,
  };
}
