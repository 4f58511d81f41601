/** From known cards, and what a new reader sent for them, the reader profiles that explain it. */
import { aliasesOf, compileProfile, parseCredential } from './card-number.js';
import type { CardCredential, CompiledProfile, ReaderProfile } from './card-number.js';
import { BUILT_IN } from './reader-profiles.js';

export interface LearnPair {
  readonly known: CardCredential;
  /** What the reader sent, as text. */
  readonly sent: string;
}

export interface LearnFit {
  /** Built-in name, where it has one; else a description of the profile. */
  readonly name: string;
  readonly profile: ReaderProfile;
  /** Pairs that this profile explains. */
  readonly count: number;
}

export interface Learnt {
  /** Over profiles that explain every pair: exactly one, several (more cards are needed), or none. */
  readonly result: 'one' | 'several' | 'none';
  /** Best first. With `none`: the profiles that explain some pairs. */
  readonly fits: readonly LearnFit[];
  /** Pairs that cannot decide between byte orders, since their number reads the same both ways. */
  readonly palindromes: number;
  readonly pairs: number;
}

const FITS_MAX = 20;

/** Every profile that can be told apart by what a reader sends. */
function candidates(pairs: readonly LearnPair[]): ReaderProfile[] {
  const out: ReaderProfile[] = [];
  // With 4-byte cards alone "all four bytes" and "four of more" are the same thing: the simple one is meant.
  const longer = pairs.some(({ known }) => known.scheme === 'UID' && known.value.length > 8);
  for (const order of ['BE', 'LE'] as const) {
    out.push({ base: 'hex', order, bytesKept: 'all', separator: ': -' });
    out.push({ base: 'hex', order, bytesKept: 4, bcc: true, separator: ': -' });
    out.push({ base: 'bin', order, bytesKept: 4, separator: ' ' });
    out.push({ base: 'dec', order, bytesKept: 4, signed: true });
    out.push({ base: 'dec', order, bytesKept: 4, form: '5+5', separator: ', ' });
    for (const bytesKept of [4, 7, 10] as const) out.push({ base: 'dec', order, bytesKept });
    for (const part of ['first', 'low'] as const) {
      out.push({ base: 'hex', order, bytesKept: 3, part, separator: ': -' });
      out.push({ base: 'dec', order, bytesKept: 3, part });
      out.push({ base: 'dec', order, bytesKept: 3, part, form: '3+5', separator: ', ' });
      out.push({ base: 'bin', order, bytesKept: 3, part, separator: ' ' });
      if (!longer) continue;
      out.push({ base: 'hex', order, bytesKept: 4, part, separator: ': -' });
      out.push({ base: 'dec', order, bytesKept: 4, part });
      out.push({ base: 'bin', order, bytesKept: 4, part, separator: ' ' });
    }
  }
  for (const name of ['wg26-3-5', 'wg34-number', 'wg37']) {
    const profile = BUILT_IN[name];
    if (profile !== undefined) out.push(profile);
  }
  return out;
}

/** Same reading of every number; chip and separator take no part. */
function signature(profile: ReaderProfile): string {
  const { base, order, bytesKept, part = '', form = 'plain', leadingZeros = 'kept', signed, bcc } = profile;
  return [base, order, bytesKept, part, form, leadingZeros, signed ?? false, bcc ?? false].join(' ');
}

function nameOf(profile: ReaderProfile): string {
  const wanted = signature(profile);
  for (const [name, builtIn] of Object.entries(BUILT_IN)) if (signature(builtIn) === wanted) return name;
  return wanted;
}

function explains(compiled: CompiledProfile, { known, sent }: LearnPair): boolean {
  const parsed = parseCredential(compiled, sent);
  if (!parsed.ok) return false;
  const [alias] = aliasesOf(known, [parsed.scheme]);
  return alias?.value === parsed.value;
}

function count(profile: ReaderProfile, pairs: readonly LearnPair[]): number {
  // A random UID explains nothing at a door, but here it shows the form as well as any.
  const compiled = compileProfile('learn', { ...profile, chip: 'other' });
  if (!compiled.ok) return 0;
  let fits = 0;
  for (const pair of pairs) if (explains(compiled.profile, pair)) fits++;
  return fits;
}

function isPalindrome(value: string): boolean {
  for (let at = 0; at < value.length / 2; at += 2) {
    if (value.slice(at, at + 2) !== value.slice(value.length - at - 2, value.length - at)) return false;
  }
  return true;
}

/**
 * Tries every candidate. Profiles that let leading zeros be gone are tried only where the strict form does not
 * explain the pair as well, since they read whatever the strict one reads.
 */
export function learnReader(pairs: readonly LearnPair[]): Learnt {
  const fits: LearnFit[] = [];
  for (const profile of candidates(pairs)) {
    let best = { profile, count: count(profile, pairs) };
    if (profile.base === 'dec' && profile.signed !== true && profile.leadingZeros === undefined) {
      const loose: ReaderProfile = { ...profile, leadingZeros: 'dropped' };
      const looseCount = count(loose, pairs);
      if (looseCount > best.count) best = { profile: loose, count: looseCount };
    }
    if (best.count > 0) fits.push({ name: nameOf(best.profile), ...best });
  }
  fits.sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
  const whole = unsignedFirst(fits.filter((fit) => fit.count === pairs.length));
  const result = whole.length === 0 ? 'none' : whole.length === 1 ? 'one' : 'several';
  return {
    result,
    fits: (whole.length > 0 ? whole : fits).slice(0, FITS_MAX),
    palindromes: pairs.filter(({ known }) => isPalindrome(known.value)).length,
    pairs: pairs.length,
  };
}

/** A signed profile reads small numbers as an unsigned one does: it counts only where no unsigned one fits. */
function unsignedFirst(fits: readonly LearnFit[]): LearnFit[] {
  const orders = new Set(
    fits
      .filter(
        ({ profile }) => profile.base === 'dec' && profile.signed !== true && profile.form === undefined,
      )
      .map(({ profile }) => `${profile.order}${profile.bytesKept}`),
  );
  return fits.filter(
    ({ profile }) => profile.signed !== true || !orders.has(`${profile.order}${profile.bytesKept}`),
  );
}
