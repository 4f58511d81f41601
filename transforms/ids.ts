import { daysFromCivil, isCivilDate } from './time.js';
import { foldWidth } from './text.js';

/** GB 11643-1999: weights of the first 17 digits, check character by the sum modulo 11. */
const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2] as const;
const CHECK = '10X98765432';
const EARLIEST_BIRTH = daysFromCivil(1850, 1, 1);

/**
 * True for a resident identity number that is well formed: 17 digits and a check character (`x` counts as
 * `X`), with a birth date that exists. Region codes change over the years and are not checked; dates in the
 * future are valid (test people are born in 2099).
 */
export function isResidentIdNumber(text: string): boolean {
  if (text.length !== 18) return false;
  let sum = 0;
  for (let i = 0; i < 17; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return false;
    sum += digit * (WEIGHTS[i] ?? 0);
  }
  if (CHECK[sum % 11] !== text.charAt(17).toUpperCase()) return false;
  const year = numberAt(text, 6, 4);
  const month = numberAt(text, 10, 2);
  const day = numberAt(text, 12, 2);
  return isCivilDate(year, month, day) && daysFromCivil(year, month, day) >= EARLIEST_BIRTH;
}

/** The number that so many digits stand for; they are known to be digits. */
function numberAt(text: string, from: number, count: number): number {
  let value = 0;
  for (let i = from; i < from + count; i++) value = value * 10 + text.charCodeAt(i) - 0x30;
  return value;
}

/** Canonical form of an id-document number before it is made a pseudonym: one person, one pseudonym. */
export function canonicalIdDocument(text: string): string {
  const folded = foldWidth(text);
  return isCanonical(folded) ? folded : folded.replace(/[\s-]/gu, '').toUpperCase();
}

/** Digits and capital letters only, as nearly all are. */
function isCanonical(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (!((code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a))) return false;
  }
  return true;
}

/** Masked `3702**********1234`; shorter than 10 characters: all hidden. */
export function maskIdDocument(text: string): string {
  return text.length < 10
    ? '*'.repeat(text.length)
    : text.slice(0, 4) + '*'.repeat(text.length - 8) + text.slice(-4);
}

/**
 * A natural id of an upstream (school number, card or account number, door or grant id): blanks at the ends
 * removed, full-width digits made ordinary, leading zeros kept, case kept. Null when nothing is left;
 * undefined when it cannot be an id (blanks or control characters inside, or longer than `max`).
 */
export function cleanId(text: string | undefined, max = 64): string | null | undefined {
  if (text === undefined) return null;
  const id = foldWidth(text);
  if (id === '') return null;
  if (id.length > max) return undefined;
  for (let i = 0; i < id.length; i++) {
    const code = id.charCodeAt(i);
    if (code <= 0x20 || (code >= 0x7f && code <= 0xa0) || code === 0xfffd) return undefined;
  }
  return id;
}
