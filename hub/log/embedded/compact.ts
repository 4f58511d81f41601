import type { LogRecord, StoredRecord } from '../log.js';
import { checkRecord } from '../limits.js';
import { decodeRecords, encodePayload, sealBatch } from './batch.js';
import type { Change, Committer, Draft } from './committer.js';
import { batchKey } from './layout.js';
import { batchesFrom } from './reader.js';
import type { CheckedBatch } from './reader.js';
import type { Store, StoredTopic } from './store.js';

/**
 * `maintain`: retention of events and compaction of state. A partition is gone through in slices, each a commit
 * of its own behind the appends that wait, with a turn of the event loop between them. Nobody but this and the
 * committer changes batches, so what a slice has read is still so when it commits.
 *
 * State topics: a record stays when it is the newest of its key, or newer than the end that the first pass saw;
 * a tombstone goes when it is also older than the retention. Offsets stay what they were.
 */

const SLICE_BYTES = 4 * 1024 * 1024;
const SLICE_BATCHES = 512;

/** By partition: the end up to which no superseded record is left, and when its oldest tombstone falls due. */
export type CleanUntil = Map<string, { readonly end: number; readonly due: number }>;

export interface Removed {
  readonly compacted: number;
  readonly expired: number;
}

export async function maintainStore(
  store: Store,
  committer: Committer,
  clean: CleanUntil,
  now: number,
): Promise<Removed> {
  let compacted = 0;
  let expired = 0;
  for (const topic of [...store.topics.values()]) {
    for (let partition = 0; partition < topic.states.length; partition++) {
      if (topic.definition.kind === 'event') expired += await expire(store, committer, topic, partition, now);
      else compacted += await compact(store, committer, clean, topic, partition, now);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return { compacted, expired };
}

/** A batch and the records of it that stay. */
interface Rewrite {
  readonly batch: CheckedBatch;
  readonly keep: readonly StoredRecord[];
}

const oldest = (now: number, topic: StoredTopic): number => now - topic.definition.retentionMs;

/** Takes away whole batches from the head, until one is young enough. */
async function expire(
  store: Store,
  committer: Committer,
  topic: StoredTopic,
  partition: number,
  now: number,
): Promise<number> {
  let removed = 0;
  for (;;) {
    const { start, end } = topic.states[partition]!;
    const rewrites: Rewrite[] = [];
    for (const batch of batchesFrom(store, topic, partition, start, end)) {
      if (batch.header.timestamp > oldest(now, topic) || rewrites.length >= SLICE_BATCHES) break;
      rewrites.push({ batch, keep: [] });
    }
    if (rewrites.length === 0) return removed;
    removed += await commitRewrites(store, committer, topic, partition, rewrites);
  }
}

async function compact(
  store: Store,
  committer: Committer,
  clean: CleanUntil,
  topic: StoredTopic,
  partition: number,
  now: number,
): Promise<number> {
  const place = `${topic.definition.name}/${partition}`;
  const { start, end } = topic.states[partition]!;
  const known = clean.get(place);
  if (known?.end === end && now < known.due) return 0;
  const newest = new Map<string, number>();
  let due = Infinity;
  for await (const batch of slowly(batchesFrom(store, topic, partition, start, end))) {
    for (const { key, offset } of decodeRecords(batch.bytes, batch.header, topic.definition.name, 0))
      newest.set(key, offset);
  }
  const stays = (record: StoredRecord): boolean => {
    if (newest.get(record.key) !== record.offset) return false;
    if (record.value !== null) return true;
    if (record.timestamp <= oldest(now, topic)) return false;
    due = Math.min(due, record.timestamp + topic.definition.retentionMs);
    return true;
  };
  let removed = 0;
  let from = start;
  while (from < end) {
    const slice = sliceOf(store, topic, partition, from, end, stays);
    from = slice.next;
    if (slice.rewrites.length > 0)
      removed += await commitRewrites(store, committer, topic, partition, slice.rewrites);
    await new Promise((resolve) => setImmediate(resolve));
  }
  clean.set(place, { end, due });
  return removed;
}

/** Gives the event loop a turn every few batches. */
async function* slowly(batches: Iterable<CheckedBatch>): AsyncGenerator<CheckedBatch> {
  let bytes = 0;
  for (const batch of batches) {
    yield batch;
    bytes += batch.bytes.length;
    if (bytes < SLICE_BYTES) continue;
    bytes = 0;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function sliceOf(
  store: Store,
  topic: StoredTopic,
  partition: number,
  from: number,
  end: number,
  stays: (record: StoredRecord) => boolean,
): { rewrites: Rewrite[]; next: number } {
  const rewrites: Rewrite[] = [];
  let bytes = 0;
  let batches = 0;
  for (const batch of batchesFrom(store, topic, partition, from, end)) {
    const records = decodeRecords(batch.bytes, batch.header, topic.definition.name, 0);
    const keep = records.filter(stays);
    if (keep.length < records.length) rewrites.push({ batch, keep });
    bytes += batch.bytes.length;
    if (bytes >= SLICE_BYTES || ++batches >= SLICE_BATCHES) {
      return { rewrites, next: batch.header.base + batch.header.lastDelta + 1 };
    }
  }
  return { rewrites, next: end };
}

function commitRewrites(
  store: Store,
  committer: Committer,
  topic: StoredTopic,
  partition: number,
  rewrites: readonly Rewrite[],
): Promise<number> {
  return committer.commit(0, (draft) => makeChange(store, draft, topic, partition, rewrites));
}

function makeChange(
  store: Store,
  draft: Draft,
  topic: StoredTopic,
  partition: number,
  rewrites: readonly Rewrite[],
): Change<number> {
  const name = topic.definition.name;
  const state = draft.state(name, partition);
  let { batches, records, bytes, sum } = state;
  const puts: [Buffer, Buffer][] = [];
  const removes: Buffer[] = [];
  const removedBases = new Set<number>();
  for (const { batch, keep } of rewrites) {
    const { header } = batch;
    const key = batchKey(topic.id, partition, header.base);
    records -= header.count - keep.length;
    bytes -= batch.bytes.length;
    sum = (sum - header.checksum) >>> 0;
    if (keep.length === 0) {
      removes.push(key);
      removedBases.add(header.base);
      batches--;
      continue;
    }
    const size = keep.reduce((total, record: LogRecord) => total + checkRecord(record), 0);
    const sealed = sealBatch(
      encodePayload(
        keep,
        size,
        keep.map((record) => record.offset - header.base),
      ),
      header,
    );
    puts.push([key, sealed.bytes]);
    bytes += sealed.bytes.length;
    sum = (sum + sealed.checksum) >>> 0;
  }
  const start = firstBase(store, topic, partition, state.start, state.end, removedBases);
  const after = { start, end: state.end, batches, records, bytes, sum };
  return { puts, removes, states: [[name, partition, after]], result: state.records - records };
}

/** Where the first batch will stand when these have gone. */
function firstBase(
  store: Store,
  topic: StoredTopic,
  partition: number,
  start: number,
  end: number,
  removed: ReadonlySet<number>,
): number {
  for (const { header } of batchesFrom(store, topic, partition, start, end)) {
    if (!removed.has(header.base)) return header.base;
  }
  return end;
}
