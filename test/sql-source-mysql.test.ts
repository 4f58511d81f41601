import { Ajv2020 } from 'ajv/dist/2020.js';
import iconv from 'iconv-lite';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectorContract, drain } from '../connectors/connector.contract.js';
import { connectors } from '../connectors/index.js';
import type { Connector, Page, Stream } from '../connectors/sdk.js';
import { describeDatabase } from './databases/available.js';
import { startMariadb } from './databases/mariadb.js';
import type { DatabaseServer } from './databases/postgresql.js';

/** The SQL source by the dialect of MySQL, against a real MariaDB. */

const never = new AbortController().signal;
let server: DatabaseServer;

function open(kind: string, options: Record<string, unknown>): Connector {
  const factory = connectors[kind]!;
  const { host, port } = server;
  const user = { user: 'cardhub', password: 'secret-word', tls: 'off' };
  const all = { dialect: 'mysql', host, port, database: 'ykt', ...user, pageRows: 7, ...options };
  const valid = new Ajv2020({ strict: false }).compile(factory.spec.options);
  expect(valid(all), JSON.stringify(valid.errors)).toBe(true);
  const context = { source: 'test', now: Date.now, random: () => 0.5, baseDir: '/', note: () => undefined };
  return factory.open(all, context);
}

const columns = { cardno: 'cardno', sno: 'sno', name: 'name', expdate: 'expdate', lossdate: 'lossdate' };
const cards = (more: Record<string, unknown> = {}, source: Record<string, unknown> = {}) =>
  open('card-core/sql', { cards: { table: 'v_card', columns, ...more }, ...source });
const swipes = () =>
  open('access-control/sql', {
    swipes: {
      table: 'swipe',
      key: ['device', 'seq'],
      columns: { door: 'device', credential: 'card', occurredAt: 'at', granted: 'ok' },
      changes: { by: 'watermark', column: 'at', overlapSeconds: 30 },
    },
  });
const list = async (stream: Stream): Promise<Page[]> =>
  drain((cursor) => stream.snapshotPage(cursor, never), null);
const idsOf = (pages: readonly Page[]): string[] => pages.flatMap((page) => page.rows.map((row) => row.id));

