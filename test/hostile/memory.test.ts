import { expect, it } from 'vitest';
import { growthOf, type Weighed } from './memory.js';

const weights = (heap: (requests: number) => number): Weighed[] =>
  Array.from({ length: 10 }, (_, i) => {
    const requests = 10_000 * (i + 1);
    return { requests, heapUsed: heap(requests), external: 5, arrayBuffers: 1, rss: 200 };
  });

it('memory that rises at first and then stands has not grown', () => {
  const growth = growthOf(weights((requests) => 80 + Math.min(requests, 20_000) / 1_000));
  expect(growth).toEqual({ sinceSecondTenth: 0, slope: 0 });
});

it('a leak of 200 bytes a request is two MiB for each 10,000, however much was there', () => {
  const growth = growthOf(weights((requests) => 80 + (200 * requests) / 1e6));
  expect(growth?.slope).toBeCloseTo(2);
  expect(growth?.sinceSecondTenth).toBeCloseTo(16);
});

it('what grows late shows in the slope, and a short run says nothing', () => {
  const late = growthOf(weights((requests) => 80 + Math.max(0, requests - 60_000) / 1_000));
  expect(late?.slope).toBeGreaterThan(5);
  expect(growthOf(weights((requests) => requests).slice(0, 4))).toBeNull();
});
