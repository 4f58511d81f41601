/**
 * Which store this is: the cluster's id and the id that the brokers gave the topic of positions when it was
 * made. A new cluster, a new prefix, or a topic that was deleted and made again (restored from a copy) shows by
 * it. What it cannot show is a cluster whose disks were set back: there a reader or writer meets offsets beyond
 * the end, and reading refuses those as DAMAGED.
 *
 * Topic ids need Metadata v10 or later, which kafkajs does not speak: a request of our own, v12.
 * Source of fact: Kafka protocol guide, Metadata v12; KIP-516 (topic ids); KIP-482 (compact types).
 */
import type { KafkaClient } from './client.js';
import { newEncoder, type ProtocolRequest } from './internals.js';

const METADATA = 3;

export async function lineageOf(client: KafkaClient, topic: string): Promise<string> {
  return client.run('lineage', async (cluster) => {
    await cluster.refreshMetadataIfNecessary();
    const broker = await cluster.findControllerBroker();
    const { clusterId, topicId } = await broker.connectionPool.send(protocol(topic));
    return `${clusterId}/${topicId}`;
  });
}

interface Answer {
  readonly clusterId: string;
  /** Hex; `none` while the topic does not exist. */
  readonly topicId: string;
}

/** The compact length of a string: a varint, one more than its bytes. Names have at most 249. */
function compactLength(bytes: number): Buffer {
  const value = bytes + 1;
  return Buffer.from(value < 0x80 ? [value] : [(value & 0x7f) | 0x80, value >>> 7]);
}

function protocol(topic: string): ProtocolRequest<Answer> {
  return {
    request: {
      apiKey: METADATA,
      apiVersion: 12,
      apiName: 'Metadata',
      encode: async () => {
        const name = Buffer.from(topic, 'utf8');
        const encoder = newEncoder();
        encoder.writeBufferInternal(
          Buffer.concat([
            Buffer.from([0]), // tagged fields of the request header, which kafkajs writes in its older form
            Buffer.from([2]), // one topic
            Buffer.alloc(16), // by name, not by id
            compactLength(name.length),
            name,
            Buffer.from([0, 0, 0, 0]), // its tags; no auto creation; no authorized operations; tags
          ]),
        );
        return encoder;
      },
    },
    response: { decode: async (raw) => decode(raw), parse: async (data) => data },
  };
}

function decode(raw: Buffer): Answer & { clientSideThrottleTime: number } {
  let at = 1; // tagged fields of the response header
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = raw[at++]!;
      value |= (byte & 0x7f) << shift;
      if (!(byte & 0x80)) return value;
    }
  };
  const text = () => {
    const length = varint() - 1;
    const from = at;
    at += Math.max(0, length);
    return raw.toString('utf8', from, at);
  };
  const clientSideThrottleTime = raw.readInt32BE(at);
  at += 4;
  for (let brokers = varint() - 1; brokers > 0; brokers--) {
    at += 4; // node
    text(); // host
    at += 4; // port
    text(); // rack
    varint(); // tags
  }
  const clusterId = text();
  at += 4; // controller
  if (varint() - 1 < 1) return { clusterId, topicId: 'none', clientSideThrottleTime };
  const error = raw.readInt16BE(at);
  at += 2;
  text(); // name
  const topicId = error === 0 ? raw.toString('hex', at, at + 16) : 'none';
  return { clusterId, topicId, clientSideThrottleTime };
}
