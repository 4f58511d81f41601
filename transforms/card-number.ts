/**
 * Card numbers. One chip has many numbers, by the reader that read it:
 *
 *   bytes as transmitted  56 30 F0 09        canonical: `5630F009` (UID0 first, upper-case hex, a string)
 *   10 digits, big-endian     1446047753     `dec10-be`
 *   10 digits, little-endian  0166735958     `dec10-le`, the common reader default
 *   first 3 bytes, 3+5        086,12528      `wg26-3-5-be`
 *   low 24 bits of LE, 3+5    240,12374      `wg26-3-5-le`
 *
 * A *reader profile* says which form a reader sends; without one a number is refused, never guessed.
 * A number that keeps all bytes becomes scheme `UID`. One that keeps some becomes a truncated scheme, named by
 * WHICH bytes it keeps, with these bytes in transmitted order: so the two 3+5 forms above, and any other form of
 * the same bytes, meet in one value `UID24_FIRST 5630F0`. A form whose relation to the UID is not known (an
 * export of an unknown reader) has a scheme of its own (`WG26_3_5`), which matches only itself.
 *
 * Nothing here passes through a `Number`: a 7-byte UID can exceed 2^53.
 */

/** Closed list of credential schemes; `value` is always in the canonical form stated. */
export const SCHEMES = [
  'UID', // 8, 14 or 20 hex digits
  'UID24_FIRST', // 6 hex digits: the first three bytes transmitted
  'UID24_LAST', // 6 hex digits: the last three
  'UID32_FIRST', // 8 hex digits: the first four of a UID that may be longer
  'UID32_LAST',
  'WG26_3_5', // 8 digits: facility 000–255, number 00000–65535; which bytes of the UID is not known
  'WG34', // 10 digits: a 32-bit number of unknown byte order
  'WG37', // 11 digits: the 35 data bits of a Wiegand 37 credential, no UID
] as const;
export type Scheme = (typeof SCHEMES)[number];

export interface CardCredential {
  readonly scheme: Scheme;
  readonly value: string;
}

/** What a reader (or an export) makes of a UID. Also the shape of `readers.profiles` in hub.yaml. */
export interface ReaderProfile {
  /** `bin`: a Wiegand frame as a text of 0 and 1 with its two parity bits. */
  readonly base: 'hex' | 'dec' | 'bin';
  /** How the kept bytes become an integer. BE: as transmitted; LE: reversed. */
  readonly order: 'BE' | 'LE';
  /** Bytes that the number holds; `all`: the whole UID of 4, 7 or 10 bytes, told by the length (hex only). */
  readonly bytesKept: 3 | 4 | 7 | 10 | 'all';
  /**
   * Which bytes, when the UID has more: the `first` or the `low` (last) ones *of the ordered bytes*. Absent: the
   * UID has exactly `bytesKept` bytes. `unknown`: the relation to the UID is not known.
   */
  readonly part?: 'first' | 'low' | 'unknown';
  /** `3+5`: 8 bits in 3 digits, 16 bits in 5. `5+5`: 16 and 16 bits. `wg37`: 35 data bits. Default plain. */
  readonly form?: 'plain' | '3+5' | '5+5' | 'wg37';
  /** Characters of the number, separators not counted; absent: what the bytes need. */
  readonly width?: number;
  /** `dropped`: an export that prints the number as a number. Default `kept`: a short number is a torn one. */
  readonly leadingZeros?: 'kept' | 'dropped';
  /** Two's complement decimal, as Java and C print an int; no fixed width. */
  readonly signed?: boolean;
  /** The XOR of the four UID bytes follows them (ISO 14443-3 BCC) and is checked. */
  readonly bcc?: boolean;
  /** Characters that may stand between bytes or groups (`:`, `,`, ` `, `-`). */
  readonly separator?: string;
  /** `other`: no ISO 14443-A chip (EM 125 kHz): first bytes 08 and 88 mean nothing. */
  readonly chip?: '14443A' | 'other';
}

/** A profile that was checked and prepared; make it once. */
export interface CompiledProfile {
  readonly name: string;
  readonly profile: ReaderProfile;
  readonly scheme: Scheme;
  /** Bytes reversed against transmission. */
  readonly reversed: boolean;
  /** Hex digits kept; 0: 8, 14 or 20. */
  readonly hexDigits: number;
  readonly width: number;
  readonly expected: string;
}

