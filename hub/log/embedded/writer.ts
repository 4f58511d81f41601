import { LogError } from '../log.js';
import type {
  AppendBatch,
  AppendResult,
  LogRecord,
  LogWriter,
  SourcePartitionId,
  StoredRecord,
  WrittenOffset,
} from '../log.js';
import { POSITIONS_TOPIC, checkBatch, checkRecord, makePosition, requireTopic } from '../limits.js';
import { partitionOf } from '../partition.js';
import { encodePayload, sealBatch } from './batch.js';
import type { Payload } from './batch.js';
import type { Change, Committer, Draft } from './committer.js';
import { batchKey } from './layout.js';
import type { PartitionState } from './layout.js';
import { readBatchAt } from './reader.js';
import { definitionsOf } from './store.js';
import type { Store } from './store.js';

/**
 * A writer of one source partition.
 *
 *   open ──append──▶ busy ──written──▶ open
 *                     └──any error──▶ dead ──append──▶ the error again (FENCED) or CLOSED
 *
 * Fencing: `openWriter` raises the epoch of its source partition by a commit of its own, behind all appends that
 * came before it. An append whose epoch is no longer the newest is refused inside the commit queue.
 */

interface Part {
  readonly topic: string;
  readonly partition: number;
  readonly payload: Payload;
}

export async function openWriter(
  store: Store,
  committer: Committer,
  id: SourcePartitionId,
  now: () => number,
): Promise<LogWriter> {
  requireTopic(POSITIONS_TOPIC, definitionsOf(store));
  const state = await committer.commit(0, (draft) => {
    const { epoch, ...rest } = draft.writer(id);
    const next = { epoch: epoch + 1, ...rest };
    return { puts: [], writers: [[id, next]], result: next };
  });
  const position = state.position && findPosition(store, id, state.position);
  const { epoch } = state;
  let condition: 'open' | 'busy' | 'dead' = 'open';
  let death: LogError | undefined;

  return {
    id,
    position,
    async append(batch: AppendBatch): Promise<AppendResult> {
      if (condition === 'busy')
        throw new LogError('MISUSE', `${id}: an append is under way; await it first`, 'never');
      if (condition === 'dead') throw death ?? closed(id);
      condition = 'busy';
      try {
        const sizes = checkBatch(batch.records, definitionsOf(store));
        const parts = encodeParts(store, batch.records, sizes);
        const bytes = parts.reduce((sum, part) => sum + part.payload.bytes.length, 1_024);
        const timestamp = now();
        const written = await committer.commit(bytes, (draft) => {
          if (draft.writer(id).epoch !== epoch) throw fenced(id);
          return makeChange(store, draft, { id, epoch, parts, position: batch.position, timestamp });
        });
        if (condition === 'busy') condition = 'open';
        return { written };
      } catch (error) {
        condition = 'dead';
        if (error instanceof LogError && error.code === 'FENCED') death = error;
        throw error;
      }
    },
    async close() {
      condition = 'dead';
    },
  };
}

const closed = (id: string): LogError =>
  new LogError('CLOSED', `the writer of ${id} is closed or had an error before; open a new one`, 'never');
const fenced = (id: string): LogError =>
  new LogError(
    'FENCED',
    `another writer has taken over ${id}; stop, and take part in ownership again`,
    'never',
  );

/** Splits by topic and partition, keeping the order within each, and lays the records out at once. */
function encodeParts(store: Store, records: readonly LogRecord[], sizes: readonly number[]): Part[] {
  const groups = new Map<string, { topic: string; partition: number; records: LogRecord[]; bytes: number }>();
  records.forEach((record, i) => {
    const partition = partitionOf(record.key, store.topics.get(record.topic)!.definition.partitions);
    const place = `${record.topic}/${partition}`;
    let group = groups.get(place);
    if (!group) groups.set(place, (group = { topic: record.topic, partition, records: [], bytes: 0 }));
    group.records.push(record);
    group.bytes += sizes[i]!;
  });
  return [...groups.values()].map(({ topic, partition, records, bytes }) => ({
    topic,
    partition,
    payload: encodePayload(records, bytes),
  }));
}

interface Append {
  readonly id: SourcePartitionId;
  readonly epoch: number;
  readonly parts: readonly Part[];
  readonly position: AppendBatch['position'];
  readonly timestamp: number;
}

/** Gives every part its offsets, then the position, which may stand in a partition that a part has just filled. */
function makeChange(store: Store, draft: Draft, append: Append): Change<readonly WrittenOffset[]> {
  const states = new Map<string, readonly [string, number, PartitionState]>();
  const puts: [Buffer, Buffer][] = [];
  const place = ({ topic, partition, payload }: Part): WrittenOffset => {
    const name = `${topic}/${partition}`;
    const before = states.get(name)?.[2] ?? draft.state(topic, partition);
    const topicId = store.topics.get(topic)!.id;
    const lastDelta = payload.count - 1;
    const base = before.end;
    const { bytes, checksum } = sealBatch(payload, {
      topicId,
      partition,
      base,
      lastDelta,
      timestamp: append.timestamp,
    });
    puts.push([batchKey(topicId, partition, base), bytes]);
    const after: PartitionState = {
      start: before.batches === 0 ? base : before.start,
      end: base + payload.count,
      batches: before.batches + 1,
      records: before.records + payload.count,
      bytes: before.bytes + bytes.length,
      sum: (before.sum + checksum) >>> 0,
    };
    states.set(name, [topic, partition, after]);
    return { topic, partition, offset: base + lastDelta };
  };
  const written = append.parts.map(place);
  const position = makePosition(append.id, append.position, written);
  const partition = partitionOf(append.id, store.topics.get(POSITIONS_TOPIC)!.definition.partitions);
  const payload = encodePayload([position], checkRecord(position));
  const { offset } = place({ topic: POSITIONS_TOPIC, partition, payload });
  const writer = { epoch: append.epoch, position: { partition, offset } };
  return { puts, states: [...states.values()], writers: [[append.id, writer]], result: written };
}

function findPosition(store: Store, id: string, place: { partition: number; offset: number }): StoredRecord {
  const record = readBatchAt(store, POSITIONS_TOPIC, place.partition, place.offset)?.[0];
  if (record?.key === id && record.offset === place.offset) return record;
  throw new LogError(
    'DAMAGED',
    `the position of ${id} is not at offset ${place.offset} as recorded`,
    'never',
  );
}
