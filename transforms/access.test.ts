import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DoorRow, GrantRow } from '../connectors/access-control/rows.js';
import type { AccessGrant, Card, Door } from '../contracts/types.js';
import { mapDoor } from './door.js';
import { mapGrant } from './grant.js';
import { closeAbsent, kinds, withMark, withoutMark } from './index.js';
import { contextOf, contractBreach, reasonOf, recordsOf, valueOf } from './mapping.test-support.js';

const PROFILE = { personSource: 'core', cardSource: 'core' };
const context = contextOf({ source: 'gate', profile: PROFILE });
const door = (row: DoorRow) => valueOf<Door>(mapDoor(row, context), 'master.door');
const GRANT: GrantRow = {
  id: 'g1',
  subject: { type: 'person', id: '020990001' },
  resource: { type: 'door', id: 'd1' },
  direction: 'both',
  state: 'active',
  version: 3,
};
const map = (over: Partial<GrantRow> = {}) => mapGrant({ ...GRANT, ...over }, context);
const grant = (over: Partial<GrantRow> = {}) => valueOf<AccessGrant>(map(over), 'master.access-grant');

describe('doors', () => {
  it('have a class, groups and a reader profile', () => {
    expect(
      door({
        id: 'd1',
        name: '北门',
        class: 'perimeter',
        groups: ['outer'],
        readerProfile: 'dec10-le',
        version: 2,
      }),
    ).toMatchObject({
      doorKey: 'gate:d1',
      doorClass: 'PERIMETER',
      groups: ['gate:group:outer'],
      readerProfile: 'dec10-le',
      auditRequired: false,
      state: 'ACTIVE',
      version: 2,
      dataQuality: [],
    });
  });

  it('of an unknown class, or with a profile nobody defined, stay and are marked', () => {
    expect(door({ id: 'd1', class: 'bunker' })).toMatchObject({
      doorClass: 'UNKNOWN',
      dataQuality: ['CODE_UNMAPPED'],
    });
    expect(door({ id: 'd1', class: 'office', readerProfile: 'x' }).dataQuality).toEqual(['CODE_UNMAPPED']);
  });

  it('in an unknown state are refused', () => {
    expect(reasonOf(mapDoor({ id: 'd1', class: 'office', state: 'maybe' }, context))).toBe(
      'CODE_UNKNOWN state',
    );
  });
});

describe('grants', () => {
  it.each([
    ['person', '020990001', 'PERSON', 'core:020990001'],
    ['card', '0000100123', 'CARD', 'core:0000100123'],
    ['group', 'unit:0101', 'GROUP', 'unit:0101'],
    ['group', 'class:STUDENT', 'GROUP', 'class:STUDENT'],
    ['group', 'group:night', 'GROUP', 'gate:group:night'],
    ['group', 'night', 'GROUP', 'gate:group:night'],
  ])('to %s %s are held by %s %s', (type, id, subjectType, subject) => {
    expect(grant({ subject: { type, id } })).toMatchObject({ subjectType, subject });
  });

  it.each([
    ['door', 'd1', 'DOOR', 'gate:d1'],
    ['doorGroup', 'outer', 'DOOR_GROUP', 'gate:group:outer'],
    ['group', 'group:night', 'GROUP', 'gate:group:night'],
  ])('for %s %s are for %s %s', (type, id, resourceType, resource) => {
    expect(grant({ resource: { type, id } })).toMatchObject({ resourceType, resource });
  });

  it('a bare date counts whole days in Shanghai, at both ends', () => {
    expect(grant({ validFrom: '2026-03-01', validUntil: '2026-03-31' })).toMatchObject({
      validFrom: Date.UTC(2026, 1, 28, 16),
      validUntil: Date.UTC(2026, 2, 31, 16),
    });
    expect(grant({ validFrom: '2026-03-01T08:00:00+08:00', validUntil: '' })).toMatchObject({
      validFrom: Date.UTC(2026, 2, 1),
      validUntil: null,
    });
  });

  it('spans may cross midnight and end at 24:00', () => {
    expect(grant({ schedule: [{ days: [7, 1, 1], from: '22:00', until: '06:00' }] }).schedule).toEqual([
      { days: [1, 7], from: '22:00', until: '06:00' },
    ]);
    expect(grant({ schedule: [{ days: [1], from: '00:00', until: '24:00' }] }).schedule).toHaveLength(1);
  });

  it.each([
    [{ subject: { type: 'robot', id: '1' } }, 'CODE_UNKNOWN subject.type'],
    [{ resource: { type: 'window', id: '1' } }, 'CODE_UNKNOWN resource.type'],
    [{ direction: 'sideways' }, 'CODE_UNKNOWN direction'],
    [{ state: 'maybe' }, 'CODE_UNKNOWN state'],
    [{ validUntil: '2026-02-30' }, 'TIME_INVALID validUntil'],
    [{ schedule: [{ days: [1], from: '24:00', until: '24:00' }] }, 'TIME_INVALID schedule.0.from'],
    [{ schedule: [{ days: [1], from: '8:00', until: '25:00' }] }, 'TIME_INVALID schedule.0.from'],
    [{ schedule: [{ days: [], from: '08:00', until: '22:00' }] }, 'REQUIRED_MISSING schedule.0.days'],
    [{ schedule: [{ days: [8], from: '08:00', until: '22:00' }] }, 'CODE_UNKNOWN schedule.0.days'],
  ] as [Partial<GrantRow>, string][])(
    'who, where or when that cannot be read is refused: %o',
    (over, reason) => {
      expect(reasonOf(map(over))).toBe(reason);
    },
  );

  it('any texts give a grant of the contract’s shape or a reject', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom('person', 'door', '2026-01-01', '08:00'),
    );
    const reference = fc.record({ type: text, id: text });
    const span = fc.record({
      days: fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 7 }),
      from: text,
      until: text,
    });
    const row = fc.record(
      {
        id: text,
        subject: reference,
        resource: reference,
        validUntil: text,
        schedule: fc.array(span, { maxLength: 3 }),
      },
      { requiredKeys: ['id', 'subject', 'resource'] },
    );
    fc.assert(
      fc.property(row, (value) => {
        const mapped = kinds.grant.map(value, context);
        if (mapped.kind === 'records') recordsOf(mapped);
      }),
    );
  });
});

