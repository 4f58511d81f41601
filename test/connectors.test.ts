import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startCampus, type Campus } from '../campus/start.js';
import type { FaultSwitch } from '../campus/faults.js';
import { beginsNowContract, connectorContract, drain } from '../connectors/connector.contract.js';
import { connectors } from '../connectors/index.js';
import type { Connector, ConnectorError, ConnectorNote, Stream } from '../connectors/sdk.js';

/** The HTTP connectors against the small campus, over sockets, with each of its faults. */

const never = new AbortController().signal;
const quick = {
  attempts: 3,
  backoffMs: 5,
  backoffMaxMs: 20,
  headersMs: 400,
  bodyMs: 400,
  totalMs: 1_500,
  perSecond: 1_000,
};
let dir: string;
let campus: Campus;
let notes: ConnectorNote[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cardhub-campus-'));
  campus = await startCampus({
    dir,
    seed: 7,
    people: 200,
    feedRetention: 50,
    eventRetention: 50,
    life: false,
  });
  for (let i = 0; i < 30; i++) campus.life({ event: 'swipe' });
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
    source: 'test',
    now: () => campus.clock.now(),
    random: () => 0.5,
    baseDir: dir,
    note: (note) => notes.push(note),
  });
}

const gateway = (more: Record<string, unknown> = {}): Connector =>
  open('card-core/gateway', {
    url: campus.urls.core,
    appKey: campus.credentials.core.appKey,
    tripleDesKey: campus.credentials.core.tripleDesKeyHex,
    privateKey: campus.credentials.core.privateKeyPem.replaceAll('\n', '\\n'),
    corePublicKey: campus.credentials.core.corePublicKeyPem,
    pageRows: 40,
    http: quick,
    ...more,
  });
const rest = (more: Record<string, unknown> = {}): Connector =>
  open('access-control/rest', {
    url: campus.urls.access,
    apiKey: campus.credentials.access.apiKey,
    pageRows: 3,
    http: quick,
    ...more,
  });

const total = async (stream: Stream): Promise<number> => (await stream.count?.(never)) ?? 0;
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

describe('contract', () => {
  const rows: Record<string, number> = {};
  const access: Record<string, number> = {};
  beforeAll(async () => {
    rows['cards'] = await total(gateway().stream('cards'));
    access['doors'] = await total(rest().stream('doors'));
    access['grants'] = await total(rest().stream('grants'));
    access['swipes'] = 30;
    campus.life({ event: 'spend', count: 60 });
    rows['accounts'] = await total(gateway().stream('accounts'));
    rows['devices'] = await total(gateway().stream('devices'));
    const { tradeSeq, tradeFloor } = campus.world.store.meta.money;
    rows['transactions'] = tradeSeq - tradeFloor;
  });
  const dispose = () => Promise.resolve();
  connectorContract('card-core/gateway', {
    rows,
    pageRowsMax: 12,
    open: async () => ({ connector: gateway({ pageRows: 12 }), dispose }),
  });
  connectorContract('card-core/gateway by page', {
    rows,
    pageRowsMax: 12,
    open: async () => ({ connector: gateway({ order: 'page', pageRows: 12 }), dispose }),
  });
  connectorContract('access-control/rest', {
    rows: access,
    pageRowsMax: 3,
    open: async () => ({ connector: rest(), dispose }),
  });
});

describe('the card core’s gateway', () => {
  it('feeds what happens after the head, with the card as it stands, and goes on from there', async () => {
    const cards = gateway().stream('cards');
    const start = await cards.feedStart(never);
    campus.life({ event: 'lose' });
    campus.life({ event: 'replace' });
    const pages = await drain((cursor) => cards.changes(cursor, never), start);
    const rows = pages.flatMap((page) => page.rows);
    const types = rows.map((row) => (row.data as { change: { type: string } }).change.type);
    expect(types[0]).toBe('3');
    expect(types.slice(-2)).toEqual(['8', '5']);
    expect((await cards.changes(pages.at(-1)!.next, never)).rows).toEqual([]);
  });

  it('says that a cursor is too old, so that a new listing is taken', async () => {
    for (let i = 0; i < 60; i++) campus.life({ event: i % 2 ? 'lose' : 'unlose' });
    const error = await refusal(gateway().stream('cards').changes({ seq: '0' }, never));
    expect(error).toMatchObject({ code: 'CURSOR', details: { upstreamCode: '60024' } });
  });

  it('finds by number which cards the core still has', async () => {
    const cards = gateway().stream('cards');
    const { ids } = await list(cards);
    const found = await cards.lookup!([ids[0]!, '9999999999', ids[5]!], never);
    expect([...found].sort()).toEqual([ids[0], ids[5]].sort());
  });

  it('logs in once for calls at the same time, again when the token is killed, and ends a token war', async () => {
    const first = gateway();
    await Promise.all([1, 2, 3].map(() => first.stream('cards').snapshotPage(null, never)));
    expect(notes.filter((note) => note.detail.startsWith('log in')).length).toBe(1);
    campus.faults.add({ target: 'core', fault: 'token-killed', times: 1 });
    expect((await first.stream('cards').snapshotPage(null, never)).rows.length).toBe(40);
    campus.faults.add({ target: 'core', fault: 'token-killed' });
    const error = await refusal(first.stream('cards').snapshotPage(null, never));
    expect(error).toMatchObject({ code: 'AUTH', retry: 'later' });
    expect(error.message).toMatch(/another client logs in with app_key/);
  });

  it('believes nothing that another key has signed', async () => {
    campus.faults.add({ target: 'core', fault: 'wrong-signature' });
    expect(await refusal(gateway().stream('cards').snapshotPage(null, never))).toMatchObject({
      code: 'SIGNATURE',
    });
    campus.faults.clear();
    expect(() => gateway({ privateKey: campus.credentials.core.corePublicKeyPem })).toThrow(
      /option privateKey: expected a PKCS#8 PEM/,
    );
  });

  it('proves an absence by asking, when the core lists by page and rows move', async () => {
    const cards = gateway({ order: 'page' }).stream('cards');
    expect(cards.spec.listing?.absence).toBe('point-read');
    const whole = new Set((await list(cards)).ids);
    campus.faults.add({ target: 'core', fault: 'rows-move' });
    const moved = new Set((await list(cards)).ids);
    const missing = [...whole].filter((id) => !moved.has(id));
    expect(missing.length).toBeGreaterThan(0);
    expect(await cards.lookup!(missing, never)).toEqual(new Set(missing));
  });

  it('maps the core’s own refusals with their code', async () => {
    campus.faults.add({ target: 'core', fault: 'rate-limited', match: 'card.list' });
    expect(await refusal(gateway().stream('cards').snapshotPage(null, never))).toMatchObject({
      code: 'RATE_LIMITED',
      retry: 'later',
      details: { upstreamCode: '40017', reason: 'RATE' },
    });
  });

  it('tells how far the core’s clock is off', async () => {
    campus.faults.add({ target: 'core', fault: 'clock-skew', offsetMs: 300_000 });
    const connector = gateway();
    expect(Math.round((await connector.clockSkewMs!(never)) / 10_000)).toBe(30);
    expect((await connector.check(never))[0]).toMatchObject({ ok: false });
  });
});

