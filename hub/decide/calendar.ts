/**
 * The school's calendar: which days are worked, free, exam days, in which term and week. 調休 is what no
 * weekly timetable knows: a Saturday that is worked as the Friday of a long holiday, and that Friday free.
 *
 *   day ─ makeup workday? ─▶ WORKDAY, counted as the weekday it stands for
 *       ─ holiday?        ─▶ HOLIDAY, counted as a Sunday
 *       ─ else            ─▶ WORKDAY Monday to Friday, WEEKEND
 *
 * A calendar ends: outside `from … until` nothing is known, so spans that ask for a kind of day, a term, a
 * week or exams cover nothing there, and `runsOut` raises the alarm before.
 */
import { SHANGHAI_OFFSET_MS } from '../../transforms/time.js';
import { endOfShanghaiDay, minuteOfDay, shanghaiDay, weekday } from './schedule.js';

export interface DaySpan {
  readonly name?: string;
  /** `YYYY-MM-DD`, both inclusive. */
  readonly from: string;
  readonly until: string;
}

export interface CalendarDocument extends DaySpan {
  /** The alarm comes so many days before the end; default 30. */
  readonly alarmDays?: number;
  /** Week 1 of a term is the one with its first day; weeks begin on Monday. */
  readonly terms?: readonly (DaySpan & { readonly name: string })[];
  readonly holidays?: readonly DaySpan[];
  /** 調休: `day` is worked like a `like` (1 Monday … 7 Sunday). */
  readonly makeupWorkdays?: readonly { readonly day: string; readonly like: number }[];
  readonly examDays?: readonly DaySpan[];
}

export type DayKind = 'WORKDAY' | 'WEEKEND' | 'HOLIDAY';

/** A span of a named schedule: what is absent does not restrict. */
export interface CalendarSpan {
  /** 1 Monday … 7 Sunday, as the calendar counts the day. */
  readonly days?: readonly number[];
  readonly kinds?: readonly DayKind[];
  /** `*`: any term; else names of terms. */
  readonly terms?: readonly string[];
  /** False: outside of all terms only. */
  readonly inTerm?: boolean;
  /** Weeks of the term, e.g. [1, 2, 3]; or `odd`, `even`. */
  readonly weeks?: readonly number[] | 'odd' | 'even';
  readonly exams?: boolean;
  readonly from: string;
  /** `24:00` allowed; not later than `from`: past midnight, and the span belongs to the day it begins on. */
  readonly until: string;
}

export interface CalendarDay {
  readonly kind: DayKind;
  /** 1 … 7: the weekday that it counts as. */
  readonly weekday: number;
  readonly term?: string;
  readonly week?: number;
  readonly exam: boolean;
}

export interface CompiledCalendar {
  /** Undefined: outside of what the calendar covers, or there is none. */
  day(epochDay: number): CalendarDay | undefined;
  /** The last day covered; undefined: no calendar. */
  readonly until?: number;
  readonly alarmDays: number;
}

export interface NamedSchedule {
  readonly spans: readonly CompiledSpan[];
}
interface CompiledSpan {
  readonly fits: (day: CalendarDay | undefined, plainWeekday: number) => boolean;
  readonly from: number;
  readonly until: number;
}

const ALARM_DAYS_DEFAULT = 30;
const MINUTES_OF_DAY = 1_440;
const DAY_MS = 86_400_000;

/** Days since 1970-01-01 of `YYYY-MM-DD`; NaN when it is no day. */
export function epochDay(text: string): number {
  return Date.parse(`${text}T00:00:00Z`) / DAY_MS;
}

