import pg from 'pg';
import type { DatabaseServer } from '../databases/postgresql.js';
import type { TableRows } from './equal.js';

const DAY_MS = 86_400_000;

/** Rows as the driver gives them, not as the sink wrote them. */
export function postgresqlRows(server: DatabaseServer, schema = 'cardhub'): TableRows {
  return {
    async rows(table) {
      const client = new pg.Client({ ...server, database: 'postgres' });
      await client.connect();
      try {
        const { rows, fields } = await client.query<Record<string, unknown>>(
          `SELECT * FROM ${schema}.${table}`,
        );
        const kinds = new Map(fields.map(({ name, dataTypeID }) => [name, dataTypeID]));
        return rows.map((row) =>
          Object.fromEntries(
            Object.entries(row).map(([name, value]) => [name, plain(value, kinds.get(name))]),
          ),
        );
      } finally {
        await client.end();
      }
    },
  };
}

function plain(value: unknown, kind: number | undefined): unknown {
  if (value === null) return null;
  if (value instanceof Date) {
    // The driver makes a local midnight of a date.
    return kind === 1082
      ? Math.round((value.getTime() - value.getTimezoneOffset() * 60_000) / DAY_MS)
      : value.getTime();
  }
  return kind === 20 ? Number(value) : value;
}
