import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { TOPICS } from '../../contracts/types.js';
import { proveTopics } from '../../hub/desk/reconcile.js';
import { openCodecs, recordCodec } from '../../hub/run/codec.js';
import { openLog } from '../../hub/run/open-log.js';
import { freePort, startPostgresql, type DatabaseServer } from '../databases/postgresql.js';
import { differences } from '../sink/equal.js';
import { postgresqlRows } from '../sink/postgresql-rows.js';
import { compare, sequenceFaults, type Difference } from './contents.js';
import { seenEmbedded } from './crash.js';
import { openConfig } from './open-config.js';
import { startScript, type Child } from './processes.js';
import { seeded } from './random.js';
import { MORNING, push, startWholeCampus, type WholeCampus } from './whole-campus.js';

/**
 * All systems of the campus, with the hub and the sink killed again and again:
 *
 *   campus ──▶ hub (killed) ──▶ embedded log ──▶ sink (killed) ──▶ PostgreSQL
 *     └─ notices of the banks, pushed until they are acknowledged
 *
 * Afterwards the topics must be those of a run that nobody killed, and the tables those of the topics.
 */
export interface WholeOptions {
  readonly people: number;
  readonly kills: number;
  readonly seed: number;
  readonly notices: number;
  readonly pageRows: number;
  readonly paceMs: number;
  /** Made and removed. */
  readonly dir: string;
  readonly say?: (line: string) => void;
}

export interface WholeReport {
  readonly seed: number;
  readonly streams: number;
  /** Processes killed. */
  readonly kills: number;
  readonly killed: Readonly<Record<string, number>>;
  readonly sinkKills: number;
  /** Kills of the hub for each tenth of its progress. */
  readonly spread: readonly number[];
  readonly commits: number;
  readonly records: number;
  readonly notices: number;
  readonly lost: number;
  readonly twice: number;
  readonly topics: readonly Difference[];
  /** Tables that are not as their topic; rows of them that differ. */
  readonly tables: number;
  readonly tableRows: number;
  readonly tableDifferences: readonly string[];
  readonly publishedAgain: number;
  readonly reconciled: boolean;
  readonly sequenceFaults: readonly string[];
  readonly seconds: number;
  readonly ok: boolean;
}

/** A hub that is starting is killed within this time: opening, fencing, rebuilding. */
const START_MS_MAX = 2_500;
const START_EVERY = 10;
const COMMIT_DELAY_MS_MAX = 25;
const SINK_DELAY_MS_MAX = 6_000;
/** One that is to be killed at a write, and finds nothing to write. */
const SINK_IDLE_MS_MAX = 15_000;
const DONE_MS_MAX = 240_000;
/**
 * Here a notice and the listing tell the same thing, and which of them comes first is chance: of two states the older
 * is then written, or is not. The newest state of each person must be the same.
 */
const BY_CHANCE: ReadonlySet<string> = new Set(['master.bank-agreement']);
/** Fields that have no column, since no agreement names them. */
const RESTRICTED = ['credentials'];

