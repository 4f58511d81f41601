import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openLog } from '../../hub/run/open-log.js';
import { openCodecs, recordCodec } from '../../hub/run/codec.js';
import { proveTopics } from '../../hub/desk/reconcile.js';
import { compare, digestValue, sequenceFaults, type Difference, type Seen } from './contents.js';
import { makeFolders, swipeRow, writeCards, writeConfig, writeSwipes } from './export-files.js';
import { seenEmbedded } from './crash.js';
import { openConfig } from './open-config.js';
import { startScript, type Child } from './processes.js';
import { between, seeded } from './random.js';
import { readKafka } from './read-kafka.js';

/**
 * Three hubs on one broker, killed and started at random while the campus goes on living: new swipes every second,
 * a new list of cards now and then. At the end the topics are compared with one hub that read the same files alone.
 */
export interface TakeoverOptions {
  readonly brokers: string;
  readonly seconds: number;
  readonly seed: number;
  /** Made and removed. */
  readonly dir: string;
  /** Least and most waiting time between two events (a kill or a start). */
  readonly eventEveryMs?: readonly [number, number];
  readonly say?: (line: string) => void;
}

export interface TakeoverReport {
  readonly seed: number;
  readonly seconds: number;
  readonly kills: number;
  readonly starts: number;
  /** How often a stream got another owner. */
  readonly takeovers: number;
  /** Longest time that a stream had no owner, ms. */
  readonly longestGapMs: number;
  readonly medianGapMs: number;
  readonly swipes: number;
  readonly records: number;
  readonly lost: number;
  readonly twice: number;
  /** Writers of one stream whose appends stand between those of another: 0. */
  readonly interleaved: readonly string[];
  readonly sequenceFaults: readonly string[];
  /** Hubs that ended by themselves. */
  readonly fallen: readonly string[];
  readonly reconciled: boolean;
  readonly topics: readonly Difference[];
  readonly ok: boolean;
}

export const GAP_MS_MAX = 15_000;
const HUBS = 3;
const CARDS = 300;
const SWIPES_A_SECOND = 20;
const CARDS_EVERY_S = 20;
const STREAMS = ['crash/core/cards/0', 'crash/gate/swipes/0'];
const DRAIN_MS_MAX = 90_000;

interface Hub {
  readonly child: Child;
  owned: readonly string[];
  alive: boolean;
}

/** Who owns which stream, as the hubs say, and how long nobody did. */
class Ownership {
  readonly gaps: number[] = [];
  readonly #since = new Map<string, number>();
  constructor(readonly hubs: () => readonly Hub[]) {
    for (const id of STREAMS) this.#since.set(id, performance.now());
  }

  /** After every change. */
  look(): void {
    for (const id of STREAMS) {
      const isOwned = this.hubs().some(({ alive, owned }) => alive && owned.includes(id));
      const since = this.#since.get(id);
      if (!isOwned) {
        if (since === undefined) this.#since.set(id, performance.now());
      } else if (since !== undefined) {
        this.gaps.push(performance.now() - since);
        this.#since.delete(id);
      }
    }
  }

  /** Streams without an owner now, and for how long. */
  open(): number[] {
    return [...this.#since.values()].map((since) => performance.now() - since);
  }
}

/** The upstream: what it has dropped into the folders. */
class Upstream {
  swipes = 0;
  cardFiles = 0;
  readonly #lost = new Set<number>();
  #files = 0;
  constructor(
    readonly dir: string,
    readonly seed: number,
    readonly random: () => number,
  ) {
    makeFolders(dir);
    this.dropCards();
    this.dropSwipes();
  }

