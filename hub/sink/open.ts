import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from '../../connectors/sql/dialect.js';
import type { SinkConfig } from '../config/types.js';
import { SinkError } from './error.js';
import type { SinkStore } from './store.js';

const CONNECT_MS = 10_000;
const LOCK_MS = 10_000;

/** Opens the database that a sink writes to; its driver is loaded here and not before. */
export async function openStore(config: SinkConfig): Promise<SinkStore> {
  const options: Omit<ConnectionOptions, 'port'> = {
    host: config.host,
    database: config.database,
    user: config.user,
    password: config.password,
    tls: config.tls === 'off' ? undefined : { ca: readCa(config) },
    connectMs: CONNECT_MS,
    statementMs: config.statementMs,
    lockMs: LOCK_MS,
  };
  if (config.dialect === 'postgresql') {
    const { openPostgresqlStore } = await import('./postgresql.js');
    return openPostgresqlStore({ ...options, port: config.port ?? 5432 }, config.schema);
  }
  const { openMysqlStore } = await import('./mysql.js');
  return openMysqlStore({ ...options, port: config.port ?? 3306 });
}

function readCa({ caFile, name }: SinkConfig): string | undefined {
  if (caFile === undefined) return undefined;
  try {
    return readFileSync(caFile, 'utf8');
  } catch (cause) {
    throw new SinkError('CONFIG', `sinks.${name}.caFile: ${caFile} cannot be read`, 'never', { cause });
  }
}
