import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startCampus, type Campus } from '../campus/main.js';
import { connectors } from '../connectors/index.js';
import { loadConfig } from '../hub/config/load.js';
import type { Config } from '../hub/config/types.js';
import { writeDemoConfig } from '../hub/demo/campus-config.js';
import { ask, filled, findOpenDoor, loseCard } from '../hub/demo/story.js';
import { proveTopics } from '../hub/desk/reconcile.js';
import { askLocal } from '../hub/operate/local-socket.js';
import { startRuntime, type Runtime } from '../hub/run/runtime.js';

/** The whole line over real sockets: simulated campus → connectors → log → view → facade. */

let dir: string;
let campus: Campus;
let runtime: Runtime | null = null;
const fatal: Error[] = [];

function config(): Config {
  const path = writeDemoConfig({ dir, campus, port: 0 });
  const result = loadConfig(path, { env: {}, specs: Object.values(connectors).map(({ spec }) => spec) });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

async function start(): Promise<Runtime> {
  runtime = await startRuntime(config(), {
    connectors: Object.values(connectors),
    onFatal: (error) => fatal.push(error),
  });
  await filled(runtime, AbortSignal.timeout(30_000));
  return runtime;
}

async function stop(): Promise<void> {
  await runtime?.stop();
  runtime = null;
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within 20 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-hub-'));
  campus = await startCampus({ dir: join(dir, 'campus'), seed: 11, people: 200, life: false });
  fatal.length = 0;
});

afterEach(async () => {
  await stop();
  await campus.close();
  rmSync(dir, { recursive: true, force: true });
  expect(fatal).toEqual([]);
});

const CORE = 'demo/core/cards/0';

describe('the running hub', () => {
  it('denies a card at the door once its loss is reported in the card core, and logs the decision', async () => {
    const hub = await start();
    const pair = await findOpenDoor(hub);
    expect(pair).not.toBeNull();
    const story = await loseCard(hub, campus, pair!);
    expect(story?.reason).toBe('DENY_LOST');
    const card = pair!.cardKey.slice('core:'.length);
    campus.life({ event: 'unlose', card });
    await until('the found card opens again', async () => (await ask(hub.facade.url, pair!)).decision);
    await stop();
    const again = await start();
    const decisions: string[] = [];
    for await (const batch of again.hub.log.read({ topic: 'hub.decision', until: 'end' })) {
      for (const { value } of batch.records) {
        const { reason } = again.hub.codecs.codecFor('hub.decision').decode(value!);
        decisions.push(reason);
      }
    }
    expect(decisions).toContain('ALLOW');
    expect(decisions).toContain('DENY_LOST');
  });

  it('goes on where it was after a restart, publishes nothing again, and its books balance', async () => {
    const first = await start();
    const before = first.status().streams.map(({ published }) => published);
    await stop();
    const second = await start();
    await until('both have polled again', () => second.status().streams.every(({ ageMs }) => ageMs < 40_000));
    expect(second.status().streams.map(({ published }) => published)).toEqual(before);
    await second.owner.stop();
    for (const proof of await proveTopics(second.hub.log, second.hub.codec)) {
      // The decision log goes on writing; its books are compared elsewhere.
      if (proof.topic !== 'hub.decision') expect(proof, proof.topic).toMatchObject({ outcome: 'equal' });
    }
  });

  it('holds 40 % of the cards gone until an operator accepts, over the local socket', async () => {
    const hub = await start();
    const command = (kind: string): Promise<unknown> =>
      askLocal(join(dir, 'hub'), 'command', { kind, sourcePartition: CORE, arguments: {}, issuedBy: 'test' });
    const held = (): number => hub.hub.directory.position(CORE)?.held?.count ?? 0;
    campus.faults.add({ target: 'core', fault: 'rows-gone-40' });
    await command('RESYNC');
    await until('the absences are held', () => held() > 20);
    const missing = held();
    expect(await closedCards(hub)).toBe(0);
    await command('SNAPSHOT_ACCEPT');
    await until('they are closed', async () => (await closedCards(hub)) >= missing);
    expect(held()).toBe(0);
  });

  it('tells the command line how it is, and serves the schemas to consumers', async () => {
    const hub = await start();
    const answer = await askLocal(join(dir, 'hub'), 'status');
    expect(answer).toMatchObject({ ok: true, result: { running: true, engine: 'embedded' } });
    const subjects = (await (await fetch(`${hub.facade.url}/registry/subjects`)).json()) as string[];
    expect(subjects).toContain('master.card-value');
    expect((await fetch(`${hub.facade.url}/readyz`)).status).toBe(200);
    expect(readFileSync(join(dir, 'hub', 'replica'), 'utf8')).toMatch(/^[0-9a-f]{8}\n$/);
  });
});

async function closedCards(hub: Runtime): Promise<number> {
  const closed = new Set<string>();
  // A card core lists cards out of scope too, on a topic of their own.
  for (const topic of ['master.card', 'hub.out-of-scope-card'] as const) {
    for await (const batch of hub.hub.log.read({ topic, until: 'end' })) {
      for (const { key, value } of batch.records) {
        const { stateReason } = hub.hub.codecs.codecFor(topic).decode(value!);
        if (stateReason === 'ABSENT_FROM_LISTING') closed.add(`${topic} ${key}`);
        else closed.delete(`${topic} ${key}`);
      }
    }
  }
  return closed.size;
}
