import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Decision as DecisionRecord } from '../../contracts/types.js';
import { openCodecs } from '../run/codec.js';
import { DecisionLog } from './decision-log.js';
import { DEFAULT_POLICY_DOCUMENT } from '../decide/default-policy.js';
import { evaluate, purposeName } from '../decide/evaluate.js';
import type { EvaluationRequest } from '../decide/evaluate.js';
import type { AlertFacts, CardFacts, DecisionView, DoorFacts, PersonFacts, Right } from '../decide/model.js';
import { compilePolicy } from '../decide/policy.js';
import type { Policy } from '../decide/policy.js';
import { rebuild } from '../decide/rebuild.js';
import { shanghaiDay } from '../decide/schedule.js';

const NOW = Date.parse('2026-11-23T10:00:00+08:00');
const TODAY = shanghaiDay(NOW);
const one = <T>(...of: readonly T[]) => fc.constantFrom(...of);
const maybe = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined });

const anyCard = (key: string): fc.Arbitrary<CardFacts> =>
  fc.record({
    key: fc.constant(key),
    source: fc.constant('core'),
    version: fc.nat(),
    scope: one('master', 'out-of-scope'),
    state: one('NORMAL', 'NORMAL', 'NORMAL', 'EXPIRED', 'CLOSED', 'REPLACED', 'UNKNOWN'),
    lost: one(false, false, true),
    frozen: fc.boolean(),
    damaged: one(false, false, false, true),
    locked: one(false, false, false, true),
    validFrom: maybe(fc.integer({ min: TODAY - 1, max: TODAY + 1 })),
    validUntil: maybe(fc.integer({ min: TODAY - 1, max: TODAY + 1 })),
    holder: maybe(one('core:p1', 'core:p2')),
  });
const anyRight: fc.Arbitrary<Right> = fc.record({
  key: fc.constant('gate:g'),
  source: fc.constant('gate'),
  version: fc.nat(),
  direction: one('ENTER', 'EXIT', 'BOTH', 'UNKNOWN'),
  validFrom: maybe(fc.integer({ min: NOW - 5, max: NOW + 5 })),
  validUntil: maybe(fc.integer({ min: NOW - 5, max: NOW + 500 })),
  schedule: fc.array(
    fc.record({ days: fc.nat(255), from: fc.nat(1_439), until: fc.integer({ min: 1, max: 2_800 }) }),
    { maxLength: 2 },
  ),
});
const anyWorld = fc.record({
  cards: fc.tuple(anyCard('core:1'), anyCard('core:2')).chain((cards) => fc.subarray(cards)),
  person: maybe(one<PersonFacts['state']>('ACTIVE', 'LEFT')),
  personClass: maybe(one('STAFF', 'STUDENT')),
  door: maybe(
    fc.record({
      doorClass: one('OFFICE', 'LABORATORY', 'TURNSTILE'),
      state: one<DoorFacts['state']>('ACTIVE', 'ACTIVE', 'ACTIVE', 'DISABLED', 'REMOVED'),
      groups: fc.subarray(['east', 'west']),
    }),
  ),
  rights: fc.array(anyRight, { maxLength: 3 }),
  passage: maybe(
    fc.record({
      direction: one('ENTER' as const, 'EXIT' as const),
      occurredAt: fc.integer({ min: NOW - 9e6, max: NOW + 5 }),
    }),
  ),
  age: maybe(fc.integer({ min: -5, max: 3_600_000 })),
  grantAge: maybe(fc.integer({ min: -5, max: 3_600_000 })),
  alert: maybe(
    fc.record({
      state: one<AlertFacts['state']>('LOCKDOWN', 'FIRE', 'EVACUATION'),
      level: fc.integer({ min: 1, max: 3 }),
    }),
  ),
  bag: maybe(one('core:1', 'core:2')),
  occupancy: one('FREE' as const, 'OCCUPIED' as const),
  lessons: maybe(
    fc.array(
      fc.record({
        id: one('L1', 'L2'),
        from: fc.integer({ min: NOW - 3_600_000, max: NOW + 3_600_000 }),
        people: fc.subarray(['core:p1', 'core:p2', 'core:p3']),
      }),
      { maxLength: 3 },
    ),
  ),
  placeAge: maybe(fc.integer({ min: 0, max: 2 * 86_400_000 })),
  reading: one('ok', 'ok', 'DENY_READER_PROFILE', 'DENY_CARD_NUMBER_INVALID'),
});
type World = typeof anyWorld extends fc.Arbitrary<infer W> ? W : never;

