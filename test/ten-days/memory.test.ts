import { expect, test } from 'vitest';
import { EVENT_WINDOW } from '../../hub/sync/published.js';
import { judgeMemory, type DayOfMemory } from './memory.js';

const ROWS = 250_000;
const STREAMS = 29;
const MIB = 2 ** 20;
const windowOf = (events: number): number => 26 * Math.min(events, 2 * EVENT_WINDOW);

/** Ten days of a hub whose cards and window of events grow, with the noise of a few MiB that a collector leaves. */
function tenDays(change: (day: number, held: DayOfMemory['held']) => DayOfMemory['held']): DayOfMemory[] {
  return Array.from({ length: 10 }, (_, i) => {
    const [cards, events] = [20_000 + 30 * i, 120_000 * (i + 1)];
    const known = {
      'master.card': { entries: cards, bytes: 300 * cards },
      events: { entries: Math.min(events, 2 * EVENT_WINDOW), bytes: windowOf(events) },
    };
    const named = known['master.card'].bytes + known.events.bytes;
    const heap = 60 * MIB + (i % 3) * MIB;
    const held = { heap, external: 40 * MIB + named, own: 250 * MIB, known, keys: { 'master.card': cards } };
    return { rows: ROWS * (i + 1), held: change(i, held) };
  });
}
const verdict = (change: Parameters<typeof tenDays>[0]) => judgeMemory(tenDays(change), STREAMS);

test('caches that fill and keys that come are flat', () => {
  const { flat, lines } = verdict((_day, held) => held);
  expect(lines.join('\n')).toContain('events');
  expect(flat).toBe(true);
});

test('50 bytes kept of each row are found, wherever they are kept', () => {
  const leak = (day: number): number => 50 * ROWS * day;
  expect(verdict((day, held) => ({ ...held, heap: held.heap + leak(day) })).flat).toBe(false);
  expect(verdict((day, held) => ({ ...held, external: held.external + leak(day) })).flat).toBe(false);
});

test('what can be named must have its reason', () => {
  const known =
    (what: string, entries: number, bytes: number) => (_day: number, held: DayOfMemory['held']) => ({
      ...held,
      known: { ...held.known, [what]: { entries, bytes } },
    });
  expect(verdict(known('master.card', 20_271, 300)).lines.join('\n')).toContain(
    'at most 20270 have a reason',
  );
  expect(verdict(known('repeats', 2 * EVENT_WINDOW * STREAMS + 1, 1)).flat).toBe(false);
  expect(verdict(known('events', 10_000, 60 * MIB)).flat).toBe(false);
  expect(verdict(known('bank-rows', 1_000_000, 300_000_000)).flat).toBe(true);
});
