/**
 * Candidates of the campus: who may enter this door (person, card), which doors may this person enter, and what
 * may be done at a door. Credentials are never listed: their numbers leave the hub to nobody. Where everybody
 * may pass (a free exit, a rule for all), cards are listed by the people of whom the hub has a record.
 */
import { randomUUID } from 'node:crypto';
import { judgeCard } from '../decide/card-state.js';
import type { ViewValue } from '../views/fields.js';
import type { CardFacts, Subject } from '../decide/model.js';
import type { Policy } from '../decide/policy.js';
import { PURPOSE_ACTIONS } from '../decide/purposes.js';
import type { PolicyRule } from '../decide/rules.js';
import type { HubView, ViewTopic } from '../views/view.js';
import { entityCandidates } from './entities.js';
import { SearchIndex } from './index.js';
import type { Candidate, Candidates, SearchQuery } from './search.js';
import { mergeAbove, SortedInts } from './sorted-ints.js';

type SubjectQuery = Extract<SearchQuery, { readonly kind: 'subject' }>;
type ResourceQuery = Extract<SearchQuery, { readonly kind: 'resource' }>;

/** The view that also feeds the index, and the candidates that the index gives. */
export function searchable(view: HubView): { readonly view: HubView; readonly candidates: Candidates } {
  const index = new SearchIndex();
  const indexed: HubView = {
    ...view,
    apply<T extends ViewTopic>(topic: T, key: string, value: ViewValue[T] | null) {
      view.apply(topic, key, value);
      if (topic === 'master.access-grant')
        index.applyGrant(key, value as ViewValue['master.access-grant'] | null);
      else if (topic === 'hub.person-source')
        index.applyPerson(key, value as ViewValue['hub.person-source'] | null);
      else if (topic === 'master.door') index.applyDoor(key, value as ViewValue['master.door'] | null);
    },
  };
  return { view: indexed, candidates: campusCandidates(view, index) };
}

export function campusCandidates(view: HubView, index: SearchIndex): Candidates {
  const entities = entityCandidates(() => view.policy());
  return {
    // Rows are numbered by this process: the token of another one would go on somewhere else.
    order: randomUUID().slice(0, 8),
    *of(query, after, now) {
      if (query.kind === 'subject' && query.resource.type === 'door') {
        if (view.door(query.resource.id) === undefined) return;
        if (query.subjectType === 'person') yield* people(view, index, query, after, now);
        else if (query.subjectType === 'card') yield* cards(view, index, query, after, now);
      } else if (query.kind === 'resource' && query.resourceType === 'door') {
        yield* doors(view, index, query, after);
      } else if (query.kind === 'subject' && Object.hasOwn(PURPOSE_ACTIONS, query.resource.type)) {
        return; // lockers, rooms: whoever has a good card, which is no question to answer with a list
      } else yield* entities.of(query, after, now);
    },
  };
}

/** Lists of rows that hold everybody who could be let in; the direct grants of cards stand beside. */
function reached(
  view: HubView,
  index: SearchIndex,
  { resource, action }: SubjectQuery,
  now: number,
): { people: readonly SortedInts[]; cards: readonly SortedInts[] } {
  const door = view.door(resource.id);
  const policy = view.policy();
  const found = index.reaching(resource.id);
  const alert = door && view.alert?.(door, now);
  const released = alert !== undefined && alert.state !== 'LOCKDOWN';
  // A free exit lets everybody out, with or without a grant.
  const exits = action === 'exit' && (released || policy.doorRules(door?.doorClass ?? '').exit === 'free');
  if (exits) return { people: [index.allPeople], cards: found.cards };
  return { people: [...found.people, ...byRules(policy, index, action)], cards: found.cards };
}

/** Those whom a rule of the policy may permit without a grant: by class where it names one, else everybody. */
function byRules(policy: Policy, index: SearchIndex, action: string): readonly SortedInts[] {
  const lists: SortedInts[] = [];
  for (const rule of policy.rules.forResource('door')) {
    if (rule.effect !== 'permit' || (rule.action !== undefined && !rule.action.includes(action))) continue;
    const classes = classesOf(rule);
    if (classes === undefined) return [index.allPeople];
    for (const name of classes) {
      const list = index.ofClass(name);
      if (list !== undefined) lists.push(list);
    }
  }
  return lists;
}

function classesOf({ when = [] }: PolicyRule): readonly string[] | undefined {
  const asked = when.find(
    ({ attribute, is, oneOf }) => attribute === 'subject.personClass' && (is ?? oneOf) !== undefined,
  );
  return asked === undefined ? undefined : [asked.is ?? asked.oneOf ?? []].flat().map(String);
}

