/**
 * Time of upstreams: Asia/Shanghai, taken as a fixed +08:00 unless the text has an offset. China had summer
 * time from 1986 to 1991, so an instant before 1992 is refused (TIME_OUT_OF_RANGE) rather than read one hour
 * wrong; plain dates have no such trouble and reach back further.
 */
export const DAY_MS = 86_400_000;
export const SHANGHAI_OFFSET_MS = 8 * 3_600_000;

/** First and end instant (half-open) that are taken as timestamps. */
export const EARLIEST_INSTANT = Date.UTC(1992, 0, 1) - SHANGHAI_OFFSET_MS;
export const LATEST_INSTANT = Date.UTC(2200, 0, 1) - SHANGHAI_OFFSET_MS;

export type TimeError = 'TIME_INVALID' | 'TIME_OUT_OF_RANGE';
export type ParsedTime =
  | { readonly ok: true; readonly ms: number }
  | { readonly ok: false; readonly reason: TimeError; readonly detail: string };
export type ParsedDate =
  | { readonly ok: true; readonly days: number }
  | { readonly ok: false; readonly reason: 'DATE_INVALID'; readonly detail: string };

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** True when the day exists in the (proleptic) Gregorian calendar. */
export function isCivilDate(year: number, month: number, day: number): boolean {
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= (month === 2 && leap ? 29 : (MONTH_DAYS[month - 1] ?? 0));
}

/** Days since 1970-01-01 (Avro `date`). */
export function daysFromCivil(year: number, month: number, day: number): number {
  return Math.floor(Date.UTC(year, month - 1, day) / DAY_MS);
}

/** Reads runs of digits out of a text, without a regular expression: this runs several times a row. */
interface Scanner {
  readonly text: string;
  at: number;
}

/** The number of `min` to `max` digits at the scanner, or -1. */
function digits(scanner: Scanner, min: number, max: number): number {
  let value = 0;
  let count = 0;
  while (count < max) {
    const digit = scanner.text.charCodeAt(scanner.at) - 0x30;
    if (!(digit >= 0 && digit <= 9)) break;
    value = value * 10 + digit;
    count++;
    scanner.at++;
  }
  return count < min ? -1 : value;
}

function skip(scanner: Scanner, characters: string): boolean {
  const code = scanner.text.charCodeAt(scanner.at);
  for (let i = 0; i < characters.length; i++) {
    if (characters.charCodeAt(i) !== code) continue;
    scanner.at++;
    return true;
  }
  return false;
}

/** `yyyyMMdd`, `yyyy-M-d` or `yyyy/M/d` at the scanner as days since 1970-01-01; NaN when there is none. */
function scanDate(scanner: Scanner): number {
  const year = digits(scanner, 4, 4);
  const separator = scanner.text[scanner.at];
  let month: number;
  let day: number;
  if (separator === '-' || separator === '/') {
    scanner.at++;
    month = digits(scanner, 1, 2);
    if (!skip(scanner, separator)) return NaN;
    day = digits(scanner, 1, 2);
  } else {
    month = digits(scanner, 2, 2);
    day = digits(scanner, 2, 2);
  }
  return isCivilDate(year, month, day) ? daysFromCivil(year, month, day) : NaN;
}

/** `H:mm[:ss[.SSS]]`, or `HHmmss` right after a compact date, as milliseconds of the day; NaN when wrong. */
function scanClock(scanner: Scanner, compact: boolean): number {
  const hour = digits(scanner, compact ? 2 : 1, 2);
  if (!compact && !skip(scanner, ':')) return NaN;
  const minute = digits(scanner, 2, 2);
  let second = 0;
  let milli = 0;
  if (compact || skip(scanner, ':')) {
    second = digits(scanner, 2, 2);
    if (!compact && skip(scanner, '.')) {
      const from = scanner.at;
      milli = digits(scanner, 1, 9);
      // More digits than milliseconds are cut, never rounded up into the next second.
      if (milli >= 0) milli = Math.floor(milli * 10 ** (3 - (scanner.at - from)));
    }
  }
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 || milli < 0)
    return NaN;
  return ((hour * 60 + minute) * 60 + second) * 1000 + milli;
}