const passing: readonly FaultSwitch['fault'][] = [
  'status-5xx',
  'cut',
  'half-page',
  'gbk-garbage',
  'busy',
  'timeout',
];

describe.each([
  ['core', () => gateway().stream('cards')],
  ['access', () => rest().stream('grants')],
] as const)('a fault of %s', (target, stream) => {
  it.each([...passing, 'duplicate-page'] as const)(
    '%s that passes costs nothing but an attempt',
    async (fault) => {
      const whole = await list(stream());
      const switched = {
        target,
        fault,
        times: 1,
        match: target === 'core' ? 'card.list' : '/v1/grants',
      } as const;
      campus.faults.add(fault === 'timeout' ? { ...switched, ms: 1_000 } : switched);
      const listed = await list(stream());
      expect(listed.ids).toEqual(whole.ids);
      expect(listed.last.absenceUsable).toBe(true);
      expect(notes.filter((note) => note.kind === 'retry').length).toBe(1);
    },
  );

  it.each(passing)('%s that stays is a clear error, to be tried later', async (fault) => {
    campus.faults.add({ target, fault, ...(fault === 'timeout' ? { ms: 1_000 } : {}) });
    const error = await refusal(stream().snapshotPage(null, never));
    expect(error).toMatchObject({ name: 'ConnectorError', retry: 'later' });
    expect(error.message).toMatch(/after 3 attempts/);
  });
});

describe('the access-control vendor', () => {
  it('gives late uploads in the order of arrival', async () => {
    const swipes = rest().stream('swipes');
    const pages = await drain((cursor) => swipes.changes(cursor, never), await swipes.feedStart(never));
    campus.life({ event: 'swipe', lateMs: 3_600_000 });
    expect((await swipes.changes(pages.at(-1)!.next, never)).rows).toEqual([]);
    campus.clock.set({ advanceMs: 3_700_000 });
    campus.advance();
    const { rows } = await swipes.changes(pages.at(-1)!.next, never);
    expect(rows.length).toBe(1);
    const { occurredAt, uploadedAt } = rows[0]!.data as { occurredAt: string; uploadedAt: string };
    expect(Date.parse(uploadedAt) - Date.parse(occurredAt)).toBeGreaterThan(3_000_000);
  });

  it('begins at what is retained, and says that a cursor is too old', async () => {
    for (let i = 0; i < 80; i++) campus.life({ event: 'swipe' });
    const swipes = rest().stream('swipes');
    const error = await refusal(swipes.changes({ seq: 1 }, never));
    expect(error.code).toBe('CURSOR');
    expect((await swipes.changes(await swipes.feedStart(never), never)).rows.length).toBeGreaterThan(0);
  });

  beginsNowContract('swipes', {
    ...{ open: () => rest({ eventsFrom: 'now' }), stream: 'swipes' },
    happens: () => campus.life({ event: 'swipe' }),
  });

  it('refuses a wrong key with the words that help', async () => {
    expect(await refusal(rest({ apiKey: 'wrong' }).stream('doors').snapshotPage(null, never))).toMatchObject({
      code: 'AUTH',
    });
  });

  it('asks for single grants to prove an absence', async () => {
    const grants = rest().stream('grants');
    const { ids } = await list(grants);
    expect(await grants.lookup!([ids[0]!, 'G-none'], never)).toEqual(new Set([ids[0]]));
  });
});
