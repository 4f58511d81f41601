import type {
  Cell,
  ColumnInfo,
  ColumnKind,
  ConnectionOptions,
  Dialect,
  Explained,
  Param,
  Session,
} from './dialect.js';

/** Column types of the protocol that are not plain text here. */
const KINDS: Readonly<Record<number, ColumnKind>> = {
  0: 'number',
  1: 'number',
  2: 'number',
  3: 'number',
  4: 'number',
  5: 'number',
  7: 'time',
  8: 'number',
  9: 'number',
  10: 'date',
  12: 'time',
  13: 'number',
  14: 'date',
  16: 'number',
  246: 'number',
};
const JSON_TYPE = 245;
const BIT_TYPE = 16;
const BINARY = 63;

/** What the driver says of a column. */
interface Field {
  readonly name: string;
  readonly columnType: number;
  readonly characterSet: number;
}

function infoOf({ name, columnType, characterSet }: Field): ColumnInfo {
  const known = KINDS[columnType];
  if (known !== undefined) return { name, kind: known };
  return { name, kind: characterSet === BINARY && columnType !== JSON_TYPE ? 'bytes' : 'text' };
}

/** Every value comes as the bytes of its text: what a driver makes of numbers and times loses digits and zones. */
function cellOf(bytes: Buffer | null, { kind }: ColumnInfo, type: number): Cell {
  if (bytes === null) return null;
  if (type === BIT_TYPE) return BigInt(`0x${bytes.toString('hex') || '0'}`).toString();
  return kind === 'bytes' ? bytes : bytes.toString('utf8');
}

/** Marks where a value stands: a `?` may be part of the owner's query. */
const PLACE = /\u0001(\d+)\u0001/g;

export function withValues(sql: string, params: readonly Param[], escape: (text: string) => string): string {
  return sql.replace(PLACE, (_, n: string) => escape(params[Number(n) - 1]?.text ?? ''));
}

async function connect(options: ConnectionOptions): Promise<Session> {
  const mysql = await import('mysql2/promise');
  const connection = await mysql.createConnection({
    host: options.host,
    port: options.port,
    database: options.database,
    user: options.user,
    password: options.password.reveal(),
    charset: 'utf8mb4',
    connectTimeout: options.connectMs,
    ...(options.tls === undefined
      ? {}
      : {
          ssl: { rejectUnauthorized: true, ...(options.tls.ca === undefined ? {} : { ca: options.tls.ca }) },
        }),
    rowsAsArray: true,
    typeCast: (field: { buffer(): Buffer | null }) => field.buffer(),
  });
  // An idle connection that breaks says so here; the next statement finds it closed.
  connection.on('error', () => undefined);
  const query = async (sql: string): Promise<{ rows: (Buffer | null)[][]; fields: Field[] }> => {
    const [rows, fields] = await connection.query(sql);
    return { rows: rows as unknown as (Buffer | null)[][], fields: fields as unknown as Field[] };
  };
  try {
    const { rows } = await query('SELECT VERSION()');
    const isMariaDb = /mariadb/i.test(rows[0]?.[0]?.toString() ?? '');
    const limit = isMariaDb
      ? `max_statement_time = ${options.statementMs / 1_000}`
      : `max_execution_time = ${options.statementMs}`;
    await query(
      `SET SESSION ${limit}, lock_wait_timeout = ${Math.ceil(options.lockMs / 1_000)}, time_zone = '+08:00'`,
    );
    await query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
    await query('SET SESSION TRANSACTION READ ONLY');
  } catch (error) {
    connection.destroy();
    throw error;
  }
  return {
    async query(sql, params) {
      const { rows, fields } = await query(withValues(sql, params, (text) => connection.escape(text)));
      const columns = fields.map(infoOf);
      const cells = rows.map((row) =>
        row.map((value, i) => cellOf(value, columns[i] as ColumnInfo, (fields[i] as Field).columnType)),
      );
      return { columns, rows: cells };
    },
    destroy: () => connection.destroy(),
    close: () => connection.end(),
  };
}

const CODES: Readonly<Record<number, readonly [Explained['code'], Explained['retry']]>> = {
  1040: ['RATE_LIMITED', 'later'],
  1044: ['AUTH', 'never'],
  1045: ['AUTH', 'never'],
  1049: ['CONFIG', 'never'],
  1052: ['CONFIG', 'never'],
  1054: ['CONFIG', 'never'],
  1142: ['AUTH', 'never'],
  1143: ['AUTH', 'never'],
  1146: ['CONFIG', 'never'],
  1203: ['RATE_LIMITED', 'later'],
  1205: ['TIMEOUT', 'later'],
  1213: ['TIMEOUT', 'later'],
  1226: ['RATE_LIMITED', 'later'],
  1227: ['AUTH', 'never'],
  1317: ['TIMEOUT', 'later'],
  1370: ['AUTH', 'never'],
  1698: ['AUTH', 'never'],
  1792: ['CONFIG', 'never'],
  1969: ['TIMEOUT', 'later'],
  3024: ['TIMEOUT', 'later'],
};
const SYNTAX = 1064;

function explain(error: unknown): Explained {
  const {
    errno,
    code = 'UNKNOWN',
    message = '',
  } = error as { errno?: number; code?: string; message?: string };
  const isServers = errno !== undefined && errno > 0;
  if (!isServers) {
    const words = code === 'HANDSHAKE_NO_SSL_SUPPORT' ? 'the server has no TLS (option tls)' : message;
    return { code: 'CONNECTION', retry: 'later', upstreamCode: code, words };
  }
  const upstreamCode = String(errno);
  // Its words quote the statement, in which values stand.
  if (errno === SYNTAX)
    return { code: 'CONFIG', retry: 'never', upstreamCode, words: 'a mistake in the query' };
  const [kind, retry] = CODES[errno] ?? ['BUSINESS', 'later'];
  // Names of tables, columns and users, never a value.
  const words = kind === 'CONFIG' || kind === 'AUTH' ? message : undefined;
  return { code: kind, retry, upstreamCode, words };
}

/** MySQL and MariaDB. */
export const mysql: Dialect = {
  name: 'mysql',
  portDefault: 3306,
  connect,
  quote: (identifier) => `\`${identifier.replaceAll('`', '``')}\``,
  placeholder: (n) => `\u0001${n}\u0001`,
  typed: (placeholder) => placeholder,
  selected: (quoted) => quoted,
  rawBytes: (quoted) => `CAST(${quoted} AS BINARY)`,
  limited: (select, rows) => `${select} LIMIT ${rows}`,
  clock: 'SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS UNSIGNED)',
  mayWrite: () => null,
  rowVersion: null,
  explain,
};
