/** Connections to the brokers: one set of options, kafkajs' own log lines routed away, and bounded retries. */
import { Kafka, logLevel, type ISocketFactory, type KafkaConfig, type SASLOptions } from 'kafkajs';
import type { ConnectionOptions } from 'node:tls';
import { LogError } from '../log.js';
import { kafkaErrorType, toLogError } from './errors.js';
import { installIdleGuard } from './idle-guard.js';
import { newCluster, type Cluster } from './internals.js';

/** Where the engine reports what an operator may want to know. kafkajs' own lines come as `debug`. */
export type KafkaLogger = (level: 'debug' | 'info' | 'warn', message: string, detail: object) => void;

export interface KafkaConnection {
  /** `host:port`, at least one. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly ssl?: ConnectionOptions | boolean;
  readonly sasl?: SASLOptions;
  readonly logger?: KafkaLogger;
  /** How sockets are made: for a proxy, and for tests that cut them. */
  readonly socketFactory?: ISocketFactory;
}

export interface KafkaClient {
  readonly kafka: Kafka;
  readonly log: KafkaLogger;
  /** A connection of its own; the caller disconnects it. */
  cluster(): Cluster;
  /**
   * Runs with the shared connection. Errors that pass by themselves (a leader moves, a coordinator loads) are
   * tried again on a fresh connection for at most `RETRY_MS`; anything else is thrown as a `LogError`.
   */
  run<T>(doing: string, action: (cluster: Cluster) => Promise<T>): Promise<T>;
  /**
   * Ends a connection in the background: kafkajs waits for open requests. `close` waits for these.
   * @param after requests that may not have been sent yet: kafkajs would connect again for them, and that
   *   connection would keep the process alive until the broker ends it, ten minutes later
   */
  readonly discard: (cluster: Cluster, after?: Promise<unknown>) => void;
  close(): Promise<void>;
}

/** How long passing errors are retried before they are reported. */
export const RETRY_MS = 20_000;
const BACKOFF_MS = 50;
const BACKOFF_MAX_MS = 1_000;

/** kafkajs marks some errors of a starting or moving broker as final. */
const PASSING = new Set([
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'UNKNOWN_LEADER_EPOCH',
  'FENCED_LEADER_EPOCH',
  'REQUEST_TIMED_OUT',
  'BROKER_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
  'NOT_COORDINATOR',
  'CONCURRENT_TRANSACTIONS',
  'NOT_CONTROLLER',
  'UNKNOWN_TOPIC_OR_PARTITION', // just made: not on this broker yet
  'OFFSET_NOT_AVAILABLE',
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSTopicMetadataNotLoaded',
  'KafkaJSGroupCoordinatorNotFound',
  'KafkaJSLockTimeout',
  'KafkaJSNumberOfRetriesExceeded',
]);

export const isPassing = (error: unknown): boolean => PASSING.has(kafkaErrorType(error));

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The wait before attempt `attempt` (from 1), in milliseconds. */
export const backoff = (attempt: number): number =>
  Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** Math.min(attempt, 10));

export function openClient(connection: KafkaConnection): KafkaClient {
  installIdleGuard();
  const log = connection.logger ?? (() => undefined);
  const config: KafkaConfig = {
    brokers: [...connection.brokers],
    clientId: connection.clientId,
    connectionTimeout: 5_000,
    requestTimeout: 12_000,
    retry: { initialRetryTime: 20, maxRetryTime: 500, retries: 12, multiplier: 2, factor: 0.2 },
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => log('debug', `kafkajs: ${entry.log.message}`, { ...entry.log }),
    ...(connection.ssl === undefined ? {} : { ssl: connection.ssl }),
    ...(connection.sasl === undefined ? {} : { sasl: connection.sasl }),
    ...(connection.socketFactory === undefined ? {} : { socketFactory: connection.socketFactory }),
  };
  const kafka = new Kafka(config);
  const cluster = () => newCluster(config, kafka.logger());
  const ending = new Set<Promise<void>>();
  const discard = (which: Cluster, after?: Promise<unknown>) => {
    const end = Promise.resolve(after)
      .catch(() => undefined)
      .then(() => which.disconnect())
      .catch(() => undefined)
      .finally(() => ending.delete(end));
    ending.add(end);
  };
  const shared = sharedConnection(cluster, discard);
  let closed = false;
  return {
    kafka,
    log,
    cluster,
    discard,
    run: async (doing, action) => {
      const until = performance.now() + RETRY_MS;
      for (let attempt = 1; ; attempt++) {
        if (closed) throw new LogError('CLOSED', `${doing}: the log is closed.`, 'never');
        const current = shared.connected();
        try {
          return await current.use(action);
        } catch (error) {
          if (error instanceof LogError) throw error;
          shared.forget(current);
          if (!isPassing(error) || performance.now() > until) throw toLogError(error, doing);
          await sleep(backoff(attempt));
        }
      }
    },
    close: async () => {
      closed = true;
      shared.forget();
      await Promise.resolve();
      await Promise.all(ending);
    },
  };
}

/** A connection that several may be at work on. */
interface Shared {
  use<T>(action: (cluster: Cluster) => Promise<T>): Promise<T>;
  /** Ends it when the last of them has finished. */
  end(): void;
}

/** The connection that all short requests share, made when it is first needed. */
function sharedConnection(cluster: () => Cluster, discard: KafkaClient['discard']) {
  const open = (): Shared => {
    const connected = (async () => {
      const made = cluster();
      await made.connect();
      return made;
    })();
    const users = new Set<Promise<unknown>>();
    return {
      use: async (action) => {
        const work = connected.then(action);
        users.add(work);
        try {
          return await work;
        } finally {
          users.delete(work);
        }
      },
      end: () => {
        const finished = Promise.allSettled([...users]);
        connected.then(
          (made) => discard(made, finished),
          () => undefined,
        );
      },
    };
  };
  let current: Shared | undefined;
  return {
    connected: () => (current ??= open()),
    /** @param failed what did not work; absent: whatever there is */
    forget: (failed = current) => {
      if (current === failed) current = undefined;
      failed?.end();
    },
  };
}
