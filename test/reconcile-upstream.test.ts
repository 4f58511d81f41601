import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCampus, type Campus } from '../campus/main.js';
import { connectors } from '../connectors/index.js';
import { loadConfig } from '../hub/config/load.js';
import type { Config } from '../hub/config/types.js';
import { writeDemoConfig } from '../hub/demo/campus-config.js';
import { liveFirst } from '../hub/demo/first-day.js';
import { proveTopics, readPositions } from '../hub/desk/reconcile.js';
import { proveUpstream, type UpstreamProof } from '../hub/desk/reconcile-upstream.js';
import type { LogRecord } from '../hub/log/log.js';
import { openHub, type HubParts } from '../hub/run/hub.js';
import { syncOnce } from '../hub/run/once.js';
import { packagePath } from '../hub/package-root.js';
import { kindOf } from '../transforms/kinds.js';

/** Every stream of the whole campus against its upstream: equal, and what is planted on either side is found. */

/** A Thursday, 10:00 in Shanghai. */
const MORNING = Date.UTC(2026, 8, 10, 2);
const MINUTE = 60_000;
let dir: string;
let campus: Campus;
let hub: HubParts;
const stop = new AbortController();

/** As the demo has it; the file of reference data is a copy, so that it can be changed. */
function config(): Config {
  const path = writeDemoConfig({ dir, campus, systems: 'all', port: 0 });
  const specs = Object.values(connectors).map(({ spec }) => spec);
  const loaded = loadConfig(path, { env: {}, specs });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const file = join(dir, 'service-points.json');
  copyFileSync(packagePath('examples', 'qau', 'service-points.json'), file);
  const sources = loaded.config.sources.map((source) =>
    source.name === 'campus' ? { ...source, options: { ...source.options, file } } : source,
  );
  return { ...loaded.config, sources };
}

const pull = () =>
  syncOnce({
    ...{ streams: hub.streams, directory: hub.directory, owns: () => true },
    ...{ random: () => 0, signal: stop.signal },
  });

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-upstream-'));
  const clock = { now: MORNING, rate: 0 };
  campus = await startCampus({ dir: join(dir, 'campus'), seed: 7, people: 120, life: false, clock });
  liveFirst(campus);
  hub = await openHub(config(), {
    connectors: Object.values(connectors),
    now: () => campus.clock.now(),
    once: true,
  });
  hub.follow(stop.signal);
  await pull();
}, 60_000);
afterAll(async () => {
  stop.abort();
  await hub.close();
  await campus.close();
  rmSync(dir, { recursive: true, force: true });
});

async function compare(): Promise<Map<string, UpstreamProof>> {
  const proofs = hub.streams.map(({ deps }) => proveUpstream(deps, stop.signal));
  const all = await Promise.all(proofs);
  return new Map(all.map((proof) => [`${proof.source}/${proof.stream}`, proof]));
}

const notEqual = (proofs: Awaited<ReturnType<typeof compare>>): object =>
  Object.fromEntries([...proofs].filter(([, { outcome }]) => outcome !== 'equal'));

it('finds all streams equal, by count and by hash', async () => {
  const proofs = await compare();
  expect(notEqual(proofs)).toEqual({});
  expect(proofs.size).toBe(hub.streams.length);
  for (const [name, { rows, hub: ours, upstream }] of proofs) {
    expect(ours, name).toEqual(upstream);
    if (name !== 'power-west/purchases') expect(rows, name).toBeGreaterThan(0);
  }
});

