import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import type { Connector, Cursor, Page, SourceRow, Stream } from './sdk.js';

/**
 * What every connector promises the sync loop. A connector's test calls this with a factory that opens it on an
 * upstream with at least two pages of each stream.
 */
export interface ContractSubject {
  readonly open: () => Promise<{ readonly connector: Connector; readonly dispose: () => Promise<void> }>;
  /** Streams to try, with the number of rows that a full reading gives. */
  readonly rows: Readonly<Record<string, number>>;
  /** No page has more rows. */
  readonly pageRowsMax: number;
}

const PAGES_MAX = 10_000;
const never = new AbortController().signal;

type Pull = (cursor: Cursor) => Promise<Page>;

/** All pages from a cursor to the end. */
export async function drain(pull: Pull, cursor: Cursor): Promise<Page[]> {
  const pages: Page[] = [];
  for (let at = cursor; pages.length < PAGES_MAX;) {
    const page = await pull(at);
    pages.push(page);
    if (page.state === 'end') return pages;
    at = page.next;
  }
  throw new Error('the stream did not end');
}

async function begin(stream: Stream): Promise<{ pull: Pull; start: Cursor }> {
  if (stream.spec.listing !== null)
    return { pull: (cursor) => stream.snapshotPage(cursor, never), start: null };
  return { pull: (cursor) => stream.changes(cursor, never), start: await stream.feedStart(never) };
}

const rowsOf = (pages: readonly Page[]): SourceRow[] => pages.flatMap((page) => page.rows);
const comparable = (rows: readonly SourceRow[]) =>
  rows.map(({ id, at, data, raw, damage }) => ({
    id,
    at,
    data,
    damage,
    raw: Buffer.from(raw).toString('base64'),
  }));

export function connectorContract(name: string, subject: ContractSubject): void {
  const withStreams = async (use: (stream: Stream, rows: number) => Promise<void>): Promise<void> => {
    const { connector, dispose } = await subject.open();
    try {
      for (const [stream, rows] of Object.entries(subject.rows)) await use(connector.stream(stream), rows);
    } finally {
      await connector.close();
      await dispose();
    }
  };

  describe(`${name} keeps the connector contract`, () => {
    it('checks itself and finds the upstream well', async () => {
      const { connector, dispose } = await subject.open();
      const results = await connector.check(never);
      expect(results.length).toBeGreaterThan(0);
      expect(results.filter((result) => !result.ok)).toEqual([]);
      await connector.close();
      await dispose();
    });

    it('gives every row once, in pages that keep the limit', async () => {
      await withStreams(async (stream, count) => {
        const { pull, start } = await begin(stream);
        const pages = await drain(pull, start);
        expect(pages.length).toBeGreaterThan(1);
        for (const page of pages) expect(page.rows.length).toBeLessThanOrEqual(subject.pageRowsMax);
        const rows = rowsOf(pages);
        expect(rows.length).toBe(count);
        expect(new Set(rows.map((row) => row.at)).size).toBe(count);
      });
    });

    it('gives the same rows again from any cursor, as after a crash', async () => {
      await withStreams(async (stream) => {
        const { pull, start } = await begin(stream);
        const pages = await drain(pull, start);
        const cursors = [start, ...pages.slice(0, -1).map((page) => page.next)];
        for (const [i, cursor] of [...cursors.entries()].slice(0, 8)) {
          // Cursors live in the position as JSON.
          const again = await drain(pull, JSON.parse(JSON.stringify(cursor)) as Cursor);
          expect(comparable(rowsOf(again))).toEqual(comparable(rowsOf(pages.slice(i))));
        }
      });
    });

    it('gives rows that its own schema accepts, each with its bytes', async () => {
      const ajv = new Ajv2020({ allowUnionTypes: true, strict: false });
      await withStreams(async (stream) => {
        const valid = ajv.compile(stream.spec.rowSchema);
        const { pull, start } = await begin(stream);
        for (const row of rowsOf(await drain(pull, start))) {
          expect(row.damage).toBeUndefined();
          expect(valid(row.data), JSON.stringify(valid.errors)).toBe(true);
          expect(row.raw.length).toBeGreaterThan(0);
        }
      });
    });

    it('stops when it is told to', async () => {
      await withStreams(async (stream) => {
        const stopped = AbortSignal.abort(new Error('stopped'));
        const pull =
          stream.spec.listing === null ? stream.changes(null, stopped) : stream.snapshotPage(null, stopped);
        await expect(pull).rejects.toThrow('stopped');
      });
    });

    it('describes its options completely', async () => {
      const { connector, dispose } = await subject.open();
      const missing: string[] = [];
      const walk = (schema: Record<string, unknown>, path: string): void => {
        if (schema['type'] !== 'object' || schema['properties'] === undefined) return;
        if (schema['additionalProperties'] !== false) missing.push(`${path}: additionalProperties`);
        for (const [key, value] of Object.entries(
          schema['properties'] as Record<string, Record<string, unknown>>,
        )) {
          if (!/columns|constants/.test(path) && value['description'] === undefined)
            missing.push(`${path}.${key}: description`);
          walk(value, `${path}.${key}`);
        }
      };
      walk(connector.spec.options, 'options');
      expect(missing).toEqual([]);
      await connector.close();
      await dispose();
    });
  });
}

export interface BeginsNowSubject {
  /** With the options of a hub that wants nothing of before. */
  readonly open: () => Promise<Connector> | Connector;
  readonly stream: string;
  /** Rows that each reading gives once more, since it begins a little before where the last one ended; default: 0. */
  readonly overlap?: number;
  /** Makes the upstream tell one thing more. */
  readonly happens: () => unknown;
}

/** What a stream promises where its options say that a hub without a position begins now. */
export function beginsNowContract(name: string, subject: BeginsNowSubject): void {
  it(`${name}, told to begin now, gives nothing of before and all that comes`, async () => {
    const connector = await subject.open();
    try {
      const stream = connector.stream(subject.stream);
      expect(stream.spec.listing).toBeNull();
      expect(stream.beginsNow).toBe(true);
      const start = JSON.parse(JSON.stringify(await stream.feedStart(never))) as Cursor;
      const before = await drain((cursor) => stream.changes(cursor, never), null);
      expect(rowsOf(before).length).toBeGreaterThan(0);
      const quiet = await drain((cursor) => stream.changes(cursor, never), start);
      const { overlap = 0 } = subject;
      expect(rowsOf(quiet).map(({ at }) => at)).toHaveLength(overlap);
      await subject.happens();
      // The same from where it began, as after a crash, and from where it stood.
      for (const cursor of [start, quiet.at(-1)!.next])
        expect(rowsOf(await drain((at) => stream.changes(at, never), cursor))).toHaveLength(overlap + 1);
    } finally {
      await connector.close();
    }
  });
}
