import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../decide/evaluate.js';
import { DEFAULT_POLICY_DOCUMENT } from '../decide/default-policy.js';
import { compilePolicy } from '../decide/policy.js';
import type { Policy } from '../decide/policy.js';
import type { PolicyRule } from '../decide/rules.js';
import type { HubView } from '../views/view.js';
import { card, door, fixtureView, grant, NOW, person } from '../views/view.fixture.js';
import { searchable } from './campus.js';
import { searchPage } from './search.js';
import type { Candidates, SearchQuery, SearchResult } from './search.js';
import { mergeAbove, SortedInts } from './sorted-ints.js';

const PEOPLE = ['core:p1', 'core:p2', 'core:p3'];
const CARDS = ['core:1', 'core:2', 'core:3', 'core:4'];
const DOORS = ['gate:d1', 'gate:d2', 'gate:d3'];
const GROUPS = ['g1', 'g2', 'g3'];
const one = <T>(of: readonly T[]) => fc.constantFrom(...of);

const anyGrant = fc.record({
  key: one(['gate:g1', 'gate:g2', 'gate:g3', 'gate:g4']),
  gone: fc.boolean(),
  subject: fc.oneof(
    fc.record({ subjectType: fc.constant('PERSON' as const), subject: one(PEOPLE) }),
    fc.record({ subjectType: fc.constant('CARD' as const), subject: one(CARDS) }),
    fc.record({ subjectType: fc.constant('GROUP' as const), subject: one(GROUPS) }),
  ),
  resource: fc.oneof(
    fc.record({ resourceType: fc.constant('DOOR' as const), resource: one(DOORS) }),
    fc.record({ resourceType: fc.constant('DOOR_GROUP' as const), resource: one(['a', 'b']) }),
    fc.record({ resourceType: fc.constant('GROUP' as const), resource: one(GROUPS) }),
  ),
  direction: one(['ENTER', 'EXIT', 'BOTH'] as const),
  state: one(['ACTIVE', 'ENDED'] as const),
});
const anyStep = fc.oneof(
  anyGrant.map(({ key, gone, subject, resource, direction, state }) => (view: HubView) => {
    const value = gone
      ? null
      : grant({ grantKey: key, ...subject, ...resource, direction, state: state as 'ACTIVE' });
    view.apply('master.access-grant', key, value);
  }),
  fc
    .record({
      key: one(PEOPLE),
      groups: fc.uniqueArray(one(GROUPS)),
      personClass: one(['STUDENT', 'STAFF', null]),
    })
    .map(({ key, groups, personClass }) => (view: HubView) => {
      view.apply('hub.person-source', key, person({ personKey: key, groups, personClass }));
    }),
  fc
    .record({ key: one(CARDS), holder: one([...PEOPLE, null]), lost: fc.boolean() })
    .map(({ key, holder, lost }) => (view: HubView) => {
      const of = holder === null ? null : { source: 'core', key: holder };
      view.apply('master.card', key, card({ cardKey: key, holder: of, lost, credentials: [] }));
    }),
  fc
    .record({
      key: one(DOORS),
      groups: fc.uniqueArray(one(['a', 'b'])),
      doorClass: one(['OFFICE', 'TURNSTILE']),
    })
    .map(({ key, groups, doorClass }) => (view: HubView) => {
      view.apply('master.door', key, door({ doorKey: key, groups, doorClass }));
    }),
);

const STAFF_RULE: PolicyRule = {
  id: 'staff-enter',
  effect: 'permit',
  resource: { type: 'door' },
  action: ['enter'],
  when: [{ attribute: 'subject.personClass', is: 'STAFF' }],
};
const policies = [[], [STAFF_RULE], [{ id: 'all', effect: 'permit' as const, action: ['enter'] }]].map(
  (rules) => compilePolicy({ ...DEFAULT_POLICY_DOCUMENT, rules }),
);

function all(
  view: HubView,
  policy: Policy,
  candidates: Candidates,
  query: SearchQuery,
  limit: number,
): SearchResult[] {
  const results: SearchResult[] = [];
  let after: string | undefined;
  for (let pages = 0; pages < 100; pages++) {
    const page = searchPage({ view, policy, candidates }, query, { after, limit }, NOW);
    expect(page.results.length).toBeLessThanOrEqual(limit);
    results.push(...page.results);
    if (page.next === undefined) return results;
    after = page.next;
  }
  throw new Error('the pages have no end');
}

