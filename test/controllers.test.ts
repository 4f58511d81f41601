import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { startCampus, type Campus } from '../campus/start.js';
import { UhppoteController } from '../campus/uhppote/controller.js';
import { connectors } from '../connectors/index.js';
import type { DoorEvent } from '../contracts/types.js';
import { newSecret } from '../hub/clients/secrets.js';
import { loadConfig } from '../hub/config/load.js';
import type { Config } from '../hub/config/types.js';
import { proveTopics } from '../hub/desk/reconcile.js';
import { packagePath } from '../hub/package-root.js';
import { startRuntime, type Runtime } from '../hub/run/runtime.js';
import { startBridge, type Bridge } from '../hub/uhppote/bridge.js';
import { hubClient } from '../hub/uhppote/hub-client.js';
import type { LinkNote } from '../hub/uhppote/link.js';
import { readerProfiles } from '../transforms/reader-profiles.js';
import { cardhub } from './cardhub.js';

/*
 * Campus → hub → facade → controllers over real sockets: the signed list by HTTP, as the Python example takes it, and a
 * controller of the UHPPOTE family by UDP, through the bridge.
 */

const MORNING = Date.UTC(2026, 8, 10, 2);
const SERIAL = 405_419_896;
const DOORS = { 1: 'gate:D-00000', 2: 'gate:D-00001', 3: 'gate:D-00002', 4: 'gate:D-00003' };
const gate = newSecret();
const AS_GATE = { authorization: `Bearer ${gate.secret}` };
let dir: string;
let campus: Campus;
let runtime: Runtime;
let port = 0;
let device: UhppoteController;
let bridge: Bridge;
/** The world's clock: the controller counts its 30 seconds by it. */
let aheadMs = 0;
const notes: LinkNote[] = [];
const fatal: Error[] = [];

const now = (): number => campus.clock.now() + aheadMs;

