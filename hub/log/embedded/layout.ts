import { crc32 } from 'node:zlib';
import { LogError } from '../log.js';

/**
 * Keys and small records of the store. One LMDB database, keys compared as bytes, numbers big endian so that
 * the order of keys is the order of offsets:
 *
 *   'm'                                        → StoreRecord      version, lineage, time of making
 *   't' topic id u16                           → TopicRecord      definition of a topic
 *   'p' topic id u16, partition u16            → PartitionState   bounds, counts and checksum of a partition
 *   'w' source partition id                    → WriterState      fencing epoch, place of the newest position
 *   'b' topic id u16, partition u16, base u48  → batch            see batch.ts
 *
 * All but batches are JSON behind a CRC-32 of it (u32). One transaction of LMDB holds the batches of an append,
 * the position's among them, with the states that count them.
 */

export const STORE_VERSION = 1;

export interface StoreRecord {
  readonly version: number;
  readonly lineage: string;
  /** Epoch milliseconds. */
  readonly madeAt: number;
}

/** What is recorded of a partition; start-up and `maintain` hold the batches against it (rule 12). */
export interface PartitionState {
  /** First offset that is still there; equal to `end` in an empty partition. */
  readonly start: number;
  readonly end: number;
  readonly batches: number;
  readonly records: number;
  readonly bytes: number;
  /** Sum of the checksums of all batches modulo 2^32: order does not matter, so compaction can keep it up. */
  readonly sum: number;
}

export const EMPTY_PARTITION: PartitionState = { start: 0, end: 0, batches: 0, records: 0, bytes: 0, sum: 0 };

export interface WriterState {
  readonly epoch: number;
  readonly position?: { readonly partition: number; readonly offset: number };
}

const TAG = { meta: 0x6d, topic: 0x74, partition: 0x70, writer: 0x77, batch: 0x62 } as const;

export const META_KEY = Buffer.from([TAG.meta]);

export function topicKey(topicId: number): Buffer {
  return Buffer.from([TAG.topic, topicId >> 8, topicId & 0xff]);
}

export function partitionKey(topicId: number, partition: number): Buffer {
  return Buffer.from([TAG.partition, topicId >> 8, topicId & 0xff, partition >> 8, partition & 0xff]);
}

export function writerKey(id: string): Buffer {
  return Buffer.concat([Buffer.from([TAG.writer]), Buffer.from(id, 'utf8')]);
}

export function batchKey(topicId: number, partition: number, base: number): Buffer {
  const key = Buffer.from([
    TAG.batch,
    topicId >> 8,
    topicId & 0xff,
    partition >> 8,
    partition & 0xff,
    0,
    0,
    0,
    0,
    0,
    0,
  ]);
  key.writeUIntBE(base, 5, 6);
  return key;
}

export const MAX_OFFSET = 2 ** 48 - 1;
export const baseOfKey = (key: Uint8Array): number => Buffer.from(key).readUIntBE(5, 6);
export const topicRange = { start: Buffer.from([TAG.topic]), end: Buffer.from([TAG.topic + 1]) };
export const writerRange = { start: Buffer.from([TAG.writer]), end: Buffer.from([TAG.writer + 1]) };
export const writerOfKey = (key: Uint8Array): string => Buffer.from(key).toString('utf8', 1);
export const batchRange = (topicId: number, partition: number, from = 0, until = MAX_OFFSET) => ({
  start: batchKey(topicId, partition, from),
  end: batchKey(topicId, partition, until),
});

export function seal(value: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(value), 'utf8');
  const sealed = Buffer.allocUnsafeSlow(4 + json.length);
  sealed.writeUInt32LE(crc32(json), 0);
  sealed.set(json, 4);
  return sealed;
}

/** `what` names the record in the error, e.g. `state of master.card partition 3`. */
export function unseal<T>(sealed: Buffer, what: string): T {
  if (sealed.length < 5 || crc32(sealed.subarray(4)) !== sealed.readUInt32LE(0)) {
    throw damaged(`the ${what} does not agree with its checksum`);
  }
  return JSON.parse(sealed.toString('utf8', 4)) as T;
}

/** Says what to do, since nothing can be mended in place: what the store holds came from upstream or a backup. */
export function damaged(what: string, cause?: unknown): LogError {
  const advice =
    'The store is refused. Keep the folder for examination; put a backup of the whole folder in its place, or begin with an empty folder and read all again from upstream (`cardhub sync --once`).';
  return new LogError('DAMAGED', `${what}. ${advice}`, 'never', { cause });
}

/** Page types and pointers that LMDB itself finds wrong: MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_INVALID, MDB_PANIC. */
const CORRUPTION_CODES: readonly unknown[] = [-30796, -30797, -30793, -30795];

/** MDB_BAD_TXN: a transaction that only reads is given up for nothing but a broken tree. */
const BAD_TRANSACTION = -30782;

/** LMDB's own word for a broken tree as `DAMAGED`; every other error as it is. */
export function asDamaged(file: string, error: unknown, did: 'read' | 'wrote' = 'wrote'): unknown {
  const code = (error as { code?: unknown } | undefined)?.code;
  const isBroken = CORRUPTION_CODES.includes(code) || (did === 'read' && code === BAD_TRANSACTION);
  return isBroken ? damaged(`${file}: ${String(error)}`, error) : error;
}