function* people(
  view: HubView,
  index: SearchIndex,
  query: SubjectQuery,
  after: string | undefined,
  now: number,
): Generator<Candidate> {
  const found = reached(view, index, query, now);
  const lists = [...found.people, ...holdersOf(view, index, found.cards)];
  const from = after === undefined ? -1 : index.people.find(after);
  for (const row of mergeAbove(lists, from)) {
    const id = index.people.text(row);
    yield candidate(query, { type: 'person', id }, id);
  }
}

/** Rows of the holders of the cards, one list; cards without a holder have none. */
function holdersOf(view: HubView, index: SearchIndex, cardLists: readonly SortedInts[]): SortedInts[] {
  if (cardLists.length === 0) return [];
  const rows: number[] = [];
  for (const card of mergeAbove(cardLists, -1)) {
    const holder = view.card(index.cards.text(card))?.holder;
    if (holder !== undefined) rows.push(index.people.intern(holder));
  }
  const list = new SortedInts();
  for (const row of rows.sort((a, b) => a - b)) list.add(row);
  return [list];
}

/**
 * The cards of the people who are reached, person by person, then the cards that have a grant of their own.
 * Cursor: `p`, person, newline, card; or `c`, card.
 */
function* cards(
  view: HubView,
  index: SearchIndex,
  query: SubjectQuery,
  after: string | undefined,
  now: number,
): Generator<Candidate> {
  const found = reached(view, index, query, now);
  const [person = '', last = ''] = after?.startsWith('p') === true ? after.slice(1).split('\n') : [];
  const policy = view.policy();
  const one = (card: CardFacts, cursor: string) =>
    candidate(query, { type: 'card', id: card.key }, cursor, isNoEntry(policy, query, card, now));
  const inOrder = (holder: string) =>
    [...view.cardsOfPerson(holder)].sort((a, b) => (a.key < b.key ? -1 : 1));
  if (after?.startsWith('c') !== true) {
    for (const card of person === '' ? [] : inOrder(person)) {
      if (card.key > last) yield one(card, `p${person}\n${card.key}`);
    }
    const from = person === '' ? -1 : index.people.find(person);
    for (const row of mergeAbove(found.people, from)) {
      const holder = index.people.text(row);
      for (const card of inOrder(holder)) yield one(card, `p${holder}\n${card.key}`);
    }
  }
  const from = after?.startsWith('c') === true ? index.cards.find(after.slice(1)) : -1;
  for (const row of mergeAbove(found.cards, from)) {
    const card = view.card(index.cards.text(row));
    if (card === undefined) continue;
    const holder = card.holder === undefined ? -1 : index.people.find(card.holder);
    if (holder >= 0 && found.people.some((list) => list.has(holder))) continue; // came with its holder
    yield one(card, `c${card.key}`);
  }
}

/** No card in a state that is denied lets anybody in: most cards of a person were replaced. Exits may all be free. */
function isNoEntry(policy: Policy, { action }: SubjectQuery, card: CardFacts, now: number): boolean {
  return action === 'enter' && judgeCard(policy, 'door', card, undefined, now).deny !== undefined;
}

function* doors(
  view: HubView,
  index: SearchIndex,
  query: ResourceQuery,
  after: string | undefined,
): Generator<Candidate> {
  const { subject, action, sent } = query;
  const free = action !== 'enter' || byRulePermits(view.policy(), action);
  const found = free ? index.doors : index.reachedFrom(...holderAndCards(view, subject));
  for (const id of [...found].sort()) {
    if (after !== undefined && id <= after) continue;
    const request = { subject, resource: id, resourceType: 'door', action, sent };
    yield { result: { type: 'door', id }, request, cursor: id };
  }
}

function byRulePermits(policy: Policy, action: string): boolean {
  return policy.rules
    .forResource('door')
    .some((rule) => rule.effect === 'permit' && (rule.action?.includes(action) ?? true));
}

function holderAndCards(view: HubView, subject: Subject): [string | undefined, readonly string[]] {
  if (subject.type === 'person') {
    return [subject.id, view.cardsOfPerson(subject.id).map(({ key }) => key)];
  }
  const card = subject.type === 'card' ? view.card(subject.id) : cardOf(view, subject);
  return card === undefined ? [undefined, []] : [card.holder, [card.key]];
}

function cardOf(view: HubView, subject: Subject): CardFacts | undefined {
  if (subject.type !== 'credential' || subject.readerProfile === undefined) return undefined;
  const read = view.readCredential(subject.readerProfile, subject.id);
  const found = read.ok ? view.cardsByCredential(read.scheme, read.value) : [];
  return found.length === 1 ? found[0] : undefined;
}

function candidate(
  query: SubjectQuery,
  found: { type: 'person' | 'card'; id: string },
  cursor: string,
  denied = false,
): Candidate {
  const { resource, action, sent } = query;
  const request = { subject: found, resource: resource.id, resourceType: 'door', action, sent };
  return { result: found, request, cursor, denied };
}
