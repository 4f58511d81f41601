import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { ended, freePort, ready, servingUser, type DatabaseServer } from './postgresql.js';

/** Path of `mariadbd`; undefined when it or its installer is not there. */
export function mariadbProgram(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  const find = (name: string): string | undefined =>
    folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  return find('mariadb-install-db') === undefined ? undefined : find('mariadbd');
}

/** A MariaDB of our own on a temporary folder; it listens on 127.0.0.1 only. */
export async function startMariadb(): Promise<DatabaseServer> {
  const program = mariadbProgram();
  if (program === undefined) throw new Error('no MariaDB server here');
  const as = servingUser('mysql');
  const dir = await mkdtemp(join(tmpdir(), 'cardhub-mariadb-'));
  await chmod(dir, 0o700);
  if (as !== undefined) await chown(dir, as.uid, as.gid);
  const data = join(dir, 'data');
  const init = spawnSync(
    'mariadb-install-db',
    ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db'],
    { ...as, encoding: 'utf8' },
  );
  if (init.status !== 0) throw new Error(`mariadb-install-db: ${init.stderr} ${init.stdout}`);
  const port = await freePort();
  const server = spawn(
    program,
    [
      '--no-defaults',
      `--datadir=${data}`,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${join(dir, 'socket')}`,
      `--pid-file=${join(dir, 'pid')}`,
      '--innodb-flush-log-at-trx-commit=0',
      '--skip-name-resolve',
    ],
    { ...as, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  server.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)));
  const run = async (sql: string, database?: string): Promise<void> => {
    const options = { host: '127.0.0.1', port, user: 'root', multipleStatements: true };
    const connection = await createConnection({
      ...options,
      ...(database === undefined ? {} : { database }),
    });
    try {
      await connection.query(sql);
    } finally {
      await connection.end();
    }
  };
  await ready(
    server,
    () => run('SELECT 1'),
    () => said,
  );
  return {
    host: '127.0.0.1',
    port,
    user: 'root',
    password: '',
    database: 'mysql',
    run,
    async stop() {
      await ended(server, 'SIGTERM');
      await rm(dir, { recursive: true, force: true });
    },
  };
}
