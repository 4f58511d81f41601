import { TOPICS, type Position } from '../../contracts/types.js';
import { createDigestSum, recordDigest, type DigestSum } from '../log/digest.js';
import type { Log } from '../log/log.js';
import { pause } from '../pause.js';
import type { RecordCodec } from '../sync/rows.js';

/**
 * Proves the topics against the books (rule 4): every record is read again, its digest summed, and the sum
 * compared with what the positions say was published.
 */

export interface TopicProof {
  readonly topic: string;
  readonly kind: 'state' | 'event';
  /** Records read; state topics: keys that have a value. */
  readonly count: number;
  readonly digest: string;
  readonly booked: { readonly count: number; readonly digest: string };
  /**
   * `expired`: retention has taken the oldest events, so the sum over all of them can no longer be proven.
   */
  readonly outcome: 'equal' | 'differs' | 'expired';
}

export interface TopicContent {
  readonly count: number;
  readonly digest: string;
}

/** Count and digest of one topic as committed now (see `log/digest.ts`). */
export async function contentOf(log: Log, topic: string, kind: 'state' | 'event'): Promise<TopicContent> {
  if (kind === 'event') {
    const sum = createDigestSum();
    let count = 0;
    for await (const batch of log.read({ topic, until: 'end' })) {
      for (const record of batch.records) sum.add(recordDigest(record.key, record.value));
      count += batch.records.length;
    }
    return { count, digest: sum.hex() };
  }
  return foldState(log, topic);
}

async function foldState(log: Log, topic: string): Promise<TopicContent> {
  const newest = new Map<string, Uint8Array>();
  const sum = createDigestSum();
  for await (const batch of log.read({ topic, until: 'end' })) {
    for (const record of batch.records) {
      const before = newest.get(record.key);
      if (before !== undefined) sum.subtract(before);
      if (record.value === null) {
        newest.delete(record.key);
        continue;
      }
      const digest = recordDigest(record.key, record.value);
      sum.add(digest);
      newest.set(record.key, digest);
    }
  }
  return { count: newest.size, digest: sum.hex() };
}

/** Newest position of each source partition. */
export async function readPositions(log: Log, codec: RecordCodec): Promise<ReadonlyMap<string, Position>> {
  const positions = new Map<string, Position>();
  for await (const batch of log.read({ topic: 'hub.positions', until: 'end' })) {
    for (const { key, value } of batch.records) {
      if (value === null) positions.delete(key);
      else positions.set(key, codec.decode('hub.positions', value) as Position);
    }
  }
  return positions;
}

/** Looks at a topic that a running hub writes meanwhile. */
const LOOKS_MAX = 20;
/** Kafka shows a transaction in one partition a moment before it does in another. */
const LOOK_AGAIN_MS = 500;

/**
 * One line a topic. The books and a topic are read one after the other, and a running hub writes in between: a topic
 * that differs is looked at again until its books stood still while it was read, twice.
 */
export async function proveTopics(
  log: Log,
  codec: RecordCodec,
  signal = new AbortController().signal,
): Promise<TopicProof[]> {
  const proofs: TopicProof[] = [];
  let books = [...(await readPositions(log, codec)).values()];
  for (const { name, kind } of TOPICS) {
    if (name === 'hub.positions') continue;
    let booked = bookedOf(books, name, kind);
    let content = await contentOf(log, name, kind);
    for (let looks = 1, still = 0; looks < LOOKS_MAX && !isEqual(content, booked); looks += 1) {
      books = [...(await readPositions(log, codec)).values()];
      const now = bookedOf(books, name, kind);
      if (isEqual(now, booked)) still += 1;
      booked = now;
      if (still > 1 || isEqual(content, booked)) break;
      if (still === 1) await pause(LOOK_AGAIN_MS, signal);
      content = await contentOf(log, name, kind);
    }
    const equal = isEqual(content, booked);
    const expired = !equal && kind === 'event' && (await log.bounds(name)).some(({ start }) => start > 0);
    proofs.push({
      topic: name,
      kind,
      ...content,
      booked,
      outcome: equal ? 'equal' : expired ? 'expired' : 'differs',
    });
  }
  return proofs;
}

const isEqual = (a: TopicContent, b: TopicContent): boolean => a.count === b.count && a.digest === b.digest;

function bookedOf(positions: readonly Position[], topic: string, kind: 'state' | 'event'): TopicContent {
  const sum: DigestSum = createDigestSum();
  let count = 0;
  for (const position of positions) {
    const digest = position.digests[topic];
    if (digest === undefined) continue;
    count += kind === 'event' ? digest.records : digest.keys;
    sum.add(Buffer.from(digest.sum, 'hex'));
  }
  return { count, digest: sum.hex() };
}
