import { crc32 } from 'node:zlib';
import type { LogRecord, StoredRecord } from '../log.js';

/**
 * A batch: the records that one append wrote into one partition, or what compaction has left of them.
 *
 *   header (48 bytes, little endian)
 *   ┌─ 0 ─ magic u32 ─┬─ 4 ─ version u16 ─┬─ 6 ─ topic id u16 ─┬─ 8 ─ partition u32 ─┬─ 12 ─ count u32 ─┐
 *   ├─ 16 ─ base offset f64 ─┬─ 24 ─ timestamp f64, epoch ms ─┬─ 32 ─ last offset minus base u32 ───────┤
 *   ├─ 36 ─ payload bytes u32 ─┬─ 40 ─ CRC-32 of the payload u32 ─┬─ 44 ─ CRC-32 of bytes 0 to 43 u32 ──┤
 *   └─ 48 ─ payload ─────────────────────────────────────────────────────────────────────────────────────┘
 *
 *   record, `count` times
 *   ┌ offset minus base u32 ┬ value bytes u32, 0xffffffff: tombstone ┬ key bytes u16 ┬ headers u16 ┐
 *   ├ key, UTF-8 ┬ each header: name u16 ┬ [bytes u16, UTF-8] ┬ value bytes u16 ┬ [UTF-8] ──────────┤
 *   └ value ─────────────────────────────────────────────────────────────────────────────────────────┘
 *   A header's name is an index into the names met so far in this batch; the index after the last announces a
 *   new name, which follows. The value length 0xffff means: as last time under this name in this batch.
 *   Both because most CloudEvents headers of a batch repeat, and decoding strings is what reading costs.
 *
 * The header keeps base and last offset when compaction takes records out of the middle or of the ends.
 */

const MAGIC = 0x31424843; // "CHB1"
const VERSION = 1;
export const HEADER_BYTES = 48;
const TOMBSTONE = 0xffffffff;
const SAME = 0xffff;

/** Records laid out, still without a place in the log. */
export interface Payload {
  readonly count: number;
  /** With `HEADER_BYTES` free in front. */
  readonly bytes: Buffer;
}

export interface BatchPlace {
  readonly topicId: number;
  readonly partition: number;
  readonly base: number;
  readonly lastDelta: number;
  readonly timestamp: number;
}

export interface BatchHeader extends BatchPlace {
  readonly count: number;
  /** CRC-32 of the header; stands for the whole batch, since the header holds the payload's. */
  readonly checksum: number;
}

/** What is wrong with the bytes of a batch; the caller knows where they came from. */
export interface BatchFault {
  readonly fault: string;
}

/** Bytes that a record takes at most, beside its key, headers and value (`checkRecord`). */
const overhead = (record: LogRecord): number => 12 + 6 * Object.keys(record.headers).length;

/** `deltas`: offsets minus base; absent: 0, 1, 2 … `bytes`: sum of what `checkRecord` gave. */
export function encodePayload(
  records: readonly LogRecord[],
  bytes: number,
  deltas?: readonly number[],
): Payload {
  let size = HEADER_BYTES + bytes;
  for (const record of records) size += overhead(record);
  const out = Buffer.allocUnsafeSlow(size);
  const names = new Map<string, number>();
  const lastValues: string[] = [];
  let at = HEADER_BYTES;
  for (let i = 0; i < records.length; i++) {
    const { key, value, headers } = records[i]!;
    const head = at;
    out.writeUInt32LE(deltas ? deltas[i]! : i, head);
    out.writeUInt32LE(value === null ? TOMBSTONE : value.byteLength, head + 4);
    const keyBytes = out.write(key, head + 12, 'utf8');
    out.writeUInt16LE(keyBytes, head + 8);
    at = head + 12 + keyBytes;
    let count = 0;
    for (const name in headers) {
      count++;
      at = encodeHeader(out, at, name, headers[name]!, names, lastValues);
    }
    out.writeUInt16LE(count, head + 10);
    if (value !== null) {
      out.set(value, at);
      at += value.byteLength;
    }
  }
  return { count: records.length, bytes: out.subarray(0, at) };
}

function encodeHeader(
  out: Buffer,
  start: number,
  name: string,
  value: string,
  names: Map<string, number>,
  lastValues: string[],
): number {
  let at = start;
  let index = names.get(name);
  if (index === undefined) {
    index = names.size;
    names.set(name, index);
    const bytes = out.write(name, at + 4, 'utf8');
    out.writeUInt16LE(index, at);
    out.writeUInt16LE(bytes, at + 2);
    at += 4 + bytes;
  } else {
    out.writeUInt16LE(index, at);
    at += 2;
    if (lastValues[index] === value) {
      out.writeUInt16LE(SAME, at);
      return at + 2;
    }
  }
  lastValues[index] = value;
  const bytes = out.write(value, at + 2, 'utf8');
  out.writeUInt16LE(bytes, at);
  return at + 2 + bytes;
}

