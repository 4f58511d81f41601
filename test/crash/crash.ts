import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openCodecs, recordCodec } from '../../hub/run/codec.js';
import { openLog } from '../../hub/run/open-log.js';
import type { OnceReport } from '../../hub/run/once.js';
import { proveTopics } from '../../hub/desk/reconcile.js';
import { compare, isExact, sequenceFaults, type Difference, type Seen } from './contents.js';
import { writeCampus, writeConfig } from './export-files.js';
import { openConfig } from './open-config.js';
import { startScript } from './processes.js';
import { between, seeded } from './random.js';
import { seenOnKafka } from './read-kafka.js';

/**
 * Kills a sync again and again, lets it come to its end, and compares what the topics hold with an uninterrupted
 * run over the same files.
 */
export interface CrashOptions {
  readonly engine: 'embedded' | 'kafka';
  /** Needed with kafka. */
  readonly brokers?: string;
  /** Source rows altogether. */
  readonly changes: number;
  readonly kills: number;
  readonly seed: number;
  /** Rows of one page. */
  readonly pageRows: number;
  readonly paceMs: number;
  /** Made and removed. */
  readonly dir: string;
  readonly say?: (line: string) => void;
}

export interface CrashReport {
  readonly engine: string;
  readonly seed: number;
  readonly changes: number;
  /** Processes killed; by what they were doing. */
  readonly kills: number;
  readonly killed: Readonly<Record<string, number>>;
  /** Runs that ended by themselves with an error (a broker that did not answer for long), and were started again. */
  readonly stumbles: number;
  /** Kills for each tenth of the progress. */
  readonly spread: readonly number[];
  readonly records: number;
  readonly lost: number;
  readonly twice: number;
  readonly topics: readonly Difference[];
  /** Rows published by one run more at the end: 0. */
  readonly publishedAgain: number;
  readonly reconciled: boolean;
  readonly sequenceFaults: readonly string[];
  readonly seconds: number;
  readonly ok: boolean;
}