/** `UNSTABLE_UID`: well formed, but a random or cascade number, which is nobody's identity. */
export type CardNumberError = 'CARD_NUMBER_INVALID' | 'UNSTABLE_UID';
export type ParsedCredential =
  | { readonly ok: true; readonly scheme: Scheme; readonly value: string }
  | { readonly ok: false; readonly reason: CardNumberError; readonly detail: string };

const UID_LENGTHS = [8, 14, 20];
const WG37_LIMIT = 1n << 35n;

/** Decimal digits that an integer of so many bytes needs. */
function decimalWidth(bytes: number): number {
  return ((1n << BigInt(bytes * 8)) - 1n).toString().length;
}

function naturalWidth(profile: ReaderProfile): number {
  if (profile.form === '3+5') return 8;
  if (profile.form === '5+5') return 10;
  if (profile.form === 'wg37') return 11;
  if (profile.bytesKept === 'all') return 0;
  const bytes = profile.bytesKept;
  if (profile.base === 'hex') return bytes * 2 + (profile.bcc === true ? 2 : 0);
  return profile.base === 'bin' ? bytes * 8 + 2 : decimalWidth(bytes);
}

/** The scheme, or a sentence why there is none. */
function schemeOf(profile: ReaderProfile): string {
  if (profile.form === 'wg37') return 'WG37';
  if (profile.part === 'unknown') {
    if (profile.form === '3+5') return 'WG26_3_5';
    return profile.bytesKept === 4 ? 'WG34' : 'a number of unknown bytes needs form 3+5 or 4 bytes';
  }
  if (profile.part === undefined) {
    return profile.bytesKept === 3
      ? '3 bytes are a part of a UID: say which (part: first, low or unknown)'
      : 'UID';
  }
  if (profile.bytesKept !== 3 && profile.bytesKept !== 4) return 'a part is 3 or 4 bytes';
  // Low bytes of the reversed UID are the first ones transmitted.
  const first = (profile.part === 'first') === (profile.order === 'BE');
  return `UID${profile.bytesKept * 8}_${first ? 'FIRST' : 'LAST'}`;
}

function misfit(profile: ReaderProfile): string | undefined {
  const { base, bytesKept, form = 'plain' } = profile;
  if (bytesKept === 'all' && (base !== 'hex' || profile.bcc === true))
    return 'bytesKept all needs base hex without bcc';
  if (form !== 'plain' && base !== 'dec') return `form ${form} needs base dec`;
  if (form === '3+5' && bytesKept !== 3) return 'form 3+5 needs bytesKept 3';
  if (form === '5+5' && bytesKept !== 4) return 'form 5+5 needs bytesKept 4';
  if (base === 'bin' && bytesKept !== 3 && bytesKept !== 4) return 'a Wiegand frame has 3 or 4 bytes';
  if (profile.signed === true && (base !== 'dec' || form !== 'plain')) return 'signed needs a plain decimal';
  if (profile.bcc === true && (base !== 'hex' || bytesKept !== 4)) return 'bcc needs base hex and 4 bytes';
  if ((profile.width ?? 1) < 1 || (profile.width ?? 1) > 40) return 'width is 1 to 40';
  const needs = naturalWidth(profile);
  if (profile.width !== undefined && profile.width < needs) return `width is at least ${needs}`;
  if (profile.width !== undefined && profile.width !== needs && base !== 'dec') return `width is ${needs}`;
  return undefined;
}

function describe(name: string, profile: ReaderProfile, width: number): string {
  const digits = { hex: 'hex digits', dec: 'decimal digits', bin: 'bits with parity' }[profile.base];
  const count = profile.signed === true || profile.leadingZeros === 'dropped' ? `1 to ${width}` : `${width}`;
  const form = profile.form === '3+5' ? ' (000–255 and 00000–65535)' : profile.form === '5+5' ? ' (5+5)' : '';
  return `${width === 0 ? '8, 14 or 20' : count} ${digits}${form} (reader profile ${name})`;
}

