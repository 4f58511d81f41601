import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCampus, type Campus } from '../campus/main.js';
import { loadsOfDay } from '../campus/world/loads.js';
import { connectors } from '../connectors/index.js';
import type { ReconCase } from '../contracts/types.js';
import { remarksOf } from '../hub/cli/systems-table.js';
import { loadConfig } from '../hub/config/load.js';
import type { Config } from '../hub/config/types.js';
import { writeDemoConfig } from '../hub/demo/campus-config.js';
import { liveFirst } from '../hub/demo/first-day.js';
import { filled, findOpenDoor, loseCard } from '../hub/demo/story.js';
import { keepRemarks, systemsOf, type SystemState } from '../hub/demo/systems.js';
import { startRuntime, type Runtime } from '../hub/run/runtime.js';
import { cardhub } from './cardhub.js';

/** What `npm start` runs, all systems of the campus at once: green, one fails, the others go on, it recovers. */

/** A Thursday, 10:00 in Shanghai: banks and cash machines are open. */
const MORNING = Date.UTC(2026, 8, 10, 2);
const SYSTEMS = [
  ...['core', 'gate', 'rooms', 'power-east', 'power-west', 'power-pingdu', 'library', 'lockers'],
  ...['classrooms', 'campus', 'bank-sea', 'bank-river'],
];

let dir: string;
let campus: Campus;
let path: string;
let hub: Runtime | null = null;
const remarks = keepRemarks();
const fatal: Error[] = [];

/** As the demo has it, with polls of a second at most: a test does not wait for a listing that is due in 30 s. */
function config(): Config {
  path = writeDemoConfig({ dir, campus, systems: 'all', port: 0 });
  const loaded = loadConfig(path, { env: {}, specs: Object.values(connectors).map(({ spec }) => spec) });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const sources = loaded.config.sources.map((source) => ({
    ...source,
    streams: source.streams.map((stream) => ({ ...stream, pollMs: Math.min(stream.pollMs, 1_000) })),
  }));
  return { ...loaded.config, sources };
}

async function start(): Promise<Runtime> {
  hub = await startRuntime(config(), {
    connectors: Object.values(connectors),
    now: () => campus.clock.now(),
    // The shortest pause that the backing off allows.
    random: () => 0,
    matchBanksMs: 500,
    onConnector: (source, note) => remarks.note(source, note),
    onFatal: (error) => fatal.push(error),
  });
  await filled(hub, AbortSignal.timeout(40_000));
  return hub;
}

const systems = (of: Runtime): Map<string, SystemState> =>
  new Map(systemsOf(of, remarks).map((system) => [system.source, system]));
const notGreen = (of: Runtime): string[] =>
  [...systems(of).values()].flatMap(({ source, state }) => (state === 'ok' ? [] : [source]));

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 40_000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not within 40 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const control = (method: string, body?: object): Promise<Response> =>
  fetch(`${campus.urls.control}/control/faults`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(5_000),
  });

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-systems-'));
  const clock = { now: MORNING, rate: 1 };
  campus = await startCampus({
    dir: join(dir, 'campus'),
    seed: 7,
    people: 120,
    life: false,
    loads: true,
    clock,
  });
  liveFirst(campus);
});
afterAll(async () => {
  await hub?.stop();
  await campus.close();
  rmSync(dir, { recursive: true, force: true });
  expect(fatal).toEqual([]);
});

it('shows every system of the campus green with counts; what fails says why, and recovers by itself', async () => {
  const running = await start();
  expect([...systems(running).keys()]).toEqual(SYSTEMS);
  expect(notGreen(running)).toEqual([]);
  for (const { source, records } of systems(running).values()) expect(records, source).toBeGreaterThan(0);

  await control('POST', { target: 'power-cascade', fault: 'vendor-off', match: 'west' });
  await control('POST', { target: 'library', fault: 'field-renamed' });
  await control('POST', { target: 'bank', fault: 'field-renamed', match: '/wss' });
  const failing = ['power-west', 'library', 'bank-sea'];
  await until('the three are degraded', () => failing.every((source) => notGreen(running).includes(source)));
  expect(notGreen(running)).toEqual(failing);
  const words = (source: string): string => remarksOf(systems(running).get(source)!).join('\n');
  expect(words('power-west')).toMatch(/rooms.*the vendor behind it does not.*第三方系统无应答.*60047/);
  expect(words('library')).toMatch(/上游应答格式与约定不符.*connector\.PROTOCOL.*none of \d+ rows has/);
  expect(words('bank-sea')).toMatch(/(agreements|recon).*connector\.PROTOCOL/);
  const status = (await cardhub({}, 'status', '-c', path)).document as { streams: { trouble: unknown }[] };
  expect(status.streams.filter(({ trouble }) => trouble !== null).length).toBeGreaterThanOrEqual(3);

  // The others go on: a loss shuts doors, a bag is stored.
  const before = systems(running).get('lockers')!.records;
  const pair = await findOpenDoor(running);
  expect(await loseCard(running, campus, pair!)).toMatchObject({ reason: 'DENY_LOST' });
  campus.life({ event: 'store', count: 3 });
  await until('the bags are on the log', () => systems(running).get('lockers')!.records > before);
  expect(notGreen(running)).toEqual(failing);

  await control('DELETE');
  await until('all are green again', () => notGreen(running).length === 0);
}, 120_000);

