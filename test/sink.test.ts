import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Log, LogWriter } from '../hub/log/log.js';
import { packagePath } from '../hub/package-root.js';
import { cardhub, type Answer } from './cardhub.js';
import { describeDatabase } from './databases/available.js';
import { ended, startPostgresql, type DatabaseServer } from './databases/postgresql.js';
import { differences } from './sink/equal.js';
import { postgresqlRows } from './sink/postgresql-rows.js';
import { append, card, cardEnd, openTestLog, swipe } from './sink/topics.js';

/** `cardhub sink` into a real PostgreSQL, from an embedded log that stands beside it. */

const TOPICS = ['master.card', 'master.door-event'];
const RESTRICTED = ['credentials'];

let server: DatabaseServer;
let dir: string;
let log: Log;
let writer: LogWriter;

const yaml = (sink: string): string => `
version: 1
tenant: test
sources:
  core: { connector: card-core/files, options: { folder: ., columns: { cardno: a } } }
sinks:
  platform:
    dialect: postgresql
    host: 127.0.0.1
    port: ${server.port}
    database: postgres
    user: platform
    password: secret-word
    tls: off
    topics: [${TOPICS.join(', ')}]
${sink}`;

async function configure(sink = ''): Promise<string> {
  const path = join(dir, 'hub.yaml');
  await writeFile(path, yaml(sink));
  return path;
}

async function sink(...args: string[]): Promise<Answer & { rows: Record<string, number> }> {
  const answer = await cardhub({}, 'sink', '-c', join(dir, 'hub.yaml'), ...args);
  const topics = (answer.document as { topics?: { topic: string; rows: number }[] }).topics ?? [];
  return { ...answer, rows: Object.fromEntries(topics.map(({ topic, rows }) => [topic, rows])) };
}

async function expectEqual(leave: readonly string[] = RESTRICTED): Promise<void> {
  for (const topic of TOPICS)
    expect(await differences(log, postgresqlRows(server), topic, leave)).toEqual([]);
}

async function ask<T>(sql: string): Promise<T[]> {
  const client = new pg.Client({ ...server });
  await client.connect();
  try {
    return (await client.query(sql)).rows as T[];
  } finally {
    await client.end();
  }
}