describe('what a later fact says of an earlier record', () => {
  const card = (over: object = {}) => {
    const value = valueOf<Card>(
      kinds.card.map({ cardno: '1', sno: '1', cardver: '4', ...over }, contextOf()),
      'master.card',
    );
    return value as unknown as Readonly<Record<string, unknown>>;
  };

  it('a card whose absence is proven is closed, with its version, so that it may come back', () => {
    const closed = closeAbsent('master.card', card(), { asOf: 5 });
    expect(closed).toMatchObject({
      key: 'core:1',
      version: 4,
      time: 5,
      value: { state: 'CLOSED', stateReason: 'ABSENT_FROM_LISTING' },
    });
    expect(contractBreach(closed!)).toBeUndefined();
    expect(closeAbsent('master.card', closed!.value as never, { asOf: 6 })).toBeNull();
  });

  it('a replaced card stays replaced', () => {
    expect(closeAbsent('master.card', card({ status: '6' }), { asOf: 5 })).toBeNull();
  });

  it('grants are revoked, doors disabled, people left', () => {
    const of = (name: 'grant' | 'door' | 'card', row: unknown, topic: never) =>
      closeAbsent(topic, valueOf(kinds[name].map(row, context), topic), { asOf: 5 })?.value;
    expect(of('grant', GRANT, 'master.access-grant' as never)).toMatchObject({ state: 'REVOKED' });
    expect(of('door', { id: 'd1' }, 'master.door' as never)).toMatchObject({ state: 'DISABLED' });
    expect(of('card', { cardno: '1', sno: '1' }, 'hub.person-source' as never)).toMatchObject({
      state: 'LEFT',
    });
  });

  it('a record marked afterwards is the same as one that was mapped with the mark', () => {
    const clash = contextOf({ cardsByCredential: () => ({ kind: 'one', cardKey: 'core:2' }) });
    const row = { cardno: '1', cardid: '5630F009' };
    const plain = valueOf<Record<string, unknown>>(kinds.card.map(row, contextOf()), 'master.card');
    const mapped = valueOf(kinds.card.map(row, clash), 'master.card');
    const marked = withMark('master.card', plain, 'AMBIGUOUS_CREDENTIAL', { asOf: 1 });
    expect(marked?.value).toEqual(mapped);
    expect(withMark('master.card', marked!.value as never, 'AMBIGUOUS_CREDENTIAL', { asOf: 1 })).toBeNull();
    expect(
      withoutMark('master.card', marked!.value as never, 'AMBIGUOUS_CREDENTIAL', { asOf: 1 })?.value,
    ).toEqual(plain);
  });
});
