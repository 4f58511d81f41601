import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Rate, Rates } from './rate.js';

test('a burst passes, then one request each time its share of a second has passed', () => {
  const rate = new Rate(10, 3);
  expect([1, 2, 3, 4].map(() => rate.take(1_000))).toEqual([0, 0, 0, 100]);
  expect(rate.left(1_000)).toBe(0);
  expect([rate.take(1_099), rate.take(1_100), rate.take(1_100)]).toEqual([1, 0, 100]);
  expect(rate.left(9_000)).toBe(3);
});

test('within any stretch of time no more pass than the burst and the rate allow, and a wait that was told is enough', () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 20 }),
      gaps,
      (perSecond, burst, steps) => {
        const rate = new Rate(perSecond, burst);
        const passed: number[] = [];
        let at = 0;
        for (const step of steps) {
          at += step;
          const wait = rate.take(at);
          if (wait === 0) passed.push(at);
          else expect(new Rate(perSecond, burst).take(at + wait)).toBe(0);
        }
        for (const [i, from] of passed.entries()) {
          for (const [j, until] of passed.entries()) {
            if (j < i) continue;
            expect(j - i + 1).toBeLessThanOrEqual(burst + ((until - from) / 1_000) * perSecond + 1e-6);
          }
        }
      },
    ),
  );
});

test('rates of strangers are bounded: when full the idle ones go, and where none is idle a new one waits', () => {
  const rates = new Rates(1, 1, 2);
  expect([rates.take('a', 0), rates.take('b', 0), rates.take('c', 0)]).toEqual([0, 0, 1_000]);
  expect(rates.take('c', 1_000)).toBe(0);
  expect(rates.size).toBe(1);
});
