import type { Struck } from '../faults.js';
import { readMeter } from '../world/meters.js';
import type { MeterReading } from '../world/meters.js';
import type { World } from '../world/world.js';

/** What both vendors do about the faults that only power vendors have. */

const NOT_READ_MS = 3 * 86_400_000;

export function readingOf(world: World, struck: Struck, room: number, now: number): MeterReading {
  const stuck = struck.get('meter-not-read');
  return readMeter(world, room, now, stuck === undefined ? 0 : (stuck.ms ?? NOT_READ_MS));
}

export const TROUBLE = '电表通讯故障，请稍后再试';

/** `36.78` for 36,780. */
export const kwh = (wh: number): string => (wh / 1000).toFixed(2);
/** `12.50` for 1,250. */
export const yuan = (fen: number): string => (fen / 100).toFixed(2);

/** `rooms-renumbered`: the doors of the first building have other numbers than before. */
export const isRenumbered = (struck: Struck, building: number): boolean =>
  building === 1 && struck.has('rooms-renumbered');