function loaded(): Config {
  const { core, access } = campus.credentials;
  const config = {
    ...{ version: 1, tenant: 'demo', data: './hub', log: { engine: 'embedded' } },
    facade: { host: '127.0.0.1', port, open: true },
    clients: {
      gate: {
        credentials: { staticKeys: [gate.digest] },
        ...{ scopes: ['decide', 'controller'], purposes: ['door'], doors: Object.values(DOORS) },
        networks: ['127.0.0.1'],
      },
    },
    sources: {
      core: {
        connector: 'card-core/gateway',
        options: {
          ...{ url: campus.urls.core, appKey: core.appKey, tripleDesKey: core.tripleDesKeyHex },
          ...{ privateKey: core.privateKeyPem, corePublicKey: core.corePublicKeyPem },
        },
        streams: { cards: { poll: '100ms' } },
      },
      gate: {
        connector: 'access-control/rest',
        options: { url: campus.urls.access, apiKey: access.apiKey },
        streams: { swipes: { enabled: false } },
        mapping: { cardSource: 'core', personSource: 'core' },
      },
    },
    controllers: {
      east: { doors: { 1: DOORS[1], 2: DOORS[2] }, readerProfile: 'uid-hex' },
      west: {
        ...{ doors: DOORS, readerProfile: 'dec10-le' },
        uhppote: { serial: SERIAL, address: `127.0.0.1:${device.port}` },
      },
    },
  };
  const path = join(dir, 'hub.yaml');
  writeFileSync(path, stringify(config));
  const result = loadConfig(path, { env: {}, specs: Object.values(connectors).map(({ spec }) => spec) });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

async function start(): Promise<Runtime> {
  const started = await startRuntime(loaded(), {
    connectors: Object.values(connectors),
    now,
    onFatal: (error) => fatal.push(error),
  });
  ({ port } = started.facade);
  return started;
}

async function until(what: string, holds: () => boolean | Promise<boolean>, ms = 30_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > deadline) {
      throw new Error(`not within ${ms} ms: ${what}\n${notes.map((one) => JSON.stringify(one)).join('\n')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

interface Served {
  readonly version: number;
  readonly entries?: readonly string[];
  readonly removed?: readonly string[];
}

const url = (id: string, what: string): string => `${runtime.facade.url}/v1/controllers/${id}/${what}`;

async function list(
  id: string,
  query = '',
  etag = '',
): Promise<{ status: number; etag: string; list: Served }> {
  const answer = await fetch(`${url(id, 'allow-list')}${query}`, {
    headers: { 'if-none-match': etag, ...AS_GATE },
  });
  const body: unknown = answer.status === 200 ? await answer.json() : await answer.text();
  return { status: answer.status, etag: answer.headers.get('etag') ?? '', list: body as Served };
}

async function upload(id: string, events: readonly object[]): Promise<Record<string, unknown>> {
  const answer = await fetch(url(id, 'events'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...AS_GATE },
    body: JSON.stringify({ events }),
  });
  return { status: answer.status, ...((await answer.json()) as object) };
}

async function doorEvents(): Promise<DoorEvent[]> {
  const found: DoorEvent[] = [];
  for await (const batch of runtime.hub.log.read({ topic: 'master.door-event', until: 'end' })) {
    for (const { value } of batch.records) {
      found.push(runtime.hub.codec.decode('master.door-event', value!) as DoorEvent);
    }
  }
  return found;
}

/** The card of a line of the list, as the campus names it. */
function cardOf(uidHex: string): string {
  const found = runtime.view.cardsByCredential('UID', uidHex)[0]!;
  return found.key;
}

/** Cards that may pass the west door 1 at any time, by the number that its reader sends. */
function westCards(): number[] {
  const { entries } = bridge.links.get('west')!.held;
  return [...entries].filter(([, doors]) => doors.split(',').includes('1')).map(([text]) => Number(text));
}

const toUid = (card: number): string =>
  card.toString(16).padStart(8, '0').match(/../g)!.reverse().join('').toUpperCase();

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-controllers-'));
  const clock = { now: MORNING, rate: 1 };
  campus = await startCampus({ dir: join(dir, 'campus'), seed: 11, people: 120, life: false, clock });
  device = await UhppoteController.start({ serial: SERIAL, now });
  runtime = await start();
  await until(
    'lists of both',
    async () =>
      ((await list('east')).list.entries?.length ?? 0) > 5 &&
      ((await list('west')).list.entries?.length ?? 0) > 5,
  );
  await until('all grants', () => (runtime.view.freshness.asOf('gate', 'grants') ?? 0) > 0);
  bridge = await startBridge({
    controllers: runtime.hub.config.controllers,
    profiles: readerProfiles().profiles,
    hub: hubClient(runtime.facade.url, gate.secret),
    listen: { host: '127.0.0.1', port: 0 },
    now,
    note: (note) => notes.push(note),
    timing: { contactMs: 200, listMs: 50 },
  });
});
afterAll(async () => {
  await bridge.close();
  await runtime.stop();
  await campus.close();
  await device.close();
  rmSync(dir, { recursive: true, force: true });
  expect(fatal).toEqual([]);
});

describe('a controller that fetches its list', () => {
  const tokenFile = (): string => {
    const path = join(dir, 'gate.key');
    writeFileSync(path, gate.secret, { mode: 0o600 });
    return path;
  };
  const example = async (...args: string[]) => {
    const script = packagePath('examples', 'controller', 'allow_list.py');
    const child = spawn('python3', [script, ...args, '--state', join(dir, 'east.json')]);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (part) => (stdout += String(part)));
    child.stderr.on('data', (part) => (stderr += String(part)));
    const status = await new Promise((resolve) => child.on('close', resolve));
    return { stdout, stderr, status };
  };

  it('takes it as the example does: verified, then decided without the hub, and nobody after it has expired', async () => {
    const { list: whole } = await list('east');
    const line = whole.entries!.find((one) => one.split(' ')[1]!.split(',').includes('1'))!;
    const taken = await example(
      runtime.facade.url,
      'east',
      '--token-file',
      tokenFile(),
      '--at',
      String(now() / 1_000),
    );
    expect([taken.stderr, taken.status]).toEqual(['', 0]);
    const second = String(now() / 1_000);
    const asked = ['--card', line.split(' ')[0]!, '--door', '1', '--at'];
    expect((await example(...asked, second)).stdout).toBe('open\n');
    expect((await example(...asked, String(now() / 1_000 + 86_401))).stdout).toBe('closed\n');
    expect((await example('--card', 'FFFFFFF0', '--door', '1', '--at', second)).stdout).toBe('closed\n');
  });

  it('is told of a loss by a delta, and the hub knows that it has not confirmed it', async () => {
    let before = await list('east');
    // Grants of the first listing may still be on their way to it.
    await until('the list to stand still', async () => {
      before = await list('east');
      await new Promise((resolve) => setTimeout(resolve, 500));
      return (await list('east', '', before.etag)).status === 304;
    });
    const [uid = ''] = before.list.entries!.at(-1)!.split(' ');
    const card = cardOf(uid);
    campus.life({ event: 'lose', card: card.slice('core:'.length) });
    const since = async () => (await list('east', `?since=${before.list.version}`)).list;
    // Others may change it first.
    await until('a list without the card', async () => (await since()).removed?.includes(uid) === true);
    const delta = await since();
    expect(delta.entries).toBeUndefined();
    const open = (await (await fetch(`${runtime.facade.url}/v1/revocations?card=${card}`)).json()) as object;
    // The other one may have confirmed it by now, through the bridge.
    const east = expect.objectContaining({ controller: 'east' }) as object;
    expect(open).toMatchObject({
      revocations: [{ card, reason: 'DENY_LOST', unconfirmedBy: expect.arrayContaining([east]) as object[] }],
    });
    expect(await (await fetch(`${runtime.facade.url}/metrics`)).text()).toMatch(
      /cardhub_controller_unconfirmed_losses [12]\n/,
    );
    const said = await cardhub({}, 'controllers', '-c', join(dir, 'hub.yaml'));
    expect(said).toMatchObject({ exit: 1 });
    const taken = await example(
      runtime.facade.url,
      'east',
      '--token-file',
      tokenFile(),
      '--at',
      String(now() / 1_000),
    );
    expect([taken.stderr, taken.status]).toEqual(['', 0]);
    await until('both to confirm it', async () => {
      const answer = await fetch(`${runtime.facade.url}/v1/revocations?card=${card}`);
      return ((await answer.json()) as { total: number }).total === 0;
    });
  });

  it('uploads events late, again and out of order: each stands once, a wrong clock is marked, gaps are told', async () => {
    const { list: whole } = await list('east');
    const card = whole.entries![0]!.split(' ')[0]!;
    const at = (minutes: number): string => new Date(MORNING - minutes * 60_000).toISOString();
    const event = (index: number, occurredAt: string, more: object = {}) => ({
      ...{ index, door: 1, card, granted: true, reason: 'ALLOW', occurredAt },
      ...more,
    });
    expect(await upload('east', [event(5, at(1)), event(4, at(2)), event(2, at(120))])).toMatchObject({
      ...{ status: 200, published: 3, refused: [], last: 5 },
      gaps: [{ first: 3, last: 3 }],
    });
    const again = await upload('east', [
      event(5, at(1)),
      event(3, at(-60)),
      { index: 1, door: 2, occurredAt: at(300) },
    ]);
    expect(again).toMatchObject({ published: 1, other: 2, gaps: [] });
    // The same index and another swipe: kept for an operator, never published over the first.
    expect(await upload('east', [event(4, at(3))])).toMatchObject({ published: 0, refused: [4] });
    const ours = (await doorEvents()).filter(({ eventId }) => eventId.startsWith('controllers:swipes:east-'));
    expect(ours.map(({ deviceIndex }) => Number(deviceIndex)).sort()).toEqual([2, 3, 4, 5]);
    expect(ours.find(({ deviceIndex }) => deviceIndex === '2')).toMatchObject({
      ...{ doorKey: DOORS[1], cardKey: cardOf(card), direction: 'ENTER', granted: true, reason: 'ALLOW' },
      dataQuality: ['LATE_UPLOAD'],
    });
    expect(ours.find(({ deviceIndex }) => deviceIndex === '3')!.dataQuality).toContain('CLOCK_SUSPECT');
    expect(await upload('east', [event(6, at(0), { door: 9 })])).toMatchObject({ status: 400 });
    expect(await upload('nobody', [event(6, at(0))])).toMatchObject({ status: 404, code: 'NOT_FOUND' });
  });
});

describe('a UHPPOTE controller behind the bridge', () => {
  const unlocks = (): number => device.unlocked.length;

  it('has the list in its own memory, and a swipe is decided by the hub', async () => {
    await until(
      'the list on the controller',
      () => device.cards.size > 5 && westCards().every((card) => device.cards.has(card)),
    );
    await until('a confirmation', async () => {
      const { controllers } = (await (await fetch(`${runtime.facade.url}/v1/controllers`)).json()) as {
        controllers: { id: string; version: number; held: { version: number } | null }[];
      };
      const west = controllers.find(({ id }) => id === 'west')!;
      return west.held?.version === west.version;
    });
    const [card = 0] = westCards();
    const event = device.swipe(card, 1);
    expect(event).toMatchObject({ granted: false, reason: 5 });
    await until('the door open', () => unlocks() === 1);
    expect(device.unlocked[0]).toMatchObject({ door: 1, by: 'host' });
    expect(device.swipe(77, 1)).toMatchObject({ granted: false, reason: 18 });
    await until('a denial', () =>
      notes.some(({ kind, detail }) => kind === 'decided' && detail.includes('denied')),
    );
    expect(unlocks()).toBe(1);
  });

  it('takes the events: the swipe that waited, and the passage that the hub opened', async () => {
    const west = async () =>
      (await doorEvents()).filter(({ eventId }) => eventId.startsWith('controllers:swipes:west-'));
    await until('the events', async () => (await west()).length === 3);
    const [card = 0] = westCards();
    const cardKey = cardOf(toUid(card));
    const byIndex = (a: DoorEvent, b: DoorEvent) => Number(a.deviceIndex) - Number(b.deviceIndex);
    expect((await west()).sort(byIndex)).toMatchObject([
      { deviceIndex: '1', cardKey, granted: false, reason: 'DENY_REMOTE_CONTROL' },
      { deviceIndex: '2', cardKey, granted: true, reason: 'ALLOW_REMOTE_OPEN' },
      { deviceIndex: '3', cardKey: null, granted: false, reason: 'DENY_UNKNOWN_CARD' },
    ]);
  });

  it('a lost card is denied online, and taken off its list', async () => {
    const [, card = 0] = westCards();
    expect(device.cards.has(card)).toBe(true);
    campus.life({ event: 'lose', card: cardOf(toUid(card)).slice('core:'.length) });
    await until('the card off the list', () => !device.cards.has(card));
    const before = unlocks();
    const decided = notes.filter(({ kind }) => kind === 'decided').length;
    expect(device.swipe(card, 1)).toMatchObject({ granted: false, reason: 18 });
    await until('a decision', () => notes.filter(({ kind }) => kind === 'decided').length > decided);
    expect(unlocks()).toBe(before);
  });

  it('loses datagrams and then the cable: what happened meanwhile is taken up without a gap', async () => {
    const [card = 0] = westCards();
    device.faults.dropEvents = true;
    device.swipe(card, 2);
    device.faults.cut = true;
    device.swipe(card, 1); // in the 30 seconds: it waits for a host that does not come
    await until('the bridge to notice', () => notes.some(({ kind }) => kind === 'silent'), 10_000);
    aheadMs += 31_000;
    const before = unlocks();
    expect(device.swipe(card, 1)).toMatchObject({ granted: true, reason: 1 }); // its own list
    expect(device.swipe(88, 1)).toMatchObject({ granted: false, reason: 18 });
    device.button(1);
    expect(unlocks()).toBe(before + 2);
    device.restart(); // without power for a moment: its settings are gone
    Object.assign(device.faults, { dropEvents: false, cut: false, dropReplies: 2 });
    const last = device.events.at(-1)!.index;
    await until('every event', async () => {
      const events = (await (await fetch(url('west', 'events'), { headers: AS_GATE })).json()) as {
        last: number;
        gaps: object[];
      };
      return events.last === last && events.gaps.length === 0;
    });
    const [online = 0] = westCards();
    device.swipe(online, 1);
    await until('online again', () => device.unlocked.at(-1)!.by === 'host');
  });

  it('the hub is gone: the controller decides by its own list, and the hub has all of it afterwards', async () => {
    await runtime.stop();
    await until(
      'PC control off',
      () => notes.at(-1)!.kind === 'hub-gone' || notes.some(({ kind }) => kind === 'hub-gone'),
    );
    const [card = 0] = westCards();
    await until('a decision of its own', () => device.swipe(card, 1).reason === 1);
    runtime = await start();
    await until('the hub back', () => notes.some(({ kind }) => kind === 'hub-back'));
    await until('every event', async () => {
      const events = (await (await fetch(url('west', 'events'), { headers: AS_GATE })).json()) as {
        last: number;
        gaps: object[];
      };
      return events.last === device.events.at(-1)!.index && events.gaps.length === 0;
    });
    const published = (await doorEvents()).filter(({ eventId }) =>
      eventId.startsWith('controllers:swipes:west-'),
    );
    expect(new Set(published.map(({ eventId }) => eventId)).size).toBe(published.length);
    const report = await proveTopics(runtime.hub.log, runtime.hub.codec);
    expect(report.filter(({ outcome }) => outcome !== 'equal')).toEqual([]);
  });

  it('another one in its place counts its events from 1, and that is told', async () => {
    const { port: at } = device;
    await device.close();
    device = await UhppoteController.start({ serial: SERIAL, now, port: at });
    await until('the note', () => notes.some(({ kind }) => kind === 'events-begin-again'));
  });
});
