/**
 * Whether the hub's memory is flat over days in which it reads ever more rows.
 *
 *   held after collections  =  what the hub can name (newest values of topics, windows of events, books of banks)
 *                           +  the rest: code, views of a campus that stays the same, and whatever leaks
 *
 * What it can name may grow, since it grows for a reason: a window until it is full (after 300,000 events of a stream:
 * weeks of a small one), the books of banks until their 17th day, a topic's values by each new key. So that part is held
 * against its reason, and only the rest must stand still. Bytes for each row that was read meanwhile are the measure, as
 * a leak is so many bytes for each row, request or record (`--leak 50` plants one).
 */
import { EVENT_WINDOW } from '../../hub/sync/published.js';
import type { Held } from './messages.js';

/**
 * What the rest may grow for each row read, or altogether: it grew by 0.3 MiB a day in runs without a leak, mostly
 * code that is compiled late. So a leak of 50 bytes a row shows in 100,000 rows.
 */
const REST_BYTES_A_ROW_MAX = 16;
const REST_BYTES_MAX = 4 * 1024 * 1024;
/** By then all code has run, every listing was read several times, and every day's files have come. */
const SETTLED_DAY = 3;
/** What one entry may hold, on average, and a table that is nearly empty besides. */
const [ENTRY_BYTES_MAX, TABLE_BYTES_MAX] = [2_048, 1024 * 1024];
/** Books of banks, which are no topic's values: payments and rows of their days. */
const OF_BANKS = /^bank-/;

export interface DayOfMemory {
  /** Rows read so far. */
  readonly rows: number;
  readonly held: Held;
}

export interface MemoryVerdict {
  readonly flat: boolean;
  readonly lines: readonly string[];
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
const knownBytes = ({ known }: Held): number =>
  Object.values(known).reduce((sum, { bytes }) => sum + bytes, 0);
export const restBytes = (held: Held): number => held.heap + held.external - knownBytes(held);

/** @param streams that may each have a window of events */
export function judgeMemory(days: readonly DayOfMemory[], streams: number): MemoryVerdict {
  const last = days.at(-1);
  const first = days[Math.min(SETTLED_DAY, days.length - 1) - 1];
  if (last === undefined || first === undefined) return { flat: false, lines: ['memory: two days at least'] };
  const faults = Object.entries(last.held.known).flatMap(([what, held]) =>
    faultOf(what, held, last.held.keys[what], streams),
  );
  const rows = last.rows - first.rows;
  const growth = restBytes(last.held) - restBytes(first.held);
  const most = Math.max(REST_BYTES_MAX, REST_BYTES_A_ROW_MAX * rows);
  const flat = faults.length === 0 && growth <= most;
  const each = (of: (held: Held) => number): string => days.map(({ held }) => mib(of(held))).join(' ');
  return {
    flat,
    lines: [
      `held by day, MiB: ${each(({ heap, external }) => heap + external)}`,
      `  that can be named: ${each(knownBytes)}`,
      ...grown(first.held, last.held),
      `  the rest: ${each(restBytes)}`,
      ...faults.map((fault) => `  ${fault}`),
      `memory: from day ${days.indexOf(first) + 1} on the rest grew by ${mib(growth)} MiB in ${rows} rows, ${(growth / rows).toFixed(1)} bytes each; ${mib(most)} MiB may be: ${flat ? 'flat' : 'GROWS'}`,
    ],
  };
}

/** What holds more than there is reason to. */
function faultOf(
  what: string,
  { entries, bytes }: Held['known'][string],
  keys: number | undefined,
  streams: number,
): string[] {
  const isWindow = what === 'events' || what === 'repeats';
  const most = isWindow ? 2 * EVENT_WINDOW * streams : OF_BANKS.test(what) ? Infinity : (keys ?? 0);
  const faults: string[] = [];
  if (entries > most) faults.push(`${what}: ${entries} entries, at most ${most} have a reason`);
  if (bytes > entries * ENTRY_BYTES_MAX + streams * TABLE_BYTES_MAX)
    faults.push(`${what}: ${mib(bytes)} MiB for ${entries} entries`);
  return faults;
}

/** What has grown by more than a tenth of a MiB. */
function grown(first: Held, last: Held): string[] {
  return Object.entries(last.known).flatMap(([what, { entries, bytes }]) => {
    const before = first.known[what] ?? { entries: 0, bytes: 0 };
    if (bytes - before.bytes < 100_000) return [];
    const from = `${before.entries} entries in ${mib(before.bytes)} MiB`;
    return [`    ${what.padEnd(24)} ${from} -> ${entries} in ${mib(bytes)}`];
  });
}
