/**
 * The log: the one place where the hub keeps what it knows. Two engines (embedded LMDB, Kafka) give the
 * promises below, and `log.contract.ts` is the suite that both pass.
 *
 * Promises
 * 1. `LogWriter.append` writes records of several topics and the position of one source partition
 *    atomically: a reader sees all of them or none (rule 1).
 * 2. `openWriter` fences every earlier writer of the same source partition *before* it reads the position
 *    that it returns. A fenced writer's appends fail with `FENCED` and have no effect (rules 1, 2).
 * 3. Readers see committed records only, in offset order within a partition (rule 13).
 * 4. Records of one key stay in the order in which they were appended (rules 5, 7).
 * 5. State topics keep at least the newest record of each key; event topics keep all records until their
 *    retention ends (rules 6, 7).
 * 6. What `append` has acknowledged survives the death of the process at any instant (rule 11).
 * 7. A damaged store is refused with `DAMAGED`; a full disk stops appends with `DISK_FULL`, and reads go on
 *    (rule 12).
 */

/** `tenant/source/stream/shard`; the unit of ownership, of position and of fencing. */
export type SourcePartitionId = string;

export interface TopicDefinition {
  /** Without the prefix, e.g. `master.card`. */
  readonly name: string;
  /** `state`: compacted, newest record of a key wins. `event`: append-only, ended by retention. */
  readonly kind: 'state' | 'event';
  /** Fixed when the topic is made. 12 unless the contract says otherwise. */
  readonly partitions: number;
  /** Event topics: records older than this may be removed. State topics: tombstones older than this may. */
  readonly retentionMs: number;
}

export interface LogRecord {
  readonly topic: string;
  /** UTF-8, `{source}:{natural id}`, 1 to 512 bytes. */
  readonly key: string;
  /** Confluent wire format, or null: a tombstone. At most `LIMITS.valueBytes`. */
  readonly value: Uint8Array | null;
  /** CloudEvents binary mode; on tombstones too. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface StoredRecord extends LogRecord {
  readonly partition: number;
  readonly offset: number;
  /** Append time in epoch milliseconds (wall clock of the writer; takes no part in comparison). */
  readonly timestamp: number;
}

/** The last offset that a batch wrote in one partition of one topic. */
export interface WrittenOffset {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the last record of the batch in this partition. */
  readonly offset: number;
}

export interface AppendBatch {
  /** At most `LIMITS.batchRecords` records and `LIMITS.batchBytes` bytes. May be empty: a poll without news. */
  readonly records: readonly LogRecord[];
  /** Builds the record on `hub.positions` from the offsets that this very transaction wrote. */
  readonly position: (written: readonly WrittenOffset[]) => LogRecord;
}

export interface AppendResult {
  readonly written: readonly WrittenOffset[];
}

/** One owner's right to append for one source partition. After any error of `append` it is dead. */
export interface LogWriter {
  readonly id: SourcePartitionId;
  /** The committed position record as it stood after fencing; undefined when there is none. */
  readonly position: StoredRecord | undefined;
  /** One at a time; a second call before the first has settled is an error. */
  append(batch: AppendBatch): Promise<AppendResult>;
  close(): Promise<void>;
}

export interface ReadOptions {
  readonly topic: string;
  /** First offset to read for each partition; absent: from the beginning. */
  readonly from?: ReadonlyMap<number, number>;
  /** `end`: stop at the committed end as it stands when the read starts. `follow`: go on until aborted. */
  readonly until: 'end' | 'follow';
  readonly signal?: AbortSignal;
}

/** Records of one partition in offset order. `records` may be empty: then only `next` and `end` are news. */
export interface ReadBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly StoredRecord[];
  /** The offset to go on from (past removed records and transaction markers). */
  readonly next: number;
  /** The committed end of the partition as known now: the reader has caught up when `next >= end`. */
  readonly end: number;
}

export interface PartitionBounds {
  readonly partition: number;
  /** First offset that is still there. */
  readonly start: number;
  /** Committed end (Kafka: last stable offset). */
  readonly end: number;
}

/** What ownership calls back. Callbacks are awaited; `revoked` must stop all writing before it settles. */
export interface OwnershipHandler {
  assigned(ids: readonly SourcePartitionId[]): Promise<void>;
  revoked(ids: readonly SourcePartitionId[]): Promise<void>;
}

export interface Ownership {
  /** True while this process still owns the source partition. */
  owns(id: SourcePartitionId): boolean;
  /** Settles after `revoked` was called for all that was owned. */
  release(): Promise<void>;
}

export interface Log {
  readonly engine: 'embedded' | 'kafka';
  /** Changes when a store was made anew; a restored backup shows by it (rule 12). */
  readonly lineage: string;
  topics(): readonly TopicDefinition[];
  /** Creates missing topics and verifies the present ones. Reports, never repairs, a wrong partition count. */
  applyTopics(definitions: readonly TopicDefinition[]): Promise<TopicReport[]>;
  openWriter(id: SourcePartitionId): Promise<LogWriter>;
  read(options: ReadOptions): AsyncIterable<ReadBatch>;
  bounds(topic: string): Promise<readonly PartitionBounds[]>;
  /** Takes part in sharing these source partitions with other hubs; embedded: owns all at once. */
  own(ids: readonly SourcePartitionId[], handler: OwnershipHandler): Promise<Ownership>;
  /**
   * Who owns these source partitions right now, without taking part. Absent where a lock keeps a second process
   * from opening the log for writing anyway (embedded).
   */
  owners?(ids: readonly SourcePartitionId[]): Promise<readonly ActiveOwner[]>;
  /** Removes what compaction and retention allow. Kafka's brokers do it by themselves: resolves with zeros. */
  maintain(now: number): Promise<{ compacted: number; expired: number }>;
  close(): Promise<void>;
}

export interface ActiveOwner {
  readonly id: SourcePartitionId;
  /** Client and address, as the broker knows them. */
  readonly owner: string;
}

export interface TopicReport {
  readonly topic: string;
  readonly outcome: 'created' | 'present' | 'wrong';
  readonly detail?: string;
}

export const LIMITS = {
  keyBytes: 512,
  valueBytes: 900_000,
  headerBytes: 16_384,
  batchRecords: 20_000,
  batchBytes: 16 * 1024 * 1024,
} as const;

export type LogErrorCode =
  | 'FENCED' // another writer took over: stop, rejoin; never re-create with the same id unless still owner
  | 'DISK_FULL'
  | 'DAMAGED'
  | 'LOCKED' // another process has the embedded store open for writing
  | 'TOO_LARGE' // key, value, headers or batch over LIMITS: nothing was written
  | 'UNKNOWN_TOPIC'
  | 'UNAVAILABLE' // broker not reachable, coordinator loading, timeout: outcome unknown, re-open the writer
  | 'VERSION' // store written by another version
  | 'CLOSED'
  | 'MISUSE';

export class LogError extends Error {
  override readonly name = 'LogError';
  constructor(
    readonly code: LogErrorCode,
    /** What was expected, what came, from where, what to do. */
    message: string,
    readonly retry: 'now' | 'later' | 'never',
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