const named = (results: readonly SearchResult[]) =>
  results.map((result) => ('id' in result ? result.id : result.name)).sort();

describe('a search', () => {
  it('finds whom and what trying everybody finds, in pages of any size, each once', () => {
    const steps = fc.array(anyStep, { minLength: 5, maxLength: 40 });
    fc.assert(
      fc.property(steps, one(policies), fc.integer({ min: 1, max: 4 }), (changes, policy, limit) => {
        const { view, candidates } = searchable(fixtureViewWith(policy));
        for (const key of PEOPLE)
          view.apply('hub.person-source', key, person({ personKey: key, groups: [] }));
        for (const change of changes) change(view);
        for (const action of ['enter', 'exit']) {
          const may = (type: 'person' | 'card', id: string, resource: string) =>
            evaluate(view, policy, { subject: { type, id }, resource, resourceType: 'door', action }, NOW)
              .decision;
          for (const id of DOORS.filter((key) => view.door(key) !== undefined)) {
            const resource = { type: 'door', id };
            const people = PEOPLE.filter((key) => view.person(key) !== undefined && may('person', key, id));
            const subject = (subjectType: string): SearchQuery => ({
              kind: 'subject',
              subjectType,
              resource,
              action,
            });
            expect(named(all(view, policy, candidates, subject('person'), limit))).toEqual(people);
            if (action === 'exit') continue; // a free exit lets any card out, known to somebody or not
            const cards = CARDS.filter((key) => view.card(key) !== undefined && may('card', key, id));
            const held = cards.filter(
              (key) => policy.rules.count === 0 || view.person(view.card(key)?.holder ?? '') !== undefined,
            );
            expect(
              named(all(view, policy, candidates, subject('card'), limit)).filter((k) => held.includes(k)),
            ).toEqual(held);
          }
          for (const id of PEOPLE) {
            const query: SearchQuery = {
              kind: 'resource',
              subject: { type: 'person', id },
              resourceType: 'door',
              action,
            };
            const doors = DOORS.filter((key) => view.door(key) !== undefined && may('person', id, key));
            expect(named(all(view, policy, candidates, query, limit))).toEqual(doors);
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it('lists no credentials, and nobody at a door that is not known', () => {
    const { view, candidates } = searchable(fixtureView());
    const policy = view.policy();
    const query = (subjectType: string, id: string): SearchQuery => ({
      kind: 'subject',
      subjectType,
      resource: { type: 'door', id },
      action: 'enter',
    });
    expect(all(view, policy, candidates, query('credential', 'gate:d1'), 10)).toEqual([]);
    expect(all(view, policy, candidates, query('person', 'gate:none'), 10)).toEqual([]);
  });
});

function fixtureViewWith(policy: Policy): HubView {
  const view = fixtureView({ policy });
  view.apply('hub.person-source', 'core:20260001', null);
  view.apply('master.card', 'core:1', null);
  view.apply('master.access-grant', 'gate:g1', null);
  view.apply('master.door', 'gate:d1', null);
  return view;
}

describe('sorted row numbers', () => {
  it('behave as a sorted list with repeats, and merge into each value once', () => {
    const operation = fc.record({ value: fc.integer({ min: 0, max: 12 }), add: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(fc.array(operation), { maxLength: 4 }),
        fc.integer({ min: -1, max: 12 }),
        (lists, after) => {
          const models: number[][] = [];
          const sorted = lists.map((operations) => {
            const list = new SortedInts();
            const model: number[] = [];
            for (const { value, add } of operations) {
              if (add) {
                list.add(value);
                model.push(value);
              } else {
                list.remove(value);
                if (model.includes(value)) model.splice(model.indexOf(value), 1);
              }
            }
            model.sort((a, b) => a - b);
            expect(Array.from({ length: list.length }, (_, i) => list.at(i))).toEqual(model);
            models.push(model);
            return list;
          });
          const merged = [...new Set(models.flat())].filter((value) => value > after).sort((a, b) => a - b);
          expect([...mergeAbove(sorted, after)]).toEqual(merged);
        },
      ),
    );
  });
});
