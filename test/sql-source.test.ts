import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import iconv from 'iconv-lite';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { beginsNowContract, connectorContract, drain } from '../connectors/connector.contract.js';
import { connectors } from '../connectors/index.js';
import type { Connector, Cursor, Page, Stream } from '../connectors/sdk.js';
import type { Classroom, ClassroomUse, LibraryPatron, Loan, LockerUse } from '../contracts/types.js';
import { kindOf } from '../transforms/kinds.js';
import { contextOf, valueOf } from '../transforms/mapping.test-support.js';
import { cardhub } from './cardhub.js';
import { describeDatabase } from './databases/available.js';
import { startPostgresql, type DatabaseServer } from './databases/postgresql.js';

/** The SQL source against a real PostgreSQL: a card core and an access system whose owner gave us views. */

const never = new AbortController().signal;
let server: DatabaseServer;

function open(kind: string, options: Record<string, unknown>): Connector {
  const factory = connectors[kind]!;
  const valid = new Ajv2020({ strict: false }).compile(factory.spec.options);
  const { host, port } = server;
  const all = {
    dialect: 'postgresql',
    host,
    port,
    database: 'postgres',
    user: 'cardhub',
    password: 'secret-word',
    tls: 'off',
    pageRows: 7,
    ...options,
  };
  expect(valid(all), JSON.stringify(valid.errors)).toBe(true);
  return factory.open(all, {
    source: 'test',
    now: Date.now,
    random: () => 0.5,
    baseDir: '/',
    note: () => undefined,
  });
}

const cards = (more: Record<string, unknown> = {}, source: Record<string, unknown> = {}) =>
  open('card-core/sql', {
    cards: {
      table: 'ykt.v_card',
      columns: { cardno: 'CARDNO', sno: 'SNO', name: 'NAME', lostflag: 'LOST', expdate: 'EXPDATE' },
      cells: { EXPDATE: { as: 'date' } },
      ...more,
    },
    ...source,
  });
const swipes = (more: Record<string, unknown> = {}) =>
  open('access-control/sql', {
    swipes: {
      table: 'acs.swipe',
      columns: { id: 'id', door: 'door', credential: 'card', occurredAt: 'at' },
      changes: { by: 'watermark', column: 'id', is: 'id', overlapIds: 10 },
      ...more,
    },
  });
const list = async (stream: Stream): Promise<Page[]> =>
  drain((cursor) => stream.snapshotPage(cursor, never), null);
const feed = async (stream: Stream, from: Cursor): Promise<Page[]> =>
  drain((cursor) => stream.changes(cursor, never), from);
const idsOf = (pages: readonly Page[]): string[] => pages.flatMap((page) => page.rows.map((row) => row.id));