/** What each load that somebody planted must look like once both books were read; of the newest day nothing is late yet. */
const CASE_OF = {
  ...{ EQUAL: null, REVERSED: null, LATE: null, DIFFERENT: 'DIFFERENT', MISSING_LOCALLY: 'MISSING_LOCALLY' },
  ...{ NOT_BOOKED: 'NOT_BOOKED_LOCALLY', MISSING_AT_BANK: 'MISSING_AT_BANK' },
} as const;

it('the books of banks and core share their loads: what is planted is a case, the rest agrees', async () => {
  const DAY_MS = 86_400_000;
  const [first, last] = [Date.UTC(2026, 8, 2, 16), Date.UTC(2026, 8, 8, 16)];
  const expected: Record<string, string> = {};
  const kinds = new Set<string>();
  let equal = 0;
  for (let start = first; start <= last; start += DAY_MS) {
    for (const { bank, reference, kind } of loadsOfDay(campus.world.base, start)) {
      kinds.add(kind);
      const result = kind === 'LATE' && start === last ? 'WAITING' : CASE_OF[kind];
      const source = bank === 'wss' ? 'bank-sea' : 'bank-river';
      if (result !== null) expected[`${source}:${reference.slice(1, 9)}:${reference}`] = result;
      else if (kind === 'EQUAL') equal += 1;
    }
  }
  expect([...kinds].sort()).toEqual(Object.keys(CASE_OF).sort());
  expect(equal).toBeGreaterThan(2 * Object.keys(expected).length);
  const cases = async (): Promise<Record<string, string>> => {
    const { document } = await cardhub({}, 'banks', 'cases', '-c', path);
    const all = (document as { cases: ReconCase[] }).cases;
    return Object.fromEntries(all.map(({ caseKey, result }) => [caseKey, result]));
  };
  await expect.poll(cases, { timeout: 30_000, interval: 300 }).toEqual(expected);

  // Where one book has it alone the bank is asked, and what it says stands in the case.
  const SAID = { MISSING_LOCALLY: 'DONE', NOT_BOOKED_LOCALLY: 'DONE', MISSING_AT_BANK: 'NO_SUCH_LOAD' };
  const answers = (results: Record<string, string>) =>
    Object.entries(results).map(([key, result]) => [key, SAID[result as keyof typeof SAID] ?? null]);
  const said = async () => {
    // A bank that had failed is left alone for a minute.
    campus.clock.set({ advanceMs: 30_000 });
    const { document } = await cardhub({}, 'banks', 'cases', '-c', path);
    return (document as { cases: ReconCase[] }).cases.map(({ caseKey, bankSays }) => [caseKey, bankSays]);
  };
  await expect
    .poll(async () => (await said()).sort(), { timeout: 60_000, interval: 300 })
    .toEqual(answers(expected).sort());
}, 120_000);

it('the books still balance, and a second start goes on where it was', async () => {
  // Meters go on while the hub is down; what the other systems gave is not published again.
  const published = (of: Runtime) =>
    [...systems(of).values()].flatMap(({ source, records }) =>
      source.startsWith('power-') ? [] : [[source, records]],
    );
  // No more time passes on the campus; what has happened there reaches the topics with the next polls.
  campus.clock.set({ rate: 0 });
  let before = published(hub!);
  for (let seen: unknown = null; JSON.stringify(seen) !== JSON.stringify(before);) {
    seen = before;
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    before = published(hub!);
  }
  await hub?.stop();
  hub = null;
  expect(await cardhub({}, 'reconcile', '--no-upstream', '-c', path)).toMatchObject({
    exit: 0,
    document: { ok: true },
  });
  // Its first listings may bring what no listing was due for any more when the clock stood still: one or two things.
  const again = await start();
  const second = published(again);
  expect(second.map(([source]) => source)).toEqual(before.map(([source]) => source));
  second.forEach(([, records], i) => expect(Number(records) - Number(before[i]![1])).toBeLessThanOrEqual(2));
  await again.stop();
  expect(published(await start())).toEqual(second);
  expect(notGreen(hub!)).toEqual([]);
}, 120_000);
