import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { murmur2, partitionOf } from './partition.js';

describe('keys are spread as by the default partitioner of Kafka', () => {
  // Kafka's own UtilsTest.testMurmur2.
  test.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('murmur2 of %s', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });

  test('every key has one partition of the topic', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.integer({ min: 1, max: 64 }),
        (key, count) => {
          const partition = partitionOf(key, count);
          expect(partition).toBeGreaterThanOrEqual(0);
          expect(partition).toBeLessThan(count);
          expect(partitionOf(key, count)).toBe(partition);
        },
      ),
    );
  });

  test('the murmur2 of kafkajs agrees', async () => {
    const { Partitioners } = (await import('kafkajs')).default;
    const kafkajs = Partitioners.DefaultPartitioner();
    const partitionMetadata = Array.from({ length: 12 }, (_, partitionId) => ({
      partitionId,
      leader: 0,
      partitionErrorCode: 0,
      replicas: [],
      isr: [],
    }));
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (key) => {
        const given = kafkajs({ topic: 't', partitionMetadata, message: { key, value: null } });
        expect(partitionOf(key, 12)).toBe(given);
      }),
    );
  });
});
