import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import pg from 'pg';

/** A PostgreSQL of our own on a temporary folder, for tests and benchmarks. It listens on 127.0.0.1 only. */
export interface DatabaseServer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Runs statements as the administrator. */
  run(sql: string, database?: string): Promise<void>;
  stop(): Promise<void>;
}

const READY_MS = 30_000;

/** Folder of `postgres` and `initdb`; undefined when there is none. */
export function postgresqlFolder(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort().reverse() : [];
  const folders = [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ];
  return folders.find((folder) => existsSync(join(folder, 'postgres')) && existsSync(join(folder, 'initdb')));
}

/** The server refuses to run as root: then as the user that its package has made, or as nobody. */
export function servingUser(...names: readonly string[]): { uid: number; gid: number } | undefined {
  if (userInfo().uid !== 0) return undefined;
  for (const name of [...names, 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) =>
      spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout.trim(),
    );
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** @param settings lines of postgresql.conf, each `name=value` */
export async function startPostgresql(settings: readonly string[] = []): Promise<DatabaseServer> {
  const bin = postgresqlFolder();
  if (bin === undefined) throw new Error('no PostgreSQL server here');
  const as = servingUser('postgres');
  const dir = await mkdtemp(join(tmpdir(), 'cardhub-pg-'));
  await chmod(dir, 0o700);
  if (as !== undefined) await chown(dir, as.uid, as.gid);
  const data = join(dir, 'data');
  const init = spawnSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'owner', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...as, encoding: 'utf8' },
  );
  if (init.status !== 0) throw new Error(`initdb: ${init.stderr}`);
  const port = await freePort();
  const fixed = [`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${dir}`, 'fsync=off'];
  const options = [...fixed, ...settings].flatMap((setting) => ['-c', setting]);
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...options], {
    ...as,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  server.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-4_000)));
  const run = async (sql: string, database = 'postgres'): Promise<void> => {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'owner', database });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
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
    user: 'owner',
    password: '',
    database: 'postgres',
    run,
    async stop() {
      await ended(server, 'SIGINT');
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Until the server answers; throws what it said when it ends before. */
export async function ready(
  server: ChildProcess,
  ask: () => Promise<unknown>,
  said: () => string,
): Promise<void> {
  const until = Date.now() + READY_MS;
  for (;;) {
    if (server.exitCode !== null) throw new Error(`the database server ended: ${said()}`);
    try {
      await ask();
      return;
    } catch (error) {
      if (Date.now() > until)
        throw new Error(`the database server does not answer: ${said()}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

export async function ended(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exit = new Promise((resolve) => server.once('exit', resolve));
  server.kill(signal);
  const timer = setTimeout(() => server.kill('SIGKILL'), 10_000);
  await exit;
  clearTimeout(timer);
}
