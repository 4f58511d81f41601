import { Kafka, logLevel } from 'kafkajs';
import { TOPICS } from '../../contracts/types.js';
import { digestValue, type Seen } from './contents.js';

/** What a plain kafkajs consumer is given of one record. */
export interface Message {
  readonly topic: string;
  readonly key: string;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
}

const SILENCE_MS_MAX = 30_000;

/** Reads all topics with a plain `read_committed` consumer, to where they end now. Knows nothing of our log. */
export async function readKafka(
  brokers: string,
  prefix: string,
  use: (message: Message) => void,
): Promise<void> {
  const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING });
  const topics = TOPICS.map(({ name }) => prefix + name);
  const remaining = await endsOf(kafka, topics);
  if (remaining.size === 0) return;
  const consumer = kafka.consumer({
    groupId: `independent-${process.pid}-${Math.random().toString(36).slice(2)}`,
    readUncommitted: false,
    maxWaitTimeInMs: 200,
  });
  let lastNews = Date.now();
  let finish: () => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const done = new Promise<void>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  done.catch(() => undefined);
  consumer.on('consumer.crash', ({ payload }) => fail(payload.error));
  // Transaction markers move the offset without a message, so the end is judged by batch.
  consumer.on('consumer.end_batch_process', ({ payload }) => {
    lastNews = Date.now();
    const place = `${payload.topic}/${payload.partition}`;
    const end = remaining.get(place);
    if (end !== undefined && BigInt(payload.lastOffset) + 1n >= end) remaining.delete(place);
    if (remaining.size === 0) finish();
  });
  const watch = setInterval(() => {
    if (Date.now() - lastNews < SILENCE_MS_MAX) return;
    fail(
      new Error(`nothing for ${SILENCE_MS_MAX} ms; not read to the end: ${[...remaining.keys()].join(' ')}`),
    );
  }, 1_000);
  try {
    await consumer.connect();
    // Empty ones have nothing to give, and a plain consumer asks all partitions in turn, with a wait for each broker.
    const filled = topics.filter((topic) => [...remaining.keys()].some((at) => at.startsWith(`${topic}/`)));
    await consumer.subscribe({ topics: filled, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ topic, message }) => {
        const headers = Object.fromEntries(
          Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)]),
        );
        const key = message.key?.toString() ?? '';
        use({ topic: topic.slice(prefix.length), key, value: message.value, headers });
      },
    });
    await done;
  } finally {
    clearInterval(watch);
    await consumer.disconnect();
  }
}

/** Every record as {@link Seen}. */
export async function seenOnKafka(brokers: string, prefix: string): Promise<Seen[]> {
  const seen: Seen[] = [];
  await readKafka(brokers, prefix, ({ topic, key, value, headers }) => {
    seen.push({ topic, key, value: digestValue(value), id: headers['ce_id'] ?? '' });
  });
  return seen;
}

async function endsOf(kafka: Kafka, topics: readonly string[]): Promise<Map<string, bigint>> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const ends = new Map<string, bigint>();
    for (const topic of topics) {
      for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
        if (BigInt(high) > BigInt(low)) ends.set(`${topic}/${partition}`, BigInt(high));
      }
    }
    return ends;
  } finally {
    await admin.disconnect();
  }
}
