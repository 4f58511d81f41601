import { setMaxListeners } from 'node:events';
import type { ReadBatch, ReadOptions, StoredRecord } from '../log.js';
import { LogError } from '../log.js';
import { requireTopic } from '../limits.js';
import { decodeRecords, openBatch } from './batch.js';
import type { BatchHeader } from './batch.js';
import { MAX_OFFSET, asDamaged, baseOfKey, batchKey, batchRange, damaged } from './layout.js';
import type { PartitionState } from './layout.js';
import { definitionsOf, loadCatalogue, readState } from './store.js';
import type { Store, StoredTopic } from './store.js';

/**
 * Reading. A step takes some batches of one partition out of LMDB at once and decodes them, then the consumer
 * has its turn: no read transaction stays open while it works, which would keep LMDB from using pages again.
 */

/** A step gives about this many bytes, at least one batch. */
const STEP_BYTES = 1024 * 1024;
const STEP_BATCHES_MAX = 1_000;
/** How often another process looks for commits. */
const POLL_MS = 100;

/** What wakes a follower: in the hub the commit, elsewhere a look every `POLL_MS`. */
export interface News {
  /** Settles at the next commit, when the log closes or when `signal` aborts. Listens from the call on. */
  next(signal: AbortSignal | undefined): Promise<void>;
  closed(): boolean;
}

export async function* readTopic(store: Store, options: ReadOptions, news: News): AsyncGenerator<ReadBatch> {
  refuseClosed(store, news);
  if (store.readOnly) loadCatalogue(store);
  requireTopic(options.topic, definitionsOf(store));
  const topic = store.topics.get(options.topic)!;
  const next = topic.states.map((state, p) => options.from?.get(p) ?? state.start);
  const stopAt = topic.states.map((state) => state.end);
  const follow = options.until === 'follow';
  const announced = new Set<number>();
  const stopped = (): boolean => options.signal?.aborted === true;
  while (!stopped()) {
    refuseClosed(store, news);
    // Armed before looking, so that a commit between the look and the wait is not missed.
    const change = follow ? news.next(options.signal) : undefined;
    let progress = false;
    for (let partition = 0; partition < next.length && !stopped(); partition++) {
      refuseClosed(store, news);
      const end = follow ? currentState(store, topic, partition).end : stopAt[partition]!;
      const from = next[partition]!;
      // Once for each partition even without records: a view must learn that it has caught up.
      if (from >= end && announced.has(partition)) continue;
      announced.add(partition);
      const step = from < end ? readStep(store, topic, partition, from, end) : { records: [], next: from };
      next[partition] = step.next;
      progress ||= step.next > from;
      yield {
        topic: options.topic,
        partition,
        records: step.records,
        next: step.next,
        end: Math.max(end, step.next),
      };
    }
    if (progress) continue;
    if (!change) return;
    await change;
  }
}

function refuseClosed(store: Store, news: News): void {
  if (news.closed()) throw new LogError('CLOSED', `the log in ${store.dir} is closed`, 'never');
}

function currentState(store: Store, topic: StoredTopic, partition: number): PartitionState {
  if (!store.readOnly) return topic.states[partition]!;
  return readState(store, topic.id, topic.definition.name, partition);
}

function readStep(
  store: Store,
  topic: StoredTopic,
  partition: number,
  from: number,
  end: number,
): { records: readonly StoredRecord[]; next: number } {
  const records: StoredRecord[] = [];
  let bytes = 0;
  let batches = 0;
  for (const batch of checked(store, batchesFrom(store, topic, partition, from, end))) {
    for (const record of decodeRecords(batch.bytes, batch.header, topic.definition.name, from))
      records.push(record);
    bytes += batch.bytes.length;
    if (bytes >= STEP_BYTES || ++batches >= STEP_BATCHES_MAX) {
      return { records, next: Math.max(from, batch.header.base + batch.header.lastDelta + 1) };
    }
  }
  return { records, next: end };
}

export interface CheckedBatch {
  readonly header: BatchHeader;
  readonly bytes: Buffer;
}

/** The batches that hold offsets from `from` to before `end`, each checked. Throws `DAMAGED`. */
export function* batchesFrom(
  store: Store,
  topic: StoredTopic,
  partition: number,
  from: number,
  end: number,
): Generator<CheckedBatch> {
  const { db } = store;
  // The batch that `from` stands in begins at or before it.
  const before = {
    start: batchKey(topic.id, partition, from),
    end: batchKey(topic.id, partition, 0),
    reverse: true,
    limit: 1,
  };
  let first = from;
  for (const key of db.getKeys({ ...before, end: lowerThan(before.end) })) first = baseOfKey(key);
  for (const { key, value } of db.getRange(
    batchRange(topic.id, partition, first, Math.min(end, MAX_OFFSET)),
  )) {
    const batch = checkBatchBytes(topic, partition, baseOfKey(key), value);
    if (batch.header.base + batch.header.lastDelta >= from) yield batch;
  }
}

/** LMDB finds a broken tree only while it walks it. */
function* checked(store: Store, batches: Iterable<CheckedBatch>): Generator<CheckedBatch> {
  try {
    yield* batches;
  } catch (error) {
    throw asDamaged(store.file, error, 'read');
  }
}

/** The end of a reverse range is exclusive: one byte string that sorts before this key. */
const lowerThan = (key: Buffer): Buffer => key.subarray(0, key.length - 1);

export function checkBatchBytes(
  topic: StoredTopic,
  partition: number,
  base: number,
  value: Buffer,
): CheckedBatch {
  const header = openBatch(value, { topicId: topic.id, partition, base });
  if ('fault' in header) {
    throw damaged(
      `${topic.definition.name} partition ${partition}, batch at offset ${base}: ${header.fault}`,
    );
  }
  return { header, bytes: value };
}

/** The records from `offset` on of the batch that holds it; undefined when there is none. */
export function readBatchAt(
  store: Store,
  name: string,
  partition: number,
  offset: number,
): StoredRecord[] | undefined {
  const topic = store.topics.get(name)!;
  for (const { bytes, header } of batchesFrom(store, topic, partition, offset, offset + 1)) {
    return decodeRecords(bytes, header, name, offset);
  }
  return undefined;
}

/** `News` of a process that does not write: it looks again after a while. */
export function pollingNews(closed: () => boolean, onClose: AbortSignal): News {
  return {
    closed,
    next: (signal) =>
      new Promise((resolve) => {
        const timer = setTimeout(done, POLL_MS);
        function done(): void {
          clearTimeout(timer);
          signal?.removeEventListener('abort', done);
          onClose.removeEventListener('abort', done);
          resolve();
        }
        // One of each topic that is followed.
        setMaxListeners(0, onClose, ...(signal === undefined ? [] : [signal]));
        signal?.addEventListener('abort', done);
        onClose.addEventListener('abort', done);
      }),
  };
}
