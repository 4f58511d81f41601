import { createHash } from 'node:crypto';
import { isObject } from '../sdk-json.js';
import { ConnectorError, type Cursor, type Page, type RowDamage, type SourceRow } from '../sdk.js';
import { keyTexts, type SqlTable, type TableRow } from './table.js';
import { readAgainFrom, type Overlap } from './watermark.js';

/**
 * The three ways to follow a table:
 *
 *   listing    key > last, in pages                                     every stream of things
 *   watermark  (mark, key) > last, then again from a little before it   rows whose mark has grown
 *   version    a pass by key over the rows changed since a horizon;     rows that the database says have changed
 *              the next pass begins at the horizon noted before this one
 *
 * Each page is one short statement of its own: nothing is held open between two pages.
 */

/** Rows that may be without a key, or share one: more, and the key is none. */
const ODD_ROWS_MAX = 1_000;

type Values = readonly string[];
const isValues = (value: unknown): value is Values => Array.isArray(value);
const valuesOf = (cursor: Cursor, name: string): Values | null => {
  const value = isObject(cursor) ? cursor[name] : null;
  return isValues(value) ? value : null;
};
const textOf = (cursor: Cursor, name: string): string | null => {
  const value = isObject(cursor) ? cursor[name] : null;
  return typeof value === 'string' ? value : null;
};

/** A page of the listing. Its last page brings the rows without a key. */
export async function listingPage(table: SqlTable, cursor: Cursor, signal: AbortSignal): Promise<Page> {
  const asOf = await table.clock(signal);
  const { rows, more } = await table.page({ order: 'key', after: valuesOf(cursor, 'after') }, signal);
  const made = withDoubles(rows).map((row) => sourceRow(row, ''));
  const last = rows.at(-1);
  if (more && last !== undefined) return { rows: made, next: { after: last.key }, state: 'more', asOf };
  const keyless = await table.keyless(ODD_ROWS_MAX + 1, signal);
  if (keyless.length > ODD_ROWS_MAX) {
    const message = `${table.label}: more than ${ODD_ROWS_MAX} rows have no ${table.keyNames}; name a key that every row has`;
    throw new ConnectorError('CONFIG', message, 'never');
  }
  const all = [...made, ...keylessRows(keyless)];
  const state = { next: { after: last?.key ?? valuesOf(cursor, 'after') }, state: 'end' as const, asOf };
  // An empty table says less than it seems: a view that is being rebuilt is empty for a moment.
  const isEmpty = all.length === 0 && valuesOf(cursor, 'after') === null;
  return { rows: all, ...state, absenceUsable: !isEmpty };
}

/** Rows whose key others have too are ambiguous: nobody can say which of them is true. */
function withDoubles(rows: readonly TableRow[]): TableRow[] {
  return rows.map((row, i) => {
    const same = (other: TableRow | undefined): boolean => other !== undefined && sameKey(row, other);
    if (!same(rows[i - 1]) && !same(rows[i + 1])) return row;
    let ordinal = 1;
    while (same(rows[i - ordinal])) ordinal += 1;
    const detail = 'several rows have this key; name more columns in key, or mend the view';
    return { ...row, ordinal, damage: row.damage ?? { code: 'DUPLICATE_KEY', path: '/', detail } };
  });
}

const sameKey = (a: TableRow, b: TableRow): boolean => a.key.every((text, i) => text === b.key[i]);

function sourceRow(row: TableRow, place: string): SourceRow {
  const id = row.id ?? keyTexts(row.key);
  const ordinal = row.ordinal === undefined ? '' : `#${row.ordinal}`;
  return withRaw(id, `${place}${keyTexts(row.key)}${ordinal}`, row, row.damage);
}

/** The bytes are made only when quarantine asks for them. */
function withRaw(id: string, at: string, row: TableRow, damage: RowDamage | undefined): SourceRow {
  const made = {
    id,
    at,
    data: row.data,
    get raw() {
      return Buffer.from(JSON.stringify(row.raw()));
    },
  };
  return damage === undefined ? made : Object.assign(made, { damage });
}

