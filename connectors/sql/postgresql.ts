import type { Cell, ColumnKind, ConnectionOptions, Dialect, Explained, Session } from './dialect.js';

/** OIDs of pg_type that are not plain text here. */
const KINDS: Readonly<Record<number, ColumnKind>> = {
  16: 'boolean',
  17: 'bytes',
  20: 'number',
  21: 'number',
  23: 'number',
  26: 'number',
  28: 'number',
  700: 'number',
  701: 'number',
  1700: 'number',
  1082: 'date',
  1114: 'time',
  1184: 'time',
};

/** Everything as the server writes it: what a driver makes of numbers and times loses digits and zones. */
const asText = { getTypeParser: () => (text: string) => text };

/** The zone in which times without one are meant, and dates are cut. */
export const CAMPUS_ZONE = 'Asia/Shanghai';

function cellOf(value: string | null, kind: ColumnKind): Cell {
  if (value === null) return null;
  if (kind === 'boolean') return value === 't' ? 'true' : 'false';
  if (kind === 'bytes') return Buffer.from(value.slice(2), 'hex');
  // `+08` → `+08:00`, as ISO 8601 has it.
  if (kind === 'time' && /[+-]\d\d$/.test(value)) return `${value}:00`;
  return value;
}

async function connect(options: ConnectionOptions): Promise<Session> {
  // Imported with the first connection: a hub without a database does not load its driver.
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    host: options.host,
    port: options.port,
    database: options.database,
    user: options.user,
    password: options.password.reveal(),
    ssl: options.tls === undefined ? false : { rejectUnauthorized: true, ca: options.tls.ca },
    connectionTimeoutMillis: options.connectMs,
    application_name: 'cardhub',
    types: asText,
    keepAlive: true,
  });
  // An idle connection that breaks says so here; the next statement finds it closed.
  client.on('error', () => undefined);
  const destroy = (): void => {
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  };
  try {
    await client.connect();
    await client.query(
      [
        'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED READ ONLY',
        `SET statement_timeout = ${options.statementMs}`,
        `SET lock_timeout = ${options.lockMs}`,
        `SET idle_in_transaction_session_timeout = ${options.statementMs}`,
        "SET DateStyle = 'ISO, YMD'",
        `SET TimeZone = '${CAMPUS_ZONE}'`,
        "SET bytea_output = 'hex'",
      ].join('; '),
    );
  } catch (error) {
    destroy();
    throw error;
  }
  return {
    async query(sql, params) {
      const values = params.map(({ text }) => text);
      const result = await client.query<(string | null)[]>({ text: sql, values, rowMode: 'array' });
      const columns = result.fields.map(({ name, dataTypeID }) => ({
        name,
        kind: KINDS[dataTypeID] ?? 'text',
      }));
      const kinds = columns.map(({ kind }) => kind);
      return {
        columns,
        rows: result.rows.map((row) => row.map((value, i) => cellOf(value, kinds[i] as ColumnKind))),
      };
    },
    destroy,
    close: () => client.end(),
  };
}

/** SQLSTATE by its class (PostgreSQL manual, appendix A). */
function explain(error: unknown): Explained {
  const { code = 'UNKNOWN', message = '' } = error as { code?: string; message?: string };
  const state = /^[0-9A-Z]{5}$/.test(code) ? code : '';
  const told = (kind: Explained['code'], retry: Explained['retry'], words?: string): Explained => ({
    code: kind,
    retry,
    upstreamCode: code,
    words,
  });
  if (state === '57014' || state === '55P03') return told('TIMEOUT', 'later');
  if (state === '53300') return told('RATE_LIMITED', 'later');
  if (state === '42501' || state.startsWith('28')) return told('AUTH', 'never', message);
  if (state === '25006') return told('CONFIG', 'never', 'the query writes');
  // Names of tables and columns, never a value.
  if (state.startsWith('42') || state === '3D000') return told('CONFIG', 'never', message);
  if (state === '' || state.startsWith('08') || state.startsWith('57')) {
    return told('CONNECTION', 'later', state === '' ? message : undefined);
  }
  return told('BUSINESS', 'later');
}

/** 2^32: transaction ids wrap around, and a row shows the lower half only. */
const WRAP = '4294967296';

export const postgresql: Dialect = {
  name: 'postgresql',
  portDefault: 5432,
  connect,
  quote: (identifier) => `"${identifier.replaceAll('"', '""')}"`,
  placeholder: (n) => `$${n}`,
  typed: (placeholder) => placeholder,
  selected: (quoted) => quoted,
  rawBytes: (quoted) => `convert_to(${quoted}::text, getdatabaseencoding())`,
  limited: (select, rows) => `${select} LIMIT ${rows}`,
  clock: 'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint',
  mayWrite: (table) =>
    `SELECT has_table_privilege('${table.replaceAll("'", "''")}', 'INSERT, UPDATE, DELETE, TRUNCATE')::int`,
  rowVersion: {
    needsColumn: false,
    // Below this every transaction has ended; what is still under way is at or above it.
    horizon: 'SELECT pg_snapshot_xmin(pg_current_snapshot())',
    // Distance on the circle of 32-bit ids. After a wrap old rows may look changed: read once more, never lost.
    changed: (column, since) =>
      `mod(${column ?? 'xmin'}::text::bigint - mod(${since}, ${WRAP}) + ${WRAP}, ${WRAP}) < 2147483648`,
  },
  explain,
};
