import { describe, expect, it } from 'vitest';
import type { RoomXref } from '../../contracts/types.js';
import { RoomIndex } from './room-index.js';

const line = (over: Partial<RoomXref>): RoomXref => ({
  xrefKey: 'k',
  source: 'rooms',
  version: 0,
  codeSystem: 'east',
  vendorRoom: 'a/1',
  roomId: 'CY-E1-101',
  campus: '城阳校区',
  building: null,
  name: null,
  validFrom: null,
  validUntil: null,
  state: 'ACTIVE',
  stateReason: null,
  dataQuality: [],
  ...over,
});

describe('the rooms of the mapping table', () => {
  it('hold from their first day to the end of their last', () => {
    const index = new RoomIndex();
    index.replace('1', line({ validFrom: 100, validUntil: 200 }));
    expect(index.match('east', 'a/1', 99)).toEqual({ kind: 'none', otherDays: true });
    for (const day of [100, 200])
      expect(index.match('east', 'a/1', day)).toMatchObject({ kind: 'one', roomId: 'CY-E1-101' });
    expect(index.match('east', 'a/1', 201)).toEqual({ kind: 'none', otherDays: true });
    expect(index.match('west', 'a/1', 150)).toEqual({ kind: 'none', otherDays: false });
  });

  it('are no choice when a code has two of them on one day', () => {
    const index = new RoomIndex();
    index.replace('1', line({ validUntil: 200 }));
    index.replace('2', line({ roomId: 'CY-E1-102', validFrom: 200 }));
    expect(index.match('east', 'a/1', 199)).toMatchObject({ kind: 'one', roomId: 'CY-E1-101' });
    expect(index.match('east', 'a/1', 200)).toEqual({ kind: 'many', roomIds: ['CY-E1-101', 'CY-E1-102'] });
    index.replace('2', line({ roomId: 'CY-E1-101', validFrom: 200 }));
    expect(index.match('east', 'a/1', 200)).toMatchObject({ kind: 'one' });
  });

  it('go when their line is closed or removed', () => {
    const index = new RoomIndex();
    index.replace('1', line({}));
    index.replace('2', line({ vendorRoom: 'a/2' }));
    index.replace('1', line({ state: 'CLOSED' }));
    index.replace('2', null);
    for (const room of ['a/1', 'a/2'])
      expect(index.match('east', room, 1)).toEqual({ kind: 'none', otherDays: false });
  });
});
