/**
 * Library, bag lockers, classrooms, and a vendor of one's own, from the simulated upstreams to the topics: people who
 * borrow, leave a bag, lose the card and teach; the books balance and the topics equal them.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { startCampus, type Campus } from '../campus/start.js';
import { cardOf } from '../campus/world/world.js';
import { connectorContract } from '../connectors/connector.contract.js';
import { connectors } from '../connectors/index.js';
import {
  TOPICS,
  type ClassroomUse,
  type LibraryPatron,
  type Loan,
  type LockerUse,
  type Card,
  type Locker,
} from '../contracts/types.js';
import { gate } from '../examples/connector/gate.js';
import { loadConfig } from '../hub/config/load.js';
import { contentOf } from '../hub/desk/reconcile.js';
import { openHub, type HubParts } from '../hub/run/hub.js';
import { syncOnce } from '../hub/run/once.js';

const MONDAY = Date.UTC(2026, 2, 2, 0, 30); // 08:30 in Shanghai
const CARD = '1000000010';
const factories = [...Object.values(connectors), gate];
let dir: string;
let campus: Campus;
let vendor: Server;
let vendorUrl: string;

/** The example's upstream: two calls, its own words, pages of two. */
function startVendor(): Server {
  const time = new Date(MONDAY).toISOString();
  const gates = ['G-3', 'G-1', 'G-2'].map((no) => ({ no, title: `闸机 ${no}` }));
  const passes = Array.from({ length: 5 }, (_, i) => ({
    ...{
      n: i + 1,
      gate: 'G-1',
      card: '5630F009',
      in: i % 2 === 0,
      at: new Date(MONDAY + i * 60_000).toISOString(),
    },
  }));
  return createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://vendor.invalid');
    const since = Number(url.searchParams.get('since') ?? 0);
    const behind = passes.filter(({ n }) => n > since);
    const page = { passes: behind.slice(0, 2), more: behind.length > 2, time };
    response.end(JSON.stringify(url.pathname === '/gates' ? { gates, time } : page));
  }).listen(0, '127.0.0.1');
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-desk-hub-'));
  const clock = { now: MONDAY, rate: 0 };
  campus = await startCampus({ dir: join(dir, 'campus'), seed: 7, people: 200, clock, life: false });
  vendor = startVendor();
  await once(vendor, 'listening');
  vendorUrl = `http://127.0.0.1:${(vendor.address() as AddressInfo).port}`;
});
afterAll(async () => {
  vendor.close();
  await campus.close();
  rmSync(dir, { recursive: true, force: true });
});

function configFile(): string {
  const { urls, credentials } = campus;
  const { core } = credentials;
  const keys = { appKey: core.appKey, tripleDesKey: core.tripleDesKeyHex };
  const pems = { privateKey: core.privateKeyPem, corePublicKey: core.corePublicKeyPem };
  const mapping = { personSource: 'core', cardSource: 'core' };
  const path = join(dir, 'hub.yaml');
  // Its readers keep the first four bytes of any chip, last byte first: the low ones of the reversed number.
  const kiosk = { base: 'dec', order: 'LE', bytesKept: 4, part: 'low' };
  const readers = { profiles: { kiosk } };
  const sources = {
    core: { connector: 'card-core/gateway', options: { url: urls.core, ...keys, ...pems } },
    library: { connector: 'library/rest', options: { url: urls.library, ...credentials.library }, mapping },
    lockers: {
      ...{ connector: 'lockers/rest', options: { url: urls.lockers, ...credentials.lockers } },
      ...{ streams: { uses: { after: ['core/cards'] } }, mapping: { readerProfile: 'kiosk' } },
    },
    rooms: {
      ...{ connector: 'classrooms/rest', options: { url: urls.classrooms, ...credentials.classrooms } },
      streams: { swipes: { after: ['core/cards'] } },
    },
    own: { connector: 'example/gate', options: { url: vendorUrl }, mapping: { readerProfile: 'uid-hex' } },
  };
  writeFileSync(
    path,
    stringify({ version: 1, tenant: 'desk', data: './hub', log: { engine: 'embedded' }, readers, sources }),
  );
  return path;
}

