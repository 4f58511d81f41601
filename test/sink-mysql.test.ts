import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Log, LogWriter } from '../hub/log/log.js';
import { packagePath } from '../hub/package-root.js';
import { cardhub, type Answer } from './cardhub.js';
import { describeDatabase } from './databases/available.js';
import { startMariadb } from './databases/mariadb.js';
import { ended, type DatabaseServer } from './databases/postgresql.js';
import { differences } from './sink/equal.js';
import { mysqlRows } from './sink/mysql-rows.js';
import { append, card, cardEnd, openTestLog, swipe } from './sink/topics.js';

/** `cardhub sink` into a real MariaDB. */

const TOPICS = ['master.card', 'master.door-event'];
let server: DatabaseServer;
let dir: string;
let log: Log;
let writer: LogWriter;

async function configure(more = ''): Promise<void> {
  await writeFile(
    join(dir, 'hub.yaml'),
    `version: 1
tenant: test
sources: { core: { connector: card-core/files, options: { folder: ., columns: { cardno: a } } } }
sinks:
  platform:
    { dialect: mysql, host: 127.0.0.1, port: ${server.port}, database: ods, user: platform, password: secret-word,
      tls: 'off', prefix: qau_, topics: [${TOPICS.join(', ')}]${more} }
`,
  );
}

const sink = (...args: string[]): Promise<Answer> =>
  cardhub({}, 'sink', '-c', join(dir, 'hub.yaml'), ...args);

async function ask<T>(sql: string): Promise<T[]> {
  const { host, port, user } = server;
  const connection = await createConnection({ host, port, user, database: 'ods' });
  try {
    return (await connection.query(sql))[0] as T[];
  } finally {
    await connection.end();
  }
}

async function expectEqual(leave: readonly string[]): Promise<void> {
  const rows = mysqlRows(server, 'ods');
  const prefixed = { rows: (table: string) => rows.rows(`qau_${table}`) };
  for (const topic of TOPICS) expect(await differences(log, prefixed, topic, leave)).toEqual([]);
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

describeDatabase('MariaDB', 'cardhub sink into MariaDB', () => {
  beforeAll(async () => {
    server = await startMariadb();
    await server.run(
      `CREATE USER platform@'127.0.0.1' IDENTIFIED BY 'secret-word'; GRANT ALL ON ods.* TO platform@'127.0.0.1'`,
    );
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    await server.run('CREATE DATABASE ods CHARACTER SET utf8mb4');
    dir = await mkdtemp(join(tmpdir(), 'cardhub-sink-'));
    log = await openTestLog(join(dir, 'data', 'log'));
    writer = await log.openWriter('test/core/cards/0');
    await configure();
  });
  afterEach(async () => {
    await writer.close();
    await log.close();
    await server.run('DROP DATABASE ods');
    await rm(dir, { recursive: true });
  });

  it('writes states and events, follows changes and tombstones', async () => {
    await append(writer, [...numbers(300).map((n) => card(n)), ...numbers(500).map(swipe)]);
    const first = await sink('--once');
    expect(first.exit, JSON.stringify(first)).toBe(0);
    await expectEqual(['credentials']);
    await append(writer, [
      card(3, { version: 2, lost: true }),
      cardEnd(4),
      card(5, { version: 2 }),
      cardEnd(5),
      card(5, { version: 3 }),
    ]);
    expect((await sink('--once')).exit).toBe(0);
    await expectEqual(['credentials']);
    expect(await ask('SELECT COUNT(*) AS n FROM qau_master_card')).toEqual([{ n: 299 }]);
  });

  it('says in Chinese what the tables and columns are, and which clock the times show', async () => {
    await append(writer, [card(4)]);
    await sink('--once');
    const comments = await ask<{ c: string }>(
      `SELECT column_comment AS c FROM information_schema.columns WHERE table_schema = 'ods' AND table_name = 'qau_master_card'`,
    );
    expect(comments.length).toBeGreaterThan(20);
    expect(comments.filter(({ c }) => !/[\u4e00-\u9fff]/.test(c))).toEqual([]);
    const [row] = await ask<{ t: string }>(`SELECT CAST(lost_at AS CHAR) AS t FROM qau_master_card`);
    expect(row!.t).toBe('2026-11-23 13:40:00.004');
  });

  it('writes restricted fields under an agreement, and empties them when it ends', async () => {
    await append(
      writer,
      numbers(5).map((n) => card(n)),
    );
    await sink('--once');
    await configure(', agreement: { id: QAU-2026-17, restricted: { master.card: [credentials] } }');
    expect((await sink('--once')).exit).toBe(0);
    await expectEqual([]);
    await configure();
    await sink('--once');
    expect(JSON.stringify(await ask('SELECT * FROM qau_master_card'))).not.toContain('5630F0');
  });

  it('killed at any instant, the tables equal the topics', async () => {
    await append(writer, [card(1), swipe(1)]);
    await sink('--once');
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
    const rows = async (): Promise<number> =>
      (await ask<{ n: number }>('SELECT COUNT(*) AS n FROM qau_master_door_event'))[0]!.n;
    for (let i = 0; i < 4; i++) {
      const hook = packagePath('hub', 'log', 'child-hook.mjs');
      const args = [
        '--import',
        hook,
        packagePath('hub', 'cli', 'main.ts'),
        'sink',
        '-c',
        join(dir, 'hub.yaml'),
      ];
      const child = spawn(process.execPath, args, { stdio: 'ignore' });
      const before = await rows();
      for (let waited = 0; waited < 30_000 && (await rows()) <= before; waited += 50) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 300));
      await ended(child, 'SIGKILL');
      expect(await rows()).toBeGreaterThan(before);
    }
    stop = true;
    await appending;
    const last = await sink('--once');
    expect(last.exit, last.stderr).toBe(0);
    await expectEqual(['credentials']);
  });
});
