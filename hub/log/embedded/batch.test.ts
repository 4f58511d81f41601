import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkRecord } from '../limits.js';
import type { LogRecord } from '../log.js';
import { decodeRecords, encodePayload, openBatch, sealBatch } from './batch.js';

const PLACE = { topicId: 3, partition: 7, base: 2 ** 40, lastDelta: 500, timestamp: 1_700_000_000_000 };
const record = fc.record({
  topic: fc.constant('t'),
  key: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  value: fc.option(fc.uint8Array({ maxLength: 100 })),
  headers: fc.dictionary(
    fc.constantFrom('ce_id', 'ce_type', 'x', ''),
    fc.constantFrom('', 'a', '卡', 'long'.repeat(20)),
    {
      noNullPrototype: true,
    },
  ),
});
const seal = (records: LogRecord[], deltas?: number[]) =>
  sealBatch(
    encodePayload(
      records,
      records.reduce((sum, r) => sum + checkRecord(r), 0),
      deltas,
    ),
    PLACE,
  ).bytes;

describe('a batch', () => {
  test('gives back the records that were laid out, at their offsets', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat({ max: 500 }), { maxLength: 30 }),
        fc.array(record, { minLength: 30, maxLength: 30 }),
        (some, all) => {
          const deltas = some.sort((a, b) => a - b);
          const records = all.slice(0, deltas.length);
          const bytes = seal(records, deltas);
          const header = openBatch(bytes, PLACE);
          if ('fault' in header) throw new Error(header.fault);
          expect(header).toMatchObject({ ...PLACE, count: records.length });
          const back = decodeRecords(bytes, header, 't', 0);
          expect(back.map((r) => r.offset - PLACE.base)).toEqual(deltas);
          expect(back.map((r) => [r.key, r.headers, r.value && [...r.value]])).toEqual(
            records.map((r) => [r.key, r.headers, r.value && [...r.value]]),
          );
          const from = PLACE.base + (deltas[3] ?? 0);
          expect(decodeRecords(bytes, header, 't', from)).toEqual(back.filter((r) => r.offset >= from));
        },
      ),
    );
  });

  test('shows any one flipped bit, and any missing tail', () => {
    const bytes = seal([{ topic: 't', key: 'core:1', value: Buffer.from('abc'), headers: { a: 'b' } }]);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(openBatch(damaged, PLACE)).toHaveProperty('fault');
    }
    for (let length = 0; length < bytes.length; length++) {
      expect(openBatch(bytes.subarray(0, length), PLACE)).toHaveProperty('fault');
    }
  });

  test('shows that it stands at another place than its own', () => {
    const bytes = seal([]);
    expect(openBatch(bytes, PLACE)).not.toHaveProperty('fault');
    for (const other of [{ topicId: 1 }, { partition: 1 }, { base: 1 }]) {
      expect(openBatch(bytes, { ...PLACE, ...other })).toHaveProperty('fault');
    }
  });
});
