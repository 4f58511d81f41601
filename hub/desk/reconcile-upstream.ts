import { isDeepStrictEqual } from 'node:util';
import { ConnectorError, type Cursor, type Page } from '../../connectors/sdk.js';
import { kindOf, stateTopic } from '../../transforms/kinds.js';
import { createDigestSum, recordHash, type DigestSum } from '../log/digest.js';
import { openIds } from '../sync/absence.js';
import { emptyBooks } from '../sync/books.js';
import { rebuildMemory, type StreamMemory } from '../sync/memory.js';
import { firstProgress, type TopicDigest } from '../sync/position.js';
import type { LogRecord } from '../log/log.js';
import type { RowBatch } from '../sync/rows.js';
import type { StreamDeps } from '../sync/stream.js';
import { EventLedger } from './event-ledger.js';
import { readPositions } from './reconcile.js';
import { judgeUnseen } from './unseen-events.js';

/**
 * The upstream against the hub: a complete listing is taken again, a feed read again from its beginning, and all rows
 * mapped as if they were to be published, but nothing is.
 *
 *   listing   a row is equal when all of its records are what the topics hold, byte for byte; what is published as open
 *             and not listed is missing
 *   feed      an event is equal when its row tells it with the same content; what is on the log, and not told although
 *             events before it are, is missing
 *
 * Both sides are also given as a count and a hash: of the records that stand, and of those that would stand.
 */
export interface UpstreamProof {
  readonly source: string;
  readonly stream: string;
  /** `moving`: it differed at each look, and each time in something else, since the hub and its upstream were at work. */
  readonly outcome: 'equal' | 'differs' | 'moving' | 'not-compared';
  /** `not-compared`: why; otherwise what the comparison leaves out, null: nothing. */
  readonly remark: string | null;
  readonly by: readonly ('listing' | 'feed')[];
  /** Rows that the upstream told, and what it counts itself (null: it gives no count). */
  readonly rows: number;
  readonly upstreamCount: number | null;
  readonly equal: number;
  /** In quarantine on both sides: the upstream still tells them as they were refused. */
  readonly refused: number;
  /** Published otherwise or not at all. On a live campus: changed since the last poll. */
  readonly differs: number;
  /** Published, and not told. */
  readonly missing: number;
  /** Events that stand on the log more than once. */
  readonly twice: number;
  /** Events that cannot be compared: older than what the upstream keeps, or of an earlier form of what it tells. */
  readonly older: number;
  /** Records that stand, and those that would stand if the upstream were published now. */
  readonly hub: Side;
  readonly upstream: Side;
  /** A few ids of what differs. */
  readonly examples: readonly string[];
  /** What differs, and how: the same at two looks is a difference, not something under way. At most 1,000. */
  readonly marks: readonly string[];
}

export interface Side {
  readonly count: number;
  readonly hash: string;
}

/** Ids that are told of what differs. */
const EXAMPLES_MAX = 10;
const MARKS_MAX = 1_000;
/** Characters of a hash that enter a sum. */
const HASH_CHARS = 16;

interface Findings {
  rows: number;
  upstreamCount: number | null;
  equal: number;
  refused: number;
  differs: number;
  missing: number;
  twice: number;
  older: number;
  /** The last page's time; 0: the upstream was asked nothing, as in a bank's window. */
  asOf: number;
  readonly examples: string[];
  readonly marks: string[];
}

const nothing = (): Findings => ({
  ...{ rows: 0, upstreamCount: null, equal: 0, refused: 0, differs: 0, missing: 0, twice: 0, older: 0 },
  ...{ asOf: 0, examples: [], marks: [] },
});

/** Never throws for what an upstream does: a stream that cannot be compared says why. */
export async function proveUpstream(deps: StreamDeps, signal: AbortSignal): Promise<UpstreamProof> {
  try {
    return await prove(deps, signal);
  } catch (error) {
    if (!(error instanceof ConnectorError) || signal.aborted) throw error;
    return notCompared(deps, `${error.code}: ${error.message}`);
  }
}