describeDatabase('PostgreSQL', 'cardhub sink into PostgreSQL', () => {
  beforeAll(async () => {
    server = await startPostgresql();
    await server.run('CREATE ROLE platform LOGIN; GRANT CREATE ON DATABASE postgres TO platform');
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'cardhub-sink-'));
    log = await openTestLog(join(dir, 'data', 'log'));
    writer = await log.openWriter('test/core/cards/0');
    await configure();
  });
  afterEach(async () => {
    await writer.close();
    await log.close();
    await server.run('DROP SCHEMA IF EXISTS cardhub CASCADE');
    await rm(dir, { recursive: true });
  });
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

  it('writes states and events, and the second run nothing', async () => {
    await append(writer, [...numbers(300).map((n) => card(n)), ...numbers(500).map(swipe)]);
    const first = await sink('--once');
    expect(first.exit, first.stderr).toBe(0);
    expect(first.rows).toEqual({ 'master.card': 300, 'master.door-event': 500 });
    await expectEqual();
    expect((await sink('--once')).rows).toEqual({ 'master.card': 0, 'master.door-event': 0 });
  });

  it('follows changes, and deletes what a tombstone ends', async () => {
    await append(
      writer,
      numbers(20).map((n) => card(n)),
    );
    await sink('--once');
    await append(writer, [
      card(3, { version: 2, lost: true }),
      cardEnd(4),
      card(5, { version: 2 }),
      cardEnd(5),
      card(5, { version: 3 }),
    ]);
    expect((await sink('--once')).rows['master.card']).toBe(2);
    await expectEqual();
    expect(await ask(`SELECT lost FROM cardhub.master_card WHERE card_id = '0000000003'`)).toEqual([
      { lost: true },
    ]);
    expect(await ask('SELECT count(*)::int AS n FROM cardhub.master_card')).toEqual([{ n: 19 }]);
  });

  it('says in Chinese what the tables and columns are', async () => {
    await append(writer, [card(1)]);
    await sink('--once');
    const comments = await ask<{ name: string; comment: string }>(
      `SELECT a.attname AS name, col_description(a.attrelid, a.attnum) AS comment FROM pg_attribute a
       WHERE a.attrelid = 'cardhub.master_card'::regclass AND a.attnum > 0`,
    );
    const byName = Object.fromEntries(comments.map(({ name, comment }) => [name, comment]));
    expect(byName).toMatchObject({ card_key: '卡片键', lost_at: '挂失时间', holder_key: '持卡人：人员键' });
    expect(comments.filter(({ comment }) => !/[\u4e00-\u9fff]/.test(comment))).toEqual([]);
    const [table] = await ask<{ c: string }>(`SELECT obj_description('cardhub.master_card'::regclass) AS c`);
    expect(table!.c).toMatch(/^校园卡（主题 master\.card/);
  });

  it('leaves restricted fields out, writes them under an agreement, and empties them when it ends', async () => {
    await append(
      writer,
      numbers(5).map((n) => card(n)),
    );
    await sink('--once');
    expect(JSON.stringify(await ask('SELECT * FROM cardhub.master_card'))).not.toContain('5630F0');
    await configure('    agreement: { id: QAU-2026-17, restricted: { master.card: [credentials] } }');
    expect((await sink('--once')).rows['master.card']).toBe(5);
    await expectEqual([]);
    await configure();
    await sink('--once');
    expect(JSON.stringify(await ask('SELECT * FROM cardhub.master_card'))).not.toContain('5630F0');
    await configure('    agreement: { id: X, restricted: { master.card: [holder.name] } }');
    expect(await sink('--once')).toMatchObject({ exit: 2, document: { error: { code: 'sink.CONFIG' } } });
  });

  it('adds a column that a newer contract has, and fills it for the rows that are there', async () => {
    await append(
      writer,
      numbers(5).map((n) => card(n)),
    );
    await sink('--once');
    await server.run('ALTER TABLE cardhub.master_card DROP COLUMN account_key');
    await server.run(`UPDATE cardhub.cardhub_topic SET columns = replace(columns, ',account_key', '')`);
    const again = await sink('--once');
    expect(again.stderr).toContain('account_key');
    await expectEqual();
  });

  it('loads anew from another log, beside what is there, and deletes what that log does not have', async () => {
    await append(writer, [...numbers(9).map((n) => card(n)), ...numbers(9).map(swipe)]);
    await sink('--once');
    await writer.close();
    await log.close();
    await rm(join(dir, 'data'), { recursive: true });
    log = await openTestLog(join(dir, 'data', 'log'));
    writer = await log.openWriter('test/core/cards/0');
    await append(writer, [card(2, { version: 7 }), ...numbers(9).map(swipe)]);
    const answer = await sink('--once');
    expect(answer.stderr).toContain('another log');
    await expectEqual();
  });

  it('ends when another sink has written in between, and refuses a foreign table', async () => {
    await append(writer, [card(1)]);
    await sink('--once');
    await append(writer, [card(2)]);
    await server.run(
      `CREATE FUNCTION cardhub.other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
       CREATE TRIGGER other BEFORE UPDATE ON cardhub.cardhub_position FOR EACH ROW EXECUTE FUNCTION cardhub.other()`,
    );
    expect(await sink('--once')).toMatchObject({ exit: 3, document: { error: { code: 'sink.FENCED' } } });
    await server.run('DROP SCHEMA cardhub CASCADE; CREATE SCHEMA cardhub AUTHORIZATION platform');
    await server.run(
      'CREATE TABLE cardhub.master_card (id int); ALTER TABLE cardhub.master_card OWNER TO platform',
    );
    expect(await sink('--once')).toMatchObject({ exit: 2, document: { error: { code: 'sink.TABLE' } } });
  });

  describe('killed at any instant', () => {
    const kills = Number(process.env['SINK_KILLS'] ?? 6);

    it(`${kills} times, the tables equal the topics`, async () => {
      await append(writer, [card(1), swipe(1)]);
      await sink('--once');
      // Most of the time a transaction is under way.
      await server.run(
        `CREATE FUNCTION cardhub.slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN NULL; END $$;
         CREATE TRIGGER slowly AFTER INSERT ON cardhub.master_card FOR EACH STATEMENT EXECUTE FUNCTION cardhub.slowly();
         CREATE TRIGGER slowly AFTER INSERT ON cardhub.master_door_event FOR EACH STATEMENT EXECUTE FUNCTION cardhub.slowly()`,
      );
      let n = 1;
      let stop = false;
      const appending = (async () => {
        for (; !stop; n += 7) {
          const states = [n, n + 1, Math.ceil(n / 2)].map((each) => card(each, { version: n }));
          await append(writer, [
            ...states,
            cardEnd(Math.ceil(n / 3)),
            ...[0, 1, 2, 3, 4, 5, 6].map((i) => swipe(n + i)),
          ]);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })();
      const counts: number[] = [];
      for (let i = 0; i < kills; i++) {
        const child = spawn(
          process.execPath,
          [
            '--import',
            packagePath('hub', 'log', 'child-hook.mjs'),
            packagePath('hub', 'cli', 'main.ts'),
            'sink',
            '-c',
            join(dir, 'hub.yaml'),
          ],
          { stdio: 'ignore' },
        );
        const [before] = await ask<{ n: number }>('SELECT count(*)::int AS n FROM cardhub.master_door_event');
        // It has begun to write; then at any instant.
        for (let waited = 0; waited < 20_000; waited += 50) {
          const [now] = await ask<{ n: number }>('SELECT count(*)::int AS n FROM cardhub.master_door_event');
          if (now!.n > before!.n) break;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 400));
        if (i % 4 === 3) {
          await server.run(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cardhub-sink'`,
          );
          await new Promise((resolve) => setTimeout(resolve, 300));
        }
        await ended(child, 'SIGKILL');
        counts.push(before!.n);
      }
      stop = true;
      await appending;
      // Every one of them got on.
      expect(counts.every((count, i) => i === 0 || count > counts[i - 1]!)).toBe(true);
      const last = await sink('--once');
      expect(last.exit, last.stderr).toBe(0);
      await expectEqual();
    });
  });
});
