import { describe, expect, it } from 'vitest';
import type { Log, ReadBatch, StoredRecord } from '../log/log.js';
import { ownedTopics, rebuildPublished } from './published.js';

const record = (offset: number, key: string): StoredRecord => ({
  topic: 'master.door',
  partition: 0,
  offset,
  key,
  value: Buffer.from([offset]),
  headers: {},
  timestamp: 0,
});

/** A log whose committed end is held back at first, as by another writer's open transaction. */
function heldBackLog(records: readonly StoredRecord[], ends: number[]): Log {
  async function* read({ topic, from }: { topic: string; from?: ReadonlyMap<number, number> }) {
    const end = topic === 'master.door' ? (ends.length > 1 ? ends.shift()! : ends[0]!) : 0;
    const start = from?.get(0) ?? 0;
    const seen =
      topic === 'master.door' ? records.filter(({ offset }) => offset >= start && offset < end) : [];
    const batch: ReadBatch = { topic, partition: 0, records: seen, next: Math.max(start, end), end };
    yield await Promise.resolve(batch);
  }
  return { read } as unknown as Log;
}

describe('what a stream has published, read back', () => {
  it('is read past a committed end that another open transaction holds back', async () => {
    const log = heldBackLog([record(0, 'gate:1'), record(1, 'gate:2'), record(2, 'gate:3')], [1, 1, 3]);
    const written = [{ topic: 'master.door', partition: 0, offset: 2 }];
    const published = await rebuildPublished(
      log,
      ownedTopics('door'),
      written,
      () => 'gate:',
      () => () => null,
      () => 0,
    );
    expect([...published.entries('master.door')].map(([key]) => key)).toEqual(['gate:1', 'gate:2', 'gate:3']);
  });
});
