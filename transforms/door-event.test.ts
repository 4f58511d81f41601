import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SwipeRow } from '../connectors/access-control/rows.js';
import type { Door, DoorEvent } from '../contracts/types.js';
import { mapSwipe } from './door-event.js';
import type { AccessProfile } from './grant.js';
import type { MapContext } from './outcome.js';
import { contextOf, reasonOf, recordsOf, valueOf } from './mapping.test-support.js';

const ROW: SwipeRow = {
  id: 'c1-77',
  seq: 5,
  doorId: 'd1',
  controllerId: 'c1',
  index: 77,
  credential: { profile: 'dec10-le', value: '0166735958' },
  direction: 'enter',
  granted: true,
  reason: '1',
  occurredAt: '2026-01-01T08:00:00+08:00',
  uploadedAt: '2026-01-01T08:00:05+08:00',
};
const known = contextOf({
  source: 'gate',
  cardsByCredential: (scheme, value) =>
    scheme === 'UID' && value === '5630F009' ? { kind: 'one', cardKey: 'core:1' } : { kind: 'none' },
});
/** A campus whose swipes name the doors: address with the direction in brackets, minute precision. */
const CAMPUS: AccessProfile = {
  readerProfile: 'wg26-3-5',
  address: { open: '[', close: ']' },
  impliesDoors: { class: 'TURNSTILE' },
  reasons: { '禁止通过-没有权限': 'DENY_NO_RIGHT' },
};
const fresh: MapContext = { ...known, seenBefore: () => false };
const map = (over: Partial<SwipeRow> = {}, context = fresh) => mapSwipe({ ...ROW, ...over }, context);
const event = (over: Partial<SwipeRow> = {}, context?: MapContext) =>
  valueOf<DoorEvent>(map(over, context), 'master.door-event');

describe('who swiped', () => {
  it('one known card: the event carries its key and no number', () => {
    const mapped = map();
    expect(recordsOf(mapped)).toMatchObject([{ key: 'core:1', eventId: 'gate:swipes:c1-77' }]);
    expect(event()).toMatchObject({
      doorKey: 'gate:d1',
      cardKey: 'core:1',
      credentialPseudonym: null,
      direction: 'ENTER',
      granted: true,
      occurredAt: Date.UTC(2026, 0, 1),
      collectedAt: Date.UTC(2026, 0, 1, 0, 0, 5),
      deviceIndex: '77',
      dataQuality: [],
    });
    expect(JSON.stringify(mapped)).not.toMatch(/5630F009|0166735958/u);
  });

  it('an unknown number: published under a pseudonym, with a mark', () => {
    const mapped = map({ credential: { profile: 'dec10-le', value: '1578468138' } });
    const [record] = recordsOf(mapped);
    expect(record?.key).toMatch(/^gate:anon:hmac-sha256:/u);
    expect(mapped).toMatchObject({ marks: ['UNKNOWN_CREDENTIAL'] });
  });

  it('the same chip read by another reader has the same pseudonym', () => {
    const value = (profile: string, text: string) =>
      event({ credential: { profile, value: text } }, contextOf({ source: 'gate' })).credentialPseudonym;
    expect(value('dec10-be', '1446047753')).toBe(value('uid-hex', '5630f009'));
  });

  it('a number of several cards: marked, no card named', () => {
    const several = contextOf({
      source: 'gate',
      cardsByCredential: () => ({ kind: 'many', cardKeys: ['core:1', 'core:2'] }),
    });
    expect(event({}, several)).toMatchObject({ cardKey: null, dataQuality: ['AMBIGUOUS_CREDENTIAL'] });
  });

  it('a random number is nobody, not a reject', () => {
    expect(event({ credential: { profile: 'uid-hex', value: '08A1B2C3' } }).dataQuality).toEqual([
      'UNKNOWN_CREDENTIAL',
      'UNSTABLE_UID',
    ]);
  });

  it('no profile, no guess', () => {
    expect(reasonOf(map({ credential: { value: '0166735958' } }))).toBe(
      'READER_PROFILE_MISSING credential.profile',
    );
    expect(reasonOf(map({ credential: { profile: 'x', value: '1' } }))).toBe(
      'READER_PROFILE_MISSING credential.profile',
    );
    expect(reasonOf(map({ credential: { profile: 'dec10-le', value: '166735958' } }))).toBe(
      'CARD_NUMBER_INVALID credential.value',
    );
  });
});

