import type { ReconCase } from '../../contracts/types.js';
import type { ContractRecord } from '../../transforms/outcome.js';
import { formatDate } from '../../transforms/time.js';
import type { Position } from '../../contracts/types.js';
import type { Log, LogRecord } from '../log/log.js';
import { emptyBooks } from '../sync/books.js';
import { digestOf, firstProgress, readPosition, writePosition } from '../sync/position.js';
import { rebuildPublished } from '../sync/published.js';
import type { RecordCodec } from '../sync/rows.js';

const TOPIC = 'hub.recon-case';
/** Records of one append; a day on which the core was silent may have a case for each of its payments. */
const CHUNK = 2_000;

/** The one writer of `hub.recon-case`: fenced, numbered, with the cases that are published in memory. */
export interface CaseWriter {
  /** Published cases of a bank and day, by key. */
  casesOf(source: string, day: number): ReadonlyMap<string, ReconCase>;
  caseOf(key: string): ReconCase | undefined;
  /** Offset of the last operator's command that was carried out; −1: none. */
  commandOffset(): number;
  /**
   * Appends those that differ from what is published. @returns how many
   * @param asOf up to when the books were read that say so, epoch ms
   */
  append(records: readonly ContractRecord[], asOf: number): Promise<number>;
  /** Appends what a command gave, and with it that this command was carried out. */
  decide(record: ContractRecord | null, commandOffset: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Fences every earlier writer, then reads what is published. After an error of `append` the writer is dead: open it
 * again. Each append commits its cases and the position with their sum together (rules 1 and 4).
 */
export async function openCaseWriter(log: Log, codec: RecordCodec, id: string): Promise<CaseWriter> {
  const writer = await log.openWriter(id);
  const value = writer.position?.value ?? null;
  const progress =
    value === null ? firstProgress() : readPosition(codec.decode('hub.positions', value) as Position);
  const published = await rebuildPublished(
    log,
    { state: [TOPIC], kept: [TOPIC], events: [] },
    progress.written.values(),
    () => '',
    () => () => null,
    () => 0,
  );
  const days = new Map<string, Map<string, ReconCase>>();
  const byKey = new Map<string, ReconCase>();
  const remember = (one: ReconCase): void => {
    const name = dayName(one.source, one.businessDate);
    const cases = days.get(name) ?? new Map<string, ReconCase>();
    days.set(name, cases.set(one.caseKey, one));
    byKey.set(one.caseKey, one);
  };
  for (const [, bytes] of published.entries(TOPIC)) remember(codec.decode(TOPIC, bytes) as ReconCase);

  const appendChunk = async (records: readonly ContractRecord[], asOf: number): Promise<void> => {
    progress.sequence += 1;
    progress.asOf = Math.max(progress.asOf, asOf);
    const digest = digestOf(progress.digests, TOPIC);
    const encoded = records.map(({ key, value, time }, i): LogRecord => {
      const bytes = codec.encode(TOPIC, value);
      digest.records += 1;
      digest.keys += published.replace(TOPIC, key, bytes, digest.sum);
      const headers = codec.headers(TOPIC, key, `${id}@${progress.sequence}#${i}`, time);
      return { topic: TOPIC, key, value: bytes, headers };
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
    for (const record of records) remember(record.value as ReconCase);
  };
  return {
    caseOf: (key) => byKey.get(key),
    commandOffset: () => progress.commandOffset,
    async decide(record, commandOffset) {
      progress.commandOffset = commandOffset;
      await appendChunk(record === null ? [] : [record], progress.asOf);
    },
    casesOf: (source, day) => days.get(dayName(source, day)) ?? new Map(),
    async append(records, asOf) {
      const fresh = records.filter(
        ({ key, value }) => published.compare(TOPIC, key, codec.encode(TOPIC, value)) !== 'same',
      );
      for (let at = 0; at < fresh.length; at += CHUNK) {
        await appendChunk(fresh.slice(at, at + CHUNK), asOf);
      }
      return fresh.length;
    },
    close: () => writer.close(),
  };
}

const dayName = (source: string, day: number): string => `${source} ${formatDate(day)}`;
