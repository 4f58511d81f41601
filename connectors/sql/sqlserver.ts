import type * as tediousModule from 'tedious';
import type {
  ColumnInfo,
  ColumnKind,
  ConnectionOptions,
  Dialect,
  Explained,
  Param,
  Result,
  Session,
} from './dialect.js';

/**
 * SQL Server through tedious. No server could be had: what stands here follows the driver's and the database's
 * documentation and has not been run.
 */

function kindOf(type: string): ColumnKind {
  if (
    /^(Int|TinyInt|SmallInt|BigInt|IntN|Decimal|DecimalN|Numeric|NumericN|Real|Float|FloatN|Money|MoneyN|SmallMoney)$/.test(
      type,
    )
  ) {
    return 'number';
  }
  if (/^(Bit|BitN)$/.test(type)) return 'boolean';
  if (type === 'Date') return 'date';
  if (/^(DateTime|SmallDateTime|DateTimeN|DateTime2|DateTimeOffset)$/.test(type)) return 'time';
  return /^(Binary|VarBinary|Image)$/.test(type) ? 'bytes' : 'text';
}

type Tedious = typeof tediousModule;

async function connect(options: ConnectionOptions): Promise<Session> {
  const tedious: Tedious = await import('tedious');
  const connection = new tedious.Connection({
    server: options.host,
    authentication: {
      type: 'default',
      options: { userName: options.user, password: options.password.reveal() },
    },
    options: {
      port: options.port,
      database: options.database,
      connectTimeout: options.connectMs,
      requestTimeout: options.statementMs,
      encrypt: options.tls !== undefined,
      trustServerCertificate: false,
      ...(options.tls?.ca === undefined ? {} : { cryptoCredentialsDetails: { ca: options.tls.ca } }),
      readOnlyIntent: true,
      useUTC: true,
      appName: 'cardhub',
      rowCollectionOnRequestCompletion: false,
    },
  });
  connection.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    connection.connect((error?: Error) => (error === undefined ? resolve() : reject(error)));
  });
  const session: Session = {
    query: (sql, params) => ask(tedious, connection, sql, params),
    destroy: () => connection.close(),
    close: async () => connection.close(),
  };
  // A reader that waits for a lock gives up before the owner's own statements queue behind it.
  await session.query(
    `SET LOCK_TIMEOUT ${options.lockMs}; SET TRANSACTION ISOLATION LEVEL READ COMMITTED`,
    [],
  );
  return session;
}

function ask(
  tedious: Tedious,
  connection: InstanceType<Tedious['Connection']>,
  sql: string,
  params: readonly Param[],
): Promise<Result> {
  return new Promise((resolve, reject) => {
    let columns: ColumnInfo[] = [];
    const rows: (string | Uint8Array | null)[][] = [];
    const request = new tedious.Request(sql, (error) => (error ? reject(error) : resolve({ columns, rows })));
    params.forEach(({ text }, i) => request.addParameter(`p${i + 1}`, tedious.TYPES.NVarChar, text));
    request.on('columnMetadata', (found) => {
      const list = Array.isArray(found) ? found : Object.values(found);
      columns = list.map(({ colName, type }) => ({ name: colName, kind: kindOf(type.name) }));
    });
    request.on('row', (row: unknown) => {
      const cells = (Array.isArray(row) ? row : Object.values(row as object)) as { value: unknown }[];
      rows.push(cells.map(({ value }) => cellOf(value)));
    });
    connection.execSql(request);
  });
}

/** The select list has made texts of everything that is no text already, so that nothing is rounded here. */
function cellOf(value: unknown): string | Uint8Array | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array || typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
    ? String(value)
    : JSON.stringify(value);
}

const CODES: Readonly<Record<number, readonly [Explained['code'], Explained['retry']]>> = {
  102: ['CONFIG', 'never'],
  207: ['CONFIG', 'never'],
  208: ['CONFIG', 'never'],
  229: ['AUTH', 'never'],
  916: ['AUTH', 'never'],
  1205: ['TIMEOUT', 'later'],
  1222: ['TIMEOUT', 'later'],
  4060: ['CONFIG', 'never'],
  18456: ['AUTH', 'never'],
};

function explain(error: unknown): Explained {
  const {
    number,
    code = 'UNKNOWN',
    message = '',
  } = error as { number?: number; code?: string; message?: string };
  if (code === 'ELOGIN') return { code: 'AUTH', retry: 'never', upstreamCode: code, words: undefined };
  if (code === 'ETIMEOUT') return { code: 'TIMEOUT', retry: 'later', upstreamCode: code, words: undefined };
  if (number === undefined) return { code: 'CONNECTION', retry: 'later', upstreamCode: code, words: message };
  const [kind, retry] = CODES[number] ?? ['BUSINESS', 'later'];
  return { code: kind, retry, upstreamCode: String(number), words: kind === 'CONFIG' ? message : undefined };
}

export const sqlserver: Dialect = {
  name: 'sqlserver',
  portDefault: 1433,
  connect,
  quote: (identifier) => `[${identifier.replaceAll(']', ']]')}]`,
  placeholder: (n) => `@p${n}`,
  typed: (placeholder, kind) => (kind === 'time' ? `CAST(${placeholder} AS datetime2)` : placeholder),
  selected: (quoted, { kind }) => {
    if (kind === 'time') return `CONVERT(nvarchar(40), ${quoted}, 121)`;
    if (kind === 'date') return `CONVERT(nvarchar(10), ${quoted}, 23)`;
    if (kind === 'boolean') return `CASE ${quoted} WHEN 1 THEN N'true' WHEN 0 THEN N'false' END`;
    return kind === 'number' ? `CONVERT(nvarchar(50), ${quoted})` : quoted;
  },
  rawBytes: (quoted) => `CAST(${quoted} AS varbinary(max))`,
  limited: (select, rows) => `${select} OFFSET 0 ROWS FETCH NEXT ${rows} ROWS ONLY`,
  clock: `SELECT CONVERT(varchar(20), DATEDIFF_BIG(millisecond, '1970-01-01', SYSUTCDATETIME()))`,
  mayWrite: () => null,
  rowVersion: {
    needsColumn: true,
    horizon: 'SELECT CONVERT(varchar(20), CAST(MIN_ACTIVE_ROWVERSION() AS bigint))',
    changed: (column, since) => `${column ?? ''} >= CAST(CAST(${since} AS bigint) AS binary(8))`,
  },
  explain,
};
