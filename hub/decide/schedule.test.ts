import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compileSchedule, coveredUntil, minuteOfDay, shanghaiDay } from './schedule.js';

const at = (text: string) => Date.parse(`${text}+08:00`);
const iso = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());

it('a span is half-open in Shanghai time', () => {
  const schedule = compileSchedule([{ days: [1], from: '08:00', until: '22:00' }]);
  expect(coveredUntil(schedule, at('2026-11-23T07:59:59.999'))).toBeUndefined();
  expect(iso(coveredUntil(schedule, at('2026-11-23T08:00')))).toBe('2026-11-23T14:00:00.000Z');
  expect(coveredUntil(schedule, at('2026-11-23T22:00'))).toBeUndefined();
  expect(coveredUntil(schedule, at('2026-11-24T09:00'))).toBeUndefined();
});

it('a span that crosses midnight belongs to the day on which it starts', () => {
  const schedule = compileSchedule([{ days: [7], from: '22:00', until: '06:00' }]);
  expect(coveredUntil(schedule, at('2026-11-22T23:00'))).toBe(at('2026-11-23T06:00'));
  expect(coveredUntil(schedule, at('2026-11-23T05:59'))).toBe(at('2026-11-23T06:00'));
  expect(coveredUntil(schedule, at('2026-11-23T06:00'))).toBeUndefined();
  expect(coveredUntil(schedule, at('2026-11-22T05:00'))).toBeUndefined();
});

it('24:00 is the end of the day, and equal ends are a whole day', () => {
  const day = compileSchedule([{ days: [1], from: '00:00', until: '24:00' }]);
  expect(coveredUntil(day, at('2026-11-23T23:59:59.999'))).toBe(at('2026-11-24T00:00'));
  const whole = compileSchedule([{ days: [1], from: '08:00', until: '08:00' }]);
  expect(coveredUntil(whole, at('2026-11-24T07:59'))).toBe(at('2026-11-24T08:00'));
});

it('a span that cannot be read covers nothing, but the schedule does not become "always"', () => {
  const schedule = compileSchedule([{ days: [1, 2, 3, 4, 5, 6, 7], from: '8:00', until: '25:00' }]);
  expect(schedule).toHaveLength(1);
  expect(coveredUntil(schedule, at('2026-11-23T12:00'))).toBeUndefined();
  expect(minuteOfDay('24:01')).toBeNaN();
});

it('the Shanghai day is the one that Intl gives', () => {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone: 'Asia/Shanghai' });
  fc.assert(
    fc.property(fc.integer({ min: at('1995-01-01T00:00'), max: at('2090-01-01T00:00') }), (now) => {
      expect(new Date(shanghaiDay(now) * 86_400_000).toISOString().slice(0, 10)).toBe(format.format(now));
    }),
  );
});
