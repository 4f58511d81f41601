import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Page } from '../sdk.js';
import { roomIds, roomPath } from './rows.js';
import { walkPage, type Branch, type Cascade, type WalkLimits } from './walk.js';

const never = new AbortController().signal;

/** A cascade over these paths, each level shuffled by how it was given. */
function cascadeOf(paths: readonly string[], depth: number): Cascade {
  return {
    depth,
    children: async (ids) => {
      const below = paths.map(roomIds).filter((path) => ids.every((id, i) => path[i] === id));
      return [...new Set(below.map((path) => path[ids.length] ?? ''))].map((id): Branch => ({
        id,
        name: id,
      }));
    },
    room: async (branches) => ({ vendor: 'v', path: roomPath(branches.map(({ id }) => id)) }),
  };
}

async function all(cascade: Cascade, limits: WalkLimits): Promise<Page[]> {
  const pages: Page[] = [];
  for (let cursor: unknown = null; pages.length < 10_000;) {
    const page = await walkPage(cascade, cursor, limits, 7, never);
    pages.push(page);
    if (page.state === 'end') return pages;
    cursor = JSON.parse(JSON.stringify(page.next));
  }
  throw new Error('the walk did not end');
}

describe('a walk through the cascade', () => {
  const id = fc.constantFrom('1', '2', '10', '东苑', 'B/1', '50%');
  const path = (depth: number) => fc.array(id, { minLength: depth, maxLength: depth }).map(roomPath);

  it('gives every room once, in pages that keep their limits', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(path(4), { maxLength: 40 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 6 }),
        async (paths, pageRows, pageCalls) => {
          const pages = await all(cascadeOf(paths, 4), { pageRows, pageCalls, parallel: 3 });
          for (const page of pages) expect(page.rows.length).toBeLessThanOrEqual(pageRows);
          const found = pages.flatMap((page) => page.rows.map((row) => row.id));
          expect([...found].sort()).toEqual([...paths].sort());
          expect(pages.at(-1)?.absenceUsable).toBe(paths.length > 0);
        },
      ),
    );
  });

  it('goes on behind a room that has gone since', async () => {
    const paths = ['a/1', 'a/2', 'a/3', 'b/1'];
    const limits = { pageRows: 2, pageCalls: 9, parallel: 1 };
    const first = await walkPage(cascadeOf(paths, 2), null, limits, 0, never);
    const next = await walkPage(cascadeOf(['a/1', 'a/3', 'b/1'], 2), first.next, limits, 0, never);
    expect(next.rows.map((row) => row.id)).toEqual(['a/3', 'b/1']);
  });

  it('goes through a level without an id', async () => {
    const pages = await all(cascadeOf(['a//1', 'a//2'], 3), { pageRows: 1, pageCalls: 9, parallel: 1 });
    expect(pages.flatMap((page) => page.rows.map((row) => row.id))).toEqual(['a//1', 'a//2']);
  });

  it('refuses a level that lists an id twice', async () => {
    const twice: Cascade = {
      ...cascadeOf([], 1),
      children: async () => [
        { id: '1', name: '' },
        { id: '1', name: '' },
      ],
    };
    await expect(all(twice, { pageRows: 1, pageCalls: 1, parallel: 1 })).rejects.toThrow(/listed twice/);
  });

  it('ids come back out of the path that they made', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 0, maxLength: 8 }), { minLength: 1, maxLength: 5 }),
        (ids) => {
          const whole = ids.map((each) => each.replaceAll(/[\ud800-\udfff]/g, '?'));
          expect(roomIds(roomPath(whole))).toEqual(whole);
        },
      ),
    );
  });
});
