import type { Log } from '../../hub/log/log.js';
import { decode } from './topics.js';

/**
 * Whether a table holds what its topic holds, by a reader of its own: it shares with the sink neither the fold,
 * nor the names of the columns, nor the way in which values are written.
 */
export interface TableRows {
  /** Every row with its values as JSON has them: times as epoch milliseconds, dates as days since 1970. */
  rows(table: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

export interface Difference {
  readonly id: string;
  readonly topic: unknown;
  readonly table: unknown;
}

const HUB_COLUMNS = /^hub_(id|key|partition|offset|time|load)$/;

/** @param leave fields that have no column, as they stand in the contract */
export async function differences(
  log: Log,
  tables: TableRows,
  topic: string,
  leave: readonly string[],
): Promise<readonly Difference[]> {
  const kind = log.topics().find(({ name }) => name === topic)?.kind;
  const expected = new Map<string, Record<string, unknown>>();
  for await (const batch of log.read({ topic, until: 'end' })) {
    for (const { key, value, headers } of batch.records) {
      const id = kind === 'event' ? String(headers['ce_id']) : key;
      if (value === null) expected.delete(id);
      else expected.set(id, flat(decode(topic, value), leave));
    }
  }
  const found: Difference[] = [];
  const seen = new Set<string>();
  for (const row of await tables.rows(topic.replaceAll(/[.-]/g, '_'))) {
    const id = String(row['hub_id']);
    seen.add(id);
    const own = Object.entries(row).filter(([name]) => !HUB_COLUMNS.test(name));
    const before = JSON.stringify(sorted(expected.get(id)));
    const now = JSON.stringify(sorted(Object.fromEntries(own)));
    if (before !== now) found.push({ id, topic: before, table: now });
  }
  for (const id of expected.keys()) if (!seen.has(id)) found.push({ id, topic: 'a row', table: 'none' });
  return found;
}

function flat(value: object, leave: readonly string[], before = ''): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]: [string, unknown]): [string, unknown][] => {
      if (leave.includes(name)) return [];
      const column = before + name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      if (name === 'holder') {
        const { source = null, key = null } = (item ?? {}) as { source?: string; key?: string };
        return [
          [`${column}_source`, source],
          [`${column}_key`, key],
        ];
      }
      return [[column, typeof item === 'string' ? item.replaceAll('\0', '\uFFFD') : item]];
    }),
  );
}

/** The same value with the members of all objects in one order: jsonb has an order of its own. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(([name, item]): [string, unknown] => [name, sorted(item)]);
  return members.sort(([a], [b]) => (a < b ? -1 : 1));
}