async function prove(deps: StreamDeps, signal: AbortSignal): Promise<UpstreamProof> {
  const { spec } = deps.stream;
  const kind = kindOf(spec.maps);
  const events = Object.keys(kind.events);
  const ledger = new EventLedger(spec.listing !== null || deps.stream.beginsNow === true);
  const { digests } = firstProgress();
  const memory = await rebuildMemory(deps, { digests, written: new Map() }, ledger);
  ledger.close();
  const standing = await standingRecords(deps, await ownTopics(deps));
  const pass: Pass = { deps, memory, ledger, found: nothing(), standing, lookups: await deps.lookups() };
  const by: UpstreamProof['by'][number][] = [];
  let remark: string | null = null;
  if (spec.listing !== null) {
    by.push('listing');
    await overListing(pass, signal);
  }
  // What the feed says of things is older than what the listing says: of a stream with both it tells events only.
  const change = spec.listing === null ? null : changeOf(digests, standing);
  if (spec.feed && (spec.listing === null || events.length > 0)) {
    remark = await overFeed(pass, signal);
    if (remark === null) {
      by.push('feed');
      await judgeEvents(pass, events);
    }
  }
  if (by.length === 0) return notCompared(deps, remark ?? 'the stream has neither a listing nor a feed');
  return proofOf(pass, by, remark, change ?? changeOf(digests, standing));
}

interface Pass {
  readonly deps: StreamDeps;
  readonly memory: StreamMemory;
  readonly ledger: EventLedger;
  readonly found: Findings;
  readonly standing: Standing;
  readonly lookups: Awaited<ReturnType<StreamDeps['lookups']>>;
}

/** What the stream's state topics hold of it. */
interface Standing {
  readonly count: number;
  readonly topics: readonly string[];
  readonly sum: DigestSum;
  /** Hashes of those that the upstream no longer lists. */
  readonly gone: string[];
  /** Values of topics that are compared without what only the course of the readings decides, by `topic key`. */
  readonly values: ReadonlyMap<string, Uint8Array>;
}

/** Swipes may make doors where nothing lists them; where another stream of the source does, its doors are not theirs. */
async function ownTopics({ stream, log, codec, id }: StreamDeps): Promise<string[]> {
  const { state, rows } = kindOf(stream.spec.maps);
  const booked = (await readPositions(log, codec)).get(id)?.digests ?? {};
  const lists: readonly string[] = rows;
  return Object.keys(state).filter((topic) => lists.includes(topic) || (booked[topic]?.keys ?? 0) > 0);
}

async function standingRecords(deps: StreamDeps, topics: readonly string[]): Promise<Standing> {
  const sum = createDigestSum();
  const values = new Map<string, Uint8Array>();
  let count = 0;
  for (const topic of topics) {
    const isTold = stateTopic(topic)?.told !== undefined;
    const hashes = new Map<string, string>();
    for await (const batch of deps.log.read({ topic, until: 'end' })) {
      for (const { key, value } of batch.records) {
        if (!key.startsWith(`${deps.source}:`)) continue;
        if (value === null) hashes.delete(key);
        else hashes.set(key, recordHash(key, value).slice(0, HASH_CHARS));
        if (isTold && value !== null) values.set(`${topic} ${key}`, value);
      }
    }
    for (const hash of hashes.values()) sum.addHash(hash);
    count += hashes.size;
  }
  return { count, topics, sum, gone: [], values };
}

async function overListing(pass: Pass, signal: AbortSignal): Promise<void> {
  const { deps, memory, found } = pass;
  const { stream, source, codec } = deps;
  const open = new Set(openIds({ source, maps: stream.spec.maps, codec, published: memory.published }));
  let cursor: Cursor = null;
  for (let more = true; more;) {
    signal.throwIfAborted();
    const page = await stream.snapshotPage(cursor, signal);
    if (page.unanswered === true) {
      throw new ConnectorError(
        'CONNECTION',
        'the upstream did not answer, which is all that its rows tell',
        'later',
      );
    }
    for (const row of page.rows) open.delete(row.id);
    enterPage(pass, page, true);
    cursor = page.next;
    more = page.state === 'more';
  }
  found.upstreamCount = (await stream.count?.(signal)) ?? null;
  // A listing whose absences mean nothing tells some of the things only.
  if (stream.spec.listing?.absence === 'none') return;
  for (const id of open) {
    found.missing += 1;
    example(found, id);
    mark(found, `missing ${id}`);
    for (const topic of kindOf(stream.spec.maps).rows) forget(pass, topic, `${source}:${id}`);
  }
}