/** Checks and prepares a profile; `detail` says what does not fit together. */
export function compileProfile(
  name: string,
  profile: ReaderProfile,
):
  { readonly ok: true; readonly profile: CompiledProfile } | { readonly ok: false; readonly detail: string } {
  const wrong = misfit(profile);
  const scheme = schemeOf(profile);
  if (wrong !== undefined) return { ok: false, detail: `reader profile ${name}: ${wrong}` };
  if (!SCHEMES.includes(scheme as Scheme)) return { ok: false, detail: `reader profile ${name}: ${scheme}` };
  const width = profile.width ?? naturalWidth(profile);
  const compiled: CompiledProfile = {
    name,
    profile,
    scheme: scheme as Scheme,
    reversed: profile.order === 'LE',
    hexDigits: profile.bytesKept === 'all' ? 0 : profile.bytesKept * 2,
    width,
    expected: describe(name, profile, width),
  };
  return { ok: true, profile: compiled };
}

/** Bytes of a hex text in the other order. */
export function reverseBytes(hex: string): string {
  let out = '';
  for (let at = hex.length - 2; at >= 0; at -= 2) out += hex.slice(at, at + 2);
  return out;
}

/** XOR of all bytes (ISO 14443-3), two hex digits. */
export function bccOf(uidHex: string): string {
  let sum = 0;
  for (let at = 0; at < uidHex.length; at += 2) sum ^= parseInt(uidHex.slice(at, at + 2), 16);
  return sum.toString(16).toUpperCase().padStart(2, '0');
}

/**
 * True for numbers that identify nobody: a 4-byte UID beginning 08 is made anew at each read, 88 is the cascade
 * tag before a longer UID (ISO 14443-3, 6.5.4), and all zeros or all ones is an empty field.
 */
export function isUnstableUid(uidHex: string): boolean {
  if (uidHex.startsWith('88')) return true;
  if (uidHex.length <= 8 && uidHex.startsWith('08')) return true;
  const first = uidHex[0];
  return (first === '0' || first === 'F') && uidHex === first.repeat(uidHex.length);
}

function isDigitOf(code: number, base: ReaderProfile['base']): boolean {
  if (base === 'bin') return code === 0x30 || code === 0x31;
  if (code >= 0x30 && code <= 0x39) return true;
  return base === 'hex' && ((code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66));
}

const LONGEST = 128;

/** `1,5` in a 3+5 form whose zeros were dropped is 001 00005 and not 15: groups are filled before joining. */
function withoutSeparators(text: string, separator: string, profile: ReaderProfile): string {
  let out = text;
  if (profile.leadingZeros === 'dropped' && (profile.form === '3+5' || profile.form === '5+5')) {
    const groups = text.split(separator[0] ?? '');
    if (groups.length === 2) out = `${groups[0]}${(groups[1] ?? '').trim().padStart(5, '0')}`;
  }
  for (const mark of separator) out = out.replaceAll(mark, '');
  return out;
}

function hasAny(text: string, characters: string): boolean {
  for (let i = 0; i < characters.length; i++) if (text.includes(characters.charAt(i))) return true;
  return false;
}

/** The digits without blanks at the ends and without separators inside; undefined: some other character. */
function digitsOf(text: string, compiled: CompiledProfile): string | undefined {
  const { base, separator = '' } = compiled.profile;
  let from = 0;
  let to = text.length;
  while (from < to && text.charCodeAt(from) <= 0x20) from++;
  while (to > from && text.charCodeAt(to - 1) <= 0x20) to--;
  if (to - from > LONGEST) return undefined;
  let out = from === 0 && to === text.length ? text : text.slice(from, to);
  if (separator !== '' && hasAny(out, separator)) out = withoutSeparators(out, separator, compiled.profile);
  for (let i = 0; i < out.length; i++) if (!isDigitOf(out.charCodeAt(i), base)) return undefined;
  return out;
}

/** Parity as in Wiegand 26 and 34: even over the first half of the data, odd over the second. */
function wiegandFrame(data: string): string {
  const half = data.length / 2;
  let [even, odd] = [0, 1];
  for (let i = 0; i < data.length; i++) {
    if (data[i] !== '1') continue;
    if (i < half) even ^= 1;
    else odd ^= 1;
  }
  return `${even}${data}${odd}`;
}