export async function runCrash(options: CrashOptions): Promise<CrashReport> {
  const began = Date.now();
  const { dir, seed, changes, pageRows } = options;
  const say = options.say ?? (() => undefined);
  mkdirSync(dir, { recursive: true });
  try {
    const campus = writeCampus(dir, changes, seed);
    const config = writeConfig(dir, { cards: pageRows, swipes: pageRows });
    const name = `crash-${seed}-${process.pid}-${began.toString(36)}`;
    const plain = placeOf(options, config, `${name}-a.`, 'uninterrupted');
    const killed = placeOf(options, config, `${name}-b.`, 'killed');
    const reference = await finish(plain, 0);
    say(`${options.engine}: uninterrupted run, ${total(reference, 'published')} rows published`);
    const kills = await killOften(options, killed, total(reference, 'published'), say);
    await finish(killed, 0);
    const again = await finish(killed, 0);
    say(`${options.engine}: killed ${kills.count} times, came to its end; comparing`);
    const [expected, found] = [await plain.seen(), await killed.seen()];
    const topics = compare(expected, found);
    const reconciled = (await plain.reconciles()) && (await killed.reconciles());
    const faults = sequenceFaults(found);
    const publishedAgain = total(again, 'published');
    const exact = topics.every(isExact) && faults.length === 0 && publishedAgain === 0 && reconciled;
    return {
      engine: options.engine,
      seed,
      changes: campus.rows,
      kills: kills.count,
      killed: kills.doing,
      stumbles: kills.stumbles,
      spread: kills.spread,
      records: found.filter(({ topic }) => topic !== 'hub.positions').length,
      lost: topics.reduce((sum, { lost }) => sum + lost, 0),
      twice: topics.reduce((sum, { surplus, twice }) => sum + Math.max(surplus, twice), 0),
      topics,
      publishedAgain,
      reconciled,
      sequenceFaults: faults,
      seconds: Math.round((Date.now() - began) / 1000),
      ok: exact && kills.count === options.kills,
    };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Where one of the two runs writes, and how it is read afterwards. */
interface RunPlace {
  readonly args: readonly string[];
  seen(): Promise<Seen[]>;
  reconciles(): Promise<boolean>;
}

function placeOf(options: CrashOptions, config: string, prefix: string, name: string): RunPlace {
  const dataDir = join(options.dir, name);
  const { brokers = '' } = options;
  const log = options.engine === 'embedded' ? 'embedded' : `kafka://${brokers}/${prefix}`;
  return {
    args: [config, dataDir, log],
    seen: () =>
      options.engine === 'embedded' ? seenEmbedded(join(dataDir, 'log')) : seenOnKafka(brokers, prefix),
    async reconciles() {
      const opened = await openLog(await openConfig(config, dataDir, log), { readOnly: true });
      try {
        const proofs = await proveTopics(opened, recordCodec(openCodecs(), '/crash/hub', Date.now));
        return proofs.every(({ outcome }) => outcome === 'equal');
      } finally {
        await opened.close();
      }
    },
  };
}

/** Every record of an embedded log, read by a process of its own. */
export async function seenEmbedded(dir: string): Promise<Seen[]> {
  const seen: Seen[] = [];
  const child = startScript('read-embedded', [dir], (line) => seen.push(JSON.parse(line) as Seen));
  if ((await child.ended) !== 0) throw new Error(`the log could not be read:\n${child.stderr()}`);
  return seen;
}

/** One run to its end. */
async function finish(place: RunPlace, paceMs: number): Promise<OnceReport> {
  let report: OnceReport | null = null;
  const child = startScript('sync-child', [...place.args, String(paceMs)], (line) => {
    if (line.startsWith('r ')) report = JSON.parse(line.slice(2)) as OnceReport;
  });
  const code = await child.ended;
  if (code !== 0 || report === null)
    throw new Error(`a run that nobody killed ended with ${code}:\n${child.stderr()}`);
  return report;
}

function total(report: OnceReport, field: 'published'): number {
  return report.streams.reduce((sum, stream) => sum + stream[field], 0);
}

/** When one process is killed: once `rows` are published, at the next `event`, `delayMs` later. */
interface Plan {
  readonly rows: number;
  /** `append`/`commit`: around a commit, after an append has begun or ended. `start`: while it starts. */
  readonly doing: 'append' | 'commit' | 'anything' | 'start';
  readonly delayMs: number;
}

/** A broker on a busy machine may be away for longer than `sync --once` tries. */
const STUMBLES_MAX = 20;
const START_MS_MAX = 1_500;
const COMMIT_DELAY_MS_MAX = 20;
/** Each tenth kill hits a process that is starting: fencing, reading its position, rebuilding. */
const START_EVERY = 10;

function planKill(k: number, options: CrashOptions, rows: number, random: () => number): Plan {
  const at = Math.floor(((k + random()) / options.kills) * rows * 0.97);
  if (k % 2 === 1) {
    // Squared: most of them in the first milliseconds, in which the commit itself is.
    const delayMs = random() ** 2 * COMMIT_DELAY_MS_MAX;
    return { rows: at, doing: random() < 0.7 ? 'append' : 'commit', delayMs };
  }
  if (k % START_EVERY === 0) return { rows: 0, doing: 'start', delayMs: random() * START_MS_MAX };
  return { rows: at, doing: 'anything', delayMs: random() * (options.paceMs * 2 + 10) };
}

async function killOften(options: CrashOptions, place: RunPlace, rows: number, say: (line: string) => void) {
  const random = seeded(options.seed ^ 0x5eed);
  const doing: Record<string, number> = {};
  const spread = new Array<number>(10).fill(0);
  let count = 0;
  let reached = 0;
  let stumbles = 0;
  for (let k = 0; k < options.kills; k++) {
    const plan = planKill(k, options, rows, random);
    let ended = await killOnce(options, place, plan, reached);
    while (ended.stumbled !== undefined) {
      say(`${options.engine}: a run ended by itself: ${ended.stumbled}`);
      if ((stumbles += 1) > STUMBLES_MAX) throw new Error(`${stumbles} runs ended by themselves`);
      ended = await killOnce(options, place, plan, ended.reached);
    }
    if (!ended.killed) {
      say(`${options.engine}: the run came to its end after ${count} kills`);
      break;
    }
    ({ reached } = ended);
    count += 1;
    doing[plan.doing] = (doing[plan.doing] ?? 0) + 1;
    const tenth = Math.min(9, Math.floor((reached / rows) * 10));
    spread[tenth] = (spread[tenth] ?? 0) + 1;
    if (count % Math.max(1, Math.round(options.kills / 10)) === 0)
      say(`${options.engine}: ${count} kills, ${reached} of ${rows} rows published`);
  }
  return { count, doing, spread, stumbles };
}

async function killOnce(
  options: CrashOptions,
  place: RunPlace,
  plan: Plan,
  before: number,
): Promise<{ killed: boolean; reached: number; stumbled?: string }> {
  const published = new Map<string, number>();
  let reached = before;
  let armed = plan.doing === 'start';
  const child = startScript('sync-child', [...place.args, String(options.paceMs)], (line) => {
    const [kind, id = '', , rows] = line.split(' ');
    if (kind === 'd' && rows !== undefined) {
      published.set(id, Number(rows));
      // A stream that has said nothing yet stands where it stood; the sum is known once the last one speaks.
      reached = Math.max(
        reached,
        [...published.values()].reduce((sum, n) => sum + n, 0),
      );
    }
    if (armed || reached < plan.rows) return;
    const event = { append: 's', commit: 'd', anything: kind === 's' || kind === 'd' ? kind : '' };
    if (plan.doing === 'start' || kind !== event[plan.doing]) return;
    armed = true;
    kill();
  });
  const kill = (): void => {
    if (plan.delayMs < 1) child.process.kill('SIGKILL');
    else setTimeout(() => child.process.kill('SIGKILL'), plan.delayMs);
  };
  if (armed) kill();
  const code = await child.ended;
  if (code !== null && code !== 0) return { killed: false, reached, stumbled: child.stderr().slice(-300) };
  return { killed: code === null, reached };
}

/** @returns a seed of one's own, for runs that were given none */
export function drawSeed(): number {
  return between(Math.random, 1, 1_000_000);
}
