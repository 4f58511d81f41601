/** One Produce request (v7: Kafka 2.1 to 4.x) with batches encoded here. Source of fact: Kafka protocol guide. */
import { newEncoder, type Broker, type ProtocolRequest } from './internals.js';

const API_KEY = 0;
const ALL_REPLICAS = -1;
const TIMEOUT_MS = 8_000;

export interface PartitionBatch {
  /** With the prefix. */
  readonly topic: string;
  readonly partition: number;
  readonly batch: Buffer;
}

export interface Produced {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly baseOffset: number;
}

export async function produceOnce(
  broker: Broker,
  transactionalId: string,
  batches: readonly PartitionBatch[],
): Promise<readonly Produced[]> {
  return (await broker.connectionPool.send(protocol(transactionalId, batches))).produced;
}

function protocol(
  transactionalId: string,
  batches: readonly PartitionBatch[],
): ProtocolRequest<{ produced: Produced[] }> {
  return {
    requestTimeout: TIMEOUT_MS + 2_000,
    request: {
      apiKey: API_KEY,
      apiVersion: 7,
      apiName: 'Produce',
      encode: async () => {
        const byTopic = new Map<string, PartitionBatch[]>();
        let bytes = 1_024;
        for (const one of batches) {
          bytes += one.batch.length + one.topic.length + 64;
          const list = byTopic.get(one.topic);
          if (list) list.push(one);
          else byTopic.set(one.topic, [one]);
        }
        const encoder = newEncoder(bytes)
          .writeString(transactionalId)
          .writeInt16(ALL_REPLICAS)
          .writeInt32(TIMEOUT_MS)
          .writeInt32(byTopic.size);
        for (const [topic, list] of byTopic) {
          encoder.writeString(topic).writeInt32(list.length);
          for (const { partition, batch } of list) {
            encoder.writeInt32(partition).writeInt32(batch.length).writeBufferInternal(batch);
          }
        }
        return encoder;
      },
    },
    response: { decode: async (raw) => decode(raw), parse: async (data) => data },
  };
}

function decode(raw: Buffer): { produced: Produced[]; clientSideThrottleTime: number } {
  const produced: Produced[] = [];
  let at = 4;
  for (let topics = raw.readInt32BE(0); topics > 0; topics--) {
    const length = raw.readInt16BE(at);
    const topic = raw.toString('utf8', at + 2, at + 2 + length);
    at += 2 + length;
    let partitions = raw.readInt32BE(at);
    at += 4;
    for (; partitions > 0; partitions--) {
      const partition = raw.readInt32BE(at);
      const errorCode = raw.readInt16BE(at + 4);
      const baseOffset = Number(raw.readBigInt64BE(at + 6));
      produced.push({ topic, partition, errorCode, baseOffset });
      at += 30; // and append time, log start
    }
  }
  return { produced, clientSideThrottleTime: raw.readInt32BE(at) };
}