  dropCards(): void {
    if (this.cardFiles > 0) this.#lost.add(between(this.random, 0, CARDS));
    writeCards(this.dir, (this.cardFiles += 1), CARDS, this.#lost);
  }

  dropSwipes(): void {
    const rows = Array.from({ length: SWIPES_A_SECOND }, () => swipeRow(this.swipes++, CARDS, this.seed));
    writeSwipes(this.dir, this.#files++, rows);
  }
}

export async function runTakeover(options: TakeoverOptions): Promise<TakeoverReport> {
  const { dir, seed, brokers } = options;
  const say = options.say ?? (() => undefined);
  const random = seeded(seed);
  mkdirSync(dir, { recursive: true });
  const hubs: Hub[] = [];
  try {
    const upstream = new Upstream(dir, seed, random);
    const config = writeConfig(dir, { cards: 100, swipes: 10, poll: '1s' });
    const prefix = `takeover-${seed}-${process.pid}-${Date.now().toString(36)}.`;
    const ownership = new Ownership(() => hubs);
    const start = (): void => {
      hubs.push(
        startHub([config, join(dir, `hub-${hubs.length}`), `kafka://${brokers}/${prefix}`, '20'], ownership),
      );
    };
    for (let i = 0; i < HUBS; i++) start();
    const events = await live(options, { hubs, upstream, ownership, random, start, say });
    const { drained } = await drain(brokers, prefix, upstream.swipes);
    if (!drained) say('the swipes were NOT read to their end');
    const last = ownership.open();
    for (const hub of hubs.filter(({ alive }) => alive)) hub.child.process.kill('SIGKILL');
    await Promise.all(hubs.map(({ child }) => child.ended));
    return await judge(options, {
      config,
      prefix,
      hubs,
      upstream,
      gaps: [...ownership.gaps, ...last],
      ...events,
    });
  } finally {
    for (const hub of hubs) hub.child.process.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
}

function startHub(args: readonly string[], ownership: Ownership): Hub {
  const child = startScript(
    'hub-child',
    args,
    (line) => {
      const [kind, ...ids] = line.split(' ');
      if (kind !== 'o') return;
      hub.owned = ids.filter((id) => id !== '');
      ownership.look();
    },
    3_600_000,
  );
  const hub: Hub = { child, owned: [], alive: true };
  void child.ended.then(() => {
    hub.alive = false;
    ownership.look();
  });
  return hub;
}

interface Living {
  readonly hubs: readonly Hub[];
  readonly upstream: Upstream;
  readonly ownership: Ownership;
  readonly random: () => number;
  readonly start: () => void;
  readonly say: (line: string) => void;
}

async function live(options: TakeoverOptions, parts: Living): Promise<{ kills: number; starts: number }> {
  const { hubs, upstream, ownership, random, start, say } = parts;
  const [least, most] = options.eventEveryMs ?? [2_000, 12_000];
  let kills = 0;
  let starts = HUBS;
  let second = 0;
  const life = setInterval(() => {
    upstream.dropSwipes();
    if (++second % CARDS_EVERY_S === 0) upstream.dropCards();
  }, 1_000);
  const until = performance.now() + options.seconds * 1_000;
  try {
    await pause(Math.min(8_000, options.seconds * 200));
    while (performance.now() < until) {
      const alive = hubs.filter((hub) => hub.alive);
      // At least one lives; with all three a kill is due, otherwise the dice say.
      if (alive.length === HUBS || (alive.length > 1 && random() < 0.5)) {
        const victim = alive[between(random, 0, alive.length)] as Hub;
        victim.alive = false;
        victim.child.process.kill('SIGKILL');
        kills += 1;
        ownership.look();
      } else {
        start();
        starts += 1;
      }
      await pause(Math.min(between(random, least, most), Math.max(0, until - performance.now())));
      if ((kills + starts) % 20 === 0) say(`${kills} kills, ${starts} starts, ${upstream.swipes} swipes`);
    }
  } finally {
    clearInterval(life);
  }
  return { kills, starts };
}

/** Waits until every swipe has a record, as a plain consumer sees it. */
async function drain(brokers: string, prefix: string, swipes: number): Promise<{ drained: boolean }> {
  const until = Date.now() + DRAIN_MS_MAX;
  while (Date.now() < until) {
    const seen = new Set<string>();
    await readKafka(brokers, prefix, ({ topic, headers }) => {
      if (topic === 'master.door-event' || topic === 'hub.quarantine') seen.add(headers['ce_id'] ?? '');
    });
    if (seen.size >= swipes) return { drained: true };
    await pause(2_000);
  }
  return { drained: false };
}

interface Judged {
  readonly config: string;
  readonly prefix: string;
  readonly hubs: readonly Hub[];
  readonly upstream: Upstream;
  readonly gaps: readonly number[];
  readonly kills: number;
  readonly starts: number;
}

async function judge(options: TakeoverOptions, run: Judged): Promise<TakeoverReport> {
  const { brokers, dir, seed } = options;
  const alone = join(dir, 'alone');
  const reference = startScript('sync-child', [run.config, alone, 'embedded', '0'], () => undefined);
  if ((await reference.ended) !== 0)
    throw new Error(`the run to compare with failed:\n${reference.stderr()}`);
  const expected = await seenEmbedded(join(alone, 'log'));
  const { found, interleaved } = await seenWithWriters(brokers, run.prefix);
  // Lists of cards in between are seen or not, as the polls fall: of cards only the newest state is compared.
  const topics = compare(expected, found).map((row) =>
    isEvent(row.topic) ? row : { ...row, lost: 0, surplus: 0 },
  );
  const faults = sequenceFaults(found);
  const reconciled = await reconciles(run, brokers, dir);
  const sorted = [...run.gaps].sort((a, b) => a - b);
  const longestGapMs = Math.round(sorted.at(-1) ?? 0);
  const lost = topics.reduce((sum, row) => sum + row.lost + (row.sameFold ? 0 : 1), 0);
  const twice = topics.reduce((sum, row) => sum + Math.max(row.surplus, row.twice), 0);
  const fallen = run.hubs
    .filter(({ child }) => child.process.exitCode !== null)
    .map(({ child }) => child.stderr());
  const clean = interleaved.length + faults.length + fallen.length + lost + twice === 0;
  return {
    seed,
    seconds: options.seconds,
    kills: run.kills,
    starts: run.starts,
    takeovers: run.gaps.length,
    longestGapMs,
    medianGapMs: Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0),
    swipes: run.upstream.swipes,
    records: found.filter(({ topic }) => topic !== 'hub.positions').length,
    lost,
    twice,
    interleaved,
    sequenceFaults: faults,
    fallen,
    reconciled,
    topics,
    ok: clean && reconciled && longestGapMs <= GAP_MS_MAX,
  };
}

function isEvent(topic: string): boolean {
  return topic === 'master.door-event';
}

/**
 * All records, and the writers that were superseded and wrote again all the same. The positions of one stream stand
 * in one partition, so their order is the order of the commits.
 */
async function seenWithWriters(
  brokers: string,
  prefix: string,
): Promise<{ found: Seen[]; interleaved: string[] }> {
  const found: Seen[] = [];
  const newest = new Map<string, string>();
  const superseded = new Set<string>();
  const interleaved: string[] = [];
  await readKafka(brokers, prefix, ({ topic, key, value, headers }) => {
    found.push({ topic, key, value: digestValue(value), id: headers['ce_id'] ?? '' });
    if (topic !== 'hub.positions') return;
    const writer = `${key} ${headers['writer'] ?? ''}`;
    const before = newest.get(key);
    if (before !== undefined && before !== writer) superseded.add(before);
    if (superseded.has(writer)) interleaved.push(`${headers['ce_id'] ?? ''} by ${writer}`);
    newest.set(key, writer);
  });
  return { found, interleaved };
}

async function reconciles(run: Judged, brokers: string, dir: string): Promise<boolean> {
  const log = await openLog(
    await openConfig(run.config, join(dir, 'reconcile'), `kafka://${brokers}/${run.prefix}`),
    {
      readOnly: true,
    },
  );
  try {
    const proofs = await proveTopics(log, recordCodec(openCodecs(), '/crash/hub', Date.now));
    return proofs.every(({ outcome }) => outcome === 'equal');
  } finally {
    await log.close();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