function keylessRows(rows: readonly TableRow[]): SourceRow[] {
  const seen = new Map<string, number>();
  return rows.map((row) => {
    const content = createHash('sha256').update(JSON.stringify(row.raw())).digest('hex').slice(0, 32);
    const ordinal = (seen.get(content) ?? 0) + 1;
    seen.set(content, ordinal);
    const id = `no-key-${content}-${ordinal}`;
    const detail = 'a column of the key is NULL';
    return withRaw(id, id, row, { code: 'NO_KEY', path: '/', detail });
  });
}

/** Where a feed by watermark begins; null: with the oldest row. */
export async function watermarkStart(
  table: SqlTable,
  overlap: Overlap,
  from: 'retained' | 'now',
  signal: AbortSignal,
): Promise<Cursor> {
  if (from === 'retained') return { from: null, after: null };
  const now = await table.clock(signal);
  const top = await table.highest(signal);
  return { from: top === null ? null : again(table, top, overlap, now), after: null };
}

/** A page of a feed by watermark. */
export async function watermarkPage(
  table: SqlTable,
  overlap: Overlap,
  cursor: Cursor,
  signal: AbortSignal,
): Promise<Page> {
  const asOf = await table.clock(signal);
  const from = textOf(cursor, 'from');
  const after = valuesOf(cursor, 'after');
  const { rows, more } = await table.page({ order: 'mark', after, from }, signal);
  const made = rows.map((row) => sourceRow(row, `${row.mark ?? ''}/`));
  const last = rows.at(-1);
  if (more && last !== undefined) {
    return { rows: made, next: { from, after: [last.mark ?? '', ...last.key] }, state: 'more', asOf };
  }
  const top = last?.mark ?? after?.[0] ?? null;
  const next = top === null ? from : again(table, top, overlap, asOf);
  return { rows: made, next: { from: next, after: null }, state: 'end', asOf };
}

function again(table: SqlTable, mark: string, overlap: Overlap, now: number): string {
  const from = readAgainFrom(mark, overlap, now);
  if (from !== undefined) return from;
  const expected =
    overlap.of === 'id' ? 'a running id' : 'a time such as 2026-11-23 13:40:00, 20261123134000 or 1795412400';
  throw new ConnectorError(
    'CONFIG',
    `${table.label}: changes.column holds a text of ${mark.length} characters; expected ${expected} (see changes.is)`,
    'never',
  );
}

/** Where a feed by row version begins: at what is committed by now. */
export async function versionStart(table: SqlTable, signal: AbortSignal): Promise<Cursor> {
  return { since: await table.horizon(signal), next: null, after: null };
}

/** A page of a pass over the rows changed since the horizon in the cursor. */
export async function versionPage(table: SqlTable, cursor: Cursor, signal: AbortSignal): Promise<Page> {
  const asOf = await table.clock(signal);
  const since = textOf(cursor, 'since') ?? '0';
  const after = valuesOf(cursor, 'after');
  const horizon = await table.horizon(signal);
  // Noted before the pass begins: what changes while it goes on is above it, and read by the next pass.
  const next = textOf(cursor, 'next') ?? horizon;
  if (BigInt(horizon) < BigInt(since)) {
    const message = `${table.label}: the database’s row version has gone back: it was restored or moved`;
    throw new ConnectorError('CURSOR', message, 'now');
  }
  const { rows, more } = await table.page({ order: 'key', after, since }, signal);
  const made = withDoubles(rows).map((row) => sourceRow(row, `${since}/`));
  const last = rows.at(-1);
  if (more && last !== undefined)
    return { rows: made, next: { since, next, after: last.key }, state: 'more', asOf };
  return { rows: made, next: { since: next, next: null, after: null }, state: 'end', asOf };
}
