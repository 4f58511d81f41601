import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HashWindow, numberOf } from './hash-window.js';

test('what is within the window is known with its newest number, as in a map', () => {
  const step = fc.tuple(fc.string({ maxLength: 3 }), fc.nat(0xffff_ffff));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const window = new HashWindow(1_000);
      const map = new Map<string, number>();
      for (const [text, number] of steps) {
        expect(window.get(text)).toBe(map.get(text));
        window.set(text, number);
        map.set(text, number);
      }
      for (const [text, number] of map) expect(window.get(text)).toBe(number);
    }),
  );
});

test('at least as many as its size are remembered, and at most twice as many', () => {
  const size = 5_000;
  const window = new HashWindow(size);
  for (let n = 0; n < 23_456; n += 1) window.set(`event-${n}`, n);
  const known = (n: number): boolean => window.get(`event-${n}`) === n;
  const newest = Array.from({ length: size }, (_, i) => 23_455 - i);
  expect(newest.every(known)).toBe(true);
  const older = Array.from({ length: 23_456 - 2 * size }, (_, n) => n);
  expect(older.some(known)).toBe(false);
});

test('texts that differ have other numbers', () => {
  expect(numberOf('2026-09-10|door|enter')).toBe(numberOf('2026-09-10|door|enter'));
  expect(numberOf('2026-09-10|door|enter')).not.toBe(numberOf('2026-09-10|door|exit'));
});
