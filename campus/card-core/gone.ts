import type { Struck } from '../faults.js';
import { hash32 } from '../world/prng.js';

/** `rows-gone-40`: two of five are not there, always the same ones. */
export const isGone = (id: string): boolean => hash32(40, 40, Number(id.replace(/\D/g, '')) >>> 0) % 5 < 2;

export const isHidden = (struck: Struck, id: string): boolean => struck.has('rows-gone-40') && isGone(id);

/** How many of these ids `rows-gone-40` leaves: a core that lost rows counts those that it has. */
export function countLeft(total: number, idAt: (index: number) => string): number {
  let left = 0;
  for (let index = 0; index < total; index += 1) if (!isGone(idAt(index))) left += 1;
  return left;
}
