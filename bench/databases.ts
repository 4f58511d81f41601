/** `sink` and `sql-source`: a PostgreSQL of our own, written against COPY of the same rows, read against one bare SELECT. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgresql, type DatabaseServer } from '../test/databases/postgresql.js';
import type { DatabaseAnswer, DatabaseArgument } from './children/database.js';
import { line, ratios, type BenchOptions, type BenchResult } from './measure.js';
import { runChild } from './spawn.js';
import { viewLog } from './view-log.js';

const rate = ({ rows, ms }: DatabaseAnswer): number => (1_000 * rows) / ms;
const run = (argument: DatabaseArgument): Promise<DatabaseAnswer> =>
  runChild<DatabaseAnswer>('database', argument);

export async function sink(options: BenchOptions): Promise<BenchResult> {
  const log = await viewLog(options.quick ? 20_000 : 100_000, options.note);
  const server = await startPostgresql(['shared_buffers=256MB', 'max_wal_size=4GB']);
  const dir = await mkdtemp(join(tmpdir(), 'cardhub-copy-'));
  await chmod(dir, 0o777);
  const written: number[] = [];
  const copied: number[] = [];
  try {
    for (let round = 0; round < options.rounds; round++) {
      options.note(`round ${round + 1} of ${options.rounds}`);
      await server.run('DROP SCHEMA IF EXISTS cardhub CASCADE; DROP TABLE IF EXISTS copied; CHECKPOINT');
      written.push(rate(await run({ side: 'sink', port: server.port, log })));
      copied.push(rate(await copy(server, join(dir, `rows-${round}`))));
    }
  } finally {
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  }
  return {
    name: 'sink',
    what: 'embedded log → PostgreSQL by cardhub sink (decode, transactional upsert with the position), against COPY of the same rows from a file of the server into an equal, empty table',
    lines: [
      line('sink', 'rows/s', written),
      line('COPY', 'rows/s', copied),
      line('sink / COPY', 'ratio', ratios(written, copied)),
    ],
  };
}

async function copy(server: DatabaseServer, file: string): Promise<DatabaseAnswer> {
  await server.run(
    `COPY cardhub.master_card TO '${file}'; CREATE TABLE copied (LIKE cardhub.master_card INCLUDING ALL); CHECKPOINT`,
  );
  const client = new pg.Client({
    host: server.host,
    port: server.port,
    user: server.user,
    database: server.database,
  });
  await client.connect();
  const from = performance.now();
  const { rowCount } = await client.query(`COPY copied FROM '${file}'`);
  const ms = performance.now() - from;
  await client.end();
  return { rows: rowCount ?? 0, ms };
}

export async function sqlSource(options: BenchOptions): Promise<BenchResult> {
  const rows = options.quick ? 50_000 : 200_000;
  const server = await startPostgresql(['shared_buffers=256MB']);
  const ours: number[] = [];
  const bare: number[] = [];
  try {
    await server.run(`
      CREATE TABLE card (cardno char(12) PRIMARY KEY, sno varchar(16), name varchar(64), status char(1), expdate varchar(8));
      INSERT INTO card SELECT to_char(n, 'FM0000000000'), '2026' || n, '张' || n, '1', '20270630' FROM generate_series(1, ${rows}) n;
      ANALYZE card`);
    for (let round = 0; round < options.rounds; round++) {
      options.note(`round ${round + 1} of ${options.rounds}`);
      ours.push(rate(await run({ side: 'source', port: server.port })));
      bare.push(rate(await run({ side: 'bare', port: server.port })));
    }
  } finally {
    await server.stop();
  }
  return {
    name: 'sql-source',
    what: `a table of ${rows} cards through card-core/sql (pages of 1,000 by key, padding, rows shaped), against one SELECT of all rows with pg`,
    lines: [
      line('card-core/sql', 'rows/s', ours),
      line('bare SELECT', 'rows/s', bare),
      line('card-core/sql / bare', 'ratio', ratios(ours, bare)),
    ],
  };
}