describeDatabase('PostgreSQL', 'a SQL source on PostgreSQL', () => {
  beforeAll(async () => {
    server = await startPostgresql();
    await server.run(`
      CREATE ROLE cardhub LOGIN;
      CREATE SCHEMA ykt; CREATE SCHEMA acs;
      CREATE TABLE ykt.card (cardno char(12) PRIMARY KEY, sno varchar(16), name varchar(64), lost char(1),
        expdate timestamp, update_time timestamp NOT NULL DEFAULT now());
      CREATE INDEX ON ykt.card (update_time, cardno);
      INSERT INTO ykt.card SELECT to_char(n, 'FM0000000000'), '2026' || n, '张' || n, '0', '2027-06-30 23:59:59',
        timestamp '2026-11-01 08:00' + n * interval '1 minute' FROM generate_series(1, 50) n;
      CREATE VIEW ykt.v_card AS SELECT cardno AS "CARDNO", sno AS "SNO", name AS "NAME", lost AS "LOST",
        expdate AS "EXPDATE", update_time AS "UPDATE_TIME", xmin AS "ROW_XMIN" FROM ykt.card;
      CREATE TABLE acs.swipe (id bigint PRIMARY KEY, door text, card text, at timestamptz);
      INSERT INTO acs.swipe SELECT n, 'D' || n % 3, '19762' || n, timestamptz '2026-11-01 08:00+08' + n * interval '1 s'
        FROM generate_series(1, 60) n;
      CREATE SCHEMA lib; CREATE SCHEMA box;
      CREATE TABLE lib.reader (rdid char(12) PRIMARY KEY, rdcardno varchar(16), rdcertify varchar(16), rdtype varchar(8),
        lost char(1), stopped char(1), rdstartdate date, rdenddate char(8));
      INSERT INTO lib.reader SELECT 'R' || n, to_char(1000000000 + n, 'FM0000000000'), '0209900' || n, '本科生',
        (n % 10 = 0)::int::char(1), '0', '2025-09-01', '20290630' FROM generate_series(10, 39) n;
      CREATE TABLE lib.circ (id bigint PRIMARY KEY, loan varchar(16), rdid char(12), book varchar(16), op char(4), at timestamp, due date);
      INSERT INTO lib.circ SELECT n, 'L' || n / 2, 'R' || 10 + n % 30, 'B' || n / 2, CASE n % 2 WHEN 0 THEN '借出' ELSE '归还' END,
        timestamp '2026-09-01 08:00' + n * interval '1 hour', '2026-10-01' FROM generate_series(1, 60) n;
      CREATE TABLE box.cell (id varchar(8) PRIMARY KEY, state varchar(16), session varchar(16));
      INSERT INTO box.cell SELECT 'K' || n, CASE n % 3 WHEN 0 THEN 'occupied' ELSE 'free' END, NULL FROM generate_series(10, 30) n;
      CREATE TABLE box.log (id bigint PRIMARY KEY, session varchar(16), cell varchar(8), what varchar(16), card bigint, at timestamp);
      INSERT INTO box.log SELECT n, 'S' || n / 2, 'K' || 10 + n % 20, CASE n % 2 WHEN 0 THEN 'opened' ELSE 'closed' END, 9652480 + n,
        timestamp '2026-09-01 08:00' + n * interval '1 minute' FROM generate_series(1, 60) n;
      CREATE SCHEMA misc;
      CREATE TABLE misc.meter (area varchar(8), building varchar(8), room varchar(8), kwh numeric(8,2), PRIMARY KEY (area, building, room));
      INSERT INTO misc.meter SELECT '2', '21', '10' || n, 30.5 + n FROM generate_series(1, 9) n;
      CREATE TABLE misc.swipe (id bigint PRIMARY KEY, room varchar(8), card varchar(16), op varchar(12), at timestamptz,
        lesson varchar(8), lesson_from timestamptz, lesson_until timestamptz);
      INSERT INTO misc.swipe SELECT n, 'R10' || n % 3, '5630F009', 'power_on', timestamptz '2026-09-01 08:05+08' + n * interval '1 day',
        'C' || n, timestamptz '2026-09-01 08:00+08' + n * interval '1 day', timestamptz '2026-09-01 09:40+08' + n * interval '1 day'
        FROM generate_series(1, 20) n;
      CREATE TABLE misc.room (room varchar(8) PRIMARY KEY, name varchar(32));
      INSERT INTO misc.room SELECT 'R10' || n, '教' || n FROM generate_series(0, 9) n;
      GRANT USAGE ON SCHEMA lib, box, misc TO cardhub;
      GRANT SELECT ON ALL TABLES IN SCHEMA lib, box, misc TO cardhub;
      GRANT USAGE ON SCHEMA ykt, acs TO cardhub;
      GRANT SELECT ON ykt.v_card, ykt.card, acs.swipe TO cardhub;
    `);
  });
  afterAll(() => server.stop());

  const dispose = () => Promise.resolve();
  connectorContract('card-core/sql by compare', {
    rows: { cards: 50 },
    pageRowsMax: 7,
    open: async () => ({ connector: cards(), dispose }),
  });
  connectorContract('card-core/sql by watermark', {
    rows: { cards: 50 },
    pageRowsMax: 7,
    open: async () => ({
      connector: cards({ changes: { by: 'watermark', column: 'UPDATE_TIME' } }),
      dispose,
    }),
  });
  connectorContract('access-control/sql', {
    rows: { swipes: 60 },
    pageRowsMax: 7,
    open: async () => ({ connector: swipes(), dispose }),
  });

  const byId = { changes: { by: 'watermark', column: 'id', is: 'id', overlapIds: 0 } };
  const LIBRARY = {
    patrons: {
      table: 'lib.reader',
      columns: {
        ...{ patron_id: 'rdid', cardnumber: 'rdcardno', userid: 'rdcertify', category_id: 'rdtype' },
        ...{
          patron_card_lost: 'lost',
          restricted: 'stopped',
          date_enrolled: 'rdstartdate',
          expiry_date: 'rdenddate',
        },
      },
    },
    loans: {
      ...{ table: 'lib.circ', ...byId, steps: { 借出: 'out', 归还: 'in' } },
      columns: {
        id: 'id',
        checkout_id: 'loan',
        patron_id: 'rdid',
        item_id: 'book',
        step: 'op',
        at: 'at',
        due_date: 'due',
      },
    },
  };
  const LOCKERS = {
    lockers: { table: 'box.cell', columns: { locker_id: 'id', state: 'state', session_id: 'session' } },
    uses: {
      // The vendor keeps card numbers as numbers: the query gives them their zeros back.
      query: `SELECT id, session, cell, what, to_char(card, 'FM0000000000') AS card, at FROM box.log`,
      ...byId,
      columns: {
        event_id: 'id',
        session_id: 'session',
        locker_id: 'cell',
        type: 'what',
        card_id: 'card',
        occurred_at: 'at',
      },
    },
  };
  const METERS = {
    rooms: {
      ...{ table: 'misc.meter', key: ['area', 'building', 'room'], constants: { vendor: 'north' } },
      columns: { areaId: 'area', buildingId: 'building', roomId: 'room', sydl: 'kwh' },
    },
  };
  const TIMETABLE = `SELECT json_agg(json_build_object('id', s.lesson, 'from', s.lesson_from, 'until', s.lesson_until,
      'teacher', '2010' || s.id) ORDER BY s.id) FROM misc.swipe s WHERE s.room = r.room`;
  const CONSOLES = {
    rooms: {
      query: `SELECT r.room, r.name, (${TIMETABLE}) AS lessons FROM misc.room r`,
      ...{ key: ['room'], columns: { roomId: 'room', roomName: 'name', lessons: 'lessons' } },
    },
    swipes: {
      ...{ table: 'misc.swipe', ...byId },
      columns: {
        ...{ id: 'id', roomId: 'room', credential: 'card', action: 'op', occurredAt: 'at' },
        ...{ lessonId: 'lesson', lessonFrom: 'lesson_from', lessonUntil: 'lesson_until' },
      },
    },
  };
  connectorContract('classrooms/sql', {
    rows: { swipes: 20, rooms: 10 },
    pageRowsMax: 7,
    open: async () => ({ connector: open('classrooms/sql', CONSOLES), dispose }),
  });
  connectorContract('library/sql', {
    rows: { patrons: 30, loans: 60 },
    pageRowsMax: 7,
    open: async () => ({ connector: open('library/sql', LIBRARY), dispose }),
  });
  connectorContract('lockers/sql', {
    rows: { lockers: 21, uses: 60 },
    pageRowsMax: 7,
    open: async () => ({ connector: open('lockers/sql', LOCKERS), dispose }),
  });

  it('stands in for the API of library, lockers, power and classrooms: the same records', async () => {
    const context = (profile: object) => contextOf({ profile: profile as never });
    const mapped = async <T extends object>(
      rows: Promise<Page[]>,
      maps: string,
      topic: string,
      profile = {},
    ) => {
      const all = (await rows).flatMap((page) => page.rows);
      return all.map(({ data }) => valueOf<T>(kindOf(maps).map(data, context(profile)), topic));
    };
    const library = open('library/sql', LIBRARY);
    const patrons = await mapped<LibraryPatron>(
      list(library.stream('patrons')),
      'patron',
      'master.library-patron',
    );
    expect(patrons[0]).toMatchObject({
      ...{
        patronKey: 'core:R10',
        cardKey: 'core:1000000010',
        holderKey: 'core:020990010',
        category: '本科生',
      },
      ...{ cardLost: true, restricted: false },
    });
    const loans = await mapped<Loan>(feed(library.stream('loans'), null), 'loan', 'master.loan');
    expect(loans.slice(0, 2).map(({ kind, loanId, late }) => [kind, loanId, late])).toEqual([
      ['RETURNED', 'L0', false],
      ['CHECKED_OUT', 'L1', null],
    ]);
    expect(loans[0]?.occurredAt).toBe(Date.UTC(2026, 8, 1, 1));
    const lockers = open('lockers/sql', LOCKERS);
    const kiosk = { readerProfile: 'wg34-number' };
    const uses = await mapped<LockerUse>(
      feed(lockers.stream('uses'), null),
      'locker-use',
      'master.locker-use',
      kiosk,
    );
    expect(uses[0]).toMatchObject({ eventId: 'core:uses:1', kind: 'CLOSED', sessionId: 'S0' });
    expect(uses[0]?.credentialPseudonym, 'ten digits, zeros and all').not.toBeNull();
    const consoles = open('classrooms/sql', CONSOLES);
    const swiped = { readerProfile: 'uid-hex' };
    const [use] = await mapped<ClassroomUse>(
      feed(consoles.stream('swipes'), null),
      'classroom-swipe',
      'master.classroom-use',
      swiped,
    );
    expect(use).toMatchObject({ kind: 'POWERED_ON', timetable: 'IN_LESSON', lessonId: 'C1' });
    const rooms = await mapped<Classroom>(
      list(consoles.stream('rooms')),
      'classroom',
      'master.classroom',
      swiped,
    );
    expect(rooms.map(({ lessons }) => lessons.length)).toEqual([6, 7, 7, 0, 0, 0, 0, 0, 0, 0]);
    expect(rooms[3]).toMatchObject({ roomKey: 'core:R103', name: '教3', lessons: [] });
    expect(rooms[1]?.lessons[0]).toEqual({
      ...{ lessonId: 'C1', from: Date.UTC(2026, 8, 2), until: Date.UTC(2026, 8, 2, 1, 40) },
      teacherKeys: ['core:20101'],
    });
    const [meter] = (await list(open('power/sql', METERS).stream('rooms'))).flatMap((page) => page.rows);
    expect(meter).toMatchObject({
      id: '2/21/101',
      data: { path: '2/21/101', vendor: 'north', sydl: '31.50' },
    });
  });

  it.each([
    ['watermark', { by: 'watermark', column: 'id', is: 'id', overlapIds: 0 }],
    ['row version', { by: 'version' }],
  ])(
    'by %s, a hub without a position begins at the oldest row unless it is told to begin now',
    async (_, changes) => {
      const stream = swipes({ changes }).stream('swipes');
      expect(stream.beginsNow).toBeUndefined();
      expect(idsOf(await feed(stream, null))).toHaveLength(60);
      expect(() => cards({ changes: { by: 'version', from: 'now' } })).toThrow(/from: now is for events/);
    },
  );
  for (const [name, changes, overlap] of [
    // The row with the highest id is read again each time.
    ['swipes by watermark', { by: 'watermark', column: 'id', is: 'id', overlapIds: 0, from: 'now' }, 1],
    ['swipes by row version', { by: 'version', from: 'now' }, 0],
  ] as const) {
    beginsNowContract(name, {
      ...{ open: () => swipes({ changes }), stream: 'swipes', overlap },
      happens: () =>
        server.run(
          `INSERT INTO acs.swipe SELECT max(id) + 1, 'D1', '197629', '2026-11-02 08:00+08' FROM acs.swipe`,
        ),
    });
  }

  it('gives the row of the card core: padding taken off, the date alone, the encoding of the view', async () => {
    const [page] = await list(cards().stream('cards'));
    expect(page!.rows[0]!.data).toEqual({
      cardno: '0000000001',
      sno: '20261',
      name: '张1',
      lostflag: '0',
      expdate: '2027-06-30',
    });
  });

  it('reads what has changed since, by watermark, late commits included', async () => {
    const stream = cards({ changes: { by: 'watermark', column: 'UPDATE_TIME' } }).stream('cards');
    const start = await stream.feedStart(never);
    const slow = new pg.Client({ host: server.host, port: server.port, user: 'owner', database: 'postgres' });
    await slow.connect();
    await slow.query('BEGIN');
    await slow.query(
      `UPDATE ykt.card SET lost = '1', update_time = '2026-11-01 09:00:01' WHERE cardno = '0000000003'`,
    );
    await server.run(
      `UPDATE ykt.card SET lost = '1', update_time = '2026-11-01 09:00:30' WHERE cardno = '0000000004'`,
    );
    const first = await feed(stream, start);
    expect(idsOf(first)).toContain('0000000004');
    expect(idsOf(first)).not.toContain('0000000003');
    await slow.query('COMMIT');
    await slow.end();
    expect(idsOf(await feed(stream, first.at(-1)!.next))).toContain('0000000003');
  });

  it('is not blinded by a row with a time of 2099', async () => {
    const stream = cards({ changes: { by: 'watermark', column: 'UPDATE_TIME', overlapSeconds: 5 } }).stream(
      'cards',
    );
    await server.run(`UPDATE ykt.card SET update_time = '2099-01-01' WHERE cardno = '0000000009'`);
    const pages = await feed(stream, await stream.feedStart(never));
    await server.run(
      `UPDATE ykt.card SET update_time = now() AT TIME ZONE 'Asia/Shanghai' WHERE cardno = '0000000010'`,
    );
    expect(idsOf(await feed(stream, pages.at(-1)!.next))).toContain('0000000010');
    await server.run(`UPDATE ykt.card SET update_time = '2026-11-01' WHERE cardno = '0000000009'`);
  });

  it.each([
    ['the table’s own', { table: 'ykt.card', changes: { by: 'version' } }],
    ['a column of the view', { changes: { by: 'version', column: 'ROW_XMIN' } }],
  ])('reads what has changed since by row version: %s', async (_, more) => {
    const stream = cards(more).stream('cards');
    const start = await stream.feedStart(never);
    const slow = new pg.Client({ host: server.host, port: server.port, user: 'owner', database: 'postgres' });
    await slow.connect();
    await slow.query('BEGIN');
    await slow.query(`UPDATE ykt.card SET lost = '0' WHERE cardno = '0000000005'`);
    await server.run(`UPDATE ykt.card SET lost = '0' WHERE cardno = '0000000006'`);
    const first = await feed(stream, start);
    expect(idsOf(first)).toEqual(['0000000006']);
    await slow.query('COMMIT');
    await slow.end();
    const second = await feed(stream, first.at(-1)!.next);
    expect(idsOf(second)).toContain('0000000005');
    expect(idsOf(await feed(stream, second.at(-1)!.next))).toEqual([]);
  });

  it('reads GBK bytes that the database takes for something else', async () => {
    const gbk = (text: string): string =>
      `E'${[...iconv.encode(text, 'gbk')].map((b) => `\\x${b.toString(16)}`).join('')}'`;
    await server.run(
      `CREATE DATABASE old ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`,
    );
    await server.run(
      `SET client_encoding = 'SQL_ASCII'; CREATE TABLE card (cardno varchar(12) PRIMARY KEY, name char(20));
       INSERT INTO card VALUES ('1', ${gbk('张三')}), ('2', ${gbk('欧阳娜娜')}), ('3', E'\\xff\\xff'); GRANT SELECT ON card TO cardhub`,
      'old',
    );
    const stream = cards(
      { table: 'card', columns: { cardno: 'cardno', name: 'name' }, cells: {} },
      { database: 'old', encoding: 'gb18030' },
    ).stream('cards');
    const [page] = await list(stream);
    const names = page!.rows.map((row) => row.damage?.code ?? (row.data as { name: string }).name);
    expect(names).toEqual(['张三', '欧阳娜娜', 'ENCODING']);
    expect(await stream.reparse!(page!.rows[1]!.raw)).toEqual({ cardno: '2', name: '欧阳娜娜' });
    expect(await stream.reparse!(page!.rows[2]!.raw)).toBeUndefined();
  });

  it('quarantines rows without a key and rows that share one, at the end of a page too', async () => {
    await server.run(`
      CREATE TABLE ykt.odd (cardno varchar(12), name text); GRANT SELECT ON ykt.odd TO cardhub;
      INSERT INTO ykt.odd SELECT to_char(n, 'FM00'), 'x' FROM generate_series(1, 20) n;
      INSERT INTO ykt.odd VALUES ('07', 'y'), ('07', 'z'), ('14', 'y'), (NULL, 'a'), (NULL, 'a')`);
    const pages = await list(
      cards({ table: 'ykt.odd', columns: { cardno: 'cardno', name: 'name' }, cells: {} }).stream('cards'),
    );
    const rows = pages.flatMap((page) => page.rows);
    const damaged = rows.filter((row) => row.damage !== undefined);
    expect(rows.length).toBe(25);
    expect(damaged.map((row) => row.damage!.code)).toEqual([
      ...Array.from({ length: 5 }, () => 'DUPLICATE_KEY'),
      'NO_KEY',
      'NO_KEY',
    ]);
    expect(new Set(rows.map((row) => row.at)).size).toBe(25);
  });

  it('proves an absence by asking for the keys, padded or not', async () => {
    const found = await cards().stream('cards').lookup!(['0000000001', '9999999999', 'no such'], never);
    expect([...found]).toEqual(['0000000001']);
  });

  it('cannot write, and ends what takes too long', async () => {
    const writing = cards({
      table: undefined,
      query: 'SELECT cardno AS "CARDNO", nextval(\'ykt.s\') AS "SNO" FROM ykt.card',
      columns: { cardno: 'CARDNO', sno: 'SNO' },
      cells: {},
    });
    await server.run(`CREATE SEQUENCE ykt.s; GRANT USAGE ON ykt.s TO cardhub`);
    await expect(writing.stream('cards').snapshotPage(null, never)).rejects.toMatchObject({
      code: 'CONFIG',
      details: { upstreamCode: '25006' },
    });
    const slow = cards(
      {
        table: undefined,
        query: 'SELECT cardno AS "CARDNO", pg_sleep(1)::text AS "SNO" FROM ykt.card',
        columns: { cardno: 'CARDNO', sno: 'SNO' },
        cells: {},
      },
      { statementSeconds: 1 },
    );
    await expect(slow.stream('cards').snapshotPage(null, never)).rejects.toMatchObject({
      code: 'TIMEOUT',
      retry: 'later',
    });
  });

  it('never queues behind the owner’s lock, nor makes the owner wait', async () => {
    const owner = new pg.Client({
      host: server.host,
      port: server.port,
      user: 'owner',
      database: 'postgres',
    });
    await owner.connect();
    const stream = cards({}, { lockSeconds: 1 }).stream('cards');
    await stream.snapshotPage(null, never);
    await owner.query('BEGIN');
    await owner.query(`SET lock_timeout = 500`);
    // Between two pages nothing of ours is held: the owner may even change the table's form.
    await owner.query('ALTER TABLE ykt.card ADD COLUMN extra text');
    const before = Date.now();
    await expect(stream.snapshotPage(null, never)).rejects.toMatchObject({ code: 'TIMEOUT' });
    expect(Date.now() - before).toBeLessThan(3_000);
    await owner.query('ROLLBACK');
    await owner.end();
    expect((await stream.snapshotPage(null, never)).rows.length).toBe(7);
  });

  it('connects again after the connection was ended by the server', async () => {
    const stream = cards().stream('cards');
    await stream.snapshotPage(null, never);
    await server.run(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cardhub'`,
    );
    await expect(stream.snapshotPage(null, never)).rejects.toMatchObject({
      code: 'CONNECTION',
      retry: 'later',
    });
    expect((await stream.snapshotPage(null, never)).rows.length).toBe(7);
  });

  it('feeds the hub by a hub.yaml: published once, unchanged the second time, equal to its upstream', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'cardhub-sql-'));
    const config = join(dir, 'hub.yaml');
    await writeFile(
      config,
      `version: 1
tenant: test
sources:
  core:
    connector: card-core/sql
    options:
      { dialect: postgresql, host: 127.0.0.1, port: ${server.port}, database: postgres, user: cardhub,
        password: '\${DB_PASSWORD}', tls: 'off',
        cards: { table: ykt.v_card, columns: { cardno: CARDNO, sno: SNO, name: NAME, lostflag: LOST } } }
`,
    );
    const run = (...args: string[]) => cardhub({ DB_PASSWORD: 'secret-word' }, ...args, '-c', config);
    const first = await run('sync', '--once');
    expect(first.document, first.stderr).toMatchObject({
      balanced: true,
      streams: [{ read: 50, published: 50 }],
    });
    expect((await run('sync', '--once')).document).toMatchObject({ streams: [{ read: 50, unchanged: 50 }] });
    const answer = await run('reconcile');
    expect(answer.exit, JSON.stringify(answer.document)).toBe(0);
    await rm(dir, { recursive: true });
  });

  it('says what is wrong, and no secret', async () => {
    const refused = async (connector: Connector): Promise<Error & { code?: string }> =>
      connector
        .stream('cards')
        .snapshotPage(null, never)
        .then(
          () => new Error('expected a refusal'),
          (error: unknown) => error as Error,
        );
    const missing = await refused(cards({ columns: { cardno: 'KAHAO' }, cells: {} }));
    expect(missing.message).toMatch(/no column "KAHAO" \(option key\); columns found: CARDNO, SNO/);
    const unknown = await refused(cards({ table: 'ykt.none' }));
    expect(unknown).toMatchObject({ code: 'CONFIG', details: { upstreamCode: '42P01' } });
    const denied = await refused(cards({}, { user: 'nobody-here' }));
    expect(denied).toMatchObject({ code: 'AUTH' });
    for (const error of [missing, unknown, denied]) expect(error.message).not.toContain('secret-word');
    const plain = await refused(cards({}, { tls: 'verify' }));
    expect(plain.message).toMatch(/tls/);
  });
});
