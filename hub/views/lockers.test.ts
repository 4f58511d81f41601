import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Locker, LockerUse } from '../../contracts/types.js';
import { LockersView } from './lockers.js';
import { NOW } from './view.fixture.js';

const BOX = 'box:K1-01';
const use = (sessionId: string, kind: LockerUse['kind'], change: Partial<LockerUse> = {}): LockerUse => ({
  ...{ eventId: `box:uses:${sessionId}-${kind}`, source: 'box', lockerKey: BOX, sessionId, kind },
  ...{ cardKey: 'core:1', credentialPseudonym: null, staffPseudonym: null, cause: null },
  ...{ occurredAt: NOW, businessDate: 20_780, collectedAt: null, dataQuality: [], ...change },
});
const locker = (change: Partial<Locker> = {}): Locker => ({
  ...{ lockerKey: BOX, source: 'box', lockerId: 'K1-01', version: 3, name: '01', kiosk: 'K1', place: null },
  ...{ campus: null, size: null, occupancy: 'FREE', sessionId: null, occupiedSince: null },
  ...{ state: 'ACTIVE', stateReason: null, dataQuality: [], ...change },
});
const view = () => new LockersView((card) => (card === 'core:1' ? 'core:p1' : undefined));

describe('whose bag is in a locker', () => {
  it('is the card of the session that is on, until it is closed', () => {
    const lockers = view();
    expect(lockers.get(BOX)).toBeUndefined();
    lockers.applyUse(use('s1', 'OPENED'));
    const on = { card: 'core:1', holder: 'core:p1', occupancy: 'OCCUPIED', source: 'box' };
    expect(lockers.get(BOX)).toMatchObject(on);
    lockers.applyUse(use('s1', 'REOPENED'));
    lockers.applyUse(use('s1', 'OPENED_BY_STAFF', { cardKey: null }));
    expect(lockers.get(BOX)).toMatchObject(on);
    lockers.applyUse(use('s1', 'CLOSED'));
    expect(lockers.get(BOX)).toMatchObject({ card: undefined, holder: undefined });
  });

  it('is nobody, where the listing knows a later session than the events', () => {
    const lockers = view();
    lockers.applyUse(use('s1', 'OPENED'));
    lockers.applyLocker(BOX, locker({ sessionId: 's2', occupancy: 'OCCUPIED', occupiedSince: NOW + 1_000 }));
    expect(lockers.get(BOX)).toMatchObject({ card: undefined, occupancy: 'OCCUPIED', version: 3 });
    lockers.applyUse(use('s2', 'OPENED', { cardKey: 'core:2', occurredAt: NOW + 1_000 }));
    expect(lockers.get(BOX)).toMatchObject({ card: 'core:2', holder: undefined });
    lockers.applyLocker(BOX, locker({ sessionId: 's1', occupancy: 'OCCUPIED', occupiedSince: NOW }));
    expect(lockers.get(BOX), 'the listing is behind').toMatchObject({ card: 'core:2' });
  });

  it('does not depend on the order in which the sessions come, which stand in different partitions', () => {
    const sessions = [1, 2, 3].map((n) => {
      const change = { cardKey: `core:${n}`, occurredAt: NOW + n };
      return [use(`s${n}`, 'OPENED', change), use(`s${n}`, 'CLOSED', { ...change, occurredAt: NOW + n })];
    });
    fc.assert(
      fc.property(fc.array(fc.nat(2), { minLength: 6, maxLength: 30 }), fc.boolean(), (turns, lastIsOn) => {
        const left = sessions.map((events, i) => (i === 2 && lastIsOn ? events.slice(0, 1) : [...events]));
        const lockers = view();
        for (const turn of [...turns, ...[0, 0, 1, 1, 2, 2]]) {
          const event = left[turn]?.shift();
          if (event !== undefined) lockers.applyUse(event);
        }
        expect(lockers.get(BOX)?.card).toBe(lastIsOn ? 'core:3' : undefined);
      }),
    );
  });
});
