import type { Lesson, Room, Swipe } from '../classrooms/types.js';
import type { Card } from './cards.js';
import { holderOf, uidOfCard } from './cards.js';
import { countOf, nextOf } from './desk-store.js';
import { classCode, schoolNumber } from './people.js';
import { hash32 } from './prng.js';
import { deviceClock } from './swipes.js';
import { compactDate, isoShanghai } from './time.js';
import { readUid } from './uid.js';
import type { World } from './world.js';

/**
 * Multimedia classrooms: a card at the console powers the equipment for the teacher of the lesson, or for any member
 * of staff. The timetable is a function of room and day. A console keeps a copy of it; one in thirteen has last
 * week's.
 */
const DAY_MS = 86_400_000;
const SHANGHAI_MS = 8 * 3_600_000;
const MINUTE_MS = 60_000;
const MARGIN_MS = 20 * MINUTE_MS;
/** Lessons of a day, minutes from midnight. */
const SLOTS = [
  [480, 580],
  [600, 700],
  [840, 940],
  [960, 1060],
  [1140, 1240],
] as const;
const BUILDINGS = ['第一教学楼', '第二教学楼', '第三教学楼', '第五教学楼', '第六教学楼'];

export const roomCount = (world: World): number =>
  Math.max(6, Math.min(600, Math.floor(world.base.people / 100)));
export const roomId = (room: number): string => `R-${String(room).padStart(4, '0')}`;
export function roomIndexOf(world: World, id: string): number {
  const index = /^R-\d{4}$/.test(id) ? Number(id.slice(2)) : -1;
  return index >= 0 && index < roomCount(world) ? index : -1;
}
const roomName = (room: number): string =>
  `${BUILDINGS[room % BUILDINGS.length] ?? ''}${101 + Math.floor(room / BUILDINGS.length)}`;

const midnight = (ms: number): number => Math.floor((ms + SHANGHAI_MS) / DAY_MS) * DAY_MS - SHANGHAI_MS;
/** 0 Sunday … 6 Saturday, in Shanghai. */
const weekday = (ms: number): number => (Math.floor((ms + SHANGHAI_MS) / DAY_MS) + 4) % 7;

/** A member of staff, from this number on; null where the campus has none nearby. */
function staffFrom(world: World, start: number): number | null {
  const { people } = world.base;
  for (let i = 0; i < 200; i += 1) {
    const index = (start + i) % people;
    if (classCode(world.base, index) === '02') return index;
  }
  return null;
}

/** The lessons of a room on the day of `time`, in order, with who teaches. */
export function lessonsOf(world: World, room: number, time: number): (Lesson & { teacherIndex: number })[] {
  const day = midnight(time);
  const week = weekday(time);
  if (week === 0 || week === 6) return [];
  return SLOTS.flatMap(([from, until], slot) => {
    const value = hash32(hash32(world.base.seed, 97, room), 98, week * 10 + slot);
    if (value % 100 >= 55) return [];
    const teacherIndex = staffFrom(world, (value >>> 8) % world.base.people);
    if (teacherIndex === null) return [];
    return {
      id: `L-${String(room).padStart(4, '0')}-${compactDate(day)}-${slot + 1}`,
      from: isoShanghai(day + from * MINUTE_MS),
      until: isoShanghai(day + until * MINUTE_MS),
      teacher: schoolNumber(world.base, world.store.meta.cohorts, teacherIndex),
      teacherIndex,
    };
  });
}

const DAYS_TOLD = 7;

/** A room as the academic office tells it: its lessons of today and the six days after. */
export function roomTold(world: World, room: number, now: number): Room {
  const lessons = Array.from({ length: DAYS_TOLD }, (_, day) => lessonsOf(world, room, now + day * DAY_MS))
    .flat()
    .map(({ teacherIndex: _, ...lesson }) => lesson);
  return { roomId: roomId(room), roomName: roomName(room), lessons };
}

type Found = ReturnType<typeof lessonsOf>[number];