const control = (path: string, body: object): Promise<Response> =>
  fetch(`${campus.urls.control}/control/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(5_000),
  });

/** What happens at the campus without the hub, to each of its systems. */
async function plantUpstream(): Promise<void> {
  const life = [
    ...[{ event: 'lose', count: 20 }, { event: 'spend', count: 5 }, { event: 'topup' }, { event: 'cash' }],
    ...[
      { event: 'device', step: 'apply', name: 'planted' },
      { event: 'swipe' },
      { event: 'borrow', count: 3 },
    ],
    ...[{ event: 'store' }, { event: 'teach' }, { event: 'buy-power', group: 'east' }],
    ...[{ event: 'buy-power', group: 'north' }],
  ];
  for (const event of life) await control('life', event);
  await control('clock', { advanceMs: 10 * MINUTE });
  await control('faults', { target: 'access', fault: 'rows-gone-40' });
  await control('faults', { target: 'power-cascade', fault: 'vendor-off', match: 'west' });
  await control('faults', { target: 'power-form', fault: 'unit-confusion' });
  await control('faults', { target: 'bank', fault: 'recon-truncated' });
  campus.bank.books.change(campus.bank.books.agreements()[3]!.customerNo, 'cancelled');
  const points = join(dir, 'service-points.json');
  writeFileSync(points, readFileSync(points, 'utf8').replace(/"name": *"[^"]+"/, '"name": "planted"'));
  const rooms = join(dir, 'rooms', 'rooms.csv');
  writeFileSync(rooms, readFileSync(rooms, 'utf8').trimEnd().split('\n').slice(0, -1).join('\n') + '\n');
}

it('finds what is planted in each upstream, and agrees again once the hub has pulled it', async () => {
  const rooms = readFileSync(join(dir, 'rooms', 'rooms.csv'));
  await plantUpstream();
  const proofs = await compare();
  const alike = [...proofs].filter(([, { outcome }]) => outcome === 'equal').map(([name]) => name);
  // The vendors' own health and the timetable, where nothing was done to them; nobody in the west has bought power.
  const untouched = [
    'power-east/vendors',
    'power-west/purchases',
    'power-pingdu/vendors',
    'classrooms/rooms',
  ];
  expect(alike).toEqual(untouched);
  const west = proofs.get('power-west/rooms');
  expect(west?.outcome).toBe('not-compared');
  expect(west?.remark).toMatch(/^BUSINESS.*60047/);
  expect(proofs.get('gate/doors')).toMatchObject({ differs: 0, missing: 4 });
  expect(proofs.get('core/devices')).toMatchObject({ differs: 1, missing: 0, examples: ['T-90000'] });
  for (const [name, { outcome, hub: ours, upstream }] of proofs) {
    // Rooms whose numbers became doubtful would be refused: what stands would stand.
    if (outcome === 'differs' && name !== 'power-pingdu/rooms') expect(ours, name).not.toEqual(upstream);
  }

  await fetch(`${campus.urls.control}/control/faults`, { method: 'DELETE' });
  writeFileSync(join(dir, 'rooms', 'rooms.csv'), rooms);
  await pull();
  expect(notEqual(await compare())).toEqual({});
});

const HAND = 'demo/hand/made/0';

/** The newest record of each topic of a stream, changed or repeated, as somebody with a hand in the store would. */
async function plantInLog(): Promise<string[]> {
  const planted = new Map<string, LogRecord>();
  for (const { deps } of hub.streams) {
    const kind = kindOf(deps.stream.spec.maps);
    for (const topic of [...Object.keys(kind.state), ...Object.keys(kind.events)]) {
      for await (const batch of hub.log.read({ topic, until: 'end' })) {
        for (const { key, value, headers } of batch.records) {
          const own = topic in kind.state ? key : (headers.ce_id ?? '');
          if (value === null || !own.startsWith(`${deps.source}:`)) continue;
          const other = { ...deps.codec.decode(topic, value), dataQuality: ['INFERRED'] };
          const bytes = topic in kind.state ? deps.codec.encode(topic, other) : value;
          planted.set(`${topic} ${deps.source}`, { topic, key, value: bytes, headers });
        }
      }
    }
  }
  const records = [...planted.values()];
  const { codec } = hub.streams[0]!.deps;
  const first = (await readPositions(hub.log, codec)).get(hub.streams[0]!.deps.id)!;
  const value = codec.encode('hub.positions', { ...first, sourcePartition: HAND, digests: {}, written: [] });
  const { headers } = records[0]!;
  const writer = await hub.log.openWriter(HAND);
  await writer.append({ records, position: () => ({ topic: 'hub.positions', key: HAND, value, headers }) });
  await writer.close();
  return [...new Set(records.map(({ topic }) => topic))];
}

it('finds what is planted by hand in the log, in the topics and in each stream', async () => {
  const topics = await plantInLog();
  const wrong = (await proveTopics(hub.log, hub.codec)).filter(({ outcome }) => outcome === 'differs');
  expect(wrong.map(({ topic }) => topic).sort()).toEqual(topics.sort());
  const proofs = await compare();
  const unfound = [...proofs].filter(([, { outcome }]) => outcome !== 'differs').map(([name]) => name);
  expect(unfound).toEqual(['power-west/purchases']);
  expect(proofs.get('core/top-ups')).toMatchObject({ differs: 0, missing: 0, twice: 1 });
  expect(proofs.get('lockers/lockers')).toMatchObject({ differs: 1, missing: 0 });
});

it('leaves out what was before the beginning of a stream that begins now, and finds what is lost behind it', async () => {
  const all = config();
  const sources = all.sources.flatMap((source) => {
    if (source.name === 'core') return source;
    const options = { ...source.options, eventsFrom: 'now' };
    return source.name === 'gate' ? { ...source, options } : [];
  });
  const later = await openHub(
    { ...all, dataDir: join(dir, 'later'), sources, banks: [] },
    { connectors: Object.values(connectors), now: () => campus.clock.now(), once: true },
  );
  try {
    later.follow(stop.signal);
    const { deps } = later.streams.find(({ deps: { id } }) => id.includes('/gate/swipes/'))!;
    const { streams, directory } = later;
    const read = () =>
      syncOnce({ streams, directory, owns: () => true, random: () => 0, signal: stop.signal });
    const swipe = async (): Promise<void> => {
      await control('life', { event: 'swipe' });
      await control('clock', { advanceMs: MINUTE });
    };
    const look = () => proveUpstream(deps, stop.signal);
    await read();
    const before = await look();
    expect(before).toMatchObject({ outcome: 'equal', equal: 0, missing: 0, hub: before.upstream });
    expect(before.rows).toBeGreaterThan(0);
    await swipe();
    await read();
    expect(await look()).toMatchObject({ outcome: 'equal', equal: 1, rows: before.rows + 1 });
    await swipe();
    expect(await look()).toMatchObject({ outcome: 'differs', equal: 1, differs: 1, missing: 0 });
  } finally {
    await later.close();
  }
});