/** The integer that the digits stand for, as hex in the reader's byte order, or a reason why not. */
function hexOfDigits(digits: string, compiled: CompiledProfile): { hex: string } | { detail: string } {
  const { base, form, bcc } = compiled.profile;
  if (base === 'hex') {
    const hex = digits.toUpperCase();
    if (bcc !== true) return { hex };
    return bccOf(hex.slice(0, 8)) === hex.slice(8)
      ? { hex: hex.slice(0, 8) }
      : { detail: 'a wrong check byte' };
  }
  if (base === 'bin') {
    const data = digits.slice(1, -1);
    if (wiegandFrame(data) !== digits) return { detail: 'a wrong parity bit' };
    return { hex: BigInt(`0b${data}`).toString(16).toUpperCase().padStart(compiled.hexDigits, '0') };
  }
  let number: bigint;
  if (form === '3+5' || form === '5+5') {
    const low = digits.slice(-5);
    const high = digits.slice(0, -5).slice(form === '3+5' ? -3 : -5);
    const extra = digits.slice(0, -5 - high.length);
    const highLimit = form === '3+5' ? '255' : '65535';
    // Equal widths: the order of texts is the order of numbers.
    if (low > '65535' || high > highLimit || /[1-9]/u.test(extra)) return { detail: 'a group out of range' };
    number = (BigInt(high) << 16n) | BigInt(low);
  } else {
    number = BigInt(digits);
  }
  const hex = number.toString(16).toUpperCase();
  const digitsMax = form === 'wg37' ? 9 : compiled.hexDigits;
  if (hex.length > digitsMax || (form === 'wg37' && number >= WG37_LIMIT))
    return { detail: 'a number out of range' };
  return { hex: hex.padStart(compiled.hexDigits, '0') };
}

function refuse(compiled: CompiledProfile, came: string): ParsedCredential {
  return { ok: false, reason: 'CARD_NUMBER_INVALID', detail: `expected ${compiled.expected}, came ${came}` };
}

function parseSigned(compiled: CompiledProfile, text: string): ParsedCredential {
  const trimmed = text.trim();
  const negative = trimmed.startsWith('-');
  const digits = digitsOf(negative ? trimmed.slice(1) : trimmed, compiled);
  if (digits === undefined || digits === '' || digits.length > compiled.width) {
    return refuse(compiled, `${text.length} characters that are no signed number`);
  }
  const bits = BigInt(compiled.hexDigits * 4);
  const number = negative ? -BigInt(digits) : BigInt(digits);
  const limit = 1n << (bits - 1n);
  if (number < -limit || number >= limit) return refuse(compiled, 'a number out of range');
  const hex = BigInt.asUintN(Number(bits), number)
    .toString(16)
    .toUpperCase()
    .padStart(compiled.hexDigits, '0');
  return finish(compiled, hex);
}

function finish(compiled: CompiledProfile, hex: string): ParsedCredential {
  const value = compiled.reversed ? reverseBytes(hex) : hex;
  const scheme = compiled.scheme;
  const starts = scheme === 'UID' || scheme === 'UID24_FIRST' || scheme === 'UID32_FIRST';
  if (compiled.profile.chip !== 'other' && starts && isUnstableUid(value)) {
    return {
      ok: false,
      reason: 'UNSTABLE_UID',
      detail: 'expected a fixed number, came a random (08), cascade (88) or empty one: it identifies nobody',
    };
  }
  return { ok: true, scheme, value };
}

/**
 * What a reader or an export sent, as a canonical credential. Never throws; every refusal says what was expected
 * and what came, without the number itself.
 */
export function parseCredential(compiled: CompiledProfile, text: string): ParsedCredential {
  const { profile, width, scheme } = compiled;
  if (profile.signed === true) return parseSigned(compiled, text);
  const found = digitsOf(text, compiled);
  if (found === undefined) return refuse(compiled, `${text.length} characters, some of them others`);
  let digits = found;
  const right = width === 0 ? UID_LENGTHS.includes(digits.length) : digits.length === width;
  if (!right) {
    const short = profile.leadingZeros === 'dropped' && digits.length > 0 && digits.length < width;
    if (!short) return refuse(compiled, `${digits.length} digits`);
    digits = digits.padStart(width, '0');
  }
  const read = hexOfDigits(digits, compiled);
  if ('detail' in read) return refuse(compiled, read.detail);
  if (scheme === 'WG26_3_5') return { ok: true, scheme, value: digits.slice(-8) };
  if (scheme === 'WG34' || scheme === 'WG37') {
    return {
      ok: true,
      scheme,
      value: BigInt(`0x${read.hex}`)
        .toString()
        .padStart(scheme === 'WG34' ? 10 : 11, '0'),
    };
  }
  return finish(compiled, read.hex);
}

