import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startCampus, type Campus } from '../campus/start.js';
import type { FaultSwitch, FaultTarget } from '../campus/faults.js';
import { writeDeskExport } from '../campus/library/export.js';
import { roomCount } from '../campus/world/classrooms.js';
import { beginsNowContract, connectorContract, drain } from '../connectors/connector.contract.js';
import { connectors } from '../connectors/index.js';
import type {
  Connector,
  ConnectorError,
  ConnectorNote,
  Cursor,
  SourceRow,
  Stream,
} from '../connectors/sdk.js';

/** Library, bag lockers and classrooms against the small campus, over sockets, with each of its faults. */

const never = new AbortController().signal;
const quick = {
  ...{ attempts: 3, backoffMs: 5, backoffMaxMs: 20, headersMs: 600, bodyMs: 600 },
  ...{ totalMs: 2_000, perSecond: 1_000 },
};
const MONDAY = Date.UTC(2026, 2, 2, 0, 30); // 08:30 in Shanghai
let dir: string;
let campus: Campus;
let notes: ConnectorNote[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cardhub-desk-'));
  campus = await startCampus({ dir, seed: 7, people: 200, clock: { now: MONDAY, rate: 0 }, life: false });
  const step = (): void => void campus.clock.set({ advanceMs: 7_000 });
  const card = (person: number): string => `1${String(person).padStart(8, '0')}0`;
  for (let i = 0; i < 12; i++) {
    campus.life({ event: 'borrow', card: card(20 + i) });
    campus.life({ event: 'store', card: card(50 + i) });
    campus.life({ event: 'teach' });
    step();
  }
  for (let i = 0; i < 4; i++) campus.life({ event: 'return' });
  await writeDeskExport(campus.world, join(dir, 'desk'));
});
afterAll(async () => {
  await campus.close();
  await rm(dir, { recursive: true });
});
beforeEach(() => {
  campus.faults.clear();
  notes = [];
});

function open(kind: string, options: Record<string, unknown>): Connector {
  const factory = connectors[kind];
  if (factory === undefined) throw new Error(kind);
  const valid = new Ajv2020({ strict: false }).compile(factory.spec.options);
  expect(valid(options), JSON.stringify(valid.errors)).toBe(true);
  return factory.open(options, {
    ...{ source: 'test', now: () => campus.clock.now(), random: () => 0.5, baseDir: dir, once: true },
    note: (note) => notes.push(note),
  });
}

const library = (more: Record<string, unknown> = {}): Connector =>
  open('library/rest', {
    ...{ url: campus.urls.library, ...campus.credentials.library, pageRows: 5, http: quick, ...more },
  });
const lockers = (more: Record<string, unknown> = {}): Connector =>
  open('lockers/rest', {
    ...{ url: campus.urls.lockers, ...campus.credentials.lockers, pageRows: 5, http: quick, ...more },
  });
const classrooms = (more: Record<string, unknown> = {}): Connector =>
  open('classrooms/rest', {
    ...{ url: campus.urls.classrooms, ...campus.credentials.classrooms, pageRows: 5, http: quick, ...more },
  });
const deskFiles = (folder = 'desk', more: Record<string, unknown> = {}): Connector =>
  open('library/desk-export', {
    patrons: { folder, pageRows: 60, ...more },
    loans: { folder, pageRows: 5, ...more },
  });

const feed = async (stream: Stream, from?: Cursor): Promise<{ rows: SourceRow[]; next: Cursor }> => {
  const start = from ?? (await stream.feedStart(never));
  const pages = await drain((cursor) => stream.changes(cursor, never), start);
  return { rows: pages.flatMap(({ rows }) => rows), next: pages.at(-1)!.next };
};
const list = async (stream: Stream) => {
  const pages = await drain((cursor) => stream.snapshotPage(cursor, never), null);
  return { ids: pages.flatMap((page) => page.rows.map((row) => row.id)), last: pages.at(-1)! };
};
const refusal = (promise: Promise<unknown>): Promise<ConnectorError> =>
  promise.then(
    () => {
      throw new Error('an error was expected');
    },
    (error: unknown) => error as ConnectorError,
  );
