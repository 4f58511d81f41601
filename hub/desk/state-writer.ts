import type { Position } from '../../contracts/types.js';
import type { TopicName } from '../../contracts/types.js';
import type { Log, LogRecord } from '../log/log.js';
import { emptyBooks } from '../sync/books.js';
import { digestOf, firstProgress, readPosition, writePosition, type Progress } from '../sync/position.js';
import { rebuildPublished } from '../sync/published.js';
import type { RecordCodec } from '../sync/rows.js';

/** Records of one append. */
const CHUNK = 2_000;

export interface StateRecord {
  readonly key: string;
  readonly value: object;
  /** Epoch ms. */
  readonly time: number;
}

/** The one writer of a state topic of the hub's own: fenced, numbered, with what is published in memory. */
export interface StateWriter {
  /** What the next position says; `written` and the sums are the writer's own. */
  readonly progress: Progress;
  /** What is published, decoded. */
  values(): Iterable<object>;
  /**
   * Appends those that differ from what is published. @returns which
   * @param asOf up to when was read what they say, epoch ms
   */
  append(records: readonly StateRecord[], asOf: number): Promise<readonly StateRecord[]>;
  /** Appends them, and a position even where there are none. */
  write(records: readonly StateRecord[], asOf: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Fences every earlier writer, then reads what is published. After an error of `append` the writer is dead: open it
 * again. Each append commits its records and the position with their sum together (rules 1 and 4).
 */
export async function openStateWriter(
  log: Log,
  codec: RecordCodec,
  id: string,
  topic: TopicName,
): Promise<StateWriter> {
  const writer = await log.openWriter(id);
  const value = writer.position?.value ?? null;
  const progress =
    value === null ? firstProgress() : readPosition(codec.decode('hub.positions', value) as Position);
  const published = await rebuildPublished(
    log,
    { state: [topic], kept: [topic], events: [] },
    progress.written.values(),
    () => '',
    () => () => null,
    () => 0,
  );
  const appendChunk = async (records: readonly StateRecord[], asOf: number): Promise<void> => {
    progress.sequence += 1;
    progress.asOf = Math.max(progress.asOf, asOf);
    const digest = digestOf(progress.digests, topic);
    const encoded = records.map(({ key, value: of, time }, i): LogRecord => {
      const bytes = codec.encode(topic, of);
      digest.records += 1;
      digest.keys += published.replace(topic, key, bytes, digest.sum);
      return {
        topic,
        key,
        value: bytes,
        headers: codec.headers(topic, key, `${id}@${progress.sequence}#${i}`, time),
      };
    });
    const position = writePosition(id, progress, 'CHANGES', emptyBooks());
    const headers = codec.headers('hub.positions', id, `${id}@${progress.sequence}`, progress.asOf);
    await writer.append({
      records: encoded,
      position: (written) => ({
        topic: 'hub.positions',
        key: id,
        value: codec.encode('hub.positions', position(written)),
        headers,
      }),
    });
  };
  return {
    progress,
    write: appendChunk,
    *values() {
      for (const [, bytes] of published.entries(topic)) yield codec.decode(topic, bytes);
    },
    async append(records, asOf) {
      const fresh = records.filter(
        ({ key, value: of }) => published.compare(topic, key, codec.encode(topic, of)) !== 'same',
      );
      for (let at = 0; at < fresh.length; at += CHUNK) await appendChunk(fresh.slice(at, at + CHUNK), asOf);
      return fresh;
    },
    close: () => writer.close(),
  };
}
