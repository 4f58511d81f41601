import type { AppendBatch, Log, LogRecord, SourcePartitionId, TopicDefinition } from './log.js';

/**
 * What the contract suite writes, apart from vitest, so that a child process can run it and be killed:
 * batch n puts `batch n` WORKLOAD_RECORDS times over two topics, each under a key of its own.
 */

export const STATE = 'test.state';
export const EVENT = 'test.event';
export const POSITIONS = 'hub.positions';

const day_ms = 86_400_000;
/** Three partitions each: several, and cheap to make on a broker. */
export const TOPICS: readonly TopicDefinition[] = [
  { name: STATE, kind: 'state', partitions: 3, retentionMs: day_ms },
  { name: EVENT, kind: 'event', partitions: 3, retentionMs: 30 * day_ms },
  { name: POSITIONS, kind: 'state', partitions: 3, retentionMs: day_ms },
];

export const WORKLOAD_RECORDS = 24;

/** The position record as JSON: the sequence number of the batch and the offsets that it wrote. */
export const positionOf =
  (id: SourcePartitionId, sequence: number): AppendBatch['position'] =>
  (written) => ({
    topic: POSITIONS,
    key: id,
    value: Buffer.from(JSON.stringify({ sequence, written }), 'utf8'),
    headers: { ce_id: `${id}@${sequence}` },
  });

/** Appends batch after batch from the committed position on, until the process dies; reports each as safe. */
export async function appendForever(
  log: Log,
  id: SourcePartitionId,
  acknowledged: (sequence: number) => void,
): Promise<never> {
  const writer = await log.openWriter(id);
  const value = writer.position?.value;
  let sequence = value
    ? (JSON.parse(Buffer.from(value).toString('utf8')) as { sequence: number }).sequence
    : 0;
  for (;;) {
    sequence++;
    const records = Array.from({ length: WORKLOAD_RECORDS }, (_, i): LogRecord => ({
      topic: i % 2 === 0 ? STATE : EVENT,
      key: `core:${sequence}.${i}`,
      value: Buffer.from(`batch ${sequence}`, 'utf8'),
      headers: {},
    }));
    await writer.append({ records, position: positionOf(id, sequence) });
    acknowledged(sequence);
  }
}
