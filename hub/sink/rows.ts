import type { StoredRecord } from '../log/log.js';
import type { SinkColumn, SinkTable } from './table.js';

/** Values of one record in the order of the table's columns. JSON columns hold their text. */
export type RowOf = (record: StoredRecord, value: object, load: number) => unknown[];

export function rowOf(table: SinkTable): RowOf {
  const getters = table.columns.map((column) => getter(column, table.kind));
  return (record, value, load) => getters.map((get) => get(value, record, load));
}

/** The row's id: the key of a thing, the id of an event. */
export function idOf(table: SinkTable, record: StoredRecord): string {
  return table.kind === 'state' ? record.key : (record.headers['ce_id'] ?? record.key);
}

type Getter = (value: object, record: StoredRecord, load: number) => unknown;

function getter(column: SinkColumn, kind: SinkTable['kind']): Getter {
  switch (column.path.length === 0 ? column.name : '') {
    case 'hub_id':
      return kind === 'state' ? (_, { key }) => key : (_, { headers, key }) => headers['ce_id'] ?? key;
    case 'hub_key':
      return (_, { key }) => key;
    case 'hub_partition':
      return (_, { partition }) => partition;
    case 'hub_offset':
      return (_, { offset }) => offset;
    case 'hub_time':
      return (_, { headers }) => timeOf(headers['ce_time']);
    case 'hub_load':
      return (_, __, load) => load;
    default:
  }
  const { path } = column;
  const [first = '', ...rest] = path;
  const at = (value: object): unknown => {
    let found: unknown = (value as Record<string, unknown>)[first];
    for (const name of rest) found = (found as Record<string, unknown> | null)?.[name];
    return found ?? null;
  };
  if (column.type !== 'json') return at;
  return (value) => {
    const found = at(value);
    return found === null ? null : JSON.stringify(found);
  };
}

function timeOf(text: string | undefined): number | null {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}
