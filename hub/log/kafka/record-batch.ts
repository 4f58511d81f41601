/**
 * Kafka's record batch (magic 2) → stored records, without those of aborted transactions.
 *
 *   0 baseOffset i64 | 8 length i32 (from 12 on) | 12 leaderEpoch i32 | 16 magic i8 | 17 crc u32 (from 21 on)
 *  21 attributes i16: bits 0–2 compression, 3 append time, 4 transactional, 5 control
 *  23 lastOffsetDelta i32 | 27 baseTimestamp i64 | 35 maxTimestamp i64 | 43 producerId i64
 *  51 producerEpoch i16 | 53 baseSequence i32 | 57 count i32 | 61 records
 *   record: length, attributes i8, timestampDelta, offsetDelta, key, value, headers (zigzag varints)
 *
 * Source of fact: Kafka documentation, "Message Format"; the rule for aborted transactions is that of the Java
 * client's fetcher: a producer is being skipped from the first offset of its aborted transaction to its marker.
 */
import { gunzipSync } from 'node:zlib';
import { LogError, type StoredRecord } from '../log.js';
import { crc32c } from './crc32c.js';

const HEADER_BYTES = 61;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
const APPEND_TIME = 0x08;
const ABORT_MARKER = 0;

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

const int64 = (bytes: Buffer, at: number): number =>
  bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);

/** Offset after the last whole batch of a fetched record set; undefined when it holds none. */
export function offsetAfter(set: Buffer): number | undefined {
  let after: number | undefined;
  for (let at = 0; at + HEADER_BYTES <= set.length;) {
    const end = at + 12 + set.readInt32BE(at + 8);
    if (end > set.length) break;
    after = int64(set, at) + set.readInt32BE(at + 23) + 1;
    at = end;
  }
  return after;
}

/**
 * The committed records at or after `from`. Values are views into `set`. The last batch of a fetch may be cut
 * short: it is left for the next one. Throws `DAMAGED` for a wrong checksum or an unknown format.
 */
export function decodeRecordSet(
  set: Buffer,
  topic: string,
  partition: number,
  from: number,
  aborted: readonly AbortedTransaction[],
): StoredRecord[] {
  const records: StoredRecord[] = [];
  const skipping = new Set<bigint>();
  // The broker orders them by their last offset.
  const upcoming = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  let next = 0;
  for (let at = 0; at + HEADER_BYTES <= set.length;) {
    const end = at + 12 + set.readInt32BE(at + 8);
    if (end > set.length) break;
    const batch = set.subarray(at, end);
    at = end;
    const where = `${topic}/${partition} at offset ${int64(batch, 0)}`;
    checkBatch(batch, where);
    const lastOffset = int64(batch, 0) + batch.readInt32BE(23);
    const attributes = batch.readInt16BE(21);
    if (attributes & TRANSACTIONAL) {
      const producer = batch.readBigInt64BE(43);
      for (; next < upcoming.length && upcoming[next]!.firstOffset <= lastOffset; next++) {
        skipping.add(upcoming[next]!.producerId);
      }
      if (attributes & CONTROL) {
        if (markerType(batch) === ABORT_MARKER) skipping.delete(producer);
        continue;
      }
      if (skipping.has(producer)) continue;
    }
    if (attributes & CONTROL) continue;
    decodeBatch(batch, topic, partition, from, where, records);
  }
  return records;
}

function checkBatch(batch: Buffer, where: string): void {
  const magic = batch.readInt8(16);
  if (magic !== 2) throw damaged(`record format ${magic} instead of 2`, where);
  if (crc32c(batch, 21) !== batch.readUInt32BE(17)) throw damaged('wrong CRC-32C', where);
}

function damaged(what: string, where: string): LogError {
  return new LogError(
    'DAMAGED',
    `Kafka topic ${where}: ${what}. Check the broker's disk; restore the partition from a replica.`,
    'never',
  );
}

