import {
  dormRoomId,
  DORM_GROUPS,
  buildingName,
  campusName,
  doorNumber,
  placeOf,
  roomCount,
} from '../world/dorms.js';
import type { DormGroup } from '../world/dorms.js';
import type { World } from '../world/world.js';
import { cascadeRoomCode } from './cascade.js';
import { formRoomCode } from './form.js';

/** Names of the code systems, as the table writes them and as a hub's `roomSystem` must say. */
export const CODE_SYSTEMS: Readonly<Record<DormGroup, string>> = {
  east: 'chengyang-east',
  west: 'chengyang-west',
  north: 'pingdu',
};

const HEADER = 'code_system,vendor_room,room_id,campus,building,name,valid_from,valid_until';

/** The vendor's code of a room, its levels joined by `/`. */
export function vendorRoomCode(world: World, room: number): string {
  const place = placeOf(world.base, room);
  return place.group === 'north' ? formRoomCode(place) : cascadeRoomCode(world, place.group, place);
}

/** The mapping table that the dormitory office keeps: one line a room, from the year before the world began. */
export function roomMapCsv(world: World): string {
  const from = `${world.base.epochYear - 1}-09-01`;
  const lines: string[] = [];
  for (const group of DORM_GROUPS) {
    for (let room = 0; room < roomCount(world.base.people); room += 1) {
      const place = placeOf(world.base, room);
      if (place.group !== group) continue;
      const names = [campusName(group), buildingName(place), doorNumber(place)];
      lines.push(
        [CODE_SYSTEMS[group], vendorRoomCode(world, room), dormRoomId(place), ...names, from, ''].join(','),
      );
    }
  }
  return `${[HEADER, ...lines].join('\n')}\n`;
}
