/**
 * One Fetch request (v11: Kafka 2.3 to 4.x) with the record sets left as bytes, so that offsets, aborted
 * transactions and the end of the partition are decided here. Source of fact: Kafka protocol guide, Fetch v11.
 */
import { newEncoder, type Broker, type ProtocolRequest } from './internals.js';
import type { AbortedTransaction } from './record-batch.js';

const API_KEY = 1;
const READ_COMMITTED = 1;

export interface FetchRequest {
  /** With the prefix. */
  readonly topic: string;
  /** Partition → offset to read from. */
  readonly offsets: ReadonlyMap<number, number>;
  /** How long the broker waits for data when there is none. */
  readonly maxWaitMs: number;
  readonly maxBytes: number;
  readonly partitionMaxBytes: number;
}

export interface FetchedPartition {
  readonly partition: number;
  /** Kafka's error code; 0 is none. */
  readonly errorCode: number;
  /** Last stable offset: the committed end. */
  readonly end: number;
  readonly aborted: readonly AbortedTransaction[];
  /** Record batches as stored; the last may be cut short. */
  readonly set: Buffer;
}

export async function fetchOnce(broker: Broker, request: FetchRequest): Promise<FetchedPartition[]> {
  const answer = await broker.connectionPool.send(protocol(request));
  return answer.partitions;
}

interface Answer {
  partitions: FetchedPartition[];
  errorCode: number;
}

function protocol(request: FetchRequest): ProtocolRequest<Answer> {
  return {
    requestTimeout: request.maxWaitMs + 10_000,
    request: {
      apiKey: API_KEY,
      apiVersion: 11,
      apiName: 'Fetch',
      encode: async () => {
        const encoder = newEncoder()
          .writeInt32(-1) // replica: none
          .writeInt32(request.maxWaitMs)
          .writeInt32(1) // least bytes
          .writeInt32(request.maxBytes)
          .writeInt8(READ_COMMITTED)
          .writeInt32(0) // no fetch session
          .writeInt32(-1)
          .writeInt32(1)
          .writeString(request.topic)
          .writeInt32(request.offsets.size);
        for (const [partition, offset] of request.offsets) {
          encoder
            .writeInt32(partition)
            .writeInt32(-1) // leader epoch: not checked
            .writeInt64(offset)
            .writeInt64(-1)
            .writeInt32(request.partitionMaxBytes);
        }
        return encoder.writeInt32(0).writeString(''); // nothing forgotten, no rack
      },
    },
    response: { decode: async (raw) => decode(raw), parse: async (data) => data },
  };
}

const int64 = (bytes: Buffer, at: number): number => Number(bytes.readBigInt64BE(at));

function decode(raw: Buffer): Answer & { clientSideThrottleTime: number } {
  const clientSideThrottleTime = raw.readInt32BE(0);
  const errorCode = raw.readInt16BE(4);
  const partitions: FetchedPartition[] = [];
  let at = 10; // throttle, error, session
  let topics = raw.readInt32BE(at);
  at += 4;
  for (; topics > 0; topics--) {
    at += 2 + raw.readInt16BE(at);
    let count = raw.readInt32BE(at);
    at += 4;
    for (; count > 0; count--) {
      const partition = raw.readInt32BE(at);
      const partitionError = raw.readInt16BE(at + 4);
      const end = int64(raw, at + 14); // after the high watermark
      at += 30; // and the start of the log
      const aborted: AbortedTransaction[] = [];
      let transactions = raw.readInt32BE(at);
      at += 4;
      for (; transactions > 0; transactions--, at += 16) {
        aborted.push({ producerId: raw.readBigInt64BE(at), firstOffset: int64(raw, at + 8) });
      }
      at += 4; // preferred replica
      const bytes = Math.max(0, raw.readInt32BE(at));
      at += 4;
      partitions.push({
        partition,
        errorCode: partitionError,
        end,
        aborted,
        set: raw.subarray(at, at + bytes),
      });
      at += bytes;
    }
  }
  return { partitions, errorCode, clientSideThrottleTime };
}
