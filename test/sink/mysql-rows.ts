import { createConnection } from 'mysql2/promise';
import type { DatabaseServer } from '../databases/postgresql.js';
import type { TableRows } from './equal.js';

const DAY_MS = 86_400_000;
const JSON_COLUMNS = ['credentials', 'data_quality', 'groups', 'schedule'];
const FLAGS = ['lost', 'frozen', 'damaged', 'locked', 'granted'];

/** Rows as the driver gives them, by a connection that takes times for Beijing's. */
export function mysqlRows(server: DatabaseServer, database: string): TableRows {
  return {
    async rows(table) {
      const { host, port, user } = server;
      const connection = await createConnection({ host, port, user, database, timezone: '+08:00' });
      try {
        const [rows] = await connection.query(`SELECT * FROM ${table}`);
        return (rows as Record<string, unknown>[]).map((row) =>
          Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(name, value)])),
        );
      } finally {
        await connection.end();
      }
    },
  };
}

function plain(name: string, value: unknown): unknown {
  if (value === null) return null;
  if (FLAGS.includes(name)) return value === 1;
  if (value instanceof Date) {
    return /^(valid_|business_)/.test(name) && name !== 'valid_at'
      ? Math.round((value.getTime() + 8 * 3_600_000) / DAY_MS)
      : value.getTime();
  }
  if (JSON_COLUMNS.includes(name)) return typeof value === 'string' ? (JSON.parse(value) as unknown) : value;
  return typeof value === 'string' ? value.replaceAll('\0', '\uFFFD') : value;
}
