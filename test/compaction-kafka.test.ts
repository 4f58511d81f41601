import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import { afterEach, expect, test } from 'vitest';
import { openKafkaLog } from '../hub/log/kafka/kafka-log.js';
import type { Log, StoredRecord } from '../hub/log/log.js';
import { POSITIONS, positionOf, STATE, TOPICS } from '../hub/log/log.workload.js';
import { describeKafka } from './kafka/available.js';

const EARLY = 'qau/gate/doors/0';
const BUSY = 'qau/core/cards/0';

describeKafka('a topic that the brokers compact', (brokers) => {
  let log: Log | undefined;
  afterEach(() => log?.close());

  async function readAll(topic: string): Promise<{ records: StoredRecord[]; next: Map<number, number> }> {
    const records: StoredRecord[] = [];
    const next = new Map<number, number>();
    for await (const batch of log!.read({ topic, until: 'end' })) {
      records.push(...batch.records);
      next.set(batch.partition, batch.next);
    }
    return { records, next };
  }

  /** Segments end at once and are cleaned as soon as the cleaner looks (every second on the development broker). */
  async function compactEagerly(topics: readonly string[]): Promise<void> {
    const admin = new kafkajs.Kafka({
      brokers: brokers.split(','),
      logLevel: kafkajs.logLevel.NOTHING,
    }).admin();
    await admin.connect();
    const settings = {
      'cleanup.policy': 'compact',
      'segment.ms': '200',
      'max.compaction.lag.ms': '100',
      'min.cleanable.dirty.ratio': '0.01',
      'delete.retention.ms': '100',
    };
    await admin.alterConfigs({
      validateOnly: false,
      resources: topics.map((name) => ({
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name,
        configEntries: Object.entries(settings).map(([key, value]) => ({ name: key, value })),
      })),
    });
    await admin.disconnect();
  }

  test('is read to its end past the holes, and old positions are still found', async () => {
    const prefix = `c${randomUUID().slice(0, 8)}.`;
    log = await openKafkaLog({ brokers: brokers.split(','), prefix, clientId: 'test' });
    await log.applyTopics(TOPICS);
    await compactEagerly([prefix + STATE, prefix + POSITIONS]);
    const early = await log.openWriter(EARLY);
    await early.append({ records: [], position: positionOf(EARLY, 1) });
    await early.close();

    const writer = await log.openWriter(BUSY);
    const deadline = Date.now() + 90_000;
    let sequence = 0;
    let kept = Infinity;
    while ((sequence < 100 || kept > sequence / 2) && Date.now() < deadline) {
      for (let i = 0; i < 20; i++) {
        sequence++;
        const record = {
          topic: STATE,
          key: `core:${sequence % 3}`,
          value: Buffer.from(`${sequence}`),
          headers: {},
        };
        await writer.append({ records: [record], position: positionOf(BUSY, sequence) });
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
      kept = (await readAll(STATE)).records.length;
    }
    expect(kept).toBeLessThanOrEqual(sequence / 2);

    const { records, next } = await readAll(STATE);
    const newest = new Map(records.map((r) => [r.key, Buffer.from(r.value!).toString()]));
    for (let n = sequence - 2; n <= sequence; n++) expect(newest.get(`core:${n % 3}`)).toBe(String(n));
    for (const { partition, end } of await log.bounds(STATE))
      if (end > 0) expect(next.get(partition)).toBe(end);
    for (const [id, reached] of [
      [EARLY, 1],
      [BUSY, sequence],
    ] as const) {
      const { position } = await log.openWriter(id);
      expect(JSON.parse(Buffer.from(position!.value!).toString())).toMatchObject({ sequence: reached });
    }
  });
});
