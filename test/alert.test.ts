/** Fire, evacuation and lockdown through the command line, with a running hub, its death, and its next start. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startCampus, type Campus } from '../campus/main.js';
import type { Door } from '../contracts/types.js';
import { writeDemoConfig } from '../hub/demo/campus-config.js';
import { packagePath } from '../hub/package-root.js';
import type { HubStatus } from '../hub/run/status.js';
import { cardhub, cardhubLines, type ReconciledTopic } from './cardhub.js';

const MAIN = packagePath('dist/hub/cli/main.js');
const DOORS_ASKED = 20;
const CARDS_ASKED = 10;

let dir: string;
let campus: Campus;
let config: string;
let hub: ChildProcess | null = null;
/** Its log; shown when it does not start. */
let said = '';

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-alert-'));
  campus = await startCampus({ dir: join(dir, 'campus'), seed: 5, people: 60, life: false });
  config = writeDemoConfig({ dir, campus, port: 0 });
});
afterEach(() => kill());
afterAll(async () => {
  await campus.close();
  rmSync(dir, { recursive: true, force: true });
});

const run = (...args: string[]) => cardhub({}, ...args, '-c', config);

async function kill(): Promise<void> {
  const child = hub;
  hub = null;
  if (child === null || child.exitCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

/** Starts a hub of its own process; settles when it answers and has every listing. */
async function start(): Promise<string> {
  const child = spawn(process.execPath, [MAIN, 'run', '-c', config], { stdio: ['ignore', 'pipe', 'pipe'] });
  hub = child;
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (part: Buffer) => (said += String(part)));
  const deadline = Date.now() + 45_000;
  while (Date.now() < deadline && child.exitCode === null) {
    const { exit, document } = await run('status');
    await new Promise((resolve) => setTimeout(resolve, 200));
    // Refused as long as the hub has not made its log yet.
    if (exit !== 0) continue;
    const found = document as HubStatus;
    const full = found.streams.length > 0 && found.streams.every(({ asOf }) => asOf > 0);
    if (found.facade !== null && found.view?.ready === true && found.view.lag === 0 && full)
      return found.facade;
  }
  throw new Error(`the hub did not start: ${said.slice(-2_000)}`);
}

interface Answer {
  readonly decision: boolean;
  readonly context: { readonly reason: string; readonly decisionId: string };
}

/** What each card is told at each door, `card door` → answer. */
async function answers(
  url: string,
  action: 'enter' | 'exit',
  doors: readonly string[],
  cards: readonly string[],
) {
  const pairs = doors.flatMap((door) => cards.map((card) => [card, door] as const));
  const response = await fetch(`${url}/access/v1/evaluations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      action: { name: action },
      context: { reasons: true },
      evaluations: pairs.map(([card, door]) => ({
        subject: { type: 'card', id: card },
        resource: { type: 'door', id: door },
      })),
    }),
    signal: AbortSignal.timeout(10_000),
  });
  const { evaluations } = (await response.json()) as { evaluations: readonly Answer[] };
  expect(evaluations).toHaveLength(pairs.length);
  return evaluations;
}

const reasonsOf = (found: readonly Answer[]) => found.map(({ context }) => context.reason);

async function keysOf(topic: string, max: number, fits: (value: never) => boolean): Promise<string[]> {
  const records = (await cardhubLines({}, 'read', topic, '-c', config)) as { key: string; value: never }[];
  return records
    .filter(({ value }) => value !== null && fits(value))
    .map(({ key }) => key)
    .slice(0, max);
}

const activeDoors = () => keysOf('master.door', DOORS_ASKED, ({ state }: Door) => state === 'ACTIVE');
const someCards = () => keysOf('master.card', CARDS_ASKED, () => true);

async function alertCheckOf(url: string) {
  const response = await fetch(`${url}/readyz`);
  const { ready, checks } = (await response.json()) as {
    ready: boolean;
    checks: readonly { name: string; ok: boolean; detail: string }[];
  };
  return { ready, ...checks.find(({ name }) => name === 'alert') };
}

describe('a fire', () => {
  it('opens every exit and closes every entry at once, through a kill -9, until it is cleared', async () => {
    let url = await start();
    const [doors, cards] = [await activeDoors(), await someCards()];
    expect(doors.length).toBeGreaterThan(3);
    const before = {
      enter: reasonsOf(await answers(url, 'enter', doors, cards)),
      exit: reasonsOf(await answers(url, 'exit', doors, cards)),
    };
    expect(new Set(before.enter)).toContain('ALLOW');
    expect(await alertCheckOf(url)).toMatchObject({ ready: true, ok: true, detail: 'none' });

    expect(await run('alert', 'set', 'fire', '--reason', 'smoke')).toMatchObject({
      exit: 0,
      document: { from: null, inForce: true, alert: { scope: 'campus', state: 'FIRE', version: 1 } },
    });
    const inFire = async () => {
      const exits = await answers(url, 'exit', doors, cards);
      expect(new Set(reasonsOf(exits))).toEqual(new Set(['ALLOW_EMERGENCY']));
      const entries = await answers(url, 'enter', doors, cards);
      expect(entries.some(({ decision }) => decision)).toBe(false);
      // A card in order hears why; a lost one is still told that it is lost.
      expect(new Set(reasonsOf(entries))).toContain('DENY_EMERGENCY');
      expect(await alertCheckOf(url)).toMatchObject({ ready: true, ok: false });
      return exits;
    };
    await inFire();
    // One alarm a scope: it would take the fire away.
    expect(await run('alert', 'set', 'lockdown', '--level', '2')).toMatchObject({
      exit: 2,
      document: { error: { message: expect.stringContaining('campus is in FIRE') as string } },
    });

    await kill();
    expect(((await run('status')).document as HubStatus).alerts).toMatchObject([{ state: 'FIRE' }]);
    url = await start();
    const [exit] = await inFire();
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('cardhub_alerts{state="FIRE"} 1');
    expect((await alertCheckOf(url)).detail).toMatch(/^FIRE campus since /);
    await explained(exit?.context.decisionId ?? '');

    expect(await run('alert', 'clear')).toMatchObject({ document: { from: 'FIRE', inForce: true } });
    expect(reasonsOf(await answers(url, 'enter', doors, cards))).toEqual(before.enter);
    expect(reasonsOf(await answers(url, 'exit', doors, cards))).toEqual(before.exit);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('cardhub_alerts{state="FIRE"} 0');
    expect((await run('alert', 'list')).document).toMatchObject({
      alerts: [{ scope: 'campus', state: 'NONE', version: 2, inForce: false }],
    });
    await kill();
    const { document } = await run('reconcile', '--no-upstream');
    const { topics } = document as { topics: readonly ReconciledTopic[] };
    expect(topics.find(({ topic }) => topic === 'hub.alert')).toMatchObject({ count: 1, outcome: 'equal' });
  }, 120_000);
});

/** The answer is rebuilt from what was recorded, the alarm among it; exit code 0: it is the one that was given. */
async function explained(id: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const { exit, document } = await run('explain', 'decision', id);
    if (exit === 0) {
      expect(JSON.stringify(document)).toMatch(/demo:campus.*FIRE 0/);
      return;
    }
    if (Date.now() > deadline) throw new Error(`not explained: ${JSON.stringify(document)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

describe('an alarm of a place', () => {
  it('is refused where there is no such door or building, and set while no hub runs', async () => {
    const wrong = await run('alert', 'set', 'lockdown', '--door', 'gate:no-such-door');
    expect(wrong.exit).toBe(2);
    expect((await run('alert', 'set', 'lockdown', '--level', '10')).exit).toBe(2);
    expect((await run('alert', 'set', 'fire', '--until', '2019-01-01 00:00')).exit).toBe(2);
    expect((await run('alert', 'set', 'earthquake')).exit).toBe(2);

    const [door = '', other = ''] = await activeDoors();
    expect(await run('alert', 'set', 'lockdown', '--level', '3', '--door', door)).toMatchObject({
      exit: 0,
      document: { inForce: false, alert: { state: 'LOCKDOWN', level: 3 } },
    });
    const url = await start();
    const cards = await someCards();
    const locked = await answers(url, 'enter', [door], cards);
    expect(new Set(reasonsOf(locked))).toContain('DENY_LOCKDOWN');
    expect(locked.some(({ decision }) => decision)).toBe(false);
    expect(reasonsOf(await answers(url, 'enter', [other], cards))).not.toContain('DENY_LOCKDOWN');
    expect(reasonsOf(await answers(url, 'exit', [door], cards))).not.toContain('DENY_LOCKDOWN');
    expect(await run('alert', 'clear', '--door', door)).toMatchObject({ document: { from: 'LOCKDOWN' } });
    expect(reasonsOf(await answers(url, 'enter', [door], cards))).not.toContain('DENY_LOCKDOWN');
    expect((await run('alert', 'set', 'fire', '--building', 'no-such-building')).exit).toBe(2);
  }, 90_000);
});