/** A thing that the upstream does not list would not stand if the upstream were published now. */
function forget({ memory, standing }: Pass, topic: string, key: string): void {
  const value = memory.published.value(topic, key);
  if (value !== undefined) standing.gone.push(recordHash(key, value));
}

/** @returns why the feed could not be read again; null: it was */
async function overFeed(pass: Pass, signal: AbortSignal): Promise<string | null> {
  const { deps, found } = pass;
  const isAlone = deps.stream.spec.listing === null;
  let cursor: Cursor = null;
  let begun = false;
  for (;;) {
    signal.throwIfAborted();
    let page: Page;
    try {
      page = await deps.stream.changes(cursor, signal);
    } catch (error) {
      if (!(error instanceof ConnectorError) || error.code !== 'CURSOR' || begun) throw error;
      // The beginning is gone: from the oldest that is still kept.
      const oldest = await deps.stream.feedStart(signal);
      if (!isAlone) return 'its feed no longer reaches back to its beginning: events are not compared';
      [cursor, begun] = [oldest, true];
      continue;
    }
    begun = true;
    enterPage(pass, page, isAlone);
    if (page.state === 'end') {
      found.asOf = page.asOf;
      return page.asOf === 0 ? 'the upstream may not be asked now (a bank in its service window)' : null;
    }
    cursor = page.next;
  }
}

/** @param rowsCount false: only the events of the rows are compared, and the ledger counts those */
function enterPage(pass: Pass, page: Page, rowsCount: boolean): void {
  const { deps, memory, ledger, found } = pass;
  const context = {
    source: deps.source,
    asOf: page.asOf,
    profile: deps.profile,
    pseudonym: deps.pseudonym,
    readerProfile: deps.readerProfile,
    ...pass.lookups,
    seenBefore: () => false,
  };
  for (const row of page.rows) {
    const batch: RowBatch = { records: [], books: emptyBooks() };
    const before = ledger.differs;
    const earlier = ledger.before;
    const outcome = memory.mapper.enter(row, { place: 'reconcile/', context }, batch);
    if (!rowsCount) continue;
    found.rows += 1;
    // From before the hub began: not wanted, and no difference.
    if (ledger.before > earlier && ledger.differs === before) continue;
    const news = batch.records.filter((record) => !isToldAlready(pass, record));
    if (news.length > 0 || ledger.differs > before) {
      found.differs += 1;
      example(found, row.id);
      // With what would be published: a thing that changes all the time differs otherwise at each look.
      mark(found, `${row.id} ${news.map(({ key, value }) => recordHash(key, value)).join(' ')}`);
    } else if (outcome.kind === 'quarantined') found.refused += 1;
    else found.equal += 1;
  }
}

/** What differs only in how the hub came to know it; the hash leaves that out too. */
function isToldAlready({ deps, memory, standing }: Pass, { topic, key, value }: LogRecord): boolean {
  const told = stateTopic(topic)?.told as ((value: object) => object) | undefined;
  const before = standing.values.get(`${topic} ${key}`);
  if (told === undefined || before === undefined || value === null) return false;
  const of = (bytes: Uint8Array): object => told(deps.codec.decode(topic, bytes));
  if (!isDeepStrictEqual(of(before), of(value))) return false;
  const sum = memory.mapper.deps.digests.get(topic)?.sum;
  sum?.subtractHash(recordHash(key, value));
  sum?.addHash(recordHash(key, before));
  return true;
}

