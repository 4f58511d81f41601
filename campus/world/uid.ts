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

/**
 * How a reader writes a UID. Names as in the hub's reader profiles; arithmetic as in domain.md, "Card UID".
 * `wg26-3-5-*` keeps the first three bytes. The decimal readers print 4-byte numbers with 10 digits and say
 * `dec17-*` where the chip has 7 bytes.
 */
export const READER_PROFILES = [
  'wg26-3-5-be',
  'dec10-le',
  'uid-hex',
  'dec10-be',
  'uid-hex-reversed',
  'wg26-3-5-le',
] as const;
export type ReaderProfile = (typeof READER_PROFILES)[number];

const dec = (value: number | bigint, digits: number): string => String(value).padStart(digits, '0');
const groups = (value: number): string => dec(value >>> 16, 3) + dec(value & 0xffff, 5);

/** What the reader sends, with the profile in which it is written. */
export function readUid(profile: ReaderProfile, uid: string): { profile: string; value: string } {
  const bytes = Buffer.from(uid, 'hex');
  const reversed = Buffer.from(bytes).reverse();
  const wide = bytes.length === 7;
  switch (profile) {
    case 'wg26-3-5-be':
      return { profile, value: groups(bytes.readUIntBE(0, 3)) };
    case 'wg26-3-5-le':
      return { profile, value: groups(bytes.readUIntLE(0, 3)) };
    case 'dec10-be':
      if (wide) return { profile: 'dec17-be', value: dec(BigInt(`0x${bytes.toString('hex')}`), 17) };
      return { profile, value: dec(bytes.readUInt32BE(0), 10) };
    case 'dec10-le':
      if (wide) return { profile: 'dec17-le', value: dec(BigInt(`0x${reversed.toString('hex')}`), 17) };
      return { profile, value: dec(bytes.readUInt32LE(0), 10) };
    case 'uid-hex':
      return { profile, value: uid };
    case 'uid-hex-reversed':
      return { profile, value: reversed.toString('hex').toUpperCase() };
  }
}
