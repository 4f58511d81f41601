import type { Cell, ColumnKind, ConnectionOptions, Dialect, Explained, Session } from './dialect.js';

/**
 * Oracle through node-oracledb in thin mode (no client library). No server could be had: what stands here follows
 * the driver's and the database's documentation and has not been run.
 */

const FORMATS = [
  `NLS_DATE_FORMAT = 'YYYY-MM-DD HH24:MI:SS'`,
  `NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF6'`,
  `NLS_TIMESTAMP_TZ_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM'`,
  `NLS_NUMERIC_CHARACTERS = '.,'`,
  `TIME_ZONE = '+08:00'`,
];

/** By the driver's names of the database's types. */
function kindOf(dbTypeName: string): ColumnKind {
  if (/^(NUMBER|BINARY_FLOAT|BINARY_DOUBLE|BINARY_INTEGER)$/.test(dbTypeName)) return 'number';
  if (/^(DATE|TIMESTAMP)/.test(dbTypeName)) return 'time';
  return /^(RAW|BLOB|LONG RAW)$/.test(dbTypeName) ? 'bytes' : 'text';
}

async function connect(options: ConnectionOptions): Promise<Session> {
  const { default: oracledb } = await import('oracledb');
  const scheme = options.tls === undefined ? 'tcp' : 'tcps';
  const connection = await oracledb.getConnection({
    connectString: `${scheme}://${options.host}:${options.port}/${options.database}?connect_timeout=${Math.ceil(options.connectMs / 1_000)}`,
    user: options.user,
    password: options.password.reveal(),
    ...(options.tls?.ca === undefined ? {} : { walletContent: options.tls.ca }),
  });
  connection.callTimeout = options.statementMs;
  for (const format of FORMATS) await connection.execute(`ALTER SESSION SET ${format}`);
  return {
    async query(sql, params) {
      // Each statement is a transaction of its own that reads one state and holds no lock.
      await connection.execute('SET TRANSACTION READ ONLY');
      try {
        const result = await connection.execute<unknown[]>(
          sql,
          params.map(({ text }) => text),
          {
            outFormat: oracledb.OUT_FORMAT_ARRAY,
            fetchTypeHandler: ({ dbType }) => {
              if (dbType === oracledb.DB_TYPE_BLOB || dbType === oracledb.DB_TYPE_RAW)
                return { type: oracledb.BUFFER };
              return { type: oracledb.STRING };
            },
          },
        );
        const columns = (result.metaData ?? []).map(({ name, dbTypeName = '' }) => ({
          name,
          kind: kindOf(dbTypeName),
        }));
        return { columns, rows: (result.rows ?? []) as Cell[][] };
      } finally {
        await connection.rollback();
      }
    },
    destroy: () => void connection.close({ drop: true }).catch(() => undefined),
    close: () => connection.close(),
  };
}

const CODES: Readonly<Record<number, readonly [Explained['code'], Explained['retry']]>> = {
  904: ['CONFIG', 'never'],
  942: ['CONFIG', 'never'],
  1005: ['AUTH', 'never'],
  1017: ['AUTH', 'never'],
  1031: ['AUTH', 'never'],
  1045: ['AUTH', 'never'],
  1456: ['CONFIG', 'never'],
  28000: ['AUTH', 'never'],
  28001: ['AUTH', 'never'],
  1013: ['TIMEOUT', 'later'],
  18: ['RATE_LIMITED', 'later'],
  20: ['RATE_LIMITED', 'later'],
};

function explain(error: unknown): Explained {
  const { errorNum, code, message = '' } = error as { errorNum?: number; code?: string; message?: string };
  const upstreamCode =
    code ?? (errorNum === undefined ? 'UNKNOWN' : `ORA-${String(errorNum).padStart(5, '0')}`);
  if (upstreamCode.startsWith('NJS-123') || upstreamCode === 'DPI-1067') {
    return { code: 'TIMEOUT', retry: 'later', upstreamCode, words: undefined };
  }
  const known = errorNum === undefined ? undefined : CODES[errorNum];
  if (known !== undefined) {
    const [kind, retry] = known;
    return { code: kind, retry, upstreamCode, words: kind === 'CONFIG' ? message.split('\n')[0] : undefined };
  }
  if (errorNum === undefined || upstreamCode.startsWith('NJS-5')) {
    return { code: 'CONNECTION', retry: 'later', upstreamCode, words: undefined };
  }
  const isSyntax = errorNum >= 900 && errorNum < 1000;
  return {
    code: isSyntax ? 'CONFIG' : 'BUSINESS',
    retry: isSyntax ? 'never' : 'later',
    upstreamCode,
    words: undefined,
  };
}

export const oracle: Dialect = {
  name: 'oracle',
  portDefault: 1521,
  connect,
  quote: (identifier) => `"${identifier.replaceAll('"', '')}"`,
  placeholder: (n) => `:${n}`,
  typed: (placeholder, kind) =>
    kind === 'time' ? `TO_TIMESTAMP(${placeholder}, 'YYYY-MM-DD HH24:MI:SS.FF')` : placeholder,
  selected: (quoted) => quoted,
  rawBytes: (quoted) => `UTL_RAW.CAST_TO_RAW(${quoted})`,
  limited: (select, rows) => `${select} FETCH FIRST ${rows} ROWS ONLY`,
  clock: `SELECT TO_CHAR(FLOOR((CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS DATE) - DATE '1970-01-01') * 86400000)) FROM dual`,
  mayWrite: () => null,
  rowVersion: {
    needsColumn: false,
    horizon: 'SELECT TO_CHAR(TIMESTAMP_TO_SCN(SYSTIMESTAMP)) FROM dual',
    changed: (column, since) => `${column ?? 'ORA_ROWSCN'} >= ${since}`,
  },
  explain,
};