interface Synced {
  readonly read: ReadonlyMap<string, number>;
  readonly values: <T>(topic: string) => T[];
}

/** `sync --once`, then every topic as it stands. */
async function sync(): Promise<Synced> {
  const loaded = loadConfig(configFile(), { env: {}, specs: factories.map(({ spec }) => spec) });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const hub = await openHub(loaded.config, {
    connectors: factories,
    once: true,
    now: () => campus.clock.now(),
  });
  const stop = new AbortController();
  try {
    hub.follow(stop.signal);
    const report = await syncOnce({ ...hub, owns: () => true, random: Math.random, signal: stop.signal });
    expect(report.balanced).toBe(true);
    const read = new Map(report.streams.map((each) => [`${each.source}/${each.stream}`, each.read]));
    return { read, values: await valuesOf(hub) };
  } finally {
    stop.abort();
    await hub.close();
  }
}

async function valuesOf(hub: HubParts): Promise<Synced['values']> {
  const all = new Map<string, object[]>();
  for (const { name } of TOPICS.filter((topic) => topic.name.startsWith('master.'))) {
    const newest = new Map<string, object>();
    let n = 0;
    const isEvent = TOPICS.find((topic) => topic.name === name)?.kind === 'event';
    for await (const { records } of hub.log.read({ topic: name, until: 'end' }))
      for (const { key, value } of records)
        if (value !== null) newest.set(isEvent ? `${key} ${n++}` : key, hub.codec.decode(name, value));
    all.set(name, [...newest.values()]);
  }
  return <T>(topic: string) => (all.get(topic) ?? []) as T[];
}

