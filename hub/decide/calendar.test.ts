import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compileCalendar, compileNamedSchedule, epochDay, runsOut, scheduleUntil } from './calendar.js';
import { compileSchedule, coveredUntil } from './schedule.js';

const at = (text: string) => Date.parse(`${text}+08:00`);
const calendar = compileCalendar({
  from: '2026-09-01',
  until: '2027-01-31',
  terms: [{ name: 'autumn', from: '2026-09-07', until: '2027-01-22' }],
  holidays: [{ from: '2026-10-01', until: '2026-10-07' }],
  makeupWorkdays: [{ day: '2026-10-10', like: 3 }],
  examDays: [{ from: '2027-01-11', until: '2027-01-22' }],
});

it('knows the kind, weekday, week and term of a day, and nothing outside of its own days', () => {
  const day = (text: string) => calendar.day(epochDay(text));
  expect(day('2026-10-01')).toMatchObject({ kind: 'HOLIDAY', weekday: 7, term: 'autumn', week: 4 });
  expect(day('2026-10-10')).toMatchObject({ kind: 'WORKDAY', weekday: 3 }); // a Saturday
  expect(day('2026-10-11')).toMatchObject({ kind: 'WEEKEND', weekday: 7 });
  expect(day('2027-01-11')).toMatchObject({ exam: true, week: 19 });
  expect(day('2027-01-30')?.term).toBeUndefined();
  expect(day('2027-02-01')).toBeUndefined();
});

it('raises the alarm before it ends', () => {
  expect(runsOut(calendar, at('2026-12-01T10:00'))).toBeUndefined();
  expect(runsOut(calendar, at('2027-01-11T10:00'))).toBe(20);
  expect(runsOut(calendar, at('2027-02-02T10:00'))).toBe(-2);
  expect(runsOut(compileCalendar(undefined), at('2027-02-02T10:00'))).toBeUndefined();
});

it('weeks, exams and kinds of day restrict a span, also past midnight', () => {
  const odd = compileNamedSchedule([{ weeks: 'odd', kinds: ['WORKDAY'], from: '22:00', until: '02:00' }]);
  expect(scheduleUntil(odd, calendar, at('2026-09-07T23:00'))).toBe(at('2026-09-08T02:00'));
  expect(scheduleUntil(odd, calendar, at('2026-09-12T01:00'))).toBe(at('2026-09-12T02:00')); // since Friday
  expect(scheduleUntil(odd, calendar, at('2026-09-12T23:00'))).toBeUndefined();
  expect(scheduleUntil(odd, calendar, at('2026-09-14T23:00'))).toBeUndefined();
});

it('a schedule that asks for weekdays alone is the weekly one, where no day is moved', () => {
  const clock = fc
    .integer({ min: 0, max: 1_439 })
    .map((m) => `${String(Math.floor(m / 60)).padStart(2, '0')}:${String(m % 60).padStart(2, '0')}`);
  const span = fc.record({
    days: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
    from: clock,
    until: clock,
  });
  const time = fc.integer({ min: at('2026-11-01T00:00'), max: at('2026-12-01T00:00') });
  fc.assert(
    fc.property(fc.array(span, { minLength: 1, maxLength: 3 }), time, (spans, now) => {
      const named = scheduleUntil(compileNamedSchedule(spans), calendar, now);
      expect(named).toBe(coveredUntil(compileSchedule(spans), now));
    }),
  );
});
