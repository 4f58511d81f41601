import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { trimPadding } from './cells.js';
import { mysql, withValues } from './mysql.js';
import { postgresql } from './postgresql.js';
import { Statement } from './statement.js';
import { readAgainFrom } from './watermark.js';

const NOW = Date.parse('2026-11-23T13:40:00+08:00');
const time = (seconds: number) => ({ of: 'time', seconds }) as const;

describe('where the next poll reads again', () => {
  it.each([
    ['2026-11-23 13:30:00.123456', '2026-11-23 13:28:00.123456'],
    ['2026-11-23T13:30:00+08:00', '2026-11-23T13:28:00+08:00'],
    ['2026-11-23 05:30:00+00:00', '2026-11-23 05:28:00+00:00'],
    ['20261123133000', '20261123132800'],
    ['2026/11/23 13:30:00', '2026/11/23 13:28:00'],
    ['2026-03-01 00:01:00', '2026-02-28 23:59:00'],
    [String(NOW / 1_000 - 600), String(NOW / 1_000 - 720)],
  ])('two minutes before %s is %s', (mark, from) => {
    expect(readAgainFrom(mark, time(120), NOW)).toBe(from);
  });

  it('is never later than the database’s clock', () => {
    expect(readAgainFrom('2099-01-01 00:00:00', time(60), NOW)).toBe('2026-11-23 13:39:00');
    expect(readAgainFrom('20990101000000', time(60), NOW)).toBe('20261123133900');
    expect(readAgainFrom('4070908800000', time(60), NOW)).toBe(String(NOW - 60_000));
  });

  it('counts ids in ids, exactly', () => {
    expect(readAgainFrom('900719925474099312', { of: 'id', ids: 1_000 }, NOW)).toBe('900719925474098312');
    expect(readAgainFrom('12', { of: 'id', ids: 1_000 }, NOW)).toBe('0');
  });

  it('refuses what it cannot shift', () => {
    expect(readAgainFrom('23-NOV-26', time(60), NOW)).toBeUndefined();
    expect(readAgainFrom('abc', { of: 'id', ids: 1 }, NOW)).toBeUndefined();
  });

  it('keeps the order of the texts, and their shape', () => {
    const past = fc.integer({ min: Date.UTC(2000, 0, 1), max: NOW });
    fc.assert(
      fc.property(past, past, fc.integer({ min: 0, max: 86_400 }), (a, b, seconds) => {
        const text = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
        const [x, y] = [text(a), text(b)].map((mark) => readAgainFrom(mark, time(seconds), NOW)!) as [
          string,
          string,
        ];
        expect(x <= text(a) && x.length === 19).toBe(true);
        expect(Math.sign(x < y ? -1 : x > y ? 1 : 0)).toBe(
          text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0,
        );
      }),
    );
  });
});

describe('a statement', () => {
  it('goes on behind a row in the order of its columns', () => {
    const statement = new Statement(postgresql);
    const columns = [
      { name: 'at', kind: 'time' },
      { name: 'id', kind: 'number' },
    ] as const;
    expect(statement.after(columns, ['2026-11-23 13:40:00', '7'])).toBe(
      '"at" >= $1 AND ("at" > $2 OR ("id" > 7))',
    );
  });

  it('writes no number that is none, and no value past its quotes', () => {
    const statement = new Statement(mysql);
    const sql = `SELECT '?' WHERE ${statement.equal([{ name: 'a`b', kind: 'number' }], ["1 OR 1=1 -- '"])}`;
    expect(withValues(sql, statement.params, (text) => `'${text.replaceAll("'", "\\'")}'`)).toBe(
      "SELECT '?' WHERE `a``b` = '1 OR 1=1 -- \\''",
    );
  });
});

it('takes padding off the end only', () => {
  expect(trimPadding('  张 三 \u3000\0 ')).toBe('  张 三');
});
