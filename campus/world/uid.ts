import { hash32, permute32, unpermute32 } from './prng.js';

/**
 * Chip numbers (UID) of cards, upper-case hex, first byte first. A serial number of the factory gives one
 * UID: about four in five have 4 bytes, the others 7 (first byte 04). Hard cases on purpose:
 * - serial 11, and one in 997: its first three bytes equal those of the serial before, so that truncated
 *   readers (Wiegand 26) cannot tell the two apart;
 * - one in 1,009: a random number (first byte 08), which is no identity.
 * Other 4-byte UIDs never begin with 08 (random) or 88 (cascade tag) and never repeat.
 */
const collides = (serial: number): boolean => serial === 11 || serial % 997 === 5;
const random = (serial: number): boolean => serial % 1009 === 500;
const wide = (seed: number, serial: number): boolean =>
  serial !== 11 && serial !== 10 && hash32(seed, 50, serial) % 5 === 0;

const hex = (value: number, digits: number): string =>
  value.toString(16).toUpperCase().padStart(digits, '0').slice(-digits);

function allowed(value: number): boolean {
  const first = value >>> 24;
  return first !== 0x08 && first !== 0x88;
}

/** Cycle walking keeps the permutation one-to-one on the allowed numbers. */
function walk(seed: number, serial: number): number {
  let value = permute32(seed, serial);
  while (!allowed(value)) value = permute32(seed, value);
  return value;
}

export function uidOf(seed: number, serial: number): string {
  if (random(serial)) return '08' + hex(hash32(seed, 51, serial), 6);
  if (collides(serial) && serial > 0) {
    const before = hex(walk(seed, serial - 1), 8);
    const last = (parseInt(before.slice(6), 16) + 1 + (hash32(seed, 52, serial) % 255)) % 256;
    return before.slice(0, 6) + hex(last, 2);
  }
  if (wide(seed, serial))
    return '04' + hex(walk(seed ^ 0x5bd1, serial), 8) + hex(hash32(seed, 53, serial), 4);
  return hex(walk(seed, serial), 8);
}

/** Serials that may have this UID (to be checked with `uidOf`); only the plain forms are found. */
export function serialsOf(seed: number, uid: string): number[] {
  const isWide = uid.length === 14;
  const key = isWide ? seed ^ 0x5bd1 : seed;
  let value = unpermute32(key, parseInt(isWide ? uid.slice(2, 10) : uid.slice(0, 8), 16));
  const found = [value];
  // Backwards over numbers that are not allowed, the way `walk` came.
  while (!allowed(value) && found.length < 16) found.push((value = unpermute32(key, value)));
  return found;
}

/** How a reader writes a UID. Names as in the hub's reader profiles; arithmetic as in domain.md, "Card UID". */
export const READER_PROFILES = ['wg26-3-5', 'dec10-le', 'uid-hex', 'dec10-be', 'uid-hex-reversed'] as const;
export type ReaderProfile = (typeof READER_PROFILES)[number];

const dec = (value: number, digits: number): string => String(value).padStart(digits, '0');

/** Readers for 4-byte numbers keep the first four bytes of longer UIDs (three for Wiegand 26). */
export function writeUid(profile: ReaderProfile, uid: string): string {
  const bytes = Buffer.from(uid, 'hex');
  switch (profile) {
    case 'wg26-3-5':
      return dec(bytes.readUInt8(0), 3) + dec(bytes.readUInt16BE(1), 5);
    case 'dec10-le':
      return dec(bytes.readUInt32LE(0), 10);
    case 'dec10-be':
      return dec(bytes.readUInt32BE(0), 10);
    case 'uid-hex':
      return uid;
    case 'uid-hex-reversed':
      return Buffer.from(bytes).reverse().toString('hex').toUpperCase();
  }
}