function viewOf(w: World): DecisionView {
  return {
    readCredential: () =>
      w.reading === 'ok'
        ? { ok: true, scheme: 'UID', value: 'x' }
        : { ok: false, reason: w.reading as 'DENY_READER_PROFILE' },
    card: (key) => w.cards.find((card) => card.key === key),
    cardsByCredential: () => w.cards,
    person: (key) =>
      w.person && key === 'core:p1' ? { key, source: 'core', version: 1, state: w.person } : undefined,
    cardsOfPerson: (key) => w.cards.filter(({ holder }) => holder === key),
    door: (key) =>
      w.door && key === 'gate:d1'
        ? {
            key,
            source: 'gate',
            version: 3,
            building: 'B1',
            auditRequired: false,
            readerProfile: 'uid',
            ...w.door,
          }
        : undefined,
    rights: () => w.rights,
    lastPassage: () => w.passage,
    asOf: (_source, stream) => {
      const age = { cards: w.age, grants: w.grantAge, uses: w.placeAge, rooms: w.placeAge }[stream];
      return age === undefined ? undefined : NOW - age;
    },
    personClass: () => w.personClass,
    locker: (key) =>
      key === 'l1'
        ? {
            ...{ key, source: 'box', version: 2, occupancy: w.occupancy, card: w.bag },
            holder: w.cards.find((card) => card.key === w.bag)?.holder,
          }
        : undefined,
    classroom: (key) =>
      w.lessons && {
        ...{ key, source: 'rooms', version: 4 },
        lessons: w.lessons.map((lesson) => ({ ...lesson, until: lesson.from + 1_800_000 })),
      },
    alert: () => w.alert && { key: 'qau', source: 'hub', version: 1, ...w.alert },
  };
}

const { doors } = DEFAULT_POLICY_DOCUMENT;
const anyPolicy: fc.Arbitrary<Policy> = fc
  .record({
    antiPassback: one('off' as const, 'soft' as const, 'hard' as const),
    exitDeniedBy: fc.subarray(['DENY_LOST', 'DENY_LOCKDOWN', 'DENY_NO_RIGHT'] as const),
    hours: one(undefined, 'open', 'shut'),
    except: fc.boolean(),
    rules: fc.subarray([
      {
        id: 'student',
        effect: 'deny' as const,
        resource: { type: 'door' },
        when: [{ attribute: 'subject.personClass', is: 'STUDENT' }],
      },
      { id: 'one-person', effect: 'permit' as const, when: [{ attribute: 'subject.person', is: 'core:p1' }] },
      {
        id: 'owner',
        effect: 'permit' as const,
        resource: { type: 'locker' },
        when: [{ attribute: 'subject.person', memberOf: 'resource.users' }],
      },
      {
        id: 'override',
        effect: 'permit' as const,
        resource: { type: 'locker' },
        action: ['override'],
        when: [{ attribute: 'action.reason', present: true }],
      },
      {
        id: 'east',
        effect: 'deny' as const,
        resource: { type: 'door' },
        when: [{ attribute: 'context.purpose', isNot: 'drill' }],
      },
      {
        id: 'readers',
        effect: 'permit' as const,
        resource: { type: 'record' },
        action: ['read'],
        when: [{ attribute: 'subject.role', is: 'reader' }],
      },
    ]),
  })
  .map(({ antiPassback, exitDeniedBy, hours, except, rules }) =>
    compilePolicy({
      ...DEFAULT_POLICY_DOCUMENT,
      version: 'test-1',
      doors: {
        ...doors,
        default: { ...doors.default, antiPassback, exitDeniedBy, ...(hours !== undefined && { hours }) },
      },
      schedules: { open: [{ from: '08:00', until: '18:00' }], shut: [{ from: '18:00', until: '19:00' }] },
      alerts: {
        lockdown: {
          '1': {
            enter: 'deny',
            ...(except && { except: { personClasses: ['STAFF'], people: ['core:p1'] } }),
          },
          '2': { enter: 'normal' },
        },
      },
      rules,
      entities: [
        { type: 'locker', id: 'l1', attributes: { users: ['core:p1'] } },
        { type: 'user', id: 'u1' },
        { type: 'record', id: 'r1' },
      ],
    }),
  );
