import { LIMITS, LogError } from './log.js';
import type { LogRecord, SourcePartitionId, TopicDefinition, WrittenOffset } from './log.js';

/**
 * What a batch must satisfy before either engine touches its store. Bytes of a record: UTF-8 of the key and of
 * header names and values, plus the value. Nothing has been written when one of these throws.
 */

/** The one topic that positions live on. */
export const POSITIONS_TOPIC = 'hub.positions';

const misuse = (message: string): LogError => new LogError('MISUSE', message, 'never');
const tooLarge = (what: string, bytes: number, limit: number, of: LogRecord): LogError =>
  new LogError(
    'TOO_LARGE',
    `${what}: ${bytes} of at most ${limit}, key ${of.key.slice(0, 64)} of ${of.topic}`,
    'never',
  );

/** Bytes of the header names and values in UTF-8. */
export function headerBytes(headers: LogRecord['headers']): number {
  let bytes = 0;
  for (const name in headers)
    bytes += Buffer.byteLength(name, 'utf8') + Buffer.byteLength(headers[name]!, 'utf8');
  return bytes;
}

/** Bytes of a record within its limits; throws `TOO_LARGE`, or `MISUSE` for an empty key. */
export function checkRecord(record: LogRecord): number {
  if (record.key === '')
    throw misuse(`a record of ${record.topic} came without a key; every record needs one`);
  const key = Buffer.byteLength(record.key, 'utf8');
  if (key > LIMITS.keyBytes) throw tooLarge('bytes of a key', key, LIMITS.keyBytes, record);
  const value = record.value?.byteLength ?? 0;
  if (value > LIMITS.valueBytes) throw tooLarge('bytes of a value', value, LIMITS.valueBytes, record);
  const headers = headerBytes(record.headers);
  if (headers > LIMITS.headerBytes) throw tooLarge('bytes of headers', headers, LIMITS.headerBytes, record);
  return key + value + headers;
}

/**
 * The bytes of each record. Throws `UNKNOWN_TOPIC`, `TOO_LARGE` or `MISUSE`. The position counts in neither
 * limit of the batch.
 */
export function checkBatch(
  records: readonly LogRecord[],
  topics: ReadonlyMap<string, TopicDefinition>,
): readonly number[] {
  if (records.length > LIMITS.batchRecords) {
    throw tooLarge('records of a batch', records.length, LIMITS.batchRecords, records[0]!);
  }
  let bytes = 0;
  return records.map((record) => {
    requireTopic(record.topic, topics);
    const size = checkRecord(record);
    bytes += size;
    if (bytes > LIMITS.batchBytes) throw tooLarge('bytes of a batch', bytes, LIMITS.batchBytes, record);
    return size;
  });
}

export function requireTopic(topic: string, topics: ReadonlyMap<string, TopicDefinition>): TopicDefinition {
  const definition = topics.get(topic);
  if (definition) return definition;
  throw new LogError(
    'UNKNOWN_TOPIC',
    `topic ${topic} is not in the log; run \`cardhub topics apply\``,
    'never',
  );
}

/** The position of a batch as a record that `openWriter` will find again; throws `MISUSE` or `TOO_LARGE`. */
export function makePosition(
  id: SourcePartitionId,
  position: (written: readonly WrittenOffset[]) => LogRecord,
  written: readonly WrittenOffset[],
): LogRecord {
  const record = position(written);
  if (record.topic !== POSITIONS_TOPIC || record.key !== id || record.value === null) {
    const came = `${record.topic} ${record.key}${record.value === null ? ' without a value' : ''}`;
    throw misuse(`the position of ${id} must be a record on ${POSITIONS_TOPIC} under its id; came ${came}`);
  }
  checkRecord(record);
  return record;
}
