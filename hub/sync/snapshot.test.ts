import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeAbsence, spendAllowances, keysetTracker, seenTracker } from './snapshot.js';

const LIMIT = { count: 200, percent: 5 };
const ids = fc.uniqueArray(fc.stringMatching(/^[0-9]{1,6}$/), { maxLength: 60 });

function pagesOf(list: readonly string[], size: number): string[][] {
  const pages: string[][] = [];
  for (let i = 0; i < list.length; i += size) pages.push(list.slice(i, i + size));
  return pages;
}

describe('deletion by absence', () => {
  it('finds exactly what a complete keyset listing does not have, however it is cut into pages', () => {
    fc.assert(
      fc.property(ids, ids, fc.integer({ min: 1, max: 7 }), (open, listed, size) => {
        const tracker = keysetTracker(open);
        for (const page of pagesOf([...listed].sort(), size)) tracker.page(page);
        tracker.complete();
        const expected = open.filter((id) => !listed.includes(id)).sort();
        expect([...tracker.absent()].sort()).toEqual(expected);
      }),
    );
  });

  it('finds the same after a restart in the middle of a keyset listing', () => {
    fc.assert(
      fc.property(ids, ids, fc.integer({ min: 1, max: 7 }), fc.nat(10), (open, listed, size, cut) => {
        const pages = pagesOf([...listed].sort(), size);
        const before = keysetTracker(open);
        pages.slice(0, cut).forEach((page) => before.page(page));
        const after = keysetTracker(open, {
          lastId: before.lastId,
          absent: before.absent(),
          absentCount: before.absentCount(),
        });
        pages.slice(cut).forEach((page) => after.page(page));
        after.complete();
        expect(after.usable).toBe(true);
        expect([...after.absent()].sort()).toEqual(open.filter((id) => !listed.includes(id)).sort());
      }),
    );
  });

  it('does not trust a resumed listing whose absences did not fit into the position', () => {
    const tracker = keysetTracker(['1', '2'], { lastId: '1', absent: ['0'], absentCount: 2_000 });
    expect(tracker.usable).toBe(false);
  });

  it('needs no order where the ids seen are remembered', () => {
    const tracker = seenTracker(['a', 'b', 'c']);
    tracker.page(['c']);
    tracker.page(['a']);
    expect(tracker.absent()).toEqual(['b']);
  });

  it('holds 40 % of the cards, and closes a handful', () => {
    const many = Array.from({ length: 400 }, (_, i) => String(i));
    expect(judgeAbsence(many, 1_000, LIMIT, [], 0)).toEqual({ kind: 'hold', count: 400 });
    expect(judgeAbsence(['1', '2'], 1_000, LIMIT, [], 0)).toEqual({
      kind: 'close',
      ids: ['1', '2'],
    });
  });

  it('holds more than either limit: a share of a large campus is still many people', () => {
    const many = Array.from({ length: 201 }, (_, i) => String(i));
    expect(judgeAbsence(many, 1_000_000, LIMIT, [], 0).kind).toBe('hold');
    expect(judgeAbsence(many.slice(0, 20), 50, LIMIT, [], 0).kind).toBe('hold');
    expect(judgeAbsence(many.slice(0, 3), 50, LIMIT, [], 0).kind).toBe('close');
  });

  it('closes a batch that was announced, until the announcement ends', () => {
    const many = Array.from({ length: 400 }, (_, i) => String(i));
    const announced = [{ commandId: 'c', count: 400, until: 100 }];
    expect(judgeAbsence(many, 1_000, LIMIT, announced, 99).kind).toBe('close');
    expect(judgeAbsence(many, 1_000, LIMIT, announced, 100).kind).toBe('hold');
  });

  it('uses an announcement up: what has gone cannot go again', () => {
    const announced = [
      { commandId: 'a', count: 5, until: 100 },
      { commandId: 'b', count: 8_000, until: 100 },
    ];
    expect(spendAllowances(announced, 7_000, 0)).toEqual([{ commandId: 'b', count: 1_005, until: 100 }]);
    expect(spendAllowances(announced, 0, 100)).toEqual([]);
  });
});