const bag = (name: string, ...values: string[]) => maybe(fc.record({ [name]: one(...values) }));
const anyRequest: fc.Arbitrary<EvaluationRequest> = fc.record({
  subject: fc
    .record({
      type: one('card', 'person', 'credential', 'user', 'robot'),
      id: one('core:1', 'core:p1', 'core:p2', 'u1'),
    })
    .map((subject) => subject as EvaluationRequest['subject']),
  resource: one('gate:d1', 'gate:d2', 'l1', 'r1'),
  resourceType: one('door', 'door', 'door', 'library', 'locker', 'classroom', 'identity', 'record', 'ship'),
  action: one('enter', 'exit', 'borrow', 'return', 'open', 'power_on', 'override', 'check', 'read', 'fly'),
  sent: maybe(
    fc.record({
      subject: bag('role', 'reader', 'x'),
      action: bag('reason', '', 'stuck'),
      context: bag('purpose', 'drill', 'x'),
    }),
  ),
});

it('every decision, kept as bytes and rebuilt from them, is the one that was given', () => {
  const codec = openCodecs().codecFor('hub.decision');
  const encoder = openCodecs().createEncoder();
  const pseudonym = (text: string) =>
    `hmac-sha256:${Buffer.from(text).toString('hex').split('').reverse().join('')}`;
  const kept: Uint8Array[] = [];
  const log = new DecisionLog({
    sink: {
      encode: (record) => encoder.encode('hub.decision', record),
      append: async (records) => void kept.push(...records),
    },
    replica: 'r1',
    pseudonym,
    now: () => NOW,
    bufferMax: 1_000_000,
    flushMs: 3_600_000,
  });
  const given: { decision: ReturnType<typeof evaluate>; policy: Policy }[] = [];
  fc.assert(
    fc.property(anyWorld, anyPolicy, anyRequest, (world, policy, request) => {
      const decision = evaluate(viewOf(world), policy, request, NOW);
      const { subject, resource, action, resourceType } = request;
      log.add({ decidedAt: NOW, purpose: purposeName(resourceType), action, subject, resource, decision });
      given.push({ decision, policy });
    }),
    // The seed is fixed: with another one a rare reason may not occur at all, and then nothing would be shown of it.
    { numRuns: 2_000, seed: 20261123 },
  );
  return log.close().then(() => {
    expect(kept).toHaveLength(given.length);
    const reasons = new Set<string>();
    kept.forEach((bytes, i) => {
      const record: DecisionRecord = codec.decode(bytes);
      const { policy, decision } = given[i]!;
      const rebuilt = rebuild(record, policy, { pseudonym });
      expect([record.reason, ...rebuilt.differences]).toEqual([decision.reason]);
      expect(rebuilt.trace.length).toBeGreaterThan(0);
      expect(JSON.stringify(record)).not.toContain('core:p');
      reasons.add(record.reason);
    });
    expect(reasons.size).toBeGreaterThan(15);
  });
});
