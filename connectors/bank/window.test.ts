import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closedUntil, DEFAULT_WINDOW, minutesOf } from './window.js';

const at = (text: string): number => Date.parse(`${text}+08:00`);

describe('the service window', () => {
  it('is half-open, [23:00, 01:00) in Shanghai, and crosses midnight', () => {
    expect(closedUntil(at('2026-09-10T22:59:59.999'), DEFAULT_WINDOW)).toBeNull();
    expect(closedUntil(at('2026-09-10T23:00:00'), DEFAULT_WINDOW)).toBe(at('2026-09-11T01:00:00'));
    expect(closedUntil(at('2026-09-11T00:00:00'), DEFAULT_WINDOW)).toBe(at('2026-09-11T01:00:00'));
    expect(closedUntil(at('2026-09-11T00:59:59.999'), DEFAULT_WINDOW)).toBe(at('2026-09-11T01:00:00'));
    expect(closedUntil(at('2026-09-11T01:00:00'), DEFAULT_WINDOW)).toBeNull();
  });

  it('of another bank may lie within a day, or not be at all', () => {
    const noon = { closesAt: 720, opensAt: 780 };
    expect(closedUntil(at('2026-09-10T12:30:00'), noon)).toBe(at('2026-09-10T13:00:00'));
    expect(closedUntil(at('2026-09-10T13:00:00'), noon)).toBeNull();
    expect(closedUntil(at('2026-09-10T23:30:00'), { closesAt: 0, opensAt: 0 })).toBeNull();
    expect([minutesOf('23:00'), minutesOf('24:00'), minutesOf('7:00')]).toEqual([
      1_380,
      undefined,
      undefined,
    ]);
  });

  it('ends at an instant at which the bank is open, and is closed for all of its length', () => {
    const minute = fc.integer({ min: 0, max: 1_439 });
    const instant = fc.integer({ min: 0, max: 4_000_000_000_000 });
    fc.assert(
      fc.property(instant, minute, minute, (ms, closesAt, opensAt) => {
        const window = { closesAt, opensAt };
        const until = closedUntil(ms, window);
        if (until === null) return;
        expect(until).toBeGreaterThan(ms);
        expect(until - ms).toBeLessThanOrEqual(86_400_000);
        expect(closedUntil(until, window)).toBeNull();
        expect(closedUntil(until - 1, window)).toBe(until);
      }),
    );
  });
});
