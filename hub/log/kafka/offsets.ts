/** Bounds of partitions, as the brokers know them. */
import type { KafkaClient } from './client.js';
import type { Broker, Cluster } from './internals.js';

const EARLIEST = -2;
const LATEST = -1;

export type Isolation = 'read_uncommitted' | 'read_committed';

/** Leader → its partitions of a topic (with the prefix). Refreshes metadata when the topic is new to `cluster`. */
export async function leaders(cluster: Cluster, topic: string): Promise<Map<number, number[]>> {
  await cluster.addMultipleTargetTopics([topic]);
  await cluster.refreshMetadataIfNecessary();
  const byLeader = new Map<number, number[]>();
  for (const { partitionId, leader } of cluster.findTopicPartitionMetadata(topic)) {
    const list = byLeader.get(leader) ?? [];
    list.push(partitionId);
    byLeader.set(leader, list);
  }
  return byLeader;
}

/** Offsets at a timestamp (or `EARLIEST`, `LATEST`) by topic and partition, from one leader. */
async function list(
  broker: Broker,
  partitions: ReadonlyMap<string, readonly number[]>,
  timestamp: number,
  isolation: Isolation,
): Promise<Map<string, Map<number, number>>> {
  const { responses } = await broker.listOffsets({
    replicaId: -1,
    isolationLevel: isolation === 'read_committed' ? 1 : 0,
    topics: [...partitions].map(([topic, wanted]) => ({
      topic,
      partitions: wanted.map((partition) => ({ partition, timestamp })),
    })),
  });
  return new Map(
    responses.map((r) => [r.topic, new Map(r.partitions.map((p) => [p.partition, Number(p.offset)]))]),
  );
}

export interface Bounds {
  readonly partition: number;
  readonly start: number;
  readonly end: number;
}

/** Start and end of all partitions, or of `only`; read_committed ends are last stable offsets. */
export async function bounds(
  client: KafkaClient,
  topic: string,
  isolation: Isolation,
  only?: number,
): Promise<Bounds[]> {
  return client.run(`bounds of ${topic}`, async (cluster) => {
    const all: Bounds[] = [];
    for (const [nodeId, led] of await leaders(cluster, topic)) {
      const partitions = only === undefined ? led : led.filter((p) => p === only);
      if (partitions.length === 0) continue;
      const broker = await cluster.findBroker({ nodeId });
      const wanted = new Map([[topic, partitions]]);
      const starts = (await list(broker, wanted, EARLIEST, 'read_uncommitted')).get(topic);
      const ends = (await list(broker, wanted, LATEST, isolation)).get(topic);
      for (const partition of partitions) {
        all.push({ partition, start: starts?.get(partition) ?? 0, end: ends?.get(partition) ?? 0 });
      }
    }
    return all.sort((a, b) => a.partition - b.partition);
  });
}

/** The last offset written in a partition of a topic (with the prefix). */
export interface Written {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** True when the committed ends have passed all of these. */
export async function isVisible(client: KafkaClient, written: readonly Written[]): Promise<boolean> {
  return client.run('visibility of an append', async (cluster) => {
    const byLeader = new Map<number, Map<string, number[]>>();
    for (const topic of new Set(written.map((w) => w.topic))) {
      for (const [nodeId, led] of await leaders(cluster, topic)) {
        const mine = written
          .filter((w) => w.topic === topic && led.includes(w.partition))
          .map((w) => w.partition);
        if (mine.length === 0) continue;
        const topics = byLeader.get(nodeId) ?? new Map<string, number[]>();
        byLeader.set(nodeId, topics.set(topic, mine));
      }
    }
    for (const [nodeId, topics] of byLeader) {
      const broker = await cluster.findBroker({ nodeId });
      const ends = await list(broker, topics, LATEST, 'read_committed');
      const led = written.filter((w) => topics.get(w.topic)?.includes(w.partition));
      if (led.some((w) => (ends.get(w.topic)?.get(w.partition) ?? 0) <= w.offset)) return false;
    }
    return true;
  });
}