/** Gives the payload its place; fills the free bytes in front and returns the whole batch with its checksum. */
export function sealBatch(payload: Payload, place: BatchPlace): { bytes: Buffer; checksum: number } {
  const { bytes, count } = payload;
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt16LE(VERSION, 4);
  bytes.writeUInt16LE(place.topicId, 6);
  bytes.writeUInt32LE(place.partition, 8);
  bytes.writeUInt32LE(count, 12);
  bytes.writeDoubleLE(place.base, 16);
  bytes.writeDoubleLE(place.timestamp, 24);
  bytes.writeUInt32LE(place.lastDelta, 32);
  bytes.writeUInt32LE(bytes.length - HEADER_BYTES, 36);
  bytes.writeUInt32LE(crc32(bytes.subarray(HEADER_BYTES)), 40);
  const checksum = crc32(bytes.subarray(0, 44));
  bytes.writeUInt32LE(checksum, 44);
  return { bytes, checksum };
}

/** Checks both checksums and that the batch stands where its key says. */
export function openBatch(
  bytes: Buffer,
  expected: { topicId: number; partition: number; base: number },
): BatchHeader | BatchFault {
  if (bytes.length < HEADER_BYTES) return { fault: `${bytes.length} bytes, a header has ${HEADER_BYTES}` };
  if (bytes.readUInt32LE(0) !== MAGIC) return { fault: 'it does not begin as a batch' };
  const checksum = crc32(bytes.subarray(0, 44));
  if (checksum !== bytes.readUInt32LE(44)) return { fault: 'the checksum of its header differs' };
  if (bytes.readUInt16LE(4) !== VERSION)
    return { fault: `version ${bytes.readUInt16LE(4)}, known is ${VERSION}` };
  if (bytes.readUInt32LE(36) !== bytes.length - HEADER_BYTES) return { fault: 'its length differs' };
  if (crc32(bytes.subarray(HEADER_BYTES)) !== bytes.readUInt32LE(40))
    return { fault: 'its checksum differs' };
  const header: BatchHeader = {
    topicId: bytes.readUInt16LE(6),
    partition: bytes.readUInt32LE(8),
    count: bytes.readUInt32LE(12),
    base: bytes.readDoubleLE(16),
    timestamp: bytes.readDoubleLE(24),
    lastDelta: bytes.readUInt32LE(32),
    checksum,
  };
  const { topicId, partition, base } = expected;
  if (header.topicId !== topicId || header.partition !== partition || header.base !== base) {
    return {
      fault: `it belongs to topic ${header.topicId}, partition ${header.partition}, offset ${header.base}`,
    };
  }
  return header;
}

/** The records from offset `from` on. Values are views of `bytes`, which the caller no longer touches. */
export function decodeRecords(
  bytes: Buffer,
  header: BatchHeader,
  topic: string,
  from: number,
): StoredRecord[] {
  const records: StoredRecord[] = [];
  const names: string[] = [];
  const lastValues: string[] = [];
  const { partition, base, timestamp, count } = header;
  let at = HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    const offset = base + bytes.readUInt32LE(at);
    const valueBytes = bytes.readUInt32LE(at + 4);
    const keyBytes = bytes.readUInt16LE(at + 8);
    const headerCount = bytes.readUInt16LE(at + 10);
    at += 12;
    const key = bytes.toString('utf8', at, at + keyBytes);
    at += keyBytes;
    const headers: Record<string, string> = {};
    for (let h = 0; h < headerCount; h++) {
      const index = bytes.readUInt16LE(at);
      at += 2;
      if (index === names.length) {
        const length = bytes.readUInt16LE(at);
        names.push(bytes.toString('utf8', at + 2, at + 2 + length));
        at += 2 + length;
      }
      const length = bytes.readUInt16LE(at);
      at += 2;
      if (length !== SAME) {
        lastValues[index] = bytes.toString('utf8', at, at + length);
        at += length;
      }
      headers[names[index]!] = lastValues[index]!;
    }
    let value: Uint8Array | null = null;
    if (valueBytes !== TOMBSTONE) {
      value = bytes.subarray(at, at + valueBytes);
      at += valueBytes;
    }
    if (offset >= from) records.push({ topic, partition, offset, timestamp, key, value, headers });
  }
  return records;
}
