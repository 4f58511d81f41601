/**
 * The log on Kafka: several hubs share the source partitions, any number of replicas follow. `prefix` covers
 * topics (`{prefix}master.card`), transactional ids (`{prefix}hub.writer.{source partition}`) and groups
 * (`{prefix}hub.owners`), so that tenants and environments can share a cluster and one ACL fits each.
 *
 * Delivery: records and position in one transaction, fenced writers, committed reads: exactly once from
 * `AppendBatch` to `ReadBatch`.
 */
import { setMaxListeners } from 'node:events';
import { POSITIONS_TOPIC, requireTopic } from '../limits.js';
import {
  LogError,
  type Log,
  type LogWriter,
  type Ownership,
  type ReadBatch,
  type TopicDefinition,
} from '../log.js';
import { openClient, type KafkaClient, type KafkaConnection } from './client.js';
import { lineageOf } from './lineage.js';
import { bounds } from './offsets.js';
import { joinOwners, OWNERSHIP_TIMES, type OwnershipTimes } from './ownership.js';
import { readTopic } from './reader.js';
import { activeOwners } from './owners.js';
import { applyTopics, presentTopics, type TopicOptions } from './topics.js';
import { openKafkaWriter } from './writer.js';

export interface KafkaLogOptions extends KafkaConnection, TopicOptions {
  /** Put before every name, as it stands, e.g. `qau.`. */
  readonly prefix: string;
  /** What `topics()` knows at once, if it exists on the brokers; `applyTopics` makes and adds others. */
  readonly topics?: readonly TopicDefinition[];
  /** Epoch milliseconds. Brokers refuse records from more than an hour ahead. */
  readonly now?: () => number;
  readonly ownership?: Partial<OwnershipTimes>;
}

export type { KafkaLogger } from './client.js';

export async function openKafkaLog(options: KafkaLogOptions): Promise<Log> {
  const client = openClient(options);
  const topics = new Map<string, TopicDefinition>();
  let lineage = '';
  const learn = async (definitions: readonly TopicDefinition[]) => {
    for (const definition of definitions) topics.set(definition.name, definition);
    lineage = await lineageOf(client, options.prefix + POSITIONS_TOPIC);
  };
  try {
    await learn(await presentTopics(client, options.prefix, options.topics ?? []));
  } catch (error) {
    await client.close();
    throw error;
  }
  return logOn(client, options, topics, learn, () => lineage);
}

function logOn(
  client: KafkaClient,
  options: KafkaLogOptions,
  topics: ReadonlyMap<string, TopicDefinition>,
  learn: (definitions: readonly TopicDefinition[]) => Promise<void>,
  lineage: () => string,
): Log {
  const { prefix } = options;
  const stop = new AbortController();
  // One listener for each topic that is being read: many are no leak here.
  setMaxListeners(0, stop.signal);
  const writers = new Set<LogWriter>();
  const ownerships = new Set<Ownership>();
  const use = () => {
    if (stop.signal.aborted) throw new LogError('CLOSED', 'The log is closed.', 'never');
  };
  return {
    engine: 'kafka',
    get lineage() {
      return lineage();
    },
    topics: () => [...topics.values()],
    applyTopics: async (definitions) => {
      use();
      const reports = await applyTopics(client, prefix, definitions, options);
      await learn(
        definitions.filter((d) => reports.some((r) => r.topic === d.name && r.outcome !== 'wrong')),
      );
      return reports;
    },
    openWriter: async (id) => {
      use();
      const writer = await openKafkaWriter({ client, prefix, topics, now: options.now ?? Date.now }, id);
      writers.add(writer);
      const close = async () => {
        writers.delete(writer);
        await writer.close();
      };
      if (stop.signal.aborted) await close();
      use();
      return { ...writer, close };
    },
    async *read(read): AsyncGenerator<ReadBatch> {
      use();
      requireTopic(read.topic, topics);
      yield* readTopic(client, prefix, read, stop.signal);
    },
    bounds: async (topic) => {
      use();
      requireTopic(topic, topics);
      return bounds(client, prefix + topic, 'read_committed');
    },
    own: async (ids, handler) => {
      use();
      const times = { ...OWNERSHIP_TIMES, ...options.ownership };
      const ownership = joinOwners(client, `${prefix}hub.owners`, ids, handler, times);
      ownerships.add(ownership);
      return ownership;
    },
    owners: (ids) => activeOwners(client, `${prefix}hub.owners`, ids),
    // The brokers compact and expire by themselves.
    maintain: async () => ({ compacted: 0, expired: 0 }),
    close: async () => {
      if (stop.signal.aborted) return;
      await Promise.all([...ownerships].map((ownership) => ownership.release()));
      stop.abort();
      await Promise.all([...writers].map((writer) => writer.close()));
      await client.close();
    },
  };
}
