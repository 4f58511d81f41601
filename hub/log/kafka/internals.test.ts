import { createRequire } from 'node:module';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { installIdleGuard } from './idle-guard.js';
import { newCluster, newEncoder, requestQueuePrototype } from './internals.js';
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
    for (const method of ['listOffsets', 'joinGroup', 'syncGroup', 'heartbeat', 'leaveGroup']) {
      expect(Broker.prototype[method], method).toBeTypeOf('function');
    }
    const Pool = require('kafkajs/src/network/connectionPool') as { prototype: Record<string, unknown> };
    expect(Pool.prototype.send).toBeTypeOf('function');
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
