import { batchRange, baseOfKey, damaged } from './layout.js';
import { checkBatchBytes } from './reader.js';
import type { Store, StoredTopic } from './store.js';

/**
 * Rule 12: what is recorded of each partition must be what is there. Small stores are read in full at start;
 * of large ones all keys are counted and the newest batches of each partition read. Reading checks every batch
 * in any case, and `cardhub doctor` reads all of them (examine.ts).
 */

/** Read in full up to this many bytes: about a second. */
export const VERIFY_BYTES_MAX = 512 * 1024 * 1024;
/** Batches read at the end of each partition of a larger store. */
const TAIL_BATCHES = 64;

/** Throws `DAMAGED` with topic, partition and offset. */
export async function verifyStore(store: Store, fullBytesMax: number): Promise<void> {
  let bytes = 0;
  for (const { states } of store.topics.values()) for (const state of states) bytes += state.bytes;
  for (const topic of store.topics.values()) {
    for (let partition = 0; partition < topic.states.length; partition++) {
      if (bytes <= fullBytesMax) verifyFully(store, topic, partition);
      else verifyTail(store, topic, partition);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

function verifyFully(store: Store, topic: StoredTopic, partition: number): void {
  const state = topic.states[partition]!;
  const found = { batches: 0, records: 0, bytes: 0, sum: 0 };
  let next = state.start;
  for (const { key, value } of store.db.getRange(batchRange(topic.id, partition))) {
    const { header } = checkBatchBytes(topic, partition, baseOfKey(key), value);
    if (header.base < next) throw disagreement(topic, partition, `offset ${header.base} after ${next - 1}`);
    next = header.base + header.lastDelta + 1;
    found.batches++;
    found.records += header.count;
    found.bytes += value.length;
    found.sum = (found.sum + header.checksum) >>> 0;
  }
  if (next > state.end)
    throw disagreement(topic, partition, `batches until ${next}, recorded end ${state.end}`);
  for (const what of ['batches', 'records', 'bytes', 'sum'] as const) {
    if (found[what] !== state[what])
      throw disagreement(topic, partition, `${what}: found ${found[what]}, recorded ${state[what]}`);
  }
}

function verifyTail(store: Store, topic: StoredTopic, partition: number): void {
  const state = topic.states[partition]!;
  const range = batchRange(topic.id, partition);
  const batches = store.db.getKeysCount(range);
  if (batches !== state.batches)
    throw disagreement(topic, partition, `batches: found ${batches}, recorded ${state.batches}`);
  const newest = { start: range.end, end: range.start, reverse: true, limit: TAIL_BATCHES };
  for (const { key, value } of store.db.getRange(newest))
    checkBatchBytes(topic, partition, baseOfKey(key), value);
}

function disagreement(topic: StoredTopic, partition: number, what: string): Error {
  return damaged(`${topic.definition.name} partition ${partition} is not what was recorded: ${what}`);
}