/**
 * The other names of a credential among `schemes` (itself included, when asked for). From a UID all truncated ones
 * follow; from a truncated one only shorter ones; a scheme of unknown bytes has none.
 */
export function aliasesOf(credential: CardCredential, schemes: readonly Scheme[]): CardCredential[] {
  const { scheme, value } = credential;
  const out: CardCredential[] = [];
  for (const wanted of schemes) {
    if (wanted === scheme) out.push(credential);
    else {
      const alias = truncate(scheme, value, wanted);
      if (alias !== undefined) out.push({ scheme: wanted, value: alias });
    }
  }
  return out;
}

function truncate(from: Scheme, value: string, to: Scheme): string | undefined {
  switch (to) {
    case 'UID24_FIRST':
      return from === 'UID' || from === 'UID32_FIRST' ? value.slice(0, 6) : undefined;
    case 'UID24_LAST':
      return from === 'UID' || from === 'UID32_LAST' ? value.slice(-6) : undefined;
    case 'UID32_FIRST':
      return from === 'UID' ? value.slice(0, 8) : undefined;
    case 'UID32_LAST':
      return from === 'UID' ? value.slice(-8) : undefined;
    default:
      return undefined;
  }
}

/** True when several cards can have the same value of this scheme by nature. */
export function isTruncated(scheme: Scheme): boolean {
  return scheme !== 'UID' && scheme !== 'WG34' && scheme !== 'WG37';
}

/** What a reader of this profile sends for the card; undefined when it cannot be known from this credential. */
export function encodeCredential(compiled: CompiledProfile, credential: CardCredential): string | undefined {
  const [alias] = aliasesOf(credential, [compiled.scheme]);
  if (alias === undefined) return undefined;
  const { profile, width, hexDigits } = compiled;
  const { value } = alias;
  if (compiled.scheme === 'WG26_3_5') return joinGroups(value, 3, profile);
  if (compiled.scheme === 'WG34' || compiled.scheme === 'WG37') return value.padStart(width, '0');
  if (hexDigits !== 0 && value.length !== hexDigits) return undefined;
  const hex = compiled.reversed ? reverseBytes(value) : value;
  if (profile.base === 'hex') return profile.bcc === true ? hex + bccOf(hex) : hex;
  const number = BigInt(`0x${hex}`);
  if (profile.base === 'bin') return wiegandFrame(number.toString(2).padStart(hexDigits * 4, '0'));
  if (profile.signed === true) return BigInt.asIntN(hexDigits * 4, number).toString();
  if (profile.form === '3+5' || profile.form === '5+5') {
    const wide = profile.form === '3+5' ? 3 : 5;
    const high = (number >> 16n).toString().padStart(wide, '0');
    return joinGroups(high + (number & 0xffffn).toString().padStart(5, '0'), wide, profile);
  }
  const digits = number.toString();
  return profile.leadingZeros === 'dropped' ? digits : digits.padStart(width, '0');
}

function joinGroups(digits: string, high: number, profile: ReaderProfile): string {
  if (profile.leadingZeros === 'dropped') return digits.replace(/^0+(?=\d)/u, '');
  return `${digits.slice(0, high)}${profile.separator?.[0] ?? ''}${digits.slice(high)}`;
}

/** For logs and screens: the last characters only, `****09`. */
export function maskNumber(value: string): string {
  return value.length <= 4 ? '****' : `****${value.slice(-Math.min(4, value.length - 4))}`;
}

/** The text under which the keyed pseudonym of an unknown credential is made. */
export function credentialText(credential: CardCredential): string {
  return `credential:${credential.scheme}:${credential.value}`;
}
