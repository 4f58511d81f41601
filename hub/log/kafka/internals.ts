/**
 * The only file that reaches into kafkajs (2.2.4, in maintenance mode) behind its public API. What is taken and why:
 *
 * - `Cluster` with its brokers: sockets, TLS, SASL, metadata and leaders. Readers need exact control over offsets
 *   and end, which the group consumer does not give: it joins a group (3 s), it cannot pass an end that is only
 *   transaction markers, and its filter of aborted transactions (`filterAbortedMessages`) lets aborted records
 *   through when two transactions overlap, since it takes the broker's list as if it were ordered by first offset
 *   and looks at one entry a message.
 * - `broker.connectionPool.send`: one request of our own encoding (Fetch v11, Produce v7, Metadata v12 for topic ids).
 * - the brokers' transaction and group requests, for `transaction.ts` and `ownership.ts`, which say why.
 * - `Encoder`, the buffer that such a request must hand over.
 *
 * `internals.test.ts` fails when an upgrade changes any of these.
 */
import { createRequire } from 'node:module';
import type { KafkaConfig, Logger } from 'kafkajs';

const require = createRequire(import.meta.url);

export interface Encoder {
  readonly buffer: Buffer;
  writeInt8(value: number): Encoder;
  writeInt16(value: number): Encoder;
  writeInt32(value: number): Encoder;
  writeInt64(value: number | string | bigint): Encoder;
  writeString(value: string | null): Encoder;
  writeBufferInternal(value: Buffer): void;
}

/** A request and the reading of its answer, as kafkajs' connection takes them. */
export interface ProtocolRequest<T> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    encode(): Promise<Encoder>;
  };
  readonly response: {
    decode(raw: Buffer): Promise<T & { clientSideThrottleTime: number }>;
    parse(data: T & { clientSideThrottleTime: number }): Promise<T>;
  };
  readonly requestTimeout?: number;
}

export interface GroupMember {
  readonly memberId: string;
  readonly memberMetadata: Buffer;
}

export interface ProducerIdentity {
  readonly transactionalId: string;
  readonly producerId: string;
  readonly producerEpoch: number;
}

export interface Broker {
  readonly nodeId: number;
  readonly connectionPool: { send<T>(request: ProtocolRequest<T>): Promise<T> };
  listOffsets(request: {
    replicaId?: number;
    isolationLevel: 0 | 1;
    topics: { topic: string; partitions: { partition: number; timestamp: number }[] }[];
  }): Promise<{ responses: { topic: string; partitions: { partition: number; offset: string }[] }[] }>;
  initProducerId(request: {
    transactionalId: string;
    transactionTimeout: number;
  }): Promise<{ producerId: string; producerEpoch: number }>;
  addPartitionsToTxn(
    request: ProducerIdentity & { topics: { topic: string; partitions: number[] }[] },
  ): Promise<unknown>;
  endTxn(request: ProducerIdentity & { transactionResult: boolean }): Promise<unknown>;
  joinGroup(request: {
    groupId: string;
    sessionTimeout: number;
    rebalanceTimeout: number;
    memberId: string;
    protocolType: string;
    groupProtocols: { name: string; metadata: Buffer }[];
  }): Promise<{ generationId: number; leaderId: string; memberId: string; members: GroupMember[] }>;
  syncGroup(request: {
    groupId: string;
    generationId: number;
    memberId: string;
    groupAssignment: { memberId: string; memberAssignment: Buffer }[];
  }): Promise<{ memberAssignment: Buffer }>;
  heartbeat(request: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>;
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>;
}

export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addMultipleTargetTopics(topics: string[]): Promise<void>;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[];
  findBroker(where: { nodeId: number | string }): Promise<Broker>;
  findControllerBroker(): Promise<Broker>;
  /** `coordinatorType` 0: of groups (default), 1: of transactions; `groupId` is then the transactional id. */
  findGroupCoordinator(which: { groupId: string; coordinatorType?: 0 | 1 }): Promise<Broker>;
}

const ClusterClass = require('kafkajs/src/cluster') as new (options: object) => Cluster;
const EncoderClass = require('kafkajs/src/protocol/encoder') as new (size?: number) => Encoder;
const createSocketFactory = require('kafkajs/src/network/socketFactory') as () => unknown;
const { createErrorFromCode } = require('kafkajs/src/protocol/error') as {
  createErrorFromCode: (code: number) => Error & { type: string };
};
const RequestQueueClass = require('kafkajs/src/network/requestQueue') as { prototype: RequestQueue };

export interface RequestQueue {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  throttleCheckTimeoutId: unknown;
  scheduleCheckPendingRequests(): void;
}

/** Kafka's error code as the error that kafkajs would throw, with `type`. */
export const protocolError = (code: number): Error & { type: string } => createErrorFromCode(code);

/** The prototype that `idle-guard.ts` changes. */
export const requestQueuePrototype: RequestQueue = RequestQueueClass.prototype;

export const newEncoder = (bytes?: number): Encoder => new EncoderClass(bytes);

/** A connection to the brokers that belongs to nobody's consumer or producer. Connect it, and disconnect it. */
export function newCluster(config: KafkaConfig, logger: Logger): Cluster {
  return new ClusterClass({
    logger,
    socketFactory: config.socketFactory ?? createSocketFactory(),
    brokers: config.brokers,
    ssl: config.ssl,
    sasl: config.sasl,
    clientId: config.clientId,
    connectionTimeout: config.connectionTimeout,
    requestTimeout: config.requestTimeout,
    enforceRequestTimeout: true,
    retry: config.retry,
    metadataMaxAge: 300_000,
    allowAutoTopicCreation: false,
    maxInFlightRequests: null,
    isolationLevel: 1,
  });
}
