/**
 * Reading a topic: a loop of Fetch requests of our own, one for each leader, without a consumer group. The next
 * request is on its way while the caller works on the last answer.
 */
import { LogError, type ReadBatch, type ReadOptions } from '../log.js';
import { backoff, isPassing, RETRY_MS, sleep, type KafkaClient } from './client.js';
import { toLogError } from './errors.js';
import { fetchOnce, type FetchedPartition } from './fetch.js';
import type { Cluster } from './internals.js';
import { bounds, leaders } from './offsets.js';
import { decodeRecordSet, offsetAfter } from './record-batch.js';
import { Stop } from './stop.js';

/** How long the broker holds a request when there is no news. */
const FOLLOW_WAIT_MS = 500;
const END_WAIT_MS = 50;
const FETCH_BYTES = 8 * 1024 * 1024;
const PARTITION_BYTES = 1024 * 1024;

const OFFSET_OUT_OF_RANGE = 1;
/** Another leader, or not yet known there: look up the leaders again. */
const MOVED = new Set([3, 5, 6, 9, 74, 75, 76, 78, 100]);

interface Place {
  next: number;
  end: number;
  /** `until: 'end'`: where to stop. */
  readonly target: number;
}

interface Session {
  readonly client: KafkaClient;
  readonly options: ReadOptions;
  /** With the prefix. */
  readonly topic: string;
  readonly places: Map<number, Place>;
  /** Requests whose answer has not come. */
  readonly open: Map<number, Promise<{ nodeId: number; answer: FetchedPartition[] }>>;
  readonly stop: Stop;
}

/**
 * `stop` aborts when the log closes: a follower then ends, as with its own signal; a read that was to reach the
 * end throws CLOSED, since it has not.
 */
export async function* readTopic(
  client: KafkaClient,
  prefix: string,
  options: ReadOptions,
  stop: AbortSignal,
): AsyncGenerator<ReadBatch> {
  const either = new Stop([options.signal, stop]);
  const topic = prefix + options.topic;
  try {
    if (either.isStopped) return;
    const places = await startingPlaces(client, topic, options);
    for (const [partition, { next, end }] of places) {
      // News for who waits until all partitions have been seen.
      if (next >= end) yield { topic: options.topic, partition, records: [], next, end };
    }
    yield* readWithRetry({ client, options, topic, places, open: new Map(), stop: either });
  } catch (error) {
    if (!either.isStopped) throw error;
  } finally {
    either.end();
  }
  if (stop.aborted && !options.signal?.aborted && options.until === 'end') {
    throw new LogError('CLOSED', `Read of ${options.topic}: the log was closed.`, 'never');
  }
}

async function startingPlaces(
  client: KafkaClient,
  topic: string,
  options: ReadOptions,
): Promise<Map<number, Place>> {
  const places = new Map<number, Place>();
  for (const { partition, start, end } of await bounds(client, topic, 'read_committed')) {
    const from = Math.max(options.from?.get(partition) ?? start, start);
    if (from > end) await refuseBeyondEnd(client, topic, partition, from);
    places.set(partition, { next: from, end, target: end });
  }
  return places;
}

/** An offset that this log cannot have given: it was truncated or made anew. Silence would lose records. */
async function refuseBeyondEnd(
  client: KafkaClient,
  topic: string,
  partition: number,
  from: number,
): Promise<void> {
  const [uncommitted] = await bounds(client, topic, 'read_uncommitted', partition);
  if (uncommitted !== undefined && from <= uncommitted.end) return;
  throw new LogError(
    'DAMAGED',
    `${topic}/${partition} ends at offset ${uncommitted?.end}, and reading was to go on at ${from}: the topic was cut or made anew. Rebuild from the beginning.`,
    'never',
  );
}

const caughtUp = (session: Session): boolean =>
  session.options.until === 'end' && [...session.places.values()].every((p) => p.next >= p.target);

/** A failed connection is replaced: `follow` goes on for ever, `end` gives up after `RETRY_MS` without progress. */
async function* readWithRetry(session: Session): AsyncGenerator<ReadBatch> {
  let failingSince: number | undefined;
  for (let attempt = 1; !session.stop.isStopped && !caughtUp(session); attempt++) {
    const cluster = session.client.cluster();
    try {
      for await (const batch of readConnected(session, cluster)) {
        failingSince = undefined;
        attempt = 1;
        yield batch;
      }
    } catch (error) {
      if (session.stop.isStopped) return;
      failingSince ??= performance.now();
      const over = session.options.until === 'end' && performance.now() - failingSince > RETRY_MS;
      if (error instanceof LogError || over || !isPassing(error)) {
        throw toLogError(error, `Reading ${session.topic}`);
      }
      session.client.log('warn', `Reading ${session.topic} is interrupted`, {
        attempt,
        error: String(error),
      });
      await session.stop.first([sleep(backoff(attempt))]);
      await skipRemoved(session);
    } finally {
      session.client.discard(cluster, Promise.allSettled(session.open.values()));
      session.open.clear();
    }
  }
}

