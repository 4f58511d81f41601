/**
 * A writer: one transactional producer for one source partition.
 *
 *   opening ──InitProducerId (fences)──▶ fenced ──position read──▶ ready ──append──▶ busy ──commit──▶ ready
 *                                                                    └─any error, or close──▶ dead
 *
 * kafkajs' rules (libraries.md): one awaited `sendBatch` at a time; an explicit partition on every record; any
 * error ends the producer, and it is not rebuilt here: only the owner knows whether it still is one.
 */
import type { Producer, ProducerBatch, Transaction } from 'kafkajs';
import { checkBatch, checkRecord, makePosition, POSITIONS_TOPIC, requireTopic } from '../limits.js';
import {
  LogError,
  type AppendBatch,
  type AppendResult,
  type LogRecord,
  type LogWriter,
  type SourcePartitionId,
  type StoredRecord,
  type TopicDefinition,
  type WrittenOffset,
} from '../log.js';
import { partitionOf, partitionOfBytes } from '../partition.js';
import { backoff, isPassing, RETRY_MS, sleep, type KafkaClient } from './client.js';
import { kafkaErrorType, toLogError } from './errors.js';
import { isVisible } from './offsets.js';
import { lastCommitted } from './position.js';

/** A hung writer hides later records of everyone from readers for this long. */
export const TRANSACTION_TIMEOUT_MS = 10_000;
/** After this the transaction has been aborted by the coordinator anyway. */
const APPEND_TIMEOUT_MS = 2 * TRANSACTION_TIMEOUT_MS;
/** A partition's part of one request is one record batch, and brokers refuse those above 1,048,588 bytes. */
const PART_BYTES = 950_000;
/** kafkajs copies the list of a partition for each record that it adds: keep lists short. */
const PART_RECORDS = 1_000;
const RECORD_OVERHEAD_BYTES = 64;
const VISIBLE_WAIT_MS = 250;

export interface WriterContext {
  readonly client: KafkaClient;
  readonly prefix: string;
  readonly topics: ReadonlyMap<string, TopicDefinition>;
  /** Epoch milliseconds, the records' timestamp. */
  readonly now: () => number;
}

export async function openKafkaWriter(context: WriterContext, id: SourcePartitionId): Promise<LogWriter> {
  const positions = requireTopic(POSITIONS_TOPIC, context.topics);
  const producer = context.client.kafka.producer({
    transactionalId: `${context.prefix}hub.writer.${id}`,
    transactionTimeout: TRANSACTION_TIMEOUT_MS,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: () => (given) => given.message.partition!,
  });
  try {
    await producer.connect();
    const first = await fence(producer, id);
    const place = {
      topic: context.prefix + POSITIONS_TOPIC,
      partition: partitionOf(id, positions.partitions),
    };
    const position = await lastCommitted(context.client, place, id);
    return writer(context, id, producer, first, position && { ...position, topic: POSITIONS_TOPIC });
  } catch (error) {
    await producer.disconnect().catch(() => undefined);
    throw toLogError(error, `Opening the writer of ${id}`);
  }
}

/** InitProducerId aborts and fences every earlier producer of this id. Coordinators that load answer later. */
async function fence(producer: Producer, id: SourcePartitionId): Promise<Transaction> {
  const until = performance.now() + RETRY_MS;
  for (let attempt = 1; ; attempt++) {
    try {
      // Until the first send nothing of this transaction is known to the brokers: it cannot time out.
      return await producer.transaction();
    } catch (error) {
      if (!isPassing(error) || performance.now() > until)
        throw toLogError(error, `Fencing the writers of ${id}`);
      await sleep(backoff(attempt));
    }
  }
}

function writer(
  context: WriterContext,
  id: SourcePartitionId,
  producer: Producer,
  first: Transaction,
  position: StoredRecord | undefined,
): LogWriter {
  let state: 'ready' | 'busy' | 'dead' = 'ready';
  let prepared: Transaction | undefined = first;
  const isDead = () => state === 'dead';
  const end = () => {
    state = 'dead';
    producer.disconnect().catch(() => undefined);
  };
  return {
    id,
    position,
    append: async (batch) => {
      if (state === 'dead')
        throw new LogError('CLOSED', `The writer of ${id} is closed; open a new one.`, 'never');
      if (state === 'busy') {
        throw new LogError(
          'MISUSE',
          `The writer of ${id} takes one append at a time; await the one before.`,
          'never',
        );
      }
      state = 'busy';
      try {
        checkBatch(batch.records, context.topics);
        const transaction = prepared ?? (await producer.transaction());
        prepared = undefined;
        const { written, places } = await withTimeout(appendIn(transaction, context, id, batch, isDead), id);
        await Promise.race([untilVisible(context, places), sleep(VISIBLE_WAIT_MS)]);
        if (!isDead()) state = 'ready';
        return { written };
      } catch (error) {
        end();
        throw toLogError(error, `Appending for ${id}`);
      }
    },
    close: async () => {
      if (state === 'dead') return;
      state = 'dead';
      await producer.disconnect().catch(() => undefined);
    },
  };
}

