import { createRequire } from 'node:module';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { installIdleGuard } from './idle-guard.js';
import { newCluster, newEncoder, protocolError, requestQueuePrototype } from './internals.js';
import { Kafka, logLevel } from 'kafkajs';

const require = createRequire(import.meta.url);

describe('what is used of kafkajs behind its public API', () => {
  test('is there, with the shape that internals.ts declares', () => {
    const kafka = new Kafka({ brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING });
    const cluster = newCluster({ brokers: ['127.0.0.1:1'], clientId: 'test' }, kafka.logger());
    const methods = [
      'connect',
      'disconnect',
      'addMultipleTargetTopics',
      'refreshMetadata',
      'refreshMetadataIfNecessary',
      'findTopicPartitionMetadata',
      'findBroker',
      'findControllerBroker',
      'findGroupCoordinator',
    ] as const;
    for (const method of methods) expect(typeof cluster[method], method).toBe('function');
    const Broker = require('kafkajs/src/broker') as { prototype: Record<string, unknown> };
    const requests = ['listOffsets', 'initProducerId', 'addPartitionsToTxn', 'endTxn'];
    for (const method of [...requests, 'joinGroup', 'syncGroup', 'heartbeat', 'leaveGroup']) {
      expect(Broker.prototype[method], method).toBeTypeOf('function');
    }
    const Pool = require('kafkajs/src/network/connectionPool') as { prototype: Record<string, unknown> };
    expect(Pool.prototype.send).toBeTypeOf('function');
  });

  test('names the protocol errors that the engine tells apart', () => {
    const types = [3, 6, 10, 15, 27, 47, 51].map((code) => protocolError(code).type);
    expect(types).toEqual([
      'UNKNOWN_TOPIC_OR_PARTITION',
      'NOT_LEADER_FOR_PARTITION',
      'MESSAGE_TOO_LARGE',
      'GROUP_COORDINATOR_NOT_AVAILABLE',
      'REBALANCE_IN_PROGRESS',
      'INVALID_PRODUCER_EPOCH',
      'CONCURRENT_TRANSACTIONS',
    ]);
  });

  test('an encoder writes big-endian and grows', () => {
    const encoder = newEncoder(4)
      .writeInt8(1)
      .writeInt16(2)
      .writeInt32(3)
      .writeInt64(2 ** 40)
      .writeString('é');
    encoder.writeBufferInternal(Buffer.from([9]));
    expect(encoder.buffer.toString('hex')).toBe(
      '01' + '0002' + '00000003' + '0000010000000000' + '0002c3a9' + '09',
    );
  });
});

describe('the idle guard', () => {
  const remove = installIdleGuard();
  afterEach(() => vi.useRealTimers());
  const queue = (pending: unknown[]) =>
    Object.assign(Object.create(requestQueuePrototype) as typeof requestQueuePrototype, {
      pending,
      inflight: new Map(),
      throttledUntil: -1,
      throttleCheckTimeoutId: null,
    });

  test('is still needed: kafkajs arms a timer for a queue that holds nothing back', () => {
    vi.useFakeTimers();
    remove();
    queue([]).scheduleCheckPendingRequests();
    expect(vi.getTimerCount()).toBe(1);
    installIdleGuard();
  });

  test('arms no timer for nothing, and still arms one for requests that wait', () => {
    vi.useFakeTimers();
    installIdleGuard();
    queue([]).scheduleCheckPendingRequests();
    expect(vi.getTimerCount()).toBe(0);
    queue([{}]).scheduleCheckPendingRequests();
    expect(vi.getTimerCount()).toBe(1);
  });
});
