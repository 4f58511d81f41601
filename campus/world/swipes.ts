import type { DoorEvent } from '../access-control/types.js';
import type { Card } from './cards.js';
import { holderOf, uidOfCard } from './cards.js';
import { admits, controllerId, controllerOf, doorClass, doorId, doorProfile } from './doors.js';
import { hash32 } from './prng.js';
import { compactDate, isoShanghai } from './time.js';
import type { World } from './world.js';
import { readUid } from './uid.js';

const HOUR_MS = 3_600_000;

/**
 * How wrong a controller's clock is: most are right, one in 11 is off by up to five minutes, one in 97 has
 * fallen back to 2000-01-01 (its battery is empty) plus the time since its last start.
 */
export function deviceClock(world: World, controller: number, now: number): number {
  const value = hash32(world.base.seed, 80, controller);
  if (controller > 0 && value % 97 === 0) return Date.UTC(2000, 0, 1) + (now % (30 * 86_400_000));
  if (value % 11 === 1) return now + ((value >>> 8) % 600_000) - 300_000;
  return now;
}

/** When a swipe made now reaches the server: at once, or after the hour in which the controller is cut off. */
export function uploadTime(world: World, controller: number, now: number): number {
  const hour = Math.floor(now / HOUR_MS);
  const value = hash32(hash32(world.base.seed, 81, controller), 82, hour);
  return value % 60 === 0 ? (hour + 1) * HOUR_MS + ((value >>> 8) % 600) * 1000 : now;
}

/** The vendor's code, after the Hikvision minors: 1 legal card, 6 no right, 8 expired, 9 no such card. */
function judge(
  world: World,
  door: number,
  card: Card | null,
  now: number,
): { granted: boolean; reason: string } {
  const kind = doorClass(world.base.seed, door);
  if (card === null) {
    // Real gates let many people in whose numbers the card list does not have.
    const waved = kind === 'perimeter' && hash32(world.base.seed, 83, Math.floor(now)) % 2 === 0;
    return { granted: waved, reason: waved ? '1' : '9' };
  }
  if (card.lost || card.status === 2 || card.status === 6) return { granted: false, reason: '9' };
  if (card.expdate < compactDate(now)) return { granted: false, reason: '8' };
  const holder = holderOf(world.base, world.store.meta.cohorts, card);
  const granted =
    card.kind === '800' ? admits(world.base, card.holder, holder.deptcode, door) : kind === 'perimeter';
  return { granted, reason: granted ? '1' : '6' };
}

export interface Swipe {
  /** Index of the door. */
  readonly door: number;
  /** Null: a card of somewhere else. */
  readonly card: Card | null;
  /** What the reader sends when there is no card, in the door's profile. */
  readonly value?: string;
  readonly direction: DoorEvent['direction'];
  /** True time of the swipe, epoch ms. */
  readonly time: number;
  /** Forced delay of the upload, ms. */
  readonly lateMs?: number;
}

/** One swipe: stored at once, or kept by the cut-off controller until `deliver` reaches its upload time. */
export function swipe(world: World, it: Swipe): { event: DoorEvent | null; id: string; uploadAt: number } {
  return world.store.tx(() => {
    const { counters, waiting, meta } = world.store;
    const controller = controllerOf(it.door);
    const index = (counters.get(controller) ?? 0) + 1;
    counters.putSync(controller, index);
    const profile = doorProfile(world.base.seed, it.door);
    const uid = it.card === null ? foreignUid(world, it.time) : uidOfCard(world.base, it.card);
    const event = {
      id: `${controllerId(controller)}-${index}`,
      doorId: doorId(it.door),
      controllerId: controllerId(controller),
      index,
      credential: it.value === undefined ? readUid(profile, uid) : { profile, value: it.value },
      direction: it.direction,
      ...judge(world, it.door, it.card, it.time),
      occurredAt: isoShanghai(deviceClock(world, controller, it.time)),
    };
    const uploadAt = it.lateMs === undefined ? uploadTime(world, controller, it.time) : it.time + it.lateMs;
    if (uploadAt <= it.time) return { event: store(world, event, it.time), id: event.id, uploadAt };
    meta.pending += 1;
    waiting.putSync([uploadAt, meta.pending], event);
    return { event: null, id: event.id, uploadAt };
  });
}

/** Chip numbers of cards that no list has. */
function foreignUid(world: World, time: number): string {
  return (0xc0000000 + (hash32(world.base.seed, 84, Math.floor(time / 7919)) % 0x3fffffff))
    .toString(16)
    .toUpperCase();
}

function store(world: World, event: Omit<DoorEvent, 'seq' | 'uploadedAt'>, uploadedAt: number): DoorEvent {
  const { meta, events } = world.store;
  meta.eventSeq += 1;
  const stored = { seq: meta.eventSeq, ...event, uploadedAt: isoShanghai(uploadedAt) };
  events.putSync(stored.seq, stored);
  while (meta.eventSeq - meta.eventFloor > world.eventRetention) {
    meta.eventFloor += 1;
    events.removeSync(meta.eventFloor);
  }
  return stored;
}

/** Late uploads whose time has come, in order of it. */
export function deliver(world: World, now: number): number {
  const { waiting, tx } = world.store;
  const due = [...waiting.getRange({ end: [now, Number.MAX_SAFE_INTEGER], limit: 10_000 })];
  if (due.length === 0) return 0;
  return tx(() => {
    for (const { key, value } of due) {
      store(world, value, key[0]);
      waiting.removeSync(key);
    }
    return due.length;
  });
}
