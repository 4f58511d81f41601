import { firstWh, wattsOf } from './dorms.js';
import { hash32 } from './prng.js';
import type { World } from './world.js';

/**
 * Electricity meters. A meter loses what its room uses and gains what is delivered; a vendor reads it once an hour,
 * and most of them also right after a delivery.
 */

/** Thousandths of a fen for a kilowatt-hour: 0.5469 yuan. */
export const PRICE_MILLI_FEN = 54_690;
const HOUR_MS = 3_600_000;
/** Deliveries that a meter remembers, for a vendor that has not read it for long. */
const DELIVERIES_MAX = 8;

/** What stood on a meter at a moment, newest last. */
export interface MeterMark {
  readonly at: number;
  readonly wh: number;
}

const marksOf = (world: World, room: number): readonly MeterMark[] =>
  world.store.meters.get(room) ?? [{ at: world.store.meta.powerFrom ?? 0, wh: firstWh(world.base, room) }];

function left(world: World, room: number, marks: readonly MeterMark[], at: number): number {
  const mark = marks.findLast((it) => it.at <= at) ?? marks[0];
  if (mark === undefined) return 0;
  const used = (wattsOf(world.base, room) * (at - mark.at)) / HOUR_MS;
  return Math.max(0, Math.round(mark.wh - used));
}

export function deliverEnergy(world: World, room: number, wh: number, at: number): void {
  const marks = marksOf(world, room);
  const mark = { at, wh: left(world, room, marks, at) + wh };
  world.store.meters.putSync(room, [...marks, mark].slice(-DELIVERIES_MAX));
}

export interface MeterReading {
  readonly wh: number;
  readonly readAt: number;
}

/** The vendor's newest reading as of `now`; `behindMs`: it has not read any meter for so long. */
export function readMeter(world: World, room: number, now: number, behindMs = 0): MeterReading {
  const asOf = now - behindMs;
  const offset = (hash32(world.base.seed, 112, room) % 3600) * 1000;
  const hourly = Math.floor((asOf - offset) / HOUR_MS) * HOUR_MS + offset;
  const marks = marksOf(world, room);
  const delivered = marks.length > 1 ? marks.findLast((it) => it.at <= asOf) : undefined;
  // One meter in seven is not read again when power was delivered, only at its hour.
  const again = hash32(world.base.seed, 113, room) % 7 !== 0 ? (delivered?.at ?? 0) : 0;
  const readAt = Math.max(hourly, again);
  return { wh: left(world, room, marks, readAt), readAt };
}

export const whForFen = (fen: number): number => Math.floor((fen * 1_000_000) / PRICE_MILLI_FEN);
export const fenForWh = (wh: number): number => Math.round((wh * PRICE_MILLI_FEN) / 1_000_000);
