import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  businessDate,
  DAY_MS,
  EARLIEST_INSTANT,
  endOfDay,
  formatDate,
  isNoTime,
  LATEST_INSTANT,
  parseDate,
  parseInstant,
  SHANGHAI_OFFSET_MS,
  startOfDay,
} from './time.js';

const instant = (text: string) => {
  const parsed = parseInstant(text);
  return parsed.ok ? new Date(parsed.ms).toISOString() : parsed.reason;
};
const date = (text: string) => {
  const parsed = parseDate(text);
  return parsed.ok ? formatDate(parsed.days) : parsed.reason;
};

it.each([
  ['20190401000000', '2019-03-31T16:00:00.000Z'],
  ['2019-04-01 00:00', '2019-03-31T16:00:00.000Z'],
  ['2019-04-01 23:59:59', '2019-04-01T15:59:59.000Z'],
  ['2019-04-01 08:00:00.123', '2019-04-01T00:00:00.123Z'],
  ['2019/4/1 0:02', '2019-03-31T16:02:00.000Z'],
  ['2019/4/15 23:57', '2019-04-15T15:57:00.000Z'],
  ['2019-04-01T08:00:00+08:00', '2019-04-01T00:00:00.000Z'],
  ['2019-04-01T08:00:00.5+0800', '2019-04-01T00:00:00.500Z'],
  ['2019-04-01T00:00:00Z', '2019-04-01T00:00:00.000Z'],
  ['2019-04-01T00:00:00.999999Z', '2019-04-01T00:00:00.999Z'],
  ['2019-02-30 00:00:00', 'TIME_INVALID'],
  ['2019-04-01 24:00:00', 'TIME_INVALID'],
  ['2019-04-01 23:59:60', 'TIME_INVALID'],
  ['2019-04-01', 'TIME_INVALID'],
  ['20190401', 'TIME_INVALID'],
  ['2019040100000', 'TIME_INVALID'],
  ['201904010000000', 'TIME_INVALID'],
  ['2019-04/01 00:00', 'TIME_INVALID'],
  ['2019-04-01 00:00 x', 'TIME_INVALID'],
  ['1988-07-01 12:00:00', 'TIME_OUT_OF_RANGE'],
  ['1970-01-01T00:00:00Z', 'TIME_OUT_OF_RANGE'],
  ['2200-01-01 00:00:00', 'TIME_OUT_OF_RANGE'],
  ['', 'TIME_INVALID'],
])('the time %s is %s', (text, expected) => {
  expect(instant(text)).toBe(expected);
});

it.each([
  ['20190401', '2019-04-01'],
  ['2019-4-1', '2019-04-01'],
  ['2019/12/31', '2019-12-31'],
  ['21030701', '2103-07-01'],
  ['20000229', '2000-02-29'],
  ['19000229', 'DATE_INVALID'],
  ['2019-02-30', 'DATE_INVALID'],
  ['20191301', 'DATE_INVALID'],
  ['18991231', 'DATE_INVALID'],
  ['2019-04-01 00:00', 'DATE_INVALID'],
  ['1', 'DATE_INVALID'],
])('the date %s is %s', (text, expected) => {
  expect(date(text)).toBe(expected);
});

it('a thing valid until a day is valid to the end of that day in Shanghai', () => {
  const parsed = parseDate('20190401');
  if (!parsed.ok) throw new Error('a good date');
  expect(new Date(endOfDay(parsed.days)).toISOString()).toBe('2019-04-01T16:00:00.000Z');
});

it('zeros and blanks mean no time', () => {
  for (const none of [undefined, '', '00000000', '00000000000000', '0000-00-00 00:00:00']) {
    expect(isNoTime(none)).toBe(true);
  }
  expect(isNoTime('20190401')).toBe(false);
});

it('every millisecond is read back in every form that can hold it', () => {
  fc.assert(
    fc.property(fc.integer({ min: EARLIEST_INSTANT, max: LATEST_INSTANT - 1 }), (ms) => {
      const local = new Date(ms + SHANGHAI_OFFSET_MS).toISOString().slice(0, -1);
      expect(parseInstant(local.replace('T', ' '))).toEqual({ ok: true, ms });
      expect(parseInstant(`${local}+08:00`)).toEqual({ ok: true, ms });
      expect(parseInstant(new Date(ms).toISOString())).toEqual({ ok: true, ms });
      const second = ms - (((ms % 1000) + 1000) % 1000);
      expect(parseInstant(local.slice(0, 19).replaceAll(/\D/gu, ''))).toEqual({ ok: true, ms: second });
      const day = businessDate(ms);
      expect(startOfDay(day) <= ms && ms < endOfDay(day)).toBe(true);
      expect(endOfDay(day) - startOfDay(day)).toBe(DAY_MS);
    }),
  );
});

it('any text gives a time or a refusal that shows its shape only', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const parsed of [parseInstant(text), parseDate(text)])
        if (!parsed.ok) expect(parsed.detail).toBeTruthy();
    }),
  );
});
