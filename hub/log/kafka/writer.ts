/**
 * A writer: one transactional producer for one source partition.
 *
 *   opening ──InitProducerId (fences)──▶ fenced ──position read──▶ ready ──append──▶ busy ──commit──▶ ready
 *                                                                    └─any error, or close──▶ dead
 *
 * Any error ends the producer, and it is not rebuilt here: only the owner knows whether it still is one
 * (libraries.md, kafkajs 3).
 */
import { checkBatch, makePosition, POSITIONS_TOPIC, requireTopic } from '../limits.js';
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
import { sleep, type KafkaClient } from './client.js';
import { encodeBatch, recordBytesMax } from './encode-batch.js';
import { kafkaErrorType, toLogError } from './errors.js';
import { isVisible } from './offsets.js';
import { lastCommitted } from './position.js';
import type { PartitionBatch } from './produce.js';
import { openProducer, type TransactionalProducer } from './transaction.js';

/** A hung writer hides later records of everyone from readers for this long. */
export const TRANSACTION_TIMEOUT_MS = 10_000;
/** After this the transaction has been aborted by the coordinator anyway. */
const APPEND_TIMEOUT_MS = 2 * TRANSACTION_TIMEOUT_MS;
/** How long one step of a transaction is tried: within its timeout. */
const STEP_RETRY_MS = 8_000;
/** A partition's part of one request is one record batch, and brokers refuse those above 1,048,588 bytes. */
const BATCH_BYTES = 1_048_588 - 100;
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
  const { client, prefix } = context;
  let producer: TransactionalProducer | undefined;
  try {
    producer = await openProducer(client, {
      transactionalId: `${prefix}hub.writer.${id}`,
      transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
      retryMs: STEP_RETRY_MS,
    });
    const place = { topic: prefix + POSITIONS_TOPIC, partition: partitionOf(id, positions.partitions) };
    const position = await lastCommitted(client, place, id);
    return writer(context, id, producer, position && { ...position, topic: POSITIONS_TOPIC });
  } catch (error) {
    producer?.close();
    throw toLogError(error, `Opening the writer of ${id}`);
  }
}

function writer(
  context: WriterContext,
  id: SourcePartitionId,
  producer: TransactionalProducer,
  position: StoredRecord | undefined,
): LogWriter {
  let state: 'ready' | 'busy' | 'dead' = 'ready';
  const isDead = () => state === 'dead';
  const end = () => {
    state = 'dead';
    producer.close();
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
        const { written, places } = await withTimeout(appendIn(producer, context, id, batch, isDead), id);
        await Promise.race([untilVisible(context, places), sleep(VISIBLE_WAIT_MS)]);
        if (!isDead()) state = 'ready';
        return { written };
      } catch (error) {
        end();
        throw toLogError(error, `Appending for ${id}`);
      }
    },
    close: async () => {
      end();
    },
  };
}

async function appendIn(
  producer: TransactionalProducer,
  context: WriterContext,
  id: SourcePartitionId,
  batch: AppendBatch,
  isDead: () => boolean,
): Promise<AppendResult & { places: readonly WrittenOffset[] }> {
  const alive = () => {
    if (isDead()) throw new LogError('CLOSED', `The writer of ${id} was closed during an append.`, 'never');
  };
  const last = new Map<string, WrittenOffset>();
  const write = async (records: readonly LogRecord[]) => {
    for (const part of parts(context, records)) {
      alive();
      await sendPart(producer, context, part, last);
    }
  };
  let written: WrittenOffset[];
  try {
    await write(batch.records);
    written = [...last.values()];
    await write([makePosition(id, batch.position, written)]);
    alive();
  } catch (error) {
    // Left open, it would hide later records from readers until it times out. A fenced one is gone already.
    if (producer.isOpen() && kafkaErrorType(error) !== 'INVALID_PRODUCER_EPOCH') {
      await producer.end('abort').catch(() => undefined);
    }
    throw error;
  }
  await producer.end('commit');
  return { written, places: [...last.values()] };
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

/** The records of one request for one partition, in order. */
interface Share {
  readonly topic: string;
  readonly partition: number;
  readonly keys: Uint8Array[];
  readonly records: LogRecord[];
  bytes: number;
}

/** Splits a batch, in order, into requests in which no partition has more bytes than one record batch may. */
function* parts(context: WriterContext, records: readonly LogRecord[]): Generator<readonly Share[]> {
  let shares = new Map<string, Share>();
  for (const record of records) {
    const key = Buffer.from(record.key, 'utf8');
    const { topic } = record;
    const partition = partitionOfBytes(key, requireTopic(topic, context.topics).partitions);
    const place = `${topic}/${partition}`;
    const bytes = recordBytesMax(key, record);
    let share = shares.get(place);
    if (share && share.bytes + bytes > BATCH_BYTES) {
      yield [...shares.values()];
      shares = new Map();
      share = undefined;
    }
    if (!share) shares.set(place, (share = { topic, partition, keys: [], records: [], bytes: 0 }));
    share.keys.push(key);
    share.records.push(record);
    share.bytes += bytes;
  }
  if (shares.size > 0) yield [...shares.values()];
}

/** Sends one request and notes the last offset that it wrote in each partition. */
async function sendPart(
  producer: TransactionalProducer,
  { prefix, now }: WriterContext,
  part: readonly Share[],
  last: Map<string, WrittenOffset>,
): Promise<void> {
  const { producerId, producerEpoch } = producer;
  const timestamp = now();
  const batches = part.map(({ topic, partition, keys, records }): PartitionBatch => {
    const sequence = producer.takeSequence(topic, partition, records.length);
    const batch = encodeBatch(keys, records, { producerId, producerEpoch, sequence, timestamp });
    return { topic: prefix + topic, partition, batch };
  });
  const answers = await producer.send(batches);
  part.forEach(({ topic, partition, records }, i) => {
    const offset = answers[i]!.baseOffset + records.length - 1;
    last.set(`${topic}/${partition}`, { topic, partition, offset });
  });
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