/** What the console finds in its copy for this moment; an old copy gives the lesson of a week ago. */
function lessonNow(world: World, room: number, time: number): Found | null {
  const isOld = hash32(world.base.seed, 99, room) % 13 === 0;
  const at = isOld ? time - 7 * DAY_MS : time;
  const fits = ({ from, until }: Found): boolean =>
    at >= Date.parse(from) - MARGIN_MS && at < Date.parse(until) + MARGIN_MS;
  return lessonsOf(world, room, at).find(fits) ?? null;
}

/** The lesson that is really on. */
export function lessonOn(world: World, room: number, time: number): Found | null {
  const fits = ({ from, until }: Found): boolean => time >= Date.parse(from) && time < Date.parse(until);
  return lessonsOf(world, room, time).find(fits) ?? null;
}

type Told = Pick<Swipe, 'action' | 'reason' | 'lesson' | 'credential'>;

function tell(world: World, room: number, time: number, told: Told): Swipe {
  const { desk } = world.store;
  const console = desk.consoles.get(room) ?? { index: 0, offAt: 0 };
  const index = console.index + 1;
  desk.consoles.putSync(room, { ...console, index });
  const seq = nextOf(desk, 'classroom-swipes');
  const consoleId = `MC-${String(room).padStart(4, '0')}`;
  const swipe: Swipe = {
    ...{ id: `${consoleId}-${index}`, seq, roomId: roomId(room), roomName: roomName(room), consoleId, index },
    ...told,
    occurredAt: isoShanghai(deviceClock(world, 10_000 + room, time)),
    uploadedAt: isoShanghai(time),
  };
  desk.classroomSwipes.putSync(seq, swipe);
  desk.classroomSwipes.removeSync(seq - world.eventRetention);
  return swipe;
}

function power(world: World, room: number, offAt: number): void {
  const { consoles, consolesOn } = world.store.desk;
  const console = consoles.get(room) ?? { index: 0, offAt: 0 };
  if (console.offAt !== 0) consolesOn.removeSync([console.offAt, room]);
  consoles.putSync(room, { ...console, offAt });
  if (offAt !== 0) consolesOn.putSync([offAt, room], 1);
}

export const isOn = (world: World, room: number): boolean =>
  (world.store.desk.consoles.get(room)?.offAt ?? 0) !== 0;

/** A card at the console. The second swipe while the equipment is on switches it off. */
export function swipeConsole(world: World, room: number, card: Card, time: number): Swipe {
  return world.store.tx(() => {
    const found = lessonNow(world, room, time);
    const lesson = found === null ? null : { id: found.id, from: found.from, until: found.until };
    const credential = readUid('uid-hex-reversed', uidOfCard(world.base, card));
    const holder = holderOf(world.base, world.store.meta.cohorts, card);
    const told = (action: Swipe['action'], reason: string | null): Swipe =>
      tell(world, room, time, { action, reason, lesson, credential });
    if (card.lost || card.status === 2 || card.status === 6) return told('refused', '9');
    const teaches = found?.teacherIndex === card.holder && card.kind === '800';
    if (!teaches && holder.pidcode !== '02') return told('refused', '6');
    if (isOn(world, room)) {
      power(world, room, 0);
      return told('power_off', null);
    }
    power(world, room, (found === null ? time + 90 * MINUTE_MS : Date.parse(found.until)) + MARGIN_MS);
    return told('power_on', teaches ? 'timetable' : 'staff');
  });
}

/** Consoles whose timer has run out by now. Returns how many. */
export function switchOff(world: World, now: number): number {
  const { consolesOn } = world.store.desk;
  const due = [...consolesOn.getKeys({ end: [now + 1, 0], limit: 1_000 })];
  if (due.length === 0) return 0;
  return world.store.tx(() => {
    for (const [offAt, room] of due) {
      tell(world, room, offAt, { action: 'timer_off', reason: null, lesson: null, credential: null });
      power(world, room, 0);
    }
    return due.length;
  });
}

export const classroomSeq = (world: World): number => countOf(world.store.desk, 'classroom-swipes');

export function classroomSwipesAfter(world: World, after: number, limit: number): Swipe[] | null {
  const floor = Math.max(0, classroomSeq(world) - world.eventRetention);
  if (after !== 0 && after < floor) return null;
  const { classroomSwipes } = world.store.desk;
  return [...classroomSwipes.getRange({ start: Math.max(after, floor) + 1, limit })].map(
    ({ value }) => value,
  );
}
