import fc from 'fast-check';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { crc32c } from './crc32c.js';
import { decodeRecordSet, offsetAfter, type AbortedTransaction } from './record-batch.js';

interface Given {
  readonly key: string;
  readonly value: Uint8Array | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timestampDelta?: number;
}

const varint = (value: number): Buffer => {
  const bytes: number[] = [];
  let rest = value >= 0 ? BigInt(value) * 2n : -BigInt(value) * 2n - 1n;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
};
const sized = (bytes: Uint8Array | null): Buffer =>
  bytes === null ? varint(-1) : Buffer.concat([varint(bytes.length), bytes]);
const text = (value: string): Buffer => sized(Buffer.from(value, 'utf8'));

function encodeRecord({ key, value, headers = {}, timestampDelta = 0 }: Given, offsetDelta: number): Buffer {
  const pairs = Object.entries(headers);
  const body = Buffer.concat([
    Buffer.from([0]),
    varint(timestampDelta),
    varint(offsetDelta),
    text(key),
    sized(value),
    varint(pairs.length),
    ...pairs.flatMap(([name, of]) => [text(name), text(of)]),
  ]);
  return sized(body);
}

interface BatchOptions {
  readonly base: number;
  readonly producer?: bigint;
  readonly attributes?: number;
  /** The whole record set as bytes, instead of `records`. */
  readonly body?: Buffer;
  readonly count?: number;
}

function encodeBatch(records: readonly Given[], options: BatchOptions): Buffer {
  const body = options.body ?? Buffer.concat(records.map(encodeRecord));
  const batch = Buffer.alloc(61 + body.length);
  const count = options.count ?? records.length;
  batch.writeBigInt64BE(BigInt(options.base), 0);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt8(2, 16);
  batch.writeInt16BE(options.attributes ?? 0, 21);
  batch.writeInt32BE(count - 1, 23);
  batch.writeBigInt64BE(1_700_000_000_000n, 27);
  batch.writeBigInt64BE(1_700_000_000_999n, 35);
  batch.writeBigInt64BE(options.producer ?? -1n, 43);
  batch.writeInt32BE(records.length, 57);
  body.copy(batch, 61);
  batch.writeUInt32BE(crc32c(batch, 21), 17);
  return batch;
}

const marker = (base: number, producer: bigint, type: 'abort' | 'commit'): Buffer => {
  const key = Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1]).toString('latin1');
  return encodeBatch([{ key, value: Buffer.alloc(6) }], { base, producer, attributes: 0x30 });
};
const decode = (set: Buffer, from = 0, aborted: AbortedTransaction[] = []) =>
  decodeRecordSet(set, 't', 0, from, aborted);