export async function runWhole(options: WholeOptions): Promise<WholeReport> {
  const began = Date.now();
  const { dir, seed } = options;
  const say = options.say ?? (() => undefined);
  mkdirSync(dir, { recursive: true });
  const server = await startPostgresql();
  let whole: WholeCampus | null = null;
  try {
    const port = await freePort();
    whole = await startWholeCampus({ ...options, port, server });
    const runs = { whole, port, paceMs: options.paceMs };
    const plain = new Run({ ...runs, dataDir: join(dir, 'uninterrupted') });
    const commits = await plain.finish();
    say(`uninterrupted run: ${commits} commits, ${plain.streams} streams`);
    const killed = new Run({ ...runs, dataDir: join(dir, 'killed') });
    const found = await killOften(options, killed, commits, say);
    await killed.finish();
    await new Run({ ...runs, dataDir: join(dir, 'killed') }).sinkOnce();
    const again = await new Run({ ...runs, dataDir: join(dir, 'killed') }).finish();
    say(`killed ${found.kills} times, the sink ${found.sinkKills} times; comparing`);
    const judged = await judge(server, plain, killed);
    const exact =
      judged.lost + judged.twice + judged.sequenceFaults.length + judged.tableDifferences.length === 0;
    return {
      ...{ seed, streams: plain.streams, commits, notices: options.notices },
      ...found,
      ...judged,
      publishedAgain: again,
      seconds: Math.round((Date.now() - began) / 1000),
      ok: exact && again === 0 && judged.reconciled && found.kills === options.kills,
    };
  } finally {
    await whole?.campus.close();
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

interface RunParts {
  readonly whole: WholeCampus;
  readonly port: number;
  readonly dataDir: string;
  readonly paceMs: number;
}

/** One of the two runs: its hub, however often it is started, and its notices, each until it is acknowledged. */
class Run {
  streams = 0;
  /** Commits with records, of all hubs so far. */
  commits = 0;
  #acknowledged = 0;
  #over = false;
  #pushing: Promise<void> | null = null;
  constructor(readonly parts: RunParts) {}

  /** Starts a hub. @param onLine sees each of its lines, after they were counted */
  start(onLine: (kind: string) => void): { child: Child; idle: Set<string> } {
    const { whole, dataDir, paceMs } = this.parts;
    const idle = new Set<string>();
    const args = [whole.config, dataDir, String(MORNING), String(paceMs)];
    const child = startScript('whole-child', args, (line) => {
      const [kind = '', name = ''] = line.split(' ');
      if (kind === 'o') this.streams = Number(name);
      if (kind === 'd') this.commits += 1;
      if (kind === 'i') idle.add(name);
      onLine(kind);
    });
    this.#pushing ??= this.#push();
    return { child, idle };
  }

  async #push(): Promise<void> {
    const { whole, port } = this.parts;
    for (const notice of whole.notices) {
      while (!this.#over && !(await push(whole.campus, notice, port))) await pause(50);
      this.#acknowledged += 1;
    }
  }

  /** Lets a hub run until all is read and acknowledged, and ends it. @returns commits since the beginning */
  async finish(): Promise<number> {
    const { child, idle } = this.start(() => undefined);
    const until = Date.now() + DONE_MS_MAX;
    const { notices } = this.parts.whole;
    const isDone = (): boolean =>
      this.streams > 0 && idle.size === this.streams && this.#acknowledged >= notices.length;
    while (!isDone() && child.process.exitCode === null) {
      if (Date.now() > until) throw new Error(`not read to its end:\n${child.stderr()}`);
      await pause(50);
    }
    child.process.kill('SIGTERM');
    const code = await child.ended;
    if (code !== 0) throw new Error(`a hub that nobody killed ended with ${code}:\n${child.stderr()}`);
    this.#over = true;
    return this.commits;
  }

  /** A sink that follows the run's log, until it is killed. */
  sink(onBatch: () => void): Child {
    return startScript('sink-child', [this.parts.whole.config, this.parts.dataDir], onBatch);
  }

  async sinkOnce(): Promise<void> {
    const args = [this.parts.whole.config, this.parts.dataDir, 'once'];
    const child = startScript('sink-child', args, () => undefined);
    if ((await child.ended) !== 0) throw new Error(`the sink that nobody killed:\n${child.stderr()}`);
  }
}

interface Found {
  readonly kills: number;
  readonly sinkKills: number;
  readonly killed: Readonly<Record<string, number>>;
  readonly spread: readonly number[];
}

/** `page`: after a page came, so around its commit; `commit`: after one; `start`: while it starts. */
type Doing = 'page' | 'commit' | 'start';

async function killOften(
  options: WholeOptions,
  run: Run,
  commits: number,
  say: (line: string) => void,
): Promise<Found> {
  const random = seeded(options.seed ^ 0x3a11);
  const killed: Record<string, number> = {};
  const spread = new Array<number>(10).fill(0);
  const sinks = killSinks(run, seeded(options.seed ^ 0x51));
  let kills = 0;
  for (; kills < options.kills; kills++) {
    const doing: Doing =
      kills % START_EVERY === START_EVERY - 1 ? 'start' : random() < 0.7 ? 'page' : 'commit';
    const at = Math.floor(((kills + random()) / options.kills) * commits * 0.9);
    const delayMs = doing === 'start' ? random() * START_MS_MAX : random() ** 2 * COMMIT_DELAY_MS_MAX;
    if (!(await killOnce(run, { doing, at, delayMs }))) break;
    killed[doing] = (killed[doing] ?? 0) + 1;
    const tenth = Math.min(9, Math.floor((run.commits / commits) * 10));
    spread[tenth] = (spread[tenth] ?? 0) + 1;
    if ((kills + 1) % Math.max(1, Math.round(options.kills / 10)) === 0)
      say(
        `${kills + 1} kills, ${run.commits} of about ${commits} commits, sink killed ${sinks.count()} times`,
      );
  }
  return { kills, sinkKills: await sinks.stop(), killed, spread };
}

async function killOnce(
  run: Run,
  plan: { readonly doing: Doing; readonly at: number; readonly delayMs: number },
): Promise<boolean> {
  let armed = plan.doing === 'start';
  const { child, idle } = run.start((kind) => {
    if (idle.size > 0 && idle.size === run.streams) child.process.kill('SIGTERM');
    if (armed || run.commits < plan.at) return;
    if (kind !== (plan.doing === 'page' ? 'p' : 'd')) return;
    armed = true;
    kill();
  });
  const kill = (): void => {
    if (plan.delayMs < 1) child.process.kill('SIGKILL');
    else setTimeout(() => child.process.kill('SIGKILL'), plan.delayMs);
  };
  if (armed) kill();
  const code = await child.ended;
  if (code !== null && code !== 0) throw new Error(`a hub fell by itself (${code}):\n${child.stderr()}`);
  return code === null;
}

/** Kills the sink at seeded instants, each second time around a write of its tables, and starts it again. */
function killSinks(run: Run, random: () => number): { count(): number; stop(): Promise<number> } {
  let [count, stopped] = [0, false];
  let child: Child | null = null;
  const kill = (): void => void child?.process.kill('SIGKILL');
  const work = (async () => {
    while (!stopped) {
      let armed = count % 2 === 0;
      const delayMs = random() ** 2 * COMMIT_DELAY_MS_MAX;
      child = run.sink(() => {
        if (armed) return;
        armed = true;
        setTimeout(kill, delayMs);
      });
      const timer = setTimeout(kill, armed ? random() * SINK_DELAY_MS_MAX : SINK_IDLE_MS_MAX);
      const code = await child.ended;
      clearTimeout(timer);
      // Before the hub has made the log there is nothing to follow.
      if (code !== null) await pause(100);
      else count += 1;
    }
  })();
  return {
    count: () => count,
    async stop() {
      stopped = true;
      kill();
      await work;
      return count;
    },
  };
}

async function judge(server: DatabaseServer, plain: Run, killed: Run) {
  const places = [plain, killed].map(({ parts }) => join(parts.dataDir, 'log'));
  const [expected, found] = [await seenEmbedded(places[0]!), await seenEmbedded(places[1]!)];
  const topics = compare(expected, found).map((row) =>
    BY_CHANCE.has(row.topic) ? { ...row, lost: 0, surplus: 0 } : row,
  );
  const tableDifferences: string[] = [];
  let [tables, tableRows] = [0, 0];
  const log = await openRead(killed);
  try {
    const rows = postgresqlRows(server);
    const shared = TOPICS.filter(({ name }) => name.startsWith('master.'));
    for (const { name } of shared) {
      tables += 1;
      tableRows += (await rows.rows(name.replaceAll(/[.-]/g, '_'))).length;
      const differ = await differences(log, rows, name, RESTRICTED);
      tableDifferences.push(...differ.map(({ id }) => `${name} ${id}`));
    }
    const proofs = await proveTopics(log, recordCodec(openCodecs(), '/crash/hub', Date.now));
    return {
      topics,
      records: found.filter(({ topic }) => topic !== 'hub.positions').length,
      lost: topics.reduce((sum, row) => sum + row.lost + (row.sameFold ? 0 : 1), 0),
      twice: topics.reduce((sum, row) => sum + Math.max(row.surplus, row.twice), 0),
      ...{ tables, tableRows, tableDifferences },
      reconciled: proofs.every(({ outcome }) => outcome === 'equal'),
      sequenceFaults: sequenceFaults(found),
    };
  } finally {
    await log.close();
  }
}

async function openRead({ parts }: Run) {
  return openLog(await openConfig(parts.whole.config, parts.dataDir, 'embedded'), { readOnly: true });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
