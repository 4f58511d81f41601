import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LockerEventRow, LockerRow } from '../connectors/lockers/rows.js';
import type { Locker, LockerUse } from '../contracts/types.js';
import { mapLocker, mapLockerUse } from './locker.js';
import { contextOf, reasonOf, valueOf } from './mapping.test-support.js';

const profile = { readerProfile: 'dec10-le' };
const cards: Record<string, string> = { '5630F009': 'core:1000000010' };
const context = contextOf({
  source: 'lockers',
  profile,
  cardsByCredential: (_scheme, value) =>
    value in cards ? { kind: 'one', cardKey: cards[value]! } : { kind: 'none' },
});
const event: LockerEventRow = {
  event_id: 'E-1',
  session_id: 'S-1',
  locker_id: 'K01-003',
  type: 'opened',
  card_id: '0166735958',
  occurred_at: '2026-03-01 08:00:00',
  uploaded_at: '2026-03-01 08:00:02',
};
const use = (over: Partial<LockerEventRow>): LockerUse =>
  valueOf<LockerUse>(mapLockerUse({ ...event, ...over }, context), 'master.locker-use');

describe('a use of a locker', () => {
  it('finds the card by the ten digits that the kiosk sends, leading zero and all', () => {
    expect(use({})).toMatchObject({ kind: 'OPENED', cardKey: 'core:1000000010', credentialPseudonym: null });
    expect(use({}).occurredAt).toBe(Date.parse('2026-03-01T08:00:00+08:00'));
  });

  it('is refused when the zeros are gone: nine digits are not ten', () => {
    expect(reasonOf(mapLockerUse({ ...event, card_id: '166735958' }, context))).toBe(
      'CARD_NUMBER_INVALID card_id',
    );
  });

  it('by an unknown card keeps a pseudonym and not the number', () => {
    const value = use({ card_id: '0000000077' });
    expect(value).toMatchObject({ cardKey: null, dataQuality: ['UNKNOWN_CREDENTIAL'] });
    expect(value.credentialPseudonym).toMatch(/^hmac-sha256:/);
  });

  it('by staff needs no card and names nobody', () => {
    const value = use({ type: 'staff_opened', card_id: null, staff_no: '00000123', cause: '卡已挂失' });
    expect(value).toMatchObject({ kind: 'OPENED_BY_STAFF', cardKey: null, cause: '卡已挂失' });
    expect(value.staffPseudonym).toMatch(/^hmac-sha256:/);
    expect(JSON.stringify(value)).not.toContain('00000123');
  });

  it('says when the kiosk’s clock cannot be right, and keeps the event', () => {
    expect(use({ occurred_at: '2000-01-01 00:00:09' }).dataQuality).toContain('CLOCK_SUSPECT');
  });

  it('of an unknown kind is refused, unless the profile knows it', () => {
    const row = { ...event, type: 'door_forced' };
    expect(reasonOf(mapLockerUse(row, context))).toBe('CODE_UNKNOWN type');
    const own = { ...context, profile: { ...profile, useKinds: { door_forced: 'OPENED_BY_STAFF' } } };
    expect(valueOf<LockerUse>(mapLockerUse(row, own), 'master.locker-use').kind).toBe('OPENED_BY_STAFF');
  });

  it('never lets a card number through, whatever ten digits came', () => {
    const digits = fc.bigInt({ min: 0n, max: 9_999_999_999n }).map((n) => String(n).padStart(10, '0'));
    fc.assert(
      fc.property(digits, (card_id) => {
        const mapped = mapLockerUse({ ...event, card_id }, context);
        if (mapped.kind === 'records') expect(JSON.stringify(mapped.records)).not.toContain(card_id);
        else expect(mapped.detail).not.toContain(card_id);
      }),
    );
  });
});

describe('a box', () => {
  const row: LockerRow = {
    locker_id: 'K01-003',
    box_no: '003',
    kiosk_id: 'K01',
    place: '图书馆一层',
    state: 'occupied',
    session_id: 'S-1',
    occupied_since: '2026-03-01 08:00:00',
    version: 4,
  };
  const box = (over: Partial<LockerRow>): Locker =>
    valueOf<Locker>(mapLocker({ ...row, ...over }, context), 'master.locker');

  it('says whether it is in use, and by which session', () => {
    expect(box({})).toMatchObject({
      lockerKey: 'lockers:K01-003',
      name: '003',
      occupancy: 'OCCUPIED',
      sessionId: 'S-1',
      state: 'ACTIVE',
    });
    expect(box({ state: 'FREE', session_id: null, occupied_since: null })).toMatchObject({
      occupancy: 'FREE',
      sessionId: null,
    });
    expect(box({ state: 'out_of_order' })).toMatchObject({ state: 'DISABLED', occupancy: 'UNKNOWN' });
  });

  it('in a state that nobody knows is refused', () => {
    expect(reasonOf(mapLocker({ ...row, state: 'melted' }, context))).toBe('CODE_UNKNOWN state');
  });
});
