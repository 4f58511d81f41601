import type { PowerRoom, Quarantine, RoomXref } from '../../contracts/types.js';
import { RoomIndex } from '../sync/room-index.js';

/** What the mapping table of rooms leaves open: for the person who keeps it. Nothing here guesses a room. */
export interface RoomFacts {
  readonly lines: readonly RoomXref[];
  readonly rooms: readonly PowerRoom[];
  readonly refused: readonly Pick<Quarantine, 'source' | 'stream' | 'rowId' | 'reason' | 'state'>[];
  /** Source of a power vendor → code system of its rooms. */
  readonly systems: ReadonlyMap<string, string>;
}

export interface MappedTwice {
  readonly codeSystem: string;
  readonly vendorRoom: string;
  readonly roomIds: readonly string[];
}

export interface RoomReport {
  /** Lines in force on the day. */
  readonly lines: number;
  /** Rooms of vendors that are published, with their room of the dormitory system. */
  readonly mapped: number;
  /** Rooms and orders that wait in quarantine because their code has no room. */
  readonly unmapped: readonly {
    readonly codeSystem: string;
    readonly vendorRoom: string;
    readonly stream: string;
  }[];
  /** Codes with several rooms on that day. */
  readonly mappedTwice: readonly MappedTwice[];
  /** Rooms with several codes of one system on that day: a renumbering whose old line has no last day. */
  readonly sharedRooms: readonly {
    readonly codeSystem: string;
    readonly roomId: string;
    readonly vendorRooms: readonly string[];
  }[];
  /** Lines in force whose code the vendor no longer lists. */
  readonly gone: readonly {
    readonly codeSystem: string;
    readonly vendorRoom: string;
    readonly roomId: string;
  }[];
  /** Code systems in the table that no configured source uses; their lines are not looked at further. */
  readonly unused: readonly string[];
}

const inForce = (line: RoomXref, day: number): boolean =>
  line.state === 'ACTIVE' && (line.validFrom ?? -Infinity) <= day && day <= (line.validUntil ?? Infinity);

/** Codes with several rooms on a day. */
export function mappedTwice(lines: readonly RoomXref[], day: number): MappedTwice[] {
  const index = new RoomIndex();
  for (const line of lines) index.replace(line.xrefKey, line);
  const seen = new Set<string>();
  return lines.flatMap(({ codeSystem, vendorRoom }) => {
    const code = `${codeSystem}\n${vendorRoom}`;
    if (seen.has(code)) return [];
    seen.add(code);
    const match = index.match(codeSystem, vendorRoom, day);
    return match.kind === 'many' ? [{ codeSystem, vendorRoom, roomIds: match.roomIds }] : [];
  });
}

/** Codes with several rooms on any day: looked at on each day on which a line begins. */
export function everMappedTwice(lines: readonly RoomXref[]): MappedTwice[] {
  const days = new Set(lines.map(({ validFrom }) => validFrom ?? Number.MIN_SAFE_INTEGER));
  const found = new Map<string, MappedTwice>();
  for (const day of days) {
    for (const each of mappedTwice(lines, day)) found.set(`${each.codeSystem}\n${each.vendorRoom}`, each);
  }
  return [...found.values()];
}

/** @param day days since 1970-01-01, Asia/Shanghai */
export function reportRooms(facts: RoomFacts, day: number): RoomReport {
  const { systems } = facts;
  const current = facts.lines.filter((line) => inForce(line, day));
  const used = new Set(systems.values());
  const waiting = facts.refused.filter(
    ({ reason, state }) => state === 'OPEN' && (reason === 'ROOM_UNMAPPED' || reason === 'ROOM_MAPPED_TWICE'),
  );
  const systemOf = (source: string): string => systems.get(source) ?? source;
  const listed = new Set([
    ...facts.rooms
      .filter(({ state }) => state === 'ACTIVE')
      .map((room) => `${systemOf(room.source)}\n${room.vendorRoom}`),
    ...waiting
      .filter(({ stream }) => stream === 'rooms')
      .map((row) => `${systemOf(row.source)}\n${row.rowId}`),
  ]);
  return {
    lines: current.length,
    mapped: facts.rooms.filter(({ state }) => state === 'ACTIVE').length,
    unmapped: waiting
      .filter(({ reason }) => reason === 'ROOM_UNMAPPED')
      .map(({ source, stream, rowId }) => ({ codeSystem: systemOf(source), vendorRoom: rowId, stream })),
    mappedTwice: mappedTwice(current, day),
    sharedRooms: sharedRooms(current),
    gone: current
      .filter(
        ({ codeSystem, vendorRoom }) => used.has(codeSystem) && !listed.has(`${codeSystem}\n${vendorRoom}`),
      )
      .map(({ codeSystem, vendorRoom, roomId }) => ({ codeSystem, vendorRoom, roomId })),
    unused: [...new Set(current.map(({ codeSystem }) => codeSystem))]
      .filter((system) => !used.has(system))
      .sort(),
  };
}

function sharedRooms(current: readonly RoomXref[]): RoomReport['sharedRooms'] {
  const codes = new Map<string, { codeSystem: string; roomId: string; vendorRooms: Set<string> }>();
  for (const { codeSystem, roomId, vendorRoom } of current) {
    const key = `${codeSystem}\n${roomId}`;
    const entry = codes.get(key) ?? { codeSystem, roomId, vendorRooms: new Set<string>() };
    entry.vendorRooms.add(vendorRoom);
    codes.set(key, entry);
  }
  return [...codes.values()]
    .filter(({ vendorRooms }) => vendorRooms.size > 1)
    .map(({ vendorRooms, ...rest }) => ({ ...rest, vendorRooms: [...vendorRooms].sort() }));
}
