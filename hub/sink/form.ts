import type { Explained } from '../../connectors/sql/dialect.js';
import { SinkError } from './error.js';
import type { SinkBatch, TopicPosition } from './store.js';
import { snake, type SinkColumn, type SinkTable } from './table.js';

/** What both databases have in common. */

/** Columns that the fields which are left out would have, and had under another agreement. */
export const leftColumns = (table: SinkTable): readonly string[] =>
  table.left.map((path) => path.split('.').map(snake).join('_'));

/** Whether the column is to be added. @throws SinkError TABLE when it is there with another type */
export function isMissing(
  table: SinkTable,
  column: SinkColumn,
  there: ReadonlyMap<string, string>,
  types: (column: SinkColumn) => readonly string[],
): boolean {
  const found = there.get(column.name);
  const expected = types(column);
  if (found === undefined && column.path.length > 0) return true;
  if (found !== undefined && expected.includes(found)) return false;
  const came = found === undefined ? 'no such column' : found;
  throw new SinkError(
    'TABLE',
    `${table.name}.${column.name}: expected ${expected.join(' or ')}, came ${came}; is it a table of somebody else? Name a prefix, or drop it`,
    'never',
  );
}

export function topicPosition(
  lineage: string,
  load: number,
  columns: string,
  rows: readonly (readonly [
    partition: number,
    next: string | number,
    loadEnd: string | number | null,
    at: string | number,
  ])[],
): TopicPosition {
  const ends = rows.flatMap(([partition, , end]) =>
    end === null ? [] : [[partition, Number(end)] as const],
  );
  return {
    lineage,
    load,
    columns: new Set(columns.split(',')),
    next: new Map(rows.map(([partition, next]) => [partition, Number(next)])),
    loadEnd: ends.length === 0 ? null : new Map(ends),
    writtenAt: rows.reduce((oldest, [, , , at]) => Math.min(oldest, Number(at)), Infinity),
  };
}

export function fenced(table: SinkTable, { partition, from }: SinkBatch): SinkError {
  return new SinkError(
    'FENCED',
    `${table.topic}/${partition} no longer stands at ${from}: another sink writes the same tables. End one of them, or give it a prefix of its own`,
    'never',
  );
}

export function sinkError(
  database: string,
  host: string,
  error: unknown,
  explain: (error: unknown) => Explained,
): SinkError {
  if (error instanceof SinkError) return error;
  const { code, retry, upstreamCode, words } = explain(error);
  const said = words === undefined ? upstreamCode : `${upstreamCode}, ${words}`;
  const its = code === 'BUSINESS' || code === 'RATE_LIMITED' ? 'DATABASE' : code;
  return new SinkError(its, `${database} on ${host}: ${said}`, retry, { cause: error });
}
