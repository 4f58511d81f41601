import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LogRecord } from '../log.js';
import { encodeBatch, recordBytesMax } from './encode-batch.js';
import { decodeRecordSet } from './record-batch.js';

const record = fc.record({
  topic: fc.constant('t'),
  key: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 }),
  value: fc.option(
    fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ minLength: 8_100, maxLength: 8_300 })),
  ),
  headers: fc.dictionary(
    fc.constantFrom('a', 'ce_id', '头'),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    {
      noNullPrototype: true,
    },
  ),
});

test('what is encoded is decoded again, within the bytes that were foreseen', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 80 }), (records) => {
      const keys = records.map((r) => Buffer.from(r.key));
      const identity = { producerId: 7n, producerEpoch: 3, sequence: 11, timestamp: 1_700_000_000_123 };
      const batch = encodeBatch(keys, records, identity);
      const foreseen = records.reduce((sum, r, i) => sum + recordBytesMax(keys[i]!, r), 61);
      expect(batch.length).toBeLessThanOrEqual(foreseen);
      const back = decodeRecordSet(batch, 't', 0, 0, []);
      expect(back.map((r) => ({ ...r, value: r.value && [...r.value] }))).toEqual(
        records.map((r: LogRecord, i) => ({
          ...r,
          value: r.value && [...r.value],
          partition: 0,
          offset: i,
          timestamp: identity.timestamp,
        })),
      );
      expect([batch.readBigInt64BE(43), batch.readInt16BE(51), batch.readInt32BE(53)]).toEqual([7n, 3, 11]);
    }),
  );
});
