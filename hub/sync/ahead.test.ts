import { describe, expect, it } from 'vitest';
import type { Cursor, Page } from '../../connectors/sdk.js';
import { pagesAhead } from './ahead.js';

const { signal } = new AbortController();
const page = (next: number, end: number): Page => ({
  rows: [],
  next,
  state: next < end ? 'more' : 'end',
  asOf: 0,
});

function source(end: number) {
  const asked: Cursor[] = [];
  const pull = async (cursor: Cursor): Promise<Page> => {
    asked.push(cursor);
    return page((cursor as number) + 1, end);
  };
  return { asked, pages: pagesAhead(pull) };
}

describe('pulling a page ahead', () => {
  it('asks for each page once, the next one before it is wanted, and none behind the end', async () => {
    const { asked, pages } = source(3);
    expect((await pages.pull(0, signal, true)).next).toBe(1);
    expect(asked).toEqual([0, 1]);
    expect((await pages.pull(1, signal, true)).next).toBe(2);
    expect((await pages.pull(2, signal, true)).state).toBe('end');
    expect(asked).toEqual([0, 1, 2]);
  });

  it('asks again when the page ahead is not the one wanted, or may not be used', async () => {
    const { asked, pages } = source(9);
    await pages.pull(0, signal, true);
    await pages.pull(5, signal, true);
    expect(asked).toEqual([0, 1, 5, 6]);
    await pages.pull(6, signal, false);
    expect(asked).toEqual([0, 1, 5, 6, 6]);
  });

  it('throws the error of the page ahead when that page is asked for, and then asks anew', async () => {
    let calls = 0;
    const pages = pagesAhead(async (cursor) => {
      calls += 1;
      if (calls === 2) throw new Error('cut');
      return page((cursor as number) + 1, 9);
    });
    await pages.pull(0, signal, true);
    await expect(pages.pull(1, signal, true)).rejects.toThrow('cut');
    expect((await pages.pull(1, signal, true)).next).toBe(2);
  });
});