describe('where, and which way', () => {
  const campus = contextOf({
    source: 'gate',
    profile: CAMPUS as Readonly<Record<string, unknown>>,
    doorKnown: () => false,
  });
  const swipe: SwipeRow = {
    id: '1330906',
    doorId: '第五教学楼[进门]',
    credential: { value: '137899' },
    granted: '0',
    reason: '禁止通过-没有权限',
    occurredAt: '2019/4/1 0:20',
  };

  it('an address with brackets is a door and a direction, and names the door', () => {
    const mapped = mapSwipe(swipe, campus);
    expect(valueOf<DoorEvent>(mapped, 'master.door-event')).toMatchObject({
      doorKey: 'gate:第五教学楼',
      direction: 'ENTER',
      granted: false,
      upstreamReason: '禁止通过-没有权限',
      reason: 'DENY_NO_RIGHT',
      businessDate: 17987,
    });
    expect(valueOf<Door>(mapped, 'master.door')).toMatchObject({
      doorKey: 'gate:第五教学楼',
      doorClass: 'TURNSTILE',
      building: '第五教学楼',
      readerProfile: 'wg26-3-5',
    });
  });

  it('a second swipe of the same number, minute, door and direction may be a repeat, and is kept', () => {
    const context = contextOf({ source: 'gate', profile: CAMPUS as Readonly<Record<string, unknown>> });
    const marks = (over: Partial<SwipeRow>) => {
      const mapped = mapSwipe({ ...swipe, ...over }, context);
      return mapped.kind === 'records' && mapped.marks.includes('POSSIBLE_REPEAT');
    };
    expect(marks({})).toBe(false);
    expect(marks({ id: '2' })).toBe(true);
    expect(marks({ id: '3', doorId: '第五教学楼[出门]' })).toBe(false);
    expect(marks({ id: '4', occurredAt: '2019/4/1 0:21' })).toBe(false);
    expect(marks({ id: '5', credential: { value: '137898' } })).toBe(false);
  });

  it('a door that nobody listed, or no direction, is marked', () => {
    expect(event({ direction: 'unknown' }, { ...known, doorKnown: () => false }).dataQuality).toEqual([
      'DIRECTION_UNKNOWN',
      'DOOR_UNKNOWN',
    ]);
  });

  it('a device counter, or the content, names the event when there is no id', () => {
    const { id: _, ...nameless } = ROW;
    const idOf = (row: SwipeRow) => valueOf<DoorEvent>(mapSwipe(row, known), 'master.door-event').eventId;
    expect(idOf(nameless)).toBe('gate:swipes:c1-77');
    const { controllerId: __, ...bare } = nameless;
    expect(idOf({ ...bare, contentKey: 'abc-0' })).toBe('gate:swipes:abc-0');
    expect(reasonOf(mapSwipe(bare, known))).toBe('REQUIRED_MISSING id');
  });
});

describe('when', () => {
  const marks = (uploadedAt: string) => event({ uploadedAt }).dataQuality;

  it('a clock that runs ahead of the upload is suspect', () => {
    expect(marks('2026-01-01T07:56:00+08:00')).toEqual([]);
    expect(marks('2026-01-01T07:54:59+08:00')).toEqual(['CLOCK_SUSPECT']);
  });

  it('a late upload is marked, and a very late one may be a wrong clock', () => {
    expect(marks('2026-01-01T08:10:00+08:00')).toEqual([]);
    expect(marks('2026-01-01T08:10:01+08:00')).toEqual(['LATE_UPLOAD']);
    expect(marks('2026-01-03T08:00:00+08:00')).toEqual(['CLOCK_SUSPECT', 'LATE_UPLOAD']);
  });

  it('a device that fell back to 1970 is refused', () => {
    expect(reasonOf(map({ occurredAt: '1970-01-01T00:00:00Z' }))).toBe('TIME_OUT_OF_RANGE occurredAt');
    expect(reasonOf(map({ occurredAt: '' }))).toBe('REQUIRED_MISSING occurredAt');
  });
});

it('any texts give an event of the contract’s shape or a reject that does not hold the number', () => {
  const text = fc.oneof(fc.string({ maxLength: 16 }), fc.constantFrom('0166735958', '1', '2026-01-01 08:00'));
  const row = fc.record(
    {
      id: text,
      doorId: text,
      credential: fc.record({ profile: fc.constantFrom('dec10-le', 'uid-hex', ''), value: text }),
      occurredAt: text,
      direction: text,
      granted: text,
      reason: text,
    },
    { requiredKeys: ['doorId', 'credential', 'occurredAt'] },
  );
  fc.assert(
    fc.property(row, (value) => {
      const mapped = mapSwipe(value, known);
      if (mapped.kind === 'records') recordsOf(mapped);
      else if (value.credential.value.length > 6) expect(mapped.detail).not.toContain(value.credential.value);
    }),
  );
});
