import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Page } from '../sdk.js';
import { DELIVERY_MS_MAX } from './orders.js';
import { cursorOf, ENDED_MAX, OPEN_MAX, purchasePage, startOfLog, type PurchaseEntry } from './purchases.js';

const entry = (seq: number, orderNo: string, state: PurchaseEntry['state'], at: number): PurchaseEntry => ({
  seq: String(seq),
  state,
  at,
  row: {
    vendor: 'v',
    orderNo,
    seq: String(seq),
    path: 'a/b',
    amount: '1',
    amountUnit: 'fen',
    status: String(state),
    time: 't',
  },
});

/** Reads a log in pages of these sizes, each page as of the time of its last step. */
function read(entries: readonly PurchaseEntry[], sizes: readonly number[], end: number): Page[] {
  const pages: Page[] = [];
  let cursor = cursorOf(startOfLog('0'));
  for (let at = 0, n = 0; at < entries.length || n === 0; n++) {
    const size = sizes[n % Math.max(1, sizes.length)] ?? 1;
    const some = entries.slice(at, at + size);
    at += size;
    const last = at >= entries.length;
    const asOf = last ? end : (some.at(-1)?.at ?? 0);
    const page = purchasePage({ entries: some, more: false, asOf }, cursor, DELIVERY_MS_MAX, 'log');
    pages.push(page);
    // Cursors are kept as JSON.
    cursor = cursorOf(JSON.parse(JSON.stringify(page.next)));
  }
  return pages;
}
const rowsOf = (pages: readonly Page[]) => pages.flatMap((page) => page.rows);

describe('the log of orders', () => {
  it('gives each step once, and for an order that is not delivered in time one row more', () => {
    const steps = [
      entry(1, 'A', 'BANK_DEBITED', 0),
      entry(2, 'B', 'BANK_DEBITED', 10),
      entry(3, 'B', 'DELIVERED', 20),
    ];
    const rows = rowsOf(read(steps, [2], DELIVERY_MS_MAX));
    expect(rows.map(({ id }) => id)).toEqual(['A/1', 'B/2', 'B/3', 'A/overdue']);
    expect(rows.at(-1)?.data).toMatchObject({
      orderNo: 'A',
      order: { kind: 'DELIVERY_OVERDUE', at: DELIVERY_MS_MAX },
    });
    expect(rows.at(-1)?.data).not.toHaveProperty('seq');
  });

  it('says nothing of what has not happened while there is more to read', () => {
    const log = { entries: [entry(1, 'A', 'BANK_DEBITED', 0)], more: true, asOf: DELIVERY_MS_MAX * 2 };
    expect(purchasePage(log, cursorOf(null), DELIVERY_MS_MAX, 'log').rows).toHaveLength(1);
  });

  it('refuses a page that does not follow its cursor', () => {
    const log = { entries: [entry(1, 'A', 'CREATED', 0)], more: false, asOf: 0 };
    const { next } = purchasePage(log, cursorOf(null), DELIVERY_MS_MAX, 'log');
    expect(() => purchasePage(log, cursorOf(next), DELIVERY_MS_MAX, 'log')).toThrow(/does not follow 1/);
  });

  it('passes on a step that it cannot place, for the mapping to refuse', () => {
    const log = { entries: [entry(1, 'A', undefined, 0)], more: false, asOf: 0 };
    expect(purchasePage(log, cursorOf(null), DELIVERY_MS_MAX, 'log').rows[0]?.data).not.toHaveProperty(
      'order',
    );
  });

  it('gives the same rows in whatever pages it is read', () => {
    const step = fc.tuple(
      fc.constantFrom('A', 'B', 'C'),
      fc.constantFrom(
        'BANK_DEBITED' as const,
        'VENDOR_SUBMITTED' as const,
        'DELIVERED' as const,
        'FAILED' as const,
      ),
      fc.integer({ min: 0, max: 400_000 }),
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }),
        (steps, sizes) => {
          let now = 0;
          const entries = steps.map(([orderNo, state, later], i) =>
            entry(i + 1, orderNo, state, (now += later)),
          );
          const comparable = (pages: readonly Page[]) =>
            rowsOf(pages)
              .map(({ id, at, data }) => JSON.stringify([id, at, data]))
              .sort();
          const end = now + DELIVERY_MS_MAX;
          expect(comparable(read(entries, sizes, end))).toEqual(comparable(read(entries, [1_000], end)));
        },
      ),
    );
  });

  it('remembers no more orders than it says', () => {
    const entries = Array.from({ length: OPEN_MAX + 200 }, (_, i) =>
      entry(i + 1, `N${i}`, 'BANK_DEBITED', i),
    );
    const more = entries.map(({ seq }, i) => entry(Number(seq) + 10_000, `E${i}`, 'FAILED', i));
    const log = { entries: [...entries, ...more], more: false, asOf: DELIVERY_MS_MAX * 3 };
    const { next, rows } = purchasePage(log, cursorOf(null), DELIVERY_MS_MAX, 'log');
    expect(rows.filter(({ at }) => at.endsWith('!overdue'))).toHaveLength(OPEN_MAX + 200);
    expect(Object.keys(cursorOf(next).open)).toHaveLength(OPEN_MAX);
    expect(cursorOf(next).ended).toHaveLength(ENDED_MAX);
  });
});
