import type { ReconCase } from '../../contracts/types.js';
import type { ContractRecord } from '../../transforms/outcome.js';
import { formatDate } from '../../transforms/time.js';
import type { Log } from '../log/log.js';
import type { RecordCodec } from '../sync/rows.js';
import { openStateWriter } from './state-writer.js';

/** The one writer of `hub.recon-case`: fenced, numbered, with the cases that are published in memory. */
export interface CaseWriter {
  /** Published cases of a bank and day, by key. */
  casesOf(source: string, day: number): ReadonlyMap<string, ReconCase>;
  caseOf(key: string): ReconCase | undefined;
  /** Published cases of a bank. */
  casesOfBank(source: string): Iterable<ReconCase>;
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

/** See `openStateWriter`. A day on which the core was silent may have a case for each of its payments. */
export async function openCaseWriter(log: Log, codec: RecordCodec, id: string): Promise<CaseWriter> {
  const writer = await openStateWriter(log, codec, id, 'hub.recon-case');
  const days = new Map<string, Map<string, ReconCase>>();
  const byKey = new Map<string, ReconCase>();
  const remember = (one: ReconCase): void => {
    const name = dayName(one.source, one.businessDate);
    const cases = days.get(name) ?? new Map<string, ReconCase>();
    days.set(name, cases.set(one.caseKey, one));
    byKey.set(one.caseKey, one);
  };
  for (const value of writer.values()) remember(value as ReconCase);
  return {
    caseOf: (key) => byKey.get(key),
    casesOfBank: function* (source) {
      for (const one of byKey.values()) if (one.source === source) yield one;
    },
    commandOffset: () => writer.progress.commandOffset,
    async decide(record, commandOffset) {
      writer.progress.commandOffset = commandOffset;
      await writer.write(record === null ? [] : [record], writer.progress.asOf);
      if (record !== null) remember(record.value as ReconCase);
    },
    casesOf: (source, day) => days.get(dayName(source, day)) ?? new Map(),
    async append(records, asOf) {
      const fresh = await writer.append(records, asOf);
      for (const { value } of fresh) remember(value as ReconCase);
      return fresh.length;
    },
    close: () => writer.close(),
  };
}

const dayName = (source: string, day: number): string => `${source} ${formatDate(day)}`;
