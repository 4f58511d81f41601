/**
 * `node dist/test/ten-days/main.js [--days 10] [--people 20000] [--life 1] [--seed N] [--leak 0]`: a campus lives so many days, the
 * hub pulls everything meanwhile. Prints rows and memory for each day, and at the end whether anything was lost or is
 * there twice: the books against the topics, and every upstream against them. Exit code 1: it was, or memory grew
 * (`memory.ts`). `--leak 50` has the hub keep 50 bytes of each row for nothing, which must be found.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { judgeMemory, restBytes, type DayOfMemory } from './memory.js';
import type { CampusArgument, CampusTold, HubAsked, HubTold, ReconcileTold } from './messages.js';

const { values } = parseArgs({
  options: {
    days: { type: 'string', default: '10' },
    people: { type: 'string', default: '20000' },
    life: { type: 'string', default: '1' },
    seed: { type: 'string', default: '7' },
    hours: { type: 'string', default: '1' },
    leak: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
  },
});
const [days, people, life, seed, hours] = [
  values.days,
  values.people,
  values.life,
  values.seed,
  values.hours,
].map(Number) as [number, number, number, number, number];
/** A Thursday, 02:00 in Shanghai: every day's files are there, and no bank is in its window. */
const BEGIN = Date.UTC(2026, 8, 9, 18);
const HOUR_MS = 3_600_000;

const dir = mkdtempSync(join(tmpdir(), 'cardhub-ten-days-'));
const dataDir = join(dir, 'hub');
const children: ChildProcess[] = [];
let code = 1;
try {
  code = (await run()) ? 0 : 1;
} finally {
  for (const child of children) if (child.connected) child.disconnect();
  await Promise.all(children.map(ended));
  rmSync(dir, { recursive: true, force: true });
}
process.exit(code);

async function run(): Promise<boolean> {
  const argument: CampusArgument = { dir, seed, people, now: BEGIN, life };
  const campus = start('campus-child', [JSON.stringify(argument)]);
  const { config = '' } = await next<CampusTold>(campus);
  say(`${people} people, life ${life}, ${days} days, seed ${seed}; load ${loads()}`);
  const hub = start('hub-child', [config, dataDir, String(BEGIN), values.leak]);
  let told = await next<HubTold>(hub);
  const began = performance.now();
  say(line('start', told, 0, 0));
  const memory: DayOfMemory[] = [];
  let now = BEGIN;
  for (let day = 1; day <= days; day += 1) {
    let [lived, reading, events, campusMiB] = [0, 0, 0, 0];
    for (let hour = 0; hour < 24; hour += hours) {
      const step = await ask<CampusTold>(campus, { advanceMs: hours * HOUR_MS });
      if ((step.skippedSeconds ?? 0) > 0) throw new Error(`${step.skippedSeconds} s of life were skipped`);
      ({ now, rssMiB: campusMiB } = step);
      lived += step.ms;
      events += step.events ?? 0;
      // At the very end all is listed once more, so that it can be compared.
      const asked: HubAsked = { now, endOfDay: hour + hours >= 24, last: false };
      told = await ask<HubTold>(hub, asked);
      reading += told.ms;
    }
    if (told.held !== undefined) memory.push({ rows: rowsOf(told), held: told.held });
    const campusTold = `${events} things happened; campus RSS ${campusMiB} MiB; load ${loads()}`;
    say(`${line(`day ${day}`, told, lived, reading)}; ${campusTold}`);
    if (day === days || day === 1) for (const row of table(told)) say(row);
  }
  // All is listed once more, so that it can be compared; a listing more than a day has, so its memory is told apart.
  ({ now } = await ask<CampusTold>(campus, { advanceMs: 60_000 }));
  told = await ask<HubTold>(hub, { now, endOfDay: true, last: true } satisfies HubAsked);
  say(line('end', told, 0, told.ms));
  hub.disconnect();
  await ended(hub);
  say(`hub ended after ${Math.round((performance.now() - began) / 1000)} s; comparing with the upstreams`);
  const proof = await next<ReconcileTold>(start('reconcile-child', [config, dataDir, String(now)]));
  return judge(proof, memory);
}

function rowsOf({ streams }: HubTold): number {
  return Object.values(streams).reduce((total, [rows]) => total + rows, 0);
}

function line(name: string, told: HubTold, lived: number, reading: number): string {
  const records = Object.values(told.streams).reduce((total, counts) => total + counts[1], 0);
  const { held } = told;
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
  const kept =
    held === undefined
      ? ''
      : `; collected: own ${mib(held.own)} MiB, held ${mib(held.heap)} + ${mib(held.external)} MiB, the rest of it ${mib(restBytes(held))} MiB`;
  const memory = `RSS ${told.rssMiB} MiB, own ${told.anonMiB} MiB, heap ${told.heapMiB} MiB${kept}`;
  const took = `lived in ${(lived / 1000).toFixed(1)} s, read in ${(reading / 1000).toFixed(1)} s`;
  return `${name.padEnd(6)} ${rowsOf(told)} rows, ${records} records; ${memory}; ${took}; troubles ${told.troubles}`;
}

function table(told: HubTold): string[] {
  return Object.entries(told.streams).map(
    ([id, [rows, records]]) =>
      `    ${id.split('/').slice(1, 3).join('/').padEnd(24)} ${String(rows).padStart(9)} rows ${String(records).padStart(9)} records`,
  );
}

function judge({ topics, records, streams }: ReconcileTold, memory: readonly DayOfMemory[]): boolean {
  for (const { stream, outcome, remark, rows, differs, missing, twice, refused, hash } of streams) {
    const figures = `${rows} rows, differs ${differs}, missing ${missing}, twice ${twice}, refused ${refused}`;
    say(`    ${stream.padEnd(24)} ${outcome} ${hash} ${figures} ${remark ?? ''}`);
  }
  const bad = streams.filter(({ outcome }) => outcome !== 'equal');
  const { flat, lines } = judgeMemory(memory, streams.length);
  say(
    `books: ${topics.length === 0 ? 'balanced' : `DIFFER on ${topics.join(', ')}`}; ${records} records stand`,
  );
  say(`upstreams: ${streams.length - bad.length} of ${streams.length} streams equal`);
  for (const told of lines) say(told);
  const ok = topics.length === 0 && bad.length === 0 && flat;
  say(ok ? 'OK' : 'FAILED');
  if (values.json)
    process.stdout.write(`${JSON.stringify({ people, days, life, memory, topics, streams, ok })}\n`);
  return ok;
}

function start(name: string, args: readonly string[]): ChildProcess {
  const child = fork(fileURLToPath(new URL(`./${name}.js`, import.meta.url)), args);
  children.push(child);
  return child;
}

function next<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const onExit = (exit: number | null): void =>
      reject(new Error(`a process ended with ${exit ?? 'a signal'}`));
    child.once('exit', onExit);
    child.once('message', (message) => {
      child.off('exit', onExit);
      resolve(message as T);
    });
  });
}

function ask<T>(child: ChildProcess, message: object): Promise<T> {
  const answer = next<T>(child);
  child.send(message);
  return answer;
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

function loads(): string {
  return loadavg()
    .map((load) => load.toFixed(1))
    .join(' ');
}

function say(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
}
