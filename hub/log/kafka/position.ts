/**
 * The newest committed record of a key in one partition, read so that a transaction of another writer cannot
 * hide it (rule 1): a read-committed end stops at the first open transaction in the partition, whoever's it is.
 * So the read-uncommitted end is noted (after the fencing), and reading waits until the committed end has
 * passed it. Open transactions end by their timeout at the latest.
 */
import { LogError, type StoredRecord } from '../log.js';
import { sleep, type KafkaClient } from './client.js';
import { fetchOnce } from './fetch.js';
import type { Cluster } from './internals.js';
import { bounds, leaders } from './offsets.js';
import { decodeRecordSet, offsetAfter } from './record-batch.js';

/** Other writers' transactions time out after 10 s; the brokers look for such every 10 s by default. */
const HELD_BACK_MAX_MS = 40_000;
const LOOK_AGAIN_MS = 100;
/** The newest record of a key is near the end: look there first, then in ever larger windows before it. */
const FIRST_WINDOW = 1_000;
const WINDOW_GROWTH = 8;

export interface Place {
  /** With the prefix. */
  readonly topic: string;
  readonly partition: number;
}

/** Call it after the fencing. `topic` of the result has the prefix. */
export async function lastCommitted(
  client: KafkaClient,
  place: Place,
  key: string,
): Promise<StoredRecord | undefined> {
  const { start, end } = await stableBounds(client, place);
  let to = end;
  for (let window = FIRST_WINDOW; to > start; window *= WINDOW_GROWTH) {
    const from = Math.max(start, to - window);
    const found = await lastWithin(client, place, key, from, to);
    if (found) return found;
    to = from;
  }
  return undefined;
}

async function stableBounds(client: KafkaClient, place: Place): Promise<{ start: number; end: number }> {
  const name = `${place.topic}/${place.partition}`;
  const [written] = await bounds(client, place.topic, 'read_uncommitted', place.partition);
  if (!written) throw new LogError('UNKNOWN_TOPIC', `${name} is not there.`, 'never');
  const until = performance.now() + HELD_BACK_MAX_MS;
  for (;;) {
    const [stable] = await bounds(client, place.topic, 'read_committed', place.partition);
    if (stable && stable.end >= written.end) return { start: stable.start, end: written.end };
    if (performance.now() > until) {
      throw new LogError(
        'UNAVAILABLE',
        `An open transaction holds back ${name}: committed end ${stable?.end}, written end ${written.end} after ${HELD_BACK_MAX_MS} ms. Look for a hung writer (kafka-transactions.sh find-hanging).`,
        'later',
      );
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

async function lastWithin(
  client: KafkaClient,
  place: Place,
  key: string,
  from: number,
  to: number,
): Promise<StoredRecord | undefined> {
  return client.run(`position of ${key}`, async (cluster) => {
    let found: StoredRecord | undefined;
    for (let next = from; next < to;) {
      const { set, aborted } = await fetchPart(cluster, place, next);
      for (const record of decodeRecordSet(set, place.topic, place.partition, next, aborted)) {
        if (record.offset < to && record.key === key) found = record;
      }
      // Nothing below the committed end: what was there has been compacted away.
      next = offsetAfter(set) ?? to;
    }
    // A copy: the value is a view into the whole answer.
    return found && { ...found, value: found.value && Uint8Array.from(found.value) };
  });
}

async function fetchPart(cluster: Cluster, { topic, partition }: Place, offset: number) {
  for (const [nodeId, partitions] of await leaders(cluster, topic)) {
    if (!partitions.includes(partition)) continue;
    const broker = await cluster.findBroker({ nodeId });
    const [part] = await fetchOnce(broker, {
      topic,
      offsets: new Map([[partition, offset]]),
      maxWaitMs: 50,
      maxBytes: 1024 * 1024,
      partitionMaxBytes: 1024 * 1024,
    });
    if (part?.errorCode === 0) return part;
  }
  throw Object.assign(new Error(`no leader answers for ${topic}/${partition}`), {
    type: 'LEADER_NOT_AVAILABLE',
  });
}