const tells = (rows: readonly SourceRow[]): string[] =>
  rows.map((row) => (row.data as { tells: string[] }).tells.join('+'));

describe('contract', () => {
  const rows: Record<string, Record<string, number>> = { lib: {}, lock: {}, rooms: {}, desk: {} };
  beforeAll(async () => {
    const { desk } = campus.world.store;
    const loans = desk.counters.get('loans') ?? 0;
    Object.assign(rows['lib']!, { patrons: 200, loans });
    Object.assign(rows['lock']!, { lockers: 24, uses: desk.counters.get('locker-events') ?? 0 });
    Object.assign(rows['rooms']!, {
      rooms: roomCount(campus.world),
      swipes: desk.counters.get('classroom-swipes') ?? 0,
    });
    Object.assign(rows['desk']!, { patrons: 200, loans: loans + (desk.counters.get('loans-closed') ?? 0) });
  });
  const dispose = () => Promise.resolve();
  const subject = (name: string, connector: () => Connector, pageRowsMax: number) => ({
    ...{ rows: rows[name]!, pageRowsMax },
    open: async () => ({ connector: connector(), dispose }),
  });
  connectorContract(
    'library/rest',
    subject('lib', () => library(), 5),
  );
  connectorContract(
    'lockers/rest',
    subject('lock', () => lockers(), 5),
  );
  connectorContract(
    'classrooms/rest',
    subject('rooms', () => classrooms(), 5),
  );
  connectorContract(
    'library/desk-export',
    subject('desk', () => deskFiles(), 60),
  );
});

