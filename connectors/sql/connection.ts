import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConnectorError, type JsonSchema } from '../sdk.js';
import type { Dialect, Explained, Param, Result, Session } from './dialect.js';

/** A password that is not printed with the options around it. */
export interface Secret {
  reveal(): string;
}

export function secretOf(text: string): Secret {
  return { reveal: () => text, toJSON: () => '***', toString: () => '***' } as Secret;
}

/** How to reach the database; part of the options of every SQL source. */
export interface ConnectionGiven {
  readonly dialect: Dialect['name'];
  readonly host: string;
  readonly port?: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly tls?: 'verify' | 'off';
  readonly caFile?: string;
  readonly connectSeconds?: number;
  readonly statementSeconds?: number;
  readonly lockSeconds?: number;
}

/** JSON Schema properties of {@link ConnectionGiven}. */
export const connectionProperties: JsonSchema = {
  dialect: {
    enum: ['postgresql', 'mysql', 'oracle', 'sqlserver'],
    description:
      'Kind of the database. mysql is MariaDB too. Tested: PostgreSQL 15, MariaDB 10.11. oracle (from 12.1) and sqlserver (from 2012) have not been run against a server yet.',
  },
  host: { type: 'string', minLength: 1, description: 'Name or address; a replica rather than the master.' },
  port: {
    type: 'integer',
    minimum: 1,
    maximum: 65_535,
    description: 'Default: 5432, 3306, 1521, 1433 by dialect.',
  },
  database: { type: 'string', minLength: 1, description: 'Database; with oracle the service name.' },
  user: { type: 'string', minLength: 1, description: 'A user of its own that may only read.' },
  password: { type: 'string', writeOnly: true, description: 'Its password.' },
  tls: {
    enum: ['verify', 'off'],
    default: 'verify',
    description:
      'verify: encrypted, and the server’s certificate is checked. off: rows cross the network in clear.',
  },
  caFile: {
    type: 'string',
    minLength: 1,
    description: 'PEM file of the authority that signed the server’s certificate, relative to hub.yaml.',
  },
  connectSeconds: {
    type: 'integer',
    minimum: 1,
    maximum: 60,
    default: 10,
    description: 'Longest wait for a connection.',
  },
  statementSeconds: {
    type: 'integer',
    minimum: 1,
    maximum: 600,
    default: 15,
    description: 'Longest time of a statement; the server ends it then.',
  },
  lockSeconds: {
    type: 'integer',
    minimum: 1,
    maximum: 60,
    default: 2,
    description: 'Longest wait for a lock, so that the owner’s own changes never queue behind ours.',
  },
};

/** Beyond the server's own limit, before the connection itself is given up. */
const GRACE_MS = 5_000;

/** One connection that is opened when it is needed, and again after it broke; statements one after the other. */
export interface Link {
  query(sql: string, params: readonly Param[], signal: AbortSignal): Promise<Result>;
  close(): Promise<void>;
}

export function openLink(dialect: Dialect, given: ConnectionGiven, baseDir: string): Link {
  const statementMs = (given.statementSeconds ?? 15) * 1_000;
  const options = {
    host: given.host,
    port: given.port ?? dialect.portDefault,
    database: given.database,
    user: given.user,
    password: secretOf(given.password),
    tls: given.tls === 'off' ? undefined : { ca: readCa(given.caFile, baseDir) },
    connectMs: (given.connectSeconds ?? 10) * 1_000,
    statementMs,
    lockMs: (given.lockSeconds ?? 2) * 1_000,
  };
  let session: Session | null = null;
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;

  const drop = (): void => {
    session?.destroy();
    session = null;
  };
  const run = async (sql: string, params: readonly Param[], signal: AbortSignal): Promise<Result> => {
    signal.throwIfAborted();
    if (closed) throw new ConnectorError('CONNECTION', 'the connection was closed', 'never');
    try {
      session ??= await dialect.connect(options);
      return await within(session.query(sql, params), statementMs + GRACE_MS, signal);
    } catch (error) {
      const refused = session !== null && !isGone(error) ? dialect.explain(error) : null;
      // A refused statement leaves a sound connection; anything else may have left an answer on the way.
      if (refused === null || refused.code === 'CONNECTION') drop();
      signal.throwIfAborted();
      throw toError(dialect, error, given);
    }
  };
  return {
    query(sql, params, signal) {
      const answer = last.then(() => run(sql, params, signal));
      last = answer.catch(() => undefined);
      return answer;
    },
    async close() {
      closed = true;
      await last;
      await session?.close().catch(() => undefined);
      session = null;
    },
  };
}

function readCa(file: string | undefined, baseDir: string): string | undefined {
  if (file === undefined) return undefined;
  const path = resolve(baseDir, file);
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConnectorError('CONFIG', `option caFile: ${path} cannot be read`, 'never', { cause });
  }
}

class GoneError extends Error {}
const isGone = (error: unknown): boolean => error instanceof GoneError;

async function within<T>(work: Promise<T>, ms: number, signal: AbortSignal): Promise<T> {
  let onAbort = (): void => undefined;
  let timer: NodeJS.Timeout | undefined;
  const ended = new Promise<never>((_, reject) => {
    onAbort = () => reject(new GoneError('stopped'));
    timer = setTimeout(() => reject(new GoneError(`no answer within ${ms} ms`)), ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, ended]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

const WORDS: Readonly<Record<Explained['code'], string>> = {
  AUTH: 'refused the login or the right to read; check user, password and grants',
  CONFIG: 'does not accept the statement; check table, query and columns',
  CONNECTION: 'cannot be reached; check host, port, tls and firewall',
  TIMEOUT: 'ended the statement at its time limit; is there an index on the key, or is a lock held?',
  RATE_LIMITED: 'has too many connections; it is asked again later',
  BUSINESS: 'failed',
};

/** The error that everybody sees: no values of rows, no password. */
export function toError(
  dialect: Dialect,
  error: unknown,
  given: Pick<ConnectionGiven, 'host'>,
): ConnectorError {
  if (error instanceof ConnectorError) return error;
  if (error instanceof GoneError) {
    return new ConnectorError('TIMEOUT', `${dialect.name} on ${given.host}: ${error.message}`, 'later');
  }
  const { code, retry, upstreamCode, words } = dialect.explain(error);
  const said = words === undefined ? upstreamCode : `${upstreamCode}, ${words}`;
  const message = `${dialect.name} on ${given.host} ${WORDS[code]} (${said})`;
  return new ConnectorError(code, message, retry, { upstreamCode });
}