export function compileCalendar(document: CalendarDocument | undefined): CompiledCalendar {
  if (document === undefined) return { day: () => undefined, alarmDays: ALARM_DAYS_DEFAULT };
  const span = ({ from, until }: DaySpan) => ({ from: epochDay(from), until: epochDay(until) });
  const whole = span(document);
  const terms = (document.terms ?? []).map((term) => ({ name: term.name, ...span(term) }));
  const holidays = (document.holidays ?? []).map(span);
  const exams = (document.examDays ?? []).map(span);
  const makeup = new Map((document.makeupWorkdays ?? []).map(({ day, like }) => [epochDay(day), like]));
  const within = (spans: readonly { from: number; until: number }[], day: number): boolean =>
    spans.some(({ from, until }) => day >= from && day <= until);
  const known = new Map<number, CalendarDay>();
  const describe = (day: number): CalendarDay => {
    const like = makeup.get(day);
    const holiday = like === undefined && within(holidays, day);
    const counted = like ?? (holiday ? 7 : weekday(day));
    const kind = holiday ? 'HOLIDAY' : like !== undefined || counted <= 5 ? 'WORKDAY' : 'WEEKEND';
    const term = terms.find(({ from, until }) => day >= from && day <= until);
    const week = term && Math.floor((monday(day) - monday(term.from)) / 7) + 1;
    return {
      kind,
      weekday: counted,
      exam: within(exams, day),
      ...(term !== undefined && { term: term.name }),
      ...(week !== undefined && { week }),
    };
  };
  return {
    until: whole.until,
    alarmDays: document.alarmDays ?? ALARM_DAYS_DEFAULT,
    day(day) {
      if (day < whole.from || day > whole.until) return undefined;
      let found = known.get(day);
      if (found === undefined) known.set(day, (found = describe(day))); // at most the days of the calendar
      return found;
    },
  };
}

function monday(day: number): number {
  return day - weekday(day) + 1;
}

export function compileNamedSchedule(spans: readonly CalendarSpan[]): NamedSchedule {
  return { spans: spans.map(compileSpan) };
}

function compileSpan(span: CalendarSpan): CompiledSpan {
  const from = minuteOfDay(span.from);
  const end = minuteOfDay(span.until);
  const { days, kinds, terms, inTerm, weeks, exams } = span;
  const asksCalendar = kinds ?? terms ?? weeks ?? (inTerm === undefined ? exams : inTerm);
  const fits = (day: CalendarDay | undefined, plain: number): boolean => {
    if (days !== undefined && !days.includes(day?.weekday ?? plain)) return false;
    if (asksCalendar === undefined) return true;
    if (day === undefined) return false; // the calendar has run out: nothing is guessed
    if (kinds !== undefined && !kinds.includes(day.kind)) return false;
    if (terms !== undefined && (day.term === undefined || !(terms.includes('*') || terms.includes(day.term))))
      return false;
    if (inTerm !== undefined && (day.term !== undefined) !== inTerm) return false;
    if (exams !== undefined && day.exam !== exams) return false;
    if (weeks === undefined) return true;
    if (day.week === undefined) return false;
    return weeks === 'odd' || weeks === 'even'
      ? day.week % 2 === (weeks === 'odd' ? 1 : 0)
      : weeks.includes(day.week);
  };
  return { fits, from, until: end > from ? end : end + MINUTES_OF_DAY };
}

/** Until when the schedule covers `now`, epoch ms; undefined when no span does. */
export function scheduleUntil(
  schedule: NamedSchedule,
  calendar: CompiledCalendar,
  now: number,
): number | undefined {
  const today = shanghaiDay(now);
  const midnight = today * DAY_MS - SHANGHAI_OFFSET_MS;
  const minute = (now - midnight) / 60_000;
  let until = -1;
  for (const span of schedule.spans) {
    if (minute >= span.from && minute < span.until && span.fits(calendar.day(today), weekday(today))) {
      until = Math.max(until, span.until);
    }
    const late = minute + MINUTES_OF_DAY;
    if (late < span.until && span.fits(calendar.day(today - 1), weekday(today - 1))) {
      until = Math.max(until, span.until - MINUTES_OF_DAY);
    }
  }
  return until < 0 ? undefined : midnight + until * 60_000;
}

export function scheduleCovers(schedule: NamedSchedule, calendar: CompiledCalendar, now: number): boolean {
  return scheduleUntil(schedule, calendar, now) !== undefined;
}

/** Days that are left of the calendar when fewer than its alarm asks for; negative: it has ended. */
export function runsOut(calendar: CompiledCalendar, now: number): number | undefined {
  if (calendar.until === undefined) return undefined;
  const left = calendar.until - shanghaiDay(now);
  return left < calendar.alarmDays ? left : undefined;
}

/** The instant at which the calendar ends, exclusive. */
export function calendarEnd(calendar: CompiledCalendar): number | undefined {
  return calendar.until === undefined ? undefined : endOfShanghaiDay(calendar.until);
}