describe('the library', () => {
  beginsNowContract('loans', {
    open: () => {
      // Behind what was lent in this second.
      campus.clock.set({ advanceMs: 5_000 });
      return library({ loansFrom: 'now', overlapSeconds: 0 });
    },
    stream: 'loans',
    happens: () => {
      campus.clock.set({ advanceMs: 5_000 });
      campus.life({ event: 'borrow', card: '1000001300' });
    },
  });

  it('feeds changed readers from its own clock on, and costs one small answer when nothing changes', async () => {
    const patrons = library({ overlapSeconds: 0 }).stream('patrons');
    const { rows, next } = await feed(patrons);
    expect(rows).toEqual([]);
    campus.life({ event: 'lose', card: '1000001210' });
    campus.clock.set({ advanceMs: 61_000 });
    const heard = await feed(patrons, next);
    expect(heard.rows.map((row) => row.data)).toMatchObject([
      { cardnumber: '1000001210', patron_card_lost: true },
    ]);
    const settled = (await feed(patrons, (await feed(patrons, heard.next)).next)).next;
    const page = await patrons.changes(settled, never);
    expect(page).toMatchObject({ rows: [], state: 'end' });
    expect(page.next).toEqual(settled);
  });

  it('tells every step of a loan that is out and back between two readings', async () => {
    const loans = library().stream('loans');
    const { next } = await feed(loans);
    campus.clock.set({ advanceMs: 60_000 });
    const { desk } = campus.life({ event: 'borrow', card: '1000001500', item: 901 });
    const id = (desk![0] as { loan: { id: number } }).loan.id;
    campus.life({ event: 'renew', loan: id });
    campus.life({ event: 'return', loan: id });
    const { rows, next: after } = await feed(loans, next);
    const mine = rows.filter((row) => row.id === String(id));
    expect(tells(mine)).toEqual(['out+renewed+in']);
    expect((await feed(loans, after)).rows.length).toBeLessThanOrEqual(rows.length);
  });

  it('takes up a row that was committed late, behind a time that was read already', async () => {
    const loans = library({ overlapSeconds: 120 }).stream('loans');
    const { next } = await feed(loans);
    const { rows } = await feed(loans, next);
    // The overlap is read again: rows come twice, their events have the same ids.
    expect(rows.length).toBeGreaterThan(0);
    const { rows: again } = await feed(loans, next);
    expect(again.map(({ at }) => at)).toEqual(rows.map(({ at }) => at));
  });

  it('logs in again when the token has ended, and says clearly when it never will', async () => {
    const patrons = library().stream('patrons');
    await patrons.snapshotPage(null, never);
    campus.faults.add({ target: 'library', fault: 'token-killed', times: 1 });
    expect((await patrons.snapshotPage(null, never)).rows.length).toBe(5);
    expect(notes.filter(({ kind }) => kind === 'token').length).toBe(2);
    campus.faults.add({ target: 'library', fault: 'token-killed' });
    expect(await refusal(patrons.snapshotPage(null, never))).toMatchObject({ code: 'AUTH', retry: 'later' });
    campus.faults.clear();
    const wrong = library({ clientSecret: 'not-the-secret' });
    const error = await refusal(wrong.stream('patrons').snapshotPage(null, never));
    expect(error).toMatchObject({ code: 'AUTH' });
    expect(error.message + JSON.stringify(notes)).not.toContain('not-the-secret');
    expect((await wrong.check(never)).every(({ ok }) => !ok)).toBe(true);
  });

  it('logs in once for calls at the same time, and again a minute before the token ends', async () => {
    const connector = library();
    const pull = () => connector.stream('patrons').snapshotPage(null, never);
    await Promise.all([pull(), pull(), pull()]);
    expect(notes.filter(({ kind }) => kind === 'token').length).toBe(1);
    campus.clock.set({ advanceMs: 3_541_000 });
    await pull();
    expect(notes.filter(({ kind }) => kind === 'token').length).toBe(2);
  });

  it('names a field that the library calls otherwise, and goes on with its new name or when it is back', async () => {
    campus.faults.add({ target: 'library', fault: 'field-renamed' });
    const error = await refusal(library().stream('patrons').snapshotPage(null, never));
    expect(error).toMatchObject({ code: 'PROTOCOL', retry: 'later' });
    expect(error.message).toMatch(
      /none of 5 rows has "patron_card_lost"; they have: .*card_lost.*option fields/,
    );
    const told = library({ fields: { patron_card_lost: 'card_lost' } }).stream('patrons');
    expect((await list(told)).ids.length).toBe(200);
    campus.faults.clear();
    expect((await list(library().stream('patrons'))).ids.length).toBe(200);
  });

  it('waits as long as the library asks for (429, Retry-After)', async () => {
    campus.faults.add({ target: 'library', fault: 'rate-limited', times: 1, match: '/patrons' });
    const from = performance.now();
    await library({ http: { ...quick, retryAfterMaxMs: 5_000 } })
      .stream('patrons')
      .snapshotPage(null, never);
    expect(performance.now() - from).toBeGreaterThan(900);
  });

  it('proves by asking that a reader is gone', async () => {
    const found = await library().stream('patrons').lookup!(['1', '9999', '7'], never);
    expect([...found].sort()).toEqual(['1', '7']);
  });

  it('does not believe absences of a listing that has fewer rows than the library counts', async () => {
    campus.faults.add({ target: 'library', fault: 'duplicate-page' });
    expect(await refusal(list(library().stream('patrons')))).toMatchObject({ code: 'PROTOCOL' });
  });
});

const upstreams: readonly [FaultTarget, string, () => Stream][] = [
  ['library', '/api/v1/patrons', () => library().stream('patrons')],
  ['lockers', '/api/lockers', () => lockers().stream('lockers')],
  ['classrooms', '/v1/swipes', () => classrooms().stream('swipes')],
];
const read = async (stream: Stream): Promise<string[]> =>
  stream.spec.listing === null ? (await feed(stream)).rows.map(({ id }) => id) : (await list(stream)).ids;
const passing: readonly FaultSwitch['fault'][] = [
  ...(['status-5xx', 'cut', 'half-page', 'gbk-garbage', 'busy', 'timeout'] as const),
];