describe('a day at the desks', () => {
  it('reaches the topics: who borrows, leaves a bag, loses the card and teaches', async () => {
    campus.life({ event: 'borrow', card: CARD, item: 11 });
    campus.life({ event: 'store', card: CARD });
    for (let i = 0; i < 6; i++) campus.life({ event: 'teach' });
    campus.life({ event: 'lose', card: CARD });
    campus.life({ event: 'staff-open' });
    campus.clock.set({ advanceMs: 61_000 });
    const { values } = await sync();
    const patron = values<LibraryPatron>('master.library-patron').find(
      ({ cardKey }) => cardKey === `core:${CARD}`,
    );
    expect(patron).toMatchObject({ cardLost: true, state: 'ACTIVE' });
    expect(patron?.holderKey).toMatch(/^core:\d{8,11}$/);
    expect(values<LibraryPatron>('master.library-patron').length).toBe(200);
    expect(values<Loan>('master.loan')).toMatchObject([
      { kind: 'CHECKED_OUT', patronKey: patron?.patronKey, itemKey: 'library:11' },
    ]);
    const uses = values<LockerUse>('master.locker-use');
    expect(uses.map(({ kind }) => kind)).toEqual(['OPENED', 'OPENED_BY_STAFF', 'CLOSED']);
    expect(uses[0]).toMatchObject({ cardKey: `core:${CARD}`, dataQuality: [] });
    expect(new Set(uses.map(({ sessionId }) => sessionId)).size).toBe(1);
    const rooms = values<ClassroomUse>('master.classroom-use');
    expect(rooms.length).toBe(6);
    expect(rooms.every(({ cardKey }) => cardKey?.startsWith('core:'))).toBe(true);
    // The consoles' copy of the timetable is old now and then; the office's is read beside it.
    expect(rooms.every(({ timetable }) => timetable !== 'UNKNOWN')).toBe(true);
    expect(values('master.locker').length).toBe(24);
    expect(values('master.door').length).toBe(3);
    expect(values('master.door-event').length).toBe(5);
  });

  it('goes on where it was: what happened since comes once, what was published stays', async () => {
    const before = await sync();
    const again = await sync();
    for (const topic of ['master.loan', 'master.locker-use', 'master.classroom-use', 'master.door-event'])
      expect(again.values(topic)).toEqual(before.values(topic));
    campus.life({ event: 'return', loan: 1 });
    campus.clock.set({ advanceMs: 5_000 });
    const { values } = await sync();
    expect(values<Loan>('master.loan').map(({ kind }) => kind)).toEqual(['CHECKED_OUT', 'RETURNED']);
  });

  it('finds all cards of the kiosks by ten digits, chips of seven bytes too', async () => {
    for (let person = 20; person < 44; person++) {
      const card = `1${String(person).padStart(8, '0')}0`;
      // A kiosk opens for a closed card too: it knows the chip alone. To the hub that number is nobody's.
      if (cardOf(campus.world, card)?.status === 1) campus.life({ event: 'store', card });
    }
    const opened = (await sync())
      .values<LockerUse>('master.locker-use')
      .filter(({ kind }) => kind === 'OPENED');
    expect(opened.length).toBeGreaterThan(15);
    expect(opened.filter(({ cardKey }) => cardKey === null)).toEqual([]);
  });

  it('keeps an open session its holder’s when the card is replaced', async () => {
    const old = '1000000140';
    expect(campus.life({ event: 'store', card: old }).done).toBe(1);
    const first = (await sync()).values<LockerUse>('master.locker-use').at(-1)!;
    expect(first).toMatchObject({ kind: 'OPENED', cardKey: `core:${old}` });
    expect(campus.life({ event: 'replace', card: old }).done).toBeGreaterThan(0);
    campus.clock.set({ advanceMs: 11_000 });
    const { values } = await sync();
    const cards = new Map(values<Card>('master.card').map((card) => [card.cardKey, card]));
    const before = cards.get(`core:${old}`)!;
    const after = cards.get(before.replacedBy ?? '')!;
    expect(before.state).toBe('REPLACED');
    expect(after).toMatchObject({ state: 'NORMAL', replaces: `core:${old}`, accountKey: before.accountKey });
    expect(after.holder, 'the session’s card leads to the same person').toEqual(before.holder);
    const box = values<Locker>('master.locker').find(({ lockerKey }) => lockerKey === first.lockerKey);
    expect(box).toMatchObject({ occupancy: 'OCCUPIED', sessionId: first.sessionId });
    // The new card is not the kiosk's: who shows that the bag is theirs gets it from staff, in the same session.
    expect(campus.life({ event: 'staff-open', locker: first.lockerKey.slice('lockers:'.length) }).done).toBe(
      1,
    );
    const session = (await sync()).values<LockerUse>('master.locker-use');
    const steps = session.filter(({ sessionId }) => sessionId === first.sessionId).map(({ kind }) => kind);
    expect(steps).toEqual(['OPENED', 'OPENED_BY_STAFF', 'CLOSED']);
  });

  it('keeps everybody’s name and number out of the event topics', async () => {
    const { values } = await sync();
    const events = ['master.loan', 'master.locker-use', 'master.classroom-use'].flatMap((topic) =>
      values(topic),
    );
    const text = JSON.stringify(events);
    const numbers = values<LibraryPatron>('master.library-patron').map(({ holderKey }) =>
      holderKey?.slice(5),
    );
    // The numbers of staff have eight digits and could stand in a session's number by chance.
    const students = numbers.filter((number) => number?.length === 11);
    expect(students.length).toBeGreaterThan(100);
    for (const number of students) expect(text).not.toContain(number);
  });

  it('equals the books: count and digest of each topic', async () => {
    const loaded = loadConfig(configFile(), { env: {}, specs: factories.map(({ spec }) => spec) });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    const hub = await openHub(loaded.config, { connectors: factories, once: true });
    const loan = await contentOf(hub.log, 'master.loan', 'event');
    await hub.close();
    expect(loan.count).toBe(2);
  });
});

connectorContract('example/gate', {
  rows: { swipes: 5 },
  pageRowsMax: 2,
  open: async () => ({
    connector: gate.open(
      { url: vendorUrl },
      { source: 'own', now: Date.now, random: () => 0.5, baseDir: '.', note: () => undefined },
    ),
    dispose: async () => undefined,
  }),
});
