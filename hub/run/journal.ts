import type { Log, LogRecord, LogWriter } from '../log/log.js';
import type { RecordCodec } from '../sync/rows.js';
import { recordDigest } from '../log/digest.js';
import { emptyBooks } from '../sync/books.js';
import { digestOf, firstProgress, readPosition, writePosition, type Progress } from '../sync/position.js';
import { turns } from '../turns.js';
import type { Position } from '../../contracts/types.js';

/** A record of the hub's own. */
export interface JournalRecord extends LogRecord {
  /** Of a state topic: the value that the key has had so far, null where none; the books take it out. */
  readonly replaces?: Uint8Array | null;
}

/**
 * Appends the hub's own records (decisions, commands, policies, alerts), which come from no upstream. It has a source
 * partition of its own for each replica, so that it is fenced and numbered like every other writer.
 */
export interface Journal {
  /** Settles when the records are durable. Calls wait for one another. */
  append(records: readonly JournalRecord[]): Promise<void>;
  close(): Promise<void>;
}

export async function openJournal(
  log: Log,
  codec: RecordCodec,
  id: string,
  now: () => number,
): Promise<Journal> {
  let writer: LogWriter | null = await log.openWriter(id);
  let progress = progressOf(writer, codec);
  const turn = turns();
  const write = async (records: readonly JournalRecord[]): Promise<void> => {
    if (writer === null) {
      writer = await log.openWriter(id);
      progress = progressOf(writer, codec);
    }
    progress.sequence += 1;
    progress.asOf = now();
    for (const { topic, key, value, replaces = null } of records) {
      const digest = digestOf(progress.digests, topic);
      digest.records += 1;
      if (replaces === null) digest.keys += 1;
      else digest.sum.subtract(recordDigest(key, replaces));
      digest.sum.addRecord(key, value);
    }
    const position = writePosition(id, progress, 'CHANGES', emptyBooks());
    const headers = codec.headers('hub.positions', id, `${id}@${progress.sequence}`, progress.asOf);
    try {
      await writer.append({
        records,
        position: (written) => ({
          topic: 'hub.positions',
          key: id,
          value: codec.encode('hub.positions', position(written)),
          headers,
        }),
      });
    } catch (error) {
      // Dead after any error; the next append opens it again.
      const dead = writer;
      writer = null;
      await dead.close().catch(() => undefined);
      throw error;
    }
  };
  return {
    append: (records) => turn(() => write(records)),
    close: () => turn(async () => writer?.close()),
  };
}

function progressOf(writer: LogWriter, codec: RecordCodec): Progress {
  const value = writer.position?.value;
  if (value === null || value === undefined) return firstProgress();
  return readPosition(codec.decode('hub.positions', value) as Position);
}