/** A control batch has one record, whose key is version i16, type i16. One that was compacted is empty: no abort. */
function markerType(batch: Buffer): number {
  if (batch.readInt32BE(57) === 0) return -1;
  const reader = new Reader(batch, HEADER_BYTES);
  reader.varint();
  reader.skip(1);
  reader.varlong();
  reader.varint();
  const key = reader.bytes();
  return key === null || key.length < 4 ? -1 : key.readInt16BE(2);
}

function decodeBatch(
  batch: Buffer,
  topic: string,
  partition: number,
  from: number,
  where: string,
  into: StoredRecord[],
): void {
  const attributes = batch.readInt16BE(21);
  const baseOffset = int64(batch, 0);
  const baseTimestamp = int64(batch, 27);
  const appendTime = attributes & APPEND_TIME ? int64(batch, 35) : undefined;
  const count = batch.readInt32BE(57);
  const reader = new Reader(...uncompressed(batch, attributes & 7, where));
  const names: Remembered[] = [];
  const values: Remembered[] = [];
  for (let i = 0; i < count; i++) {
    const length = reader.varint();
    const end = reader.at + length;
    reader.skip(1);
    const timestamp = baseTimestamp + reader.varlong();
    const offset = baseOffset + reader.varint();
    if (offset < from) {
      reader.at = end;
      continue;
    }
    const key = reader.text();
    const value = reader.bytes();
    const headers: Record<string, string> = {};
    const headerCount = reader.varint();
    for (let header = 0; header < headerCount; header++) {
      const name = reader.textAgain((names[header] ??= new Remembered()));
      headers[name] = reader.textAgain((values[header] ??= new Remembered()));
    }
    into.push({ topic, key, value, headers, partition, offset, timestamp: appendTime ?? timestamp });
    reader.at = end;
  }
}

function uncompressed(batch: Buffer, codec: number, where: string): [Buffer, number] {
  if (codec === 0) return [batch, HEADER_BYTES];
  if (codec === 1) return [gunzipSync(batch.subarray(HEADER_BYTES)), 0];
  throw new LogError(
    'VERSION',
    `Kafka topic ${where}: compression codec ${codec}; the hub reads none and gzip. Set compression.type=producer.`,
    'never',
  );
}

/** The last text at one place of the headers: most records of a batch repeat it, and decoding UTF-8 is dear. */
class Remembered {
  from = 0;
  length = -1;
  text = '';
}

class Reader {
  constructor(
    private readonly source: Buffer,
    public at: number,
  ) {}

  skip(bytes: number): void {
    this.at += bytes;
  }

  varint(): number {
    let byte = this.source[this.at++]!;
    let value = byte & 0x7f;
    for (let shift = 7; byte & 0x80; shift += 7) {
      byte = this.source[this.at++]!;
      value |= (byte & 0x7f) << shift;
    }
    return (value >>> 1) ^ -(value & 1);
  }

  varlong(): number {
    let byte = this.source[this.at++]!;
    let value = byte & 0x7f;
    for (let scale = 0x80; byte & 0x80; scale *= 0x80) {
      byte = this.source[this.at++]!;
      value += (byte & 0x7f) * scale;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  bytes(): Buffer | null {
    const length = this.varint();
    if (length < 0) return null;
    const from = this.at;
    this.at += length;
    return this.source.subarray(from, this.at);
  }

  text(): string {
    const length = this.varint();
    if (length <= 0) return '';
    const from = this.at;
    this.at += length;
    return this.source.toString('utf8', from, this.at);
  }

  textAgain(last: Remembered): string {
    const length = this.varint();
    const { source, at } = this;
    if (length === last.length) {
      let i = 0;
      while (i < length && source[at + i] === source[last.from + i]) i++;
      if (i === length) {
        this.at += length;
        return last.text;
      }
    }
    if (length <= 0) return '';
    this.at += length;
    last.from = at;
    last.length = length;
    return (last.text = source.toString('utf8', at, this.at));
  }
}