/** Retention may have moved the start of a partition past our place while we were away or slow. */
async function skipRemoved(session: Session): Promise<void> {
  for (const { partition, start } of await bounds(session.client, session.topic, 'read_committed')) {
    const place = session.places.get(partition);
    if (place !== undefined && place.next < start) place.next = start;
  }
}

/** Until the end, until stopped, or until a leader has moved (then it returns, and the caller starts again). */
async function* readConnected(session: Session, cluster: Cluster): AsyncGenerator<ReadBatch> {
  await cluster.connect();
  const byLeader = await leaders(cluster, session.topic);
  const { open } = session;
  const send = (nodeId: number) => {
    const offsets = openOffsets(session, byLeader.get(nodeId) ?? []);
    if (offsets.size === 0) return;
    const request = fetchFrom(session, cluster, nodeId, offsets).then((answer) => ({ nodeId, answer }));
    request.catch(() => undefined); // awaited below, or left behind when the caller stops early
    open.set(nodeId, request);
  };
  for (const nodeId of byLeader.keys()) send(nodeId);
  while (open.size > 0) {
    const arrived = await session.stop.first(open.values());
    if (arrived === undefined) return;
    open.delete(arrived.nodeId);
    if (arrived.answer.some((p) => MOVED.has(p.errorCode))) return;
    const steps = advance(session, arrived.answer);
    send(arrived.nodeId);
    for (const { part, from, next, end } of steps) {
      const records = decodeRecordSet(part.set, session.options.topic, part.partition, from, part.aborted);
      if (session.stop.isStopped) return;
      yield { topic: session.options.topic, partition: part.partition, records, next, end };
    }
  }
}

function openOffsets(session: Session, partitions: readonly number[]): Map<number, number> {
  const offsets = new Map<number, number>();
  for (const partition of partitions) {
    const place = session.places.get(partition);
    if (place === undefined) continue;
    if (session.options.until === 'follow' || place.next < place.target) offsets.set(partition, place.next);
  }
  return offsets;
}

async function fetchFrom(
  session: Session,
  cluster: Cluster,
  nodeId: number,
  offsets: ReadonlyMap<number, number>,
): Promise<FetchedPartition[]> {
  const broker = await cluster.findBroker({ nodeId });
  return fetchOnce(broker, {
    topic: session.topic,
    offsets,
    maxWaitMs: session.options.until === 'follow' ? FOLLOW_WAIT_MS : END_WAIT_MS,
    maxBytes: FETCH_BYTES,
    partitionMaxBytes: PARTITION_BYTES,
  });
}

interface Step {
  readonly part: FetchedPartition;
  readonly from: number;
  readonly next: number;
  readonly end: number;
}

/**
 * Moves each place on by the batches that came, which includes transaction markers and the empty batches that
 * compaction leaves. When nothing at all came although the committed end lies ahead, what was there is gone:
 * the broker took its snapshot of the end before it read, so everything below it would have been sent. (When
 * only some partitions are empty, the byte limit may have been used up by the others.)
 */
function advance(session: Session, answer: readonly FetchedPartition[]): Step[] {
  const nothing = answer.every((part) => part.set.length === 0);
  const steps: Step[] = [];
  for (const part of answer) {
    const place = session.places.get(part.partition)!;
    if (part.errorCode === OFFSET_OUT_OF_RANGE) {
      // Retention moved the start past us.
      throw Object.assign(new Error('offset out of range'), { type: 'OFFSET_NOT_AVAILABLE' });
    }
    if (part.errorCode !== 0) {
      throw new LogError(
        'UNAVAILABLE',
        `Reading ${session.topic}/${part.partition}: Kafka error code ${part.errorCode}.`,
        'later',
      );
    }
    const from = place.next;
    const after = offsetAfter(part.set);
    const next = after !== undefined ? Math.max(after, from) : nothing ? Math.max(part.end, from) : from;
    const end = Math.max(part.end, next);
    if (next === from && end === place.end) continue;
    place.next = next;
    place.end = end;
    steps.push({ part, from, next, end });
  }
  return steps;
}
