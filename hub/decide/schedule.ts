/**
 * Weekly schedules in Asia/Shanghai. China has had one fixed offset and no summer time since 1991, so the
 * local day and minute are plain arithmetic, which costs nanoseconds where Intl costs microseconds.
 */
import { SHANGHAI_OFFSET_MS } from '../../transforms/time.js';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const MINUTES_OF_DAY = 1_440;

/**
 * `[from, until)` in minutes since midnight on each day whose bit is set (bit 1 = Monday … bit 7 = Sunday).
 * `until` is above `from`, and above 1440 when the span crosses midnight; it belongs to the day it starts on.
 */
export interface ScheduleSpan {
  readonly days: number;
  readonly from: number;
  readonly until: number;
}

/** A span as the contract has it: days 1 to 7, `HH:MM`; `24:00` allowed, `until <= from` crosses midnight. */
export interface RawSpan {
  readonly days: readonly number[];
  readonly from: string;
  readonly until: string;
}

/** Reads the contract's form. A span that cannot be read covers nothing, but a schedule stays one. */
export function compileSchedule(spans: readonly RawSpan[]): ScheduleSpan[] {
  return spans.map((span) => {
    const from = minuteOfDay(span.from);
    const end = minuteOfDay(span.until);
    if (Number.isNaN(from) || Number.isNaN(end)) return { days: 0, from: 0, until: 0 };
    let days = 0;
    for (const day of span.days) if (day >= 1 && day <= 7) days |= 1 << day;
    return { days, from, until: end > from ? end : end + MINUTES_OF_DAY };
  });
}

/** The Shanghai calendar day of an instant, as days since 1970-01-01. */
export function shanghaiDay(now: number): number {
  return Math.floor((now + SHANGHAI_OFFSET_MS) / DAY_MS);
}

/** The instant at which that Shanghai day ends (exclusive). */
export function endOfShanghaiDay(day: number): number {
  return (day + 1) * DAY_MS - SHANGHAI_OFFSET_MS;
}

/** 1 = Monday … 7 = Sunday, of days since 1970-01-01, which was a Thursday. */
export function weekday(day: number): number {
  return ((((day + 3) % 7) + 7) % 7) + 1;
}

/** Minutes since midnight of `HH:MM`, 0 to 1440; NaN when it is no time. */
export function minuteOfDay(text: string): number {
  const match = /^(\d{2}):(\d{2})$/.exec(text);
  if (match === null) return NaN;
  const minutes = Number(match[1]) * 60 + Number(match[2]);
  return Number(match[2]) < 60 && minutes <= MINUTES_OF_DAY ? minutes : NaN;
}

/**
 * Until when the schedule covers `now`: epoch ms of the end of the longest span that covers it, or undefined
 * when none does.
 * @param countAs the weekday (1 … 7) that a day counts as; default: its own. A calendar knows better (調休).
 */
export function coveredUntil(
  schedule: readonly ScheduleSpan[],
  now: number,
  countAs: (day: number) => number = weekday,
): number | undefined {
  const day = shanghaiDay(now);
  const midnight = day * DAY_MS - SHANGHAI_OFFSET_MS;
  const today = countAs(day);
  const yesterday = countAs(day - 1);
  const minute = (now - midnight) / MINUTE_MS;
  let until = -1;
  for (const span of schedule) {
    if (span.days & (1 << today) && minute >= span.from && minute < span.until) {
      until = Math.max(until, span.until);
    }
    if (span.days & (1 << yesterday) && minute + MINUTES_OF_DAY < span.until) {
      until = Math.max(until, span.until - MINUTES_OF_DAY);
    }
  }
  return until < 0 ? undefined : midnight + until * MINUTE_MS;
}
