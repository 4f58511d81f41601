/**
 * When a right covers the hours to come, worked out beforehand so that a controller needs no calendar: between the
 * instants at which anything may change, the answer of a decision does not.
 *
 *   instants  validity of the card's grants and memberships, minutes of schedules, midnights, ends of alarms
 *   text      `-1763900000 1763942400-1763967600 1763985600-`   epoch seconds, half-open; open at either end
 */
import { SHANGHAI_OFFSET_MS } from '../../transforms/time.js';
import type { PolicyDocument } from '../decide/policy.js';
import { minuteOfDay } from '../decide/schedule.js';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** All the time. */
export const ALWAYS = '';

/**
 * @param instants between `from` and `until`, in any order; the answer changes at none but these
 * @returns the windows as text, `ALWAYS` for the whole time; undefined: at no time
 */
export function windowsOf(
  allows: (at: number) => boolean,
  instants: Iterable<number>,
  from: number,
  until: number,
): string | undefined {
  const between = [...new Set(instants)].filter((at) => at > from && at < until).sort((a, b) => a - b);
  const windows: string[] = [];
  let start: string | undefined = allows(from) ? '' : undefined;
  if (start !== undefined && between.length === 0) return ALWAYS;
  for (const at of between) {
    const allowed = allows(at);
    // Never longer than the right: begins at the next full second, ends at the last one.
    if (allowed && start === undefined) start = String(Math.ceil(at / 1_000));
    else if (!allowed && start !== undefined) {
      windows.push(`${start}-${Math.floor(at / 1_000)}`);
      start = undefined;
    }
  }
  if (start === '' && windows.length === 0) return ALWAYS;
  if (start !== undefined) windows.push(`${start}-`);
  return windows.length === 0 ? undefined : windows.join(' ');
}

/** Instants of the days from `from` to `until` at these minutes of the day, in Shanghai. */
export function instantsAt(minutes: Iterable<number>, from: number, until: number): number[] {
  const midnight = Math.floor((from + SHANGHAI_OFFSET_MS) / DAY_MS) * DAY_MS - SHANGHAI_OFFSET_MS;
  const instants: number[] = [];
  const all = [...minutes];
  for (let day = midnight; day < until; day += DAY_MS) {
    for (const minute of all) {
      const at = day + minute * MINUTE_MS;
      if (at > from && at < until) instants.push(at);
    }
  }
  return instants;
}

/** Minutes of the day at which a schedule of the policy begins or ends. */
export function policyMinutes({ schedules = {} }: PolicyDocument): ReadonlySet<number> {
  const minutes = new Set<number>();
  for (const span of Object.values(schedules).flat()) {
    for (const text of [span.from, span.until]) minutes.add(minuteOfDay(text) % 1_440);
  }
  return minutes;
}