describe.each(upstreams)('a fault of %s', (target, match, stream) => {
  it.each(passing)('%s that passes costs nothing but an attempt', async (fault) => {
    const whole = await read(stream());
    notes = [];
    const ms = fault === 'timeout' ? { ms: 1_500 } : {};
    campus.faults.add({ target, fault, times: 1, match, ...ms });
    expect(await read(stream())).toEqual(whole);
    expect(notes.filter((note) => note.kind === 'retry').length).toBe(1);
  });

  it.each(passing)('%s that stays is a clear error, to be tried later', async (fault) => {
    campus.faults.add({ target, fault, match, ...(fault === 'timeout' ? { ms: 1_500 } : {}) });
    const error = await refusal(read(stream()));
    expect(error).toMatchObject({ name: 'ConnectorError', retry: 'later' });
    expect(error.message).toMatch(/after 3 attempts/);
  });

  it('a renamed field stops the stream and is named', async () => {
    campus.faults.add({ target, fault: 'field-renamed' });
    expect((await refusal(read(stream()))).message).toMatch(/none of \d+ rows has "\w+"; they have: /);
  });

  it('a page that comes twice is not taken for the next one', async () => {
    const whole = await read(stream());
    campus.faults.add({ target, fault: 'duplicate-page', times: 1 });
    await read(stream()).then(
      (ids) => expect(ids).toEqual(whole),
      (error: ConnectorError) => expect(error).toMatchObject({ code: 'PROTOCOL', retry: 'later' }),
    );
  });

  it('a clock that is hours off is told by check, and keeps no row back', async () => {
    campus.faults.add({ target, fault: 'clock-skew', offsetMs: 3 * 3_600_000 });
    const connector = { library, lockers, classrooms }[target as 'library']();
    expect(Math.round((await connector.clockSkewMs!(never)) / 3_600_000)).toBe(3);
    expect((await connector.check(never))[0]).toMatchObject({ ok: false });
  });
});

describe('the desk export', () => {
  const copyTo = async (folder: string, name: string, change: (bytes: Buffer) => Buffer): Promise<void> => {
    await mkdir(join(dir, folder), { recursive: true });
    await writeFile(join(dir, folder, name), change(await readFile(join(dir, 'desk', name))));
  };

  it('reads by bytes: names of any width, cut within a character, spoil nothing beside them', async () => {
    const pages = await drain((cursor) => deskFiles().stream('patrons').snapshotPage(cursor, never), null);
    const rest = await drain((cursor) => library().stream('patrons').snapshotPage(cursor, never), null);
    const cards = (all: typeof pages): unknown[] =>
      all.flatMap(({ rows }) => rows.map((row) => [Number(row.id), (row.data as { userid: string }).userid]));
    expect(cards(pages)).toEqual(cards(rest));
    expect(pages.at(-1)).toMatchObject({ state: 'end', absenceUsable: true });
  });

  it('that was cut is read as far as it goes, and its absences are not believed', async () => {
    await copyTo('cut', 'READER.TXT', (bytes) => bytes.subarray(0, bytes.length - 13 - 91 - 9));
    const { ids, last } = await list(deskFiles('cut').stream('patrons'));
    expect(ids.length).toBe(199);
    expect(last.rows.at(-1)!.damage).toMatchObject({ code: 'TORN_LINE' });
    expect(last.absenceUsable).toBe(false);
    await copyTo('short', 'READER.TXT', (bytes) => bytes.subarray(91));
    expect((await list(deskFiles('short').stream('patrons'))).last.absenceUsable).toBe(false);
  });

  it('in another encoding is refused as a whole', async () => {
    const utf8 = (bytes: Buffer): Buffer => Buffer.from(new TextDecoder('gb18030').decode(bytes), 'utf8');
    await copyTo('utf8', 'READER.TXT', utf8);
    const error = await refusal(deskFiles('utf8').stream('patrons').snapshotPage(null, never));
    expect(error).toMatchObject({ code: 'FILE' });
    expect(error.message).toMatch(/UTF-8/);
  });
});
