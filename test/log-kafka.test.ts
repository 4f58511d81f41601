import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Kafka, logLevel } from 'kafkajs';
import { openKafkaLog } from '../hub/log/kafka/kafka-log.js';
import { logContract, type LogHarness } from '../hub/log/log.contract.js';
import type { Log, TopicDefinition } from '../hub/log/log.js';
import { partitionOf } from '../hub/log/partition.js';
import { packagePath } from '../hub/package-root.js';
import { describeKafka } from './kafka/available.js';

/** The contract suite on a real broker: each store is a topic prefix of its own, removed afterwards. */
function kafkaHarness(brokers: string): LogHarness {
  const stores = new Map<Log, { prefix: string; topics: readonly TopicDefinition[] }>();
  const prefixes = new Set<string>();
  const endings: (() => Promise<unknown>)[] = [];
  const kafka = new Kafka({ brokers: brokers.split(','), clientId: 'test', logLevel: logLevel.NOTHING });
  const start = async (prefix: string, topics: readonly TopicDefinition[]): Promise<Log> => {
    const log = await openKafkaLog({ brokers: brokers.split(','), prefix, clientId: 'test', topics });
    stores.set(log, { prefix, topics });
    prefixes.add(prefix);
    return log;
  };
  const again = (log: Log) => {
    const { prefix } = stores.get(log)!;
    return start(prefix, log.topics());
  };
  const missing = (reason: string) => ({ missing: reason });
  return {
    engine: 'kafka',
    runs: 5,
    open: async (topics) => {
      const log = await start(`t${randomUUID().slice(0, 8)}.`, []);
      await log.applyTopics(topics);
      return log;
    },
    reopen: async (log) => {
      await log.close();
      return again(log);
    },
    reader: again,
    rival: again,
    cleanUp: async () => {
      await Promise.all(endings.splice(0).map((end) => end().catch(() => undefined)));
      await Promise.all([...stores.keys()].map((log) => log.close()));
      stores.clear();
      const admin = kafka.admin();
      await admin.connect();
      const topics = (await admin.listTopics()).filter((t) => [...prefixes].some((p) => t.startsWith(p)));
      if (topics.length > 0) await admin.deleteTopics({ topics });
      await admin.disconnect();
      prefixes.clear();
    },
    crash: async (log, id) => {
      const { prefix } = stores.get(log)!;
      const child = runChild('append-child', [brokers, prefix, id]);
      endings.push(async () => child.kill('SIGKILL'));
      let acknowledged = 0;
      createInterface({ input: child.stdout! }).on('line', () => acknowledged++);
      return {
        acknowledged: () => acknowledged,
        kill: async () => {
          const ended = once(child, 'close');
          child.kill('SIGKILL');
          await ended;
          return { log: await again(log), acknowledged };
        },
      };
    },
    openTransaction: async (log, records) => {
      const { prefix } = stores.get(log)!;
      const producer = kafka.producer({
        transactionalId: `${prefix}foreign`,
        transactionTimeout: 30_000,
        maxInFlightRequests: 1,
        createPartitioner: () => (given) => given.message.partition!,
      });
      await producer.connect();
      endings.push(() => producer.disconnect());
      const transaction = await producer.transaction();
      for (const { topic, key, value, headers } of records) {
        const partitions = log.topics().find((t) => t.name === topic)!.partitions;
        await transaction.send({
          topic: prefix + topic,
          messages: [
            { key, value: value && Buffer.from(value), headers, partition: partitionOf(key, partitions) },
          ],
        });
      }
      return { commit: () => transaction.commit(), abort: () => transaction.abort() };
    },
    settle: missing('the brokers compact and expire in their own time'),
    openTwice: missing('many processes write, fenced by source partition'),
    openSmall: missing('the disk is the broker’s'),
    damage: missing('the files are the broker’s; a wrong checksum is tested in record-batch.test.ts'),
  };
}

function runChild(name: string, args: readonly string[]): ChildProcess {
  return spawn(
    process.execPath,
    ['--import', './hub/log/child-hook.mjs', `test/children/${name}.ts`, ...args],
    { cwd: packagePath(), stdio: ['ignore', 'pipe', 'inherit'] },
  );
}

describeKafka('the log on Kafka', (brokers) => logContract('kafka', kafkaHarness(brokers)));