describe('a record set', () => {
  test('CRC-32C has the published check value, at any alignment', () => {
    const digits = Buffer.from('123456789');
    expect(crc32c(digits)).toBe(0xe3069283);
    for (let at = 0; at < 9; at++)
      expect(crc32c(Buffer.concat([Buffer.alloc(at), digits]), at)).toBe(0xe3069283);
  });

  test('comes back record for record, whatever is in it', () => {
    const given = fc.record({
      key: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
      value: fc.option(fc.uint8Array({ maxLength: 200 })),
      headers: fc.dictionary(
        fc.constantFrom('ce_id', 'ce_type', 'x'),
        fc.constantFrom('', 'a', 'ab', 'ac', '卡'),
        {
          noNullPrototype: true,
        },
      ),
      timestampDelta: fc.integer({ min: -5_000_000_000, max: 5_000_000_000 }),
    });
    fc.assert(
      fc.property(
        fc.array(given, { maxLength: 20 }),
        fc.nat(2 ** 50),
        fc.boolean(),
        (records, base, zipped) => {
          const body = Buffer.concat(records.map(encodeRecord));
          const set = zipped
            ? encodeBatch(records, { base, attributes: 1, body: gzipSync(body) })
            : encodeBatch(records, { base });
          const back = decode(set);
          expect(
            back.map(({ key, value, headers, offset, timestamp }) => ({
              key,
              value: value && [...value],
              headers,
              offset,
              timestamp,
            })),
          ).toEqual(
            records.map((r, i) => ({
              key: r.key,
              value: r.value && [...r.value],
              headers: r.headers,
              offset: base + i,
              timestamp: 1_700_000_000_000 + r.timestampDelta,
            })),
          );
        },
      ),
    );
  });

  test('whose last batch was cut short by the byte limit goes on there next time', () => {
    const first = encodeBatch([{ key: 'a', value: null }], { base: 5 });
    const second = encodeBatch([{ key: 'b', value: null }], { base: 6 });
    for (let cut = 0; cut < second.length; cut++) {
      const set = Buffer.concat([first, second.subarray(0, cut)]);
      expect(decode(set).map((r) => r.key)).toEqual(['a']);
      expect(offsetAfter(set)).toBe(6);
    }
  });

  test('that compaction has emptied still moves the reader on', () => {
    const empty = encodeBatch([], { base: 7, count: 4 });
    expect(decode(empty)).toEqual([]);
    expect(offsetAfter(empty)).toBe(11);
  });

  test('in which any one byte of a batch is changed is refused, never half read', () => {
    const set = encodeBatch([{ key: 'core:1', value: Buffer.from('value') }], { base: 0 });
    for (let at = 16; at < set.length; at++) {
      const bad = Buffer.from(set);
      bad[at] = bad[at]! ^ 0x40;
      expect(() => decode(bad)).toThrow(expect.objectContaining({ code: 'DAMAGED' }));
    }
  });

  test('of a compression that the hub cannot read is refused with what to do', () => {
    const set = encodeBatch([{ key: 'a', value: null }], { base: 0, attributes: 4 });
    expect(() => decode(set)).toThrow(expect.objectContaining({ code: 'VERSION' }));
  });

  test('gives nothing of two aborted transactions that overlap, in whatever order the broker lists them', () => {
    const set = Buffer.concat([
      encodeBatch([{ key: 'p1', value: null }], { base: 0, producer: 1n, attributes: 0x10 }),
      encodeBatch([{ key: 'p2', value: null }], { base: 1, producer: 2n, attributes: 0x10 }),
      marker(2, 2n, 'abort'),
      marker(3, 1n, 'abort'),
      encodeBatch([{ key: 'later', value: null }], { base: 4, producer: 2n, attributes: 0x10 }),
      marker(5, 2n, 'commit'),
    ]);
    // As brokers list them: by their last offset.
    const aborted = [
      { producerId: 2n, firstOffset: 1 },
      { producerId: 1n, firstOffset: 0 },
    ];
    expect(decode(set, 0, aborted).map((r) => r.key)).toEqual(['later']);
  });

  test('gives exactly the committed records, from wherever it is read', () => {
    const step = fc.record({
      producer: fc.integer({ min: 0, max: 2 }),
      records: fc.integer({ min: 1, max: 3 }),
      then: fc.constantFrom('go on', 'commit', 'abort'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), fc.nat(40), (steps, from) => {
        const { set, committed, aborted } = partitionOf(steps);
        const start = Math.min(
          from,
          set.reduce((end, b) => Math.max(end, b.end), 0),
        );
        // A fetch begins with the batch that holds the offset, and lists what is aborted from there on.
        const sent = set.filter((b) => b.end > start).map((b) => b.bytes);
        const listed = aborted.filter((a) => a.last >= start);
        const seen = decode(Buffer.concat(sent), start, listed).map((r) => r.offset);
        expect(seen).toEqual(committed.filter((offset) => offset >= start).sort((a, b) => a - b));
      }),
    );
  });
});

/** A partition as a broker writes it from these steps; transactions left open at the end are aborted. */
function partitionOf(
  steps: readonly { producer: number; records: number; then: 'go on' | 'commit' | 'abort' }[],
) {
  const set: { bytes: Buffer; end: number }[] = [];
  const open = new Map<number, number[]>();
  const committed: number[] = [];
  const aborted: (AbortedTransaction & { last: number })[] = [];
  let next = 0;
  const endTransaction = (producer: number, type: 'commit' | 'abort') => {
    const offsets = open.get(producer)!;
    open.delete(producer);
    set.push({ bytes: marker(next, BigInt(producer), type), end: next + 1 });
    if (type === 'commit') committed.push(...offsets);
    else aborted.push({ producerId: BigInt(producer), firstOffset: offsets[0]!, last: next });
    next++;
  };
  for (const { producer, records, then } of steps) {
    const given = Array.from({ length: records }, () => ({ key: 'k', value: null }));
    const bytes = encodeBatch(given, { base: next, producer: BigInt(producer), attributes: 0x10 });
    const offsets = given.map((_, i) => next + i);
    next += records;
    set.push({ bytes, end: next });
    open.set(producer, [...(open.get(producer) ?? []), ...offsets]);
    if (then !== 'go on') endTransaction(producer, then);
  }
  for (const producer of [...open.keys()]) endTransaction(producer, 'abort');
  return { set, committed, aborted };
}