async function appendIn(
  transaction: Transaction,
  context: WriterContext,
  id: SourcePartitionId,
  batch: AppendBatch,
  isDead: () => boolean,
): Promise<AppendResult & { places: readonly WrittenOffset[] }> {
  const alive = () => {
    if (isDead()) throw new LogError('CLOSED', `The writer of ${id} was closed during an append.`, 'never');
  };
  const last = new Map<string, WrittenOffset>();
  let places = last;
  try {
    for (const part of parts(context, batch.records)) {
      alive();
      await sendPart(transaction, context.prefix, part, last);
    }
    const position = makePosition(id, batch.position, [...last.values()]);
    places = new Map(last);
    for (const part of parts(context, [position])) {
      alive();
      await sendPart(transaction, context.prefix, part, places);
    }
    alive();
  } catch (error) {
    // Left open, it would hide later records from readers until it times out. A fenced one is gone already.
    if (transaction.isActive() && kafkaErrorType(error) !== 'INVALID_PRODUCER_EPOCH') {
      await transaction.abort().catch(() => undefined);
    }
    throw error;
  }
  await transaction.commit();
  return { written: [...last.values()], places: [...places.values()] };
}

/**
 * A commit is answered when it is certain, and the markers that let readers see it are written just after. Waiting
 * for them means that whoever reads after an append sees it, and that the next transaction is not refused as
 * concurrent. An open transaction of another source can hold visibility back: that is not waited for.
 */
async function untilVisible(
  { client, prefix }: WriterContext,
  written: readonly WrittenOffset[],
): Promise<void> {
  const places = written.map((w) => ({ ...w, topic: prefix + w.topic }));
  const until = performance.now() + VISIBLE_WAIT_MS;
  try {
    for (let wait = 1; !(await isVisible(client, places)) && performance.now() < until; wait *= 2)
      await sleep(wait);
  } catch (error) {
    client.log('debug', 'Committed, but visibility could not be checked', { error: String(error) });
  }
}

type Message = NonNullable<ProducerBatch['topicMessages']>[number]['messages'][number];
/** Topic (without prefix) → messages of one request. */
type Part = Map<string, Message[]>;

/** Splits a batch, in order, into requests in which no partition has too many bytes or records. */
function* parts(context: WriterContext, records: readonly LogRecord[]): Generator<Part> {
  const timestamp = String(context.now());
  let part: Part = new Map();
  let load = new Map<string, { bytes: number; records: number }>();
  for (const record of records) {
    const key = Buffer.from(record.key, 'utf8');
    const partition = partitionOfBytes(key, requireTopic(record.topic, context.topics).partitions);
    const place = `${record.topic}/${partition}`;
    const bytes = checkRecord(record) + RECORD_OVERHEAD_BYTES;
    let there = load.get(place);
    if (there && (there.bytes + bytes > PART_BYTES || there.records >= PART_RECORDS)) {
      yield part;
      part = new Map();
      load = new Map();
      there = undefined;
    }
    load.set(place, { bytes: (there?.bytes ?? 0) + bytes, records: (there?.records ?? 0) + 1 });
    const { value } = record;
    const messages = part.get(record.topic) ?? [];
    if (messages.length === 0) part.set(record.topic, messages);
    messages.push({
      key,
      value: value && Buffer.from(value.buffer, value.byteOffset, value.byteLength),
      headers: record.headers,
      partition,
      timestamp,
    });
  }
  if (part.size > 0) yield part;
}

/** Sends one request and notes the last offset that it wrote in each partition. */
async function sendPart(
  transaction: Transaction,
  prefix: string,
  part: Part,
  last: Map<string, WrittenOffset>,
): Promise<void> {
  const counts = new Map<string, number>();
  for (const [topic, messages] of part) {
    for (const { partition } of messages) {
      const place = `${topic}/${partition}`;
      counts.set(place, (counts.get(place) ?? 0) + 1);
    }
  }
  const topicMessages = [...part].map(([topic, messages]) => ({ topic: prefix + topic, messages }));
  for (const answer of await transaction.sendBatch({ topicMessages, acks: -1 })) {
    const topic = answer.topicName.slice(prefix.length);
    const place = `${topic}/${answer.partition}`;
    const offset = Number(answer.baseOffset) + counts.get(place)! - 1;
    last.set(place, { topic, partition: answer.partition, offset });
  }
}

async function withTimeout<T>(work: Promise<T>, id: SourcePartitionId): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const said = `Appending for ${id}: no answer within ${APPEND_TIMEOUT_MS} ms; the outcome is unknown. Re-open the writer.`;
      reject(new LogError('UNAVAILABLE', said, 'now'));
    }, APPEND_TIMEOUT_MS);
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
