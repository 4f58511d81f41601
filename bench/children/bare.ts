/**
 * The bare side: the very records that the pipeline wrote (topics, partitions, keys, values, headers), sent by
 * nothing but kafkajs (partition given, acks of all, no transaction) or put by nothing but LMDB (one put a
 * record, one durable transaction a batch). Reading them back and laying them out is not timed.
 */
import { rm } from 'node:fs/promises';
import { Kafka, logLevel, type ProducerRecord } from 'kafkajs';
import { open } from 'lmdb';
import { connectors } from '../../connectors/index.js';
import { openLog } from '../../hub/run/open-log.js';
import type { Log, StoredRecord } from '../../hub/log/log.js';
import { filesYaml } from '../campus-files.js';
import { configOf } from '../config.js';
import type { PipelineArgument, PipelineAnswer } from './pipeline.js';

export interface BareArgument extends PipelineArgument {
  /** Where to: a folder for LMDB, or the prefix of topics that are there. */
  readonly to: string;
}

void connectors;
const CARDS = ['hub.person-source', 'master.card', 'master.account', 'hub.out-of-scope-card'];
const SWIPES = ['master.door-event'];
const BATCH_RECORDS = 5_000;

const argument = JSON.parse(process.argv[2] as string) as BareArgument;
const config = configOf(filesYaml(argument.files), argument.dataDir, argument.log);
const log = await openLog(config, { readOnly: true });
const groups = { cards: await readAll(log, CARDS), swipes: await readAll(log, SWIPES) };
await log.close();
const answer: PipelineAnswer =
  argument.log.engine === 'kafka' ? await kafka(argument.log.brokers, argument.to) : await lmdb(argument.to);
process.send?.(answer, () => process.exit());

async function readAll(from: Log, topics: readonly string[]): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  for (const topic of topics) {
    for await (const batch of from.read({ topic, until: 'end' })) {
      for (const record of batch.records)
        records.push({ ...record, value: record.value && Buffer.from(record.value) });
    }
  }
  // Append time first: topics stand interleaved as the pipeline wrote them.
  return records.sort((a, b) => a.timestamp - b.timestamp);
}

async function kafka(brokers: string, prefix: string): Promise<PipelineAnswer> {
  const client = new Kafka({ clientId: 'bare', brokers: brokers.split(','), logLevel: logLevel.NOTHING });
  const producer = client.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const warm = groups.cards[0] as StoredRecord;
  await producer.sendBatch({ topicMessages: messagesOf([warm], prefix) });
  const measure = async (records: readonly StoredRecord[]) => {
    const batches: ProducerRecord[][] = [];
    for (let at = 0; at < records.length; at += BATCH_RECORDS)
      batches.push(messagesOf(records.slice(at, at + BATCH_RECORDS), prefix));
    globalThis.gc?.();
    const from = performance.now();
    for (const topicMessages of batches) await producer.sendBatch({ topicMessages, acks: -1 });
    return { rows: 0, records: records.length, ms: performance.now() - from };
  };
  const result = { cards: await measure(groups.cards), swipes: await measure(groups.swipes) };
  await producer.disconnect();
  return result;
}

function messagesOf(records: readonly StoredRecord[], prefix: string): ProducerRecord[] {
  const byTopic = new Map<string, ProducerRecord>();
  for (const { topic, partition, key, value, headers } of records) {
    let group = byTopic.get(topic);
    if (group === undefined) byTopic.set(topic, (group = { topic: prefix + topic, messages: [] }));
    group.messages.push({ key, value: value as Buffer | null, partition, headers: { ...headers } });
  }
  return [...byTopic.values()];
}

async function lmdb(dir: string): Promise<PipelineAnswer> {
  await rm(dir, { recursive: true, force: true });
  const db = open<Buffer, Buffer>({
    path: dir,
    keyEncoding: 'binary',
    encoding: 'binary',
    compression: false,
  });
  const measure = async (records: readonly StoredRecord[]) => {
    const pairs = records.map(laidOut);
    globalThis.gc?.();
    const from = performance.now();
    for (let at = 0; at < pairs.length; at += BATCH_RECORDS) {
      await db.batch(() => {
        for (const [key, value] of pairs.slice(at, at + BATCH_RECORDS)) void db.put(key, value);
      });
      await db.flushed;
    }
    return { rows: 0, records: records.length, ms: performance.now() - from };
  };
  const result = { cards: await measure(groups.cards), swipes: await measure(groups.swipes) };
  await db.close();
  return result;
}

/** Topic, partition and offset as the key; key, headers and value of the record one after the other. */
function laidOut({ topic, partition, offset, key, headers, value }: StoredRecord): [Buffer, Buffer] {
  const place = Buffer.from(
    `${topic}/${String(partition).padStart(2, '0')}/${String(offset).padStart(12, '0')}`,
  );
  const text = Object.entries(headers).map(([name, content]) => `${name}${content}`);
  return [place, Buffer.concat([Buffer.from(key + text.join('')), value ?? Buffer.alloc(0)])];
}
