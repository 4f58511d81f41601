import { describe, expect, it } from 'vitest';
import type { PowerRoom, RoomXref } from '../../contracts/types.js';
import { everMappedTwice, reportRooms, type RoomFacts } from './rooms.js';

const line = (vendorRoom: string, roomId: string, over: Partial<RoomXref> = {}): RoomXref => ({
  xrefKey: `rooms:${vendorRoom}>${roomId}@${over.validFrom ?? ''}`,
  source: 'rooms',
  version: 0,
  codeSystem: 'east',
  vendorRoom,
  roomId,
  campus: null,
  building: null,
  name: null,
  validFrom: null,
  validUntil: null,
  state: 'ACTIVE',
  stateReason: null,
  dataQuality: [],
  ...over,
});
const room = (vendorRoom: string, state = 'ACTIVE') =>
  ({ source: 'power-east', vendorRoom, state }) as unknown as PowerRoom;
const refused = (rowId: string, reason = 'ROOM_UNMAPPED', stream = 'rooms', state = 'OPEN') =>
  ({ source: 'power-east', stream, rowId, reason, state }) as RoomFacts['refused'][number];
const facts = (over: Partial<RoomFacts>): RoomFacts => ({
  lines: [],
  rooms: [],
  refused: [],
  systems: new Map([['power-east', 'east']]),
  ...over,
});

describe('the report on the mapping table', () => {
  it('is empty when every line has a room and every room a line', () => {
    const result = reportRooms(facts({ lines: [line('a/1', 'E-1')], rooms: [room('a/1')] }), 100);
    expect(result).toEqual({
      lines: 1,
      mapped: 1,
      unmapped: [],
      mappedTwice: [],
      sharedRooms: [],
      gone: [],
      unused: [],
    });
  });

  it('names what has no line, rooms and orders alike, while it waits', () => {
    const open = [refused('a/9'), refused('P1/3', 'ROOM_UNMAPPED', 'purchases')];
    const other = [refused('a/8', 'ROOM_UNMAPPED', 'rooms', 'REPLAYED'), refused('a/7', 'SCHEMA')];
    expect(reportRooms(facts({ refused: [...open, ...other] }), 100).unmapped).toEqual([
      { codeSystem: 'east', vendorRoom: 'a/9', stream: 'rooms' },
      { codeSystem: 'east', vendorRoom: 'P1/3', stream: 'purchases' },
    ]);
  });

  it('names codes with two rooms and rooms with two codes, on the day and not after it', () => {
    const lines = [
      line('a/1', 'E-1', { validUntil: 100 }),
      line('a/1', 'E-2', { validFrom: 100 }),
      line('a/2', 'E-1'),
    ];
    const on = (day: number) => reportRooms(facts({ lines, rooms: [room('a/1'), room('a/2')] }), day);
    expect(on(100).mappedTwice).toEqual([{ codeSystem: 'east', vendorRoom: 'a/1', roomIds: ['E-1', 'E-2'] }]);
    expect(on(100).sharedRooms).toEqual([{ codeSystem: 'east', roomId: 'E-1', vendorRooms: ['a/1', 'a/2'] }]);
    expect([on(101).mappedTwice, on(101).sharedRooms]).toEqual([[], []]);
    expect(everMappedTwice(lines)).toHaveLength(1);
  });

  it('names lines whose code the vendor has no more; one that only waits in quarantine is still there', () => {
    const lines = [
      line('a/1', 'E-1'),
      line('a/2', 'E-2'),
      line('a/3', 'E-3'),
      line('x', 'W-1', { codeSystem: 'west' }),
    ];
    const result = reportRooms(
      facts({
        lines,
        rooms: [room('a/1', 'CLOSED'), room('a/3')],
        refused: [refused('a/2', 'ROOM_MAPPED_TWICE')],
      }),
      1,
    );
    expect(result.gone).toEqual([{ codeSystem: 'east', vendorRoom: 'a/1', roomId: 'E-1' }]);
    expect(result.unused).toEqual(['west']);
  });
});