/** `Z`, `+08:00` or `+0800` as milliseconds east of UTC; Shanghai when the text ends here; NaN when wrong. */
function scanOffset(scanner: Scanner): number {
  if (scanner.at === scanner.text.length) return SHANGHAI_OFFSET_MS;
  if (skip(scanner, 'Zz')) return 0;
  const sign = scanner.text[scanner.at];
  if (sign !== '+' && sign !== '-') return NaN;
  scanner.at++;
  const hours = digits(scanner, 2, 2);
  skip(scanner, ':');
  const minutes = digits(scanner, 2, 2);
  if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59) return NaN;
  return (sign === '-' ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

const NO_TIME =
  'expected a time such as yyyyMMddHHmmss, yyyy-MM-dd HH:mm:ss.SSS, yyyy/M/d H:mm or ISO 8601 with an offset';

/**
 * An instant in epoch milliseconds from `yyyyMMddHHmmss`, `yyyy-MM-dd HH:mm[:ss[.SSS]]`, `yyyy/M/d H:mm[:ss]` or
 * ISO 8601. The shapes exclude each other, so nothing is guessed. Seconds 60 and hour 24 are refused.
 */
export function parseInstant(text: string): ParsedTime {
  const scanner: Scanner = { text, at: 0 };
  const days = scanDate(scanner);
  const separated = skip(scanner, 'T ');
  const clock = scanClock(scanner, !separated && text.length === 14 && scanner.at === 8);
  const offset = scanOffset(scanner);
  const ms = days * DAY_MS + clock - offset;
  if (Number.isNaN(ms) || scanner.at !== text.length) {
    return { ok: false, reason: 'TIME_INVALID', detail: `${NO_TIME}, came ${shape(text)}` };
  }
  if (ms < EARLIEST_INSTANT || ms >= LATEST_INSTANT) {
    return {
      ok: false,
      reason: 'TIME_OUT_OF_RANGE',
      detail: `expected a time from 1992 (no summer time) to 2199, came ${shape(text)} of the year ${text.slice(0, 4)}`,
    };
  }
  return { ok: true, ms };
}

/** A date as days since 1970-01-01 from `yyyyMMdd`, `yyyy-MM-dd` or `yyyy/M/d`; years 1900 to 9999. */
export function parseDate(text: string): ParsedDate {
  const scanner: Scanner = { text, at: 0 };
  const days = scanDate(scanner);
  if (Number.isNaN(days) || scanner.at !== text.length || text < '1900') {
    return {
      ok: false,
      reason: 'DATE_INVALID',
      detail: `expected a date that exists, yyyyMMdd, yyyy-MM-dd or yyyy/M/d from 1900, came ${shape(text)}`,
    };
  }
  return { ok: true, days };
}

/** "" and zeros only (`00000000`, `0000-00-00 00:00:00`) are how upstreams write that there is no time. */
export function isNoTime(text: string | undefined): boolean {
  if (text === undefined) return true;
  for (let i = 0; i < text.length; i++) if (!'0 -/:.'.includes(text[i] ?? '')) return false;
  return true;
}

/** The Asia/Shanghai calendar day of an instant, as days since 1970-01-01. */
export function businessDate(ms: number): number {
  return Math.floor((ms + SHANGHAI_OFFSET_MS) / DAY_MS);
}

/** First instant of that day in Shanghai. */
export function startOfDay(days: number): number {
  return days * DAY_MS - SHANGHAI_OFFSET_MS;
}

/** First instant after that day in Shanghai: a thing valid until a date is valid before this. */
export function endOfDay(days: number): number {
  return startOfDay(days + 1);
}

/** `2019-04-01` for days since 1970-01-01. */
export function formatDate(days: number): string {
  return new Date(days * DAY_MS).toISOString().slice(0, 10);
}

/** The shape of a text without its contents: digits as 9, letters as a; at most 32 characters. */
function shape(text: string): string {
  if (text === '') return 'an empty text';
  const cut = text.slice(0, 32).replace(/\d/gu, '9').replace(/\p{L}/gu, 'a').replace(/\p{C}/gu, '.');
  return `"${cut}" (${text.length} characters)`;
}
