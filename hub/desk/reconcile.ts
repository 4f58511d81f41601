import { TOPICS, type Position } from '../../contracts/types.js';
import { createDigestSum, recordDigest, type DigestSum } from '../log/digest.js';
import type { Log } from '../log/log.js';
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

/**
 * One line a topic. Positions are read before the topics: on a running hub a topic may be ahead of the books
 * by what was published in between, so run it on a quiet hub or trust `differs` only when it stays.
 */
export async function proveTopics(log: Log, codec: RecordCodec): Promise<TopicProof[]> {
  const positions = await readPositions(log, codec);
  const proofs: TopicProof[] = [];
  for (const { name, kind } of TOPICS) {
    if (name === 'hub.positions') continue;
    const booked = bookedOf([...positions.values()], name, kind);
    const content = await contentOf(log, name, kind);
    const equal = content.count === booked.count && content.digest === booked.digest;
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