async function judgeEvents({ deps, ledger, found }: Pass, topics: readonly string[]): Promise<void> {
  const unseen = await judgeUnseen(deps, topics, ledger);
  found.missing += unseen.missing;
  found.older = unseen.older;
  found.twice = ledger.twice;
  if (deps.stream.spec.listing !== null) found.differs += ledger.differs;
}

const example = ({ examples }: Findings, id: string): void => {
  if (examples.length < EXAMPLES_MAX) examples.push(id);
};

const mark = ({ marks }: Findings, what: string): void => {
  if (marks.length < MARKS_MAX) marks.push(what);
};

/**
 * Of looks at a stream beside a running hub, what stays when each saw something else that was not yet published: the
 * last one, as `moving`. Otherwise the last one as it is. @param looks at least one, in order
 */
export function settled(looks: readonly UpstreamProof[]): UpstreamProof {
  const last = looks.at(-1);
  if (last === undefined) throw new RangeError('expected a look');
  const areMarked = looks.every(({ outcome, differs, missing, twice, marks }) => {
    const found = differs + missing + twice;
    return outcome === 'differs' && found > 0 && found <= marks.length;
  });
  const [first, ...others] = looks.map(({ marks }) => new Set(marks));
  const stays = [...(first ?? [])].some((one) => others.every((seen) => seen.has(one)));
  return areMarked && others.length > 0 && !stays ? { ...last, outcome: 'moving' } : last;
}

interface Change {
  readonly keys: number;
  readonly hash: string;
}

/** What publishing the upstream now would change of the topics' count and hash. */
function changeOf(digests: ReadonlyMap<string, TopicDigest>, standing: Standing): Change {
  const sum = createDigestSum();
  let keys = 0;
  for (const [topic, digest] of digests) {
    if (!standing.topics.includes(topic)) continue;
    sum.add(Buffer.from(digest.sum.hex(), 'hex'));
    keys += digest.keys;
  }
  return { keys, hash: sum.hex() };
}

function proofOf(
  { deps, found, ledger, standing }: Pass,
  by: UpstreamProof['by'],
  remark: string | null,
  change: Change,
): UpstreamProof {
  const withEvents = by.includes('feed');
  const hub = createDigestSum(standing.sum.hex());
  const upstream = createDigestSum(standing.sum.hex());
  upstream.add(Buffer.from(change.hash, 'hex'));
  for (const hash of standing.gone) upstream.subtractHash(hash);
  if (withEvents) {
    hub.add(Buffer.from(ledger.onLog.hex(), 'hex'));
    upstream.add(Buffer.from(ledger.told.hex(), 'hex'));
  }
  const events = (of: number): number => (withEvents ? of : 0);
  const { asOf: _, ...figures } = found;
  const counted = found.upstreamCount === null || found.upstreamCount === found.rows;
  const isEqual = found.differs + found.missing + found.twice === 0 && counted;
  const [onHub, onUpstream] = [hub.hex(), upstream.hex()];
  return {
    source: deps.source,
    stream: deps.stream.spec.name,
    outcome: isEqual && onHub === onUpstream ? 'equal' : 'differs',
    remark,
    by,
    ...figures,
    hub: { count: standing.count + events(ledger.onLogCount), hash: onHub },
    upstream: {
      count: standing.count + change.keys - standing.gone.length + events(ledger.seen + ledger.lost),
      hash: onUpstream,
    },
    examples: [...found.examples, ...ledger.examples].slice(0, EXAMPLES_MAX),
    marks: [...found.marks, ...ledger.examples.map((id) => `event ${id}`)],
  };
}

/** @param why in words that a person understands */
export function notCompared({ source, stream }: StreamDeps, why: string): UpstreamProof {
  const { asOf: _, ...figures } = nothing();
  const side: Side = { count: 0, hash: '0'.repeat(32) };
  const { name } = stream.spec;
  return {
    ...{ source, stream: name, outcome: 'not-compared', remark: why, by: [] },
    ...{ ...figures, hub: side, upstream: side },
  };
}
