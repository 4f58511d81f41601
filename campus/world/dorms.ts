import type { Base } from './people.js';
import { hash32 } from './prng.js';

/**
 * Dormitory rooms, as functions of their number. Six people share one; three groups of buildings, two vendors, two
 * campuses (the Blue Valley campus buys no electricity online):
 *
 *   east   城阳 东苑   card core's cascade, application …2501: says energy; building ids like hashes, no floors
 *   west   城阳 西苑   card core's cascade, application …2505: says money; small building ids, opaque room ids
 *   north  平度        a power front of its own, five levels: says both
 */
export const DORM_GROUPS = ['east', 'west', 'north'] as const;
export type DormGroup = (typeof DORM_GROUPS)[number];

/** Who lives in a room of this number's remainder by five. */
const OF_FIVE: readonly DormGroup[] = ['east', 'east', 'west', 'north', 'north'];
const SHARE: Readonly<Record<DormGroup, readonly number[]>> = { east: [0, 1], west: [2], north: [3, 4] };

export interface Place {
  readonly group: DormGroup;
  /** From 1. */
  readonly building: number;
  readonly floor: number;
  readonly door: number;
}

const PER_ROOM = 6;

/** One room for six people, at least twenty. */
export const roomCount = (people: number): number => Math.max(20, Math.ceil(people / PER_ROOM));
export const roomOfPerson = (base: Base, person: number): number =>
  Math.floor(person / PER_ROOM) % roomCount(base.people);
/** Somebody who lives there, out of the base population. */
export const personOfRoom = (base: Base, room: number, which: number): number =>
  Math.min(base.people - 1, room * PER_ROOM + (which % PER_ROOM));

/** Small campuses have small buildings, so that every level has several entries. */
const sizes = (people: number) => (people < 2_000 ? { floors: 2, doors: 4 } : { floors: 6, doors: 20 });

export const groupOfRoom = (room: number): DormGroup => OF_FIVE[room % 5] ?? 'east';

export function groupSize(base: Base, group: DormGroup): number {
  const count = roomCount(base.people);
  return SHARE[group].reduce((sum, rest) => sum + Math.floor((count - 1 - rest) / 5) + 1, 0);
}

/** Number of a room from its place in its group, from 0. */
function roomAt(group: DormGroup, index: number): number {
  const rests = SHARE[group];
  return Math.floor(index / rests.length) * 5 + (rests[index % rests.length] ?? 0);
}

export function placeOf(base: Base, room: number): Place {
  const group = groupOfRoom(room);
  const rests = SHARE[group];
  const index = Math.floor(room / 5) * rests.length + rests.indexOf(room % 5);
  const { floors, doors } = sizes(base.people);
  const building = Math.floor(index / (floors * doors));
  const within = index % (floors * doors);
  return { group, building: building + 1, floor: Math.floor(within / doors) + 1, door: (within % doors) + 1 };
}

/** The room at a place; −1 where there is none. */
export function roomOf(base: Base, { group, building, floor, door }: Place): number {
  const { floors, doors } = sizes(base.people);
  const whole = [building, floor, door].every((it) => Number.isInteger(it) && it >= 1);
  if (!whole || floor > floors || door > doors) return -1;
  const index = ((building - 1) * floors + floor - 1) * doors + door - 1;
  return index < groupSize(base, group) ? roomAt(group, index) : -1;
}

export function buildingCount(base: Base, group: DormGroup): number {
  const { floors, doors } = sizes(base.people);
  return Math.ceil(groupSize(base, group) / (floors * doors));
}

/** Floors of a building that have rooms. */
export function floorsOf(base: Base, group: DormGroup, building: number): number[] {
  const all = Array.from({ length: sizes(base.people).floors }, (_, i) => i + 1);
  return all.filter((floor) => roomOf(base, { group, building, floor, door: 1 }) >= 0);
}

export function roomsOn(base: Base, group: DormGroup, building: number, floor: number): number[] {
  const all = Array.from({ length: sizes(base.people).doors }, (_, i) => i + 1);
  return all.map((door) => roomOf(base, { group, building, floor, door })).filter((room) => room >= 0);
}

const pad = (value: number): string => String(value).padStart(2, '0');

/** `203`: floor and door, as people say it. */
export const doorNumber = ({ floor, door }: Place): string => `${floor}${pad(door)}`;

const CAMPUS: Readonly<Record<DormGroup, string>> = { east: '城阳校区', west: '城阳校区', north: '平度校区' };
const PREFIX: Readonly<Record<DormGroup, string>> = { east: 'CY-E', west: 'CY-W', north: 'PD-N' };
const BUILDING: Readonly<Record<DormGroup, string>> = { east: '东苑', west: '西苑', north: '北区' };

export const campusName = (group: DormGroup): string => CAMPUS[group];
export const buildingName = ({ group, building }: Pick<Place, 'group' | 'building'>): string =>
  `${BUILDING[group]}${building}号楼`;
/** The dormitory system's own number of a room: `CY-E1-203`. */
export const dormRoomId = (place: Place): string =>
  `${PREFIX[place.group]}${place.building}-${doorNumber(place)}`;

/** Use of a room in watts: what its meter loses in an hour, in watt-hours. */
export const wattsOf = (base: Base, room: number): number => 40 + (hash32(base.seed, 110, room) % 120);
/** On the meter when the world began, watt-hours. */
export const firstWh = (base: Base, room: number): number => 5_000 + (hash32(base.seed, 111, room) % 145_000);
