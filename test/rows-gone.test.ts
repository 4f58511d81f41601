/** Rule 9 with a real gateway: 40 % of the cards gone from the listing, while life goes on in what is left of it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCampus, type Campus } from '../campus/start.js';
import { connectors } from '../connectors/index.js';
import type { Card } from '../contracts/types.js';
import { loadConfig } from '../hub/config/load.js';
import { writeDemoConfig } from '../hub/demo/campus-config.js';
import { openHub, type HubParts } from '../hub/run/hub.js';
import { syncOnce, type StreamReport } from '../hub/run/once.js';
import { emptyBooks } from '../hub/sync/books.js';
import { StreamRun } from '../hub/sync/stream.js';

let dir: string;
let campus: Campus;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-gone-'));
  campus = await startCampus({ dir: join(dir, 'campus'), seed: 3, people: 137, life: false });
});
afterAll(async () => {
  await campus.close();
  rmSync(dir, { recursive: true, force: true });
});

async function withHub<T>(use: (hub: HubParts) => Promise<T>): Promise<T> {
  const specs = Object.values(connectors).map(({ spec }) => spec);
  const loaded = loadConfig(writeDemoConfig({ dir, campus, port: 0 }), { env: {}, specs });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const hub = await openHub(loaded.config, { connectors: Object.values(connectors), once: true });
  try {
    return await use(hub);
  } finally {
    await hub.close();
  }
}

/** The cards stream without its feed: what a listing says takes effect by the listing. */
const listingOnly = (hub: HubParts, name = 'cards'): HubParts['streams'] =>
  hub.streams
    .filter(({ deps }) => deps.id === `demo/core/${name}/0`)
    .map(({ deps, ...planned }) => {
      const stream = { ...deps.stream, spec: { ...deps.stream.spec, feed: false } };
      return { ...planned, deps: { ...deps, stream } };
    });

async function sync(name = 'cards'): Promise<StreamReport> {
  return withHub(async (hub) => {
    const stop = new AbortController();
    hub.follow(stop.signal);
    const streams = listingOnly(hub, name);
    const { signal } = stop;
    try {
      const report = await syncOnce({ ...hub, streams, owns: () => true, random: Math.random, signal });
      expect(report.balanced).toBe(true);
      return report.streams[0]!;
    } finally {
      stop.abort();
    }
  });
}

async function cards(): Promise<Map<string, Card>> {
  return withHub(async (hub) => {
    const found = new Map<string, Card>();
    for (const topic of ['master.card', 'hub.out-of-scope-card'] as const) {
      for await (const { records } of hub.log.read({ topic, until: 'end' })) {
        for (const { key, value } of records) found.set(key, hub.codec.decode(topic, value!) as Card);
      }
    }
    return found;
  });
}

const absent = (all: ReadonlyMap<string, Card>): string[] =>
  [...all].filter(([, card]) => card.stateReason === 'ABSENT_FROM_LISTING').map(([key]) => key);

describe('a core that suddenly lists 40 % fewer cards', () => {
  it('closes nothing by itself, while a loss and a new card of the same listing take effect', async () => {
    expect((await sync()).held).toBe(0);
    const before = await cards();
    campus.faults.add({ target: 'core', fault: 'rows-gone-40' });
    const left = await withHub((hub) =>
      hub.streams[0]!.deps.stream.lookup!(
        [...before.keys()].map((key) => key.slice('core:'.length)),
        AbortSignal.timeout(10_000),
      ),
    );
    const normal = [...before.values()].filter(({ state, lost }) => state === 'NORMAL' && !lost);
    const card = normal.find(({ cardId }) => left.has(cardId))!.cardId;
    expect(campus.life({ event: 'lose', card }).done).toBe(1);
    campus.life({ event: 'open', count: 8 });

    const open = [...before].filter(([, each]) => !['CLOSED', 'REPLACED'].includes(each.state));
    const gone = open.filter(([key]) => !left.has(key.slice('core:'.length))).length;
    expect(gone / open.length).toBeGreaterThan(0.3);
    const report = await sync();
    expect(report.held).toBe(gone);
    const held = await cards();
    expect(absent(held)).toEqual([]);
    expect(held.get(`core:${card}`)?.lost).toBe(true);
    expect(held.size).toBeGreaterThan(before.size);

    await withHub(async (hub) => {
      const run = await StreamRun.open(listingOnly(hub)[0]!.deps, { wantListing: false });
      const until = Date.now() + 60_000;
      run.progress.allowances = [{ commandId: 'accepted', count: report.held, until }];
      await run.commit({ records: [], books: emptyBooks() }, 'CHANGES');
      await run.close();
    });
    expect((await sync()).held).toBe(0);
    expect(absent(await cards())).toHaveLength(gone);
  });

  it.each([
    ['accounts', 'master.account'],
    ['devices', 'master.device'],
  ])('holds the absences of %s too', async (name, topic) => {
    campus.faults.clear();
    expect((await sync(name)).held).toBe(0);
    const states = () =>
      withHub(async (hub) => {
        const found = new Map<string, string | null>();
        for await (const { records } of hub.log.read({ topic, until: 'end' })) {
          for (const { key, value } of records)
            found.set(key, (hub.codec.decode(topic, value!) as { stateReason: string | null }).stateReason);
        }
        return found;
      });
    const before = await states();
    expect(before.size).toBeGreaterThan(10);
    campus.faults.add({ target: 'core', fault: 'rows-gone-40' });
    const { held } = await sync(name);
    expect(held).toBeGreaterThan(before.size * 0.25);
    expect(await states()).toEqual(before);
    campus.faults.clear();
    expect((await sync(name)).held).toBe(0);
    expect(await states()).toEqual(before);
  });
});
