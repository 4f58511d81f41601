/**
 * Reads Cardhub's topics with kafkajs, read committed, and prints each record as a line of JSON. Schemas come
 * from the hub's registry by the id in each value; nothing here knows the contracts beforehand.
 *
 *   node examples/consumers/kafkajs/consume.mjs --bootstrap 127.0.0.1:9092 --registry http://127.0.0.1:8080/registry \
 *     --topics master.card,master.door-event [--prefix qau.] [--follow]
 *
 * Without --follow it ends where the topics ended when it started.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import avro from 'avsc';
import { Kafka, logLevel } from 'kafkajs';
const MAGIC = 0;
const PREFIX_BYTES = 5;
/** Decodes values in the Confluent wire format; asks the registry once for each schema id. */
export function createDecoder(registry, get = fetch) {
  const types = new Map();
  const load = async (id) => {
    const response = await get(`${registry}/schemas/ids/${id}`, { signal: AbortSignal.timeout(10_000) });
    if (!response.ok) throw new Error(`the registry has no schema ${id}: HTTP ${response.status}`);
    const { schema } = await response.json();
    return avro.Type.forSchema(JSON.parse(schema));
  };
  return async (value) => {
    if (value.length < PREFIX_BYTES || value[0] !== MAGIC)
      throw new Error('not in the Confluent wire format');
    const id = value.readInt32BE(1);
    let type = types.get(id);
    if (!type) {
      type = load(id);
      types.set(id, type);
      // A registry that was away for a moment is asked again.
      type.catch(() => types.delete(id));
    }
    return (await type).fromBuffer(value.subarray(PREFIX_BYTES));
  };
}
/** Consumes until `signal` aborts or, without `follow`, until the ends noted at the start. */
export async function consume(options, print, signal) {
  const kafka = new Kafka({ brokers: options.bootstrap.split(','), logLevel: logLevel.ERROR });
  const topics = options.topics.split(',').map((name) => options.prefix + name);
  const remaining = options.follow ? undefined : await ends(kafka, topics);
  const decode = createDecoder(options.registry);
  const consumer = kafka.consumer({ groupId: `cardhub-example-${process.pid}`, readUncommitted: false });
  let count = 0;
  const finished = new Promise((resolve, reject) => {
    if (remaining?.size === 0 || signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
    consumer.on('consumer.crash', ({ payload }) => reject(payload.error));
    // Aborted records and markers move the offset without a message, so ends are judged by batch.
    consumer.on('consumer.end_batch_process', ({ payload }) => {
      const at = `${payload.topic}/${payload.partition}`;
      const end = remaining?.get(at);
      if (end !== undefined && BigInt(payload.lastOffset) + 1n >= end) remaining?.delete(at);
      if (remaining?.size === 0) resolve();
    });
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ topic, partition, message }) => {
        const { key, value, offset, headers } = message;
        const data = value === null ? null : await decode(value);
        const id = headers?.['ce_id']?.toString();
        print(JSON.stringify({ topic, partition, offset, key: key?.toString(), id, value: data }));
        count += 1;
      },
    });
    await finished;
  } finally {
    await consumer.disconnect();
  }
  return count;
}
async function ends(kafka, topics) {
  const admin = kafka.admin();
  await admin.connect();
  const present = await admin.listTopics();
  const absent = topics.filter((topic) => !present.includes(topic));
  if (absent.length > 0) {
    await admin.disconnect();
    throw new Error(
      `the broker has no topic ${absent.join(', ')}; see log.prefix in hub.yaml and give it as --prefix`,
    );
  }
  const found = new Map();
  for (const topic of topics) {
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      if (BigInt(high) > BigInt(low)) found.set(`${topic}/${partition}`, BigInt(high));
    }
  }
  await admin.disconnect();
  return found;
}
const startedDirectly = process.argv[1] === fileURLToPath(import.meta.url);
if (startedDirectly) {
  const { values } = parseArgs({
    options: {
      bootstrap: { type: 'string', default: '127.0.0.1:9092' },
      registry: { type: 'string', default: 'http://127.0.0.1:8080/registry' },
      prefix: { type: 'string', default: '' },
      topics: { type: 'string', default: 'master.card,master.door,master.access-grant,master.door-event' },
      follow: { type: 'boolean', default: false },
    },
  });
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  try {
    const count = await consume(values, (line) => console.log(line), stop.signal);
    console.error(`${count} records`);
  } catch (error) {
    console.error(`consume.mjs: ${error.message}`);
    process.exitCode = 1;
  }
}