describeDatabase('MariaDB', 'a SQL source on MariaDB', () => {
  beforeAll(async () => {
    server = await startMariadb();
    await server.run(`
      CREATE DATABASE ykt CHARACTER SET gbk;
      CREATE USER cardhub@'127.0.0.1' IDENTIFIED BY 'secret-word';
      GRANT SELECT ON ykt.* TO cardhub@'127.0.0.1';
      USE ykt;
      SET NAMES utf8mb4;
      CREATE TABLE card (cardno char(12) PRIMARY KEY, sno varchar(16), name char(20), expdate date, lossdate datetime,
        update_time bigint NOT NULL, KEY (update_time, cardno)) CHARACTER SET gbk;
    `);
    const rows = Array.from({ length: 50 }, (_, i) => i + 1);
    const values = rows.map(
      (
        n,
      ) => `('${String(n).padStart(10, '0')}', '2026${n}', '张${n}', ${n === 3 ? `'0000-00-00'` : `'2027-06-30'`},
        ${n === 2 ? `'2026-11-01 08:00:00'` : 'NULL'}, ${1_795_000_000 + n})`,
    );
    await server.run(
      `SET NAMES utf8mb4; SET sql_mode = ''; INSERT INTO card VALUES ${values.join(',')};
      CREATE VIEW v_card AS SELECT cardno, sno, name, expdate, lossdate, update_time FROM card;
      CREATE TABLE swipe (device varchar(8), seq bigint unsigned, card varchar(16), at datetime(3), ok tinyint(1),
        PRIMARY KEY (device, seq), KEY (at)) CHARACTER SET gbk`,
      'ykt',
    );
    const events = Array.from(
      { length: 60 },
      (_, n) =>
        `('D${n % 3}', ${BigInt(2) ** 63n + BigInt(n)}, '19762${n}', '2026-11-01 08:00:${String(n % 60).padStart(2, '0')}.5', ${n % 2})`,
    );
    await server.run(`INSERT INTO swipe VALUES ${events.join(',')}`, 'ykt');
  });
  afterAll(() => server.stop());

  const dispose = () => Promise.resolve();
  connectorContract('card-core/sql by compare (MySQL)', {
    rows: { cards: 50 },
    pageRowsMax: 7,
    open: async () => ({ connector: cards(), dispose }),
  });
  connectorContract('access-control/sql (MySQL), a key of two columns, one beyond 2^63', {
    rows: { swipes: 60 },
    pageRowsMax: 7,
    open: async () => ({ connector: swipes(), dispose }),
  });

  it('gives the row: GBK of the database’s own, padding, dates, no date, NULL', async () => {
    const rows = (await list(cards().stream('cards'))).flatMap((page) => page.rows.map((row) => row.data));
    expect(rows.slice(0, 3)).toEqual([
      { cardno: '0000000001', sno: '20261', name: '张1', expdate: '2027-06-30' },
      {
        cardno: '0000000002',
        sno: '20262',
        name: '张2',
        expdate: '2027-06-30',
        lossdate: '2026-11-01 08:00:00',
      },
      { cardno: '0000000003', sno: '20263', name: '张3' },
    ]);
  });

  it('gives events with exact ids and times', async () => {
    const stream = swipes().stream('swipes');
    const page = await stream.changes(await stream.feedStart(never), never);
    expect(page.rows[0]).toMatchObject({
      id: 'D0-9223372036854775808',
      data: { doorId: 'D0', occurredAt: '2026-11-01 08:00:00.500', granted: '0' },
    });
  });

  it('reads what has changed since, by seconds since 1970', async () => {
    const stream = cards({ changes: { by: 'watermark', column: 'update_time', overlapSeconds: 5 } }).stream(
      'cards',
    );
    const pages = await drain((cursor) => stream.changes(cursor, never), await stream.feedStart(never));
    const now = Math.floor(Date.now() / 1_000);
    await server.run(
      `UPDATE card SET sno = 'x', update_time = GREATEST(update_time, ${now}) WHERE cardno = '0000000007'`,
      'ykt',
    );
    const next = await drain((cursor) => stream.changes(cursor, never), pages.at(-1)!.next);
    expect(idsOf(next)).toContain('0000000007');
  });

  it('reads GBK bytes in a column of another character set', async () => {
    const gbk = iconv.encode('欧阳娜娜', 'gbk').toString('hex');
    await server.run(
      `CREATE TABLE old (cardno varchar(12) PRIMARY KEY, name varchar(40)) CHARACTER SET latin1;
      INSERT INTO old VALUES ('1', x'${gbk}'), ('2', x'ffff')`,
      'ykt',
    );
    const stream = cards({
      table: 'old',
      columns: { cardno: 'cardno', name: 'name' },
      cells: { name: { encoding: 'gb18030' } },
    });
    const [page] = await list(stream.stream('cards'));
    expect(page!.rows[0]!.data).toEqual({ cardno: '1', name: '欧阳娜娜' });
    expect(page!.rows[1]!.damage?.code).toBe('ENCODING');
  });

  it('loses no row where the database holds two keys for equal and we do not', async () => {
    const rows = Array.from({ length: 30 }, (_, i) => [
      `A${String(i).padStart(2, '0')}`,
      `a${String(i).padStart(2, '0')}`,
    ]).flat();
    await server.run(
      `CREATE TABLE ci (cardno varchar(12) COLLATE utf8mb4_general_ci) CHARACTER SET utf8mb4;
      INSERT INTO ci VALUES ${rows.map((id) => `('${id}')`).join(',')}`,
      'ykt',
    );
    const pages = await list(cards({ table: 'ci', columns: { cardno: 'cardno' } }).stream('cards'));
    expect(idsOf(pages).sort()).toEqual([...rows].sort());
  });

  it('cannot write, ends what takes too long, and never queues behind the owner', async () => {
    const slow = cards(
      {
        table: undefined,
        query: 'SELECT cardno, SLEEP(1) AS sno FROM card',
        columns: { cardno: 'cardno', sno: 'sno' },
      },
      { statementSeconds: 1 },
    );
    await expect(slow.stream('cards').snapshotPage(null, never)).rejects.toMatchObject({ code: 'TIMEOUT' });
    const owner = await createConnection({
      host: server.host,
      port: server.port,
      user: 'root',
      database: 'ykt',
    });
    await owner.query('LOCK TABLES card WRITE');
    const before = Date.now();
    const stream = cards({ table: 'card', columns }, { lockSeconds: 1 }).stream('cards');
    await expect(stream.snapshotPage(null, never)).rejects.toMatchObject({ code: 'TIMEOUT', retry: 'later' });
    expect(Date.now() - before).toBeLessThan(4_000);
    await owner.query('UNLOCK TABLES');
    await owner.end();
    expect((await stream.snapshotPage(null, never)).rows.length).toBe(7);
  });

  it('says what is wrong, and no secret', async () => {
    const refused = async (connector: Connector): Promise<Error> =>
      connector
        .stream('cards')
        .snapshotPage(null, never)
        .then(
          () => new Error('expected a refusal'),
          (error: unknown) => error as Error,
        );
    expect(await refused(cards({ table: 'none' }))).toMatchObject({
      code: 'CONFIG',
      details: { upstreamCode: '1146' },
    });
    const denied = await refused(cards({}, { password: 'other-word' }));
    expect(denied).toMatchObject({ code: 'AUTH' });
    expect(denied.message).not.toContain('other-word');
    expect(await refused(cards({}, { tls: 'verify' }))).toMatchObject({ code: 'CONNECTION' });
    expect(() => cards({ changes: { by: 'version' } })).toThrow(/has no row version/);
  });
});
