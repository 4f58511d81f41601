import type { Log, ReadBatch, StoredRecord } from '../log/log.js';
import { LogError } from '../log/log.js';
import { SinkError } from './error.js';
import { idOf, rowOf, type RowOf } from './rows.js';
import type { SinkStore, TopicPosition } from './store.js';
import type { SinkTable } from './table.js';
import { pause } from '../pause.js';

/**
 * Topics into tables. For each topic:
 *
 *   position in the database ──▶ read the log from there ──▶ fold a batch ──▶ one transaction: rows + position ─┐
 *        ▲                                                                                                     │
 *        └───────────────────────── after any trouble: read the position again ◀──────────────────────────────┘
 *
 * A topic is loaded anew, from its beginning and beside the rows that are there, when the log is another one, when
 * columns were added, or when the sink was away for so long that tombstones may be gone. What such a load does
 * not meet again is deleted at its end.
 */

export interface SinkDeps {
  readonly log: Log;
  readonly store: SinkStore;
  readonly decode: (topic: string, bytes: Uint8Array) => object;
  readonly now: () => number;
  readonly random: () => number;
  readonly note: (note: SinkNote) => void;
}

export interface SinkOptions {
  readonly tables: readonly SinkTable[];
  /** `end`: up to the end as it stands, then settle. */
  readonly until: 'end' | 'follow';
  readonly rebuild: boolean;
  readonly signal: AbortSignal;
}

export type SinkNote =
  | { readonly kind: 'created'; readonly table: SinkTable }
  | {
      readonly kind: 'columns';
      readonly table: SinkTable;
      readonly added: readonly string[];
      readonly emptied: readonly string[];
    }
  | { readonly kind: 'load'; readonly topic: string; readonly reason: LoadReason }
  | { readonly kind: 'swept'; readonly topic: string; readonly rows: number }
  /** Events that retention took before they were read. */
  | { readonly kind: 'gap'; readonly topic: string; readonly partition: number; readonly records: number }
  | { readonly kind: 'batch'; readonly topic: string; readonly rows: number; readonly deletes: number }
  | { readonly kind: 'trouble'; readonly topic: string; readonly error: Error; readonly retryInMs: number };

export type LoadReason = 'first' | 'asked' | 'columns' | 'other-log' | 'away-too-long';

export interface TopicReport {
  readonly topic: string;
  readonly table: string;
  /** Records read, rows written (repeats of one id in a batch folded), rows deleted by tombstones and sweeps. */
  records: number;
  rows: number;
  deletes: number;
}

const BACKOFF_MS = 500;
const BACKOFF_MS_MAX = 30_000;
/** Topics that are written at the same time; each takes a connection. */
export const WRITERS = 4;

export async function runSink(deps: SinkDeps, options: SinkOptions): Promise<readonly TopicReport[]> {
  for (const { table, created, added, emptied } of await deps.store.prepare(options.tables)) {
    if (created) deps.note({ kind: 'created', table });
    else if (added.length > 0 || emptied.length > 0) deps.note({ kind: 'columns', table, added, emptied });
  }
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const runs = options.tables.map((table) => new TopicRun(deps, table, { ...options, signal }));
  try {
    if (options.until === 'follow') await Promise.all(runs.map((run) => run.run()));
    else await inTurn(runs);
  } catch (error) {
    stop.abort();
    throw error;
  }
  return runs.map(({ report }) => report);
}

/** A few at a time, in order. */
async function inTurn(runs: readonly TopicRun[]): Promise<void> {
  const waiting = [...runs];
  const work = async (): Promise<void> => {
    for (let run = waiting.shift(); run !== undefined; run = waiting.shift()) await run.run();
  };
  await Promise.all(Array.from({ length: WRITERS }, work));
}

class TopicRun {
  readonly report: TopicReport;
  readonly #row: RowOf;
  #wantLoad: boolean;

  constructor(
    readonly deps: SinkDeps,
    readonly table: SinkTable,
    readonly options: SinkOptions,
  ) {
    this.report = { topic: table.topic, table: table.name, records: 0, rows: 0, deletes: 0 };
    this.#row = rowOf(table);
    this.#wantLoad = options.rebuild;
  }

  /** Until the end or until stopped; in trouble that passes a follower begins again at its position. */
  async run(): Promise<void> {
    const { signal, until } = this.options;
    for (let attempt = 1; !signal.aborted; attempt++) {
      const before = this.report.records;
      try {
        await this.#pass();
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (!isPassing(error) || (until === 'end' && attempt >= 3)) throw error;
        if (this.report.records > before) attempt = 1;
        const most = Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** (attempt - 1));
        const retryInMs = Math.round(most * (0.5 + this.deps.random() / 2));
        this.deps.note({ kind: 'trouble', topic: this.table.topic, error: error as Error, retryInMs });
        await pause(retryInMs, signal);
      }
    }
  }

  async #pass(): Promise<void> {
    const { log } = this.deps;
    const { topic } = this.table;
    const position = await this.#position();
    /** What the database has, and how far the log was read: markers and removed records leave no row. */
    const stored = new Map(position.next);
    const seen = new Map(position.next);
    this.#noteGaps(await log.bounds(topic), stored);
    const read = { topic, from: position.next, until: this.options.until, signal: this.options.signal };
    let loadEnd = position.loadEnd;
    for await (const batch of log.read(read)) {
      if (batch.records.length > 0) {
        await this.#write(batch, stored.get(batch.partition) ?? 0, position.load);
        stored.set(batch.partition, batch.next);
      }
      seen.set(batch.partition, batch.next);
      if (loadEnd !== null && reached(seen, loadEnd)) {
        await this.#sweep(position.load);
        loadEnd = null;
      }
    }
  }

  async #sweep(load: number): Promise<void> {
    const rows = await this.deps.store.sweep(this.table, load);
    this.report.deletes += rows;
    if (rows > 0) this.deps.note({ kind: 'swept', topic: this.table.topic, rows });
  }

  /** Where the tables stand; a new load is begun where that cannot be gone on from. */
  async #position(): Promise<TopicPosition> {
    const { store, log } = this.deps;
    const { topic } = this.table;
    const found = await store.positions(topic);
    const reason = this.#loadReason(found);
    if (reason === null && found !== undefined) return found;
    const bounds = await log.bounds(topic);
    const load = {
      lineage: log.lineage,
      load: (found?.load ?? 0) + 1,
      from: new Map(bounds.map(({ partition, start }) => [partition, start])),
      end: new Map(bounds.map(({ partition, end }) => [partition, end])),
    };
    await store.beginLoad(this.table, load);
    this.#wantLoad = false;
    if (reason !== null) this.deps.note({ kind: 'load', topic, reason });
    return { ...load, next: load.from, loadEnd: load.end, columns: new Set(), writtenAt: this.deps.now() };
  }

  #loadReason(found: TopicPosition | undefined): LoadReason | null {
    if (found === undefined) return 'first';
    if (this.#wantLoad) return 'asked';
    if (found.lineage !== this.deps.log.lineage) return 'other-log';
    // Rows that were written without a column have nothing in it, whatever the topic says.
    if (this.table.columns.some(({ name }) => !found.columns.has(name))) return 'columns';
    const kept =
      this.deps.log.topics().find(({ name }) => name === this.table.topic)?.retentionMs ?? Infinity;
    const isState = this.table.kind === 'state';
    return isState && this.deps.now() - found.writtenAt > kept ? 'away-too-long' : null;
  }

  #noteGaps(
    bounds: readonly { readonly partition: number; readonly start: number }[],
    next: Map<number, number>,
  ): void {
    if (this.table.kind === 'state') return;
    for (const { partition, start } of bounds) {
      const missing = start - (next.get(partition) ?? start);
      if (missing > 0) this.deps.note({ kind: 'gap', topic: this.table.topic, partition, records: missing });
    }
  }

  async #write({ partition, records, next }: ReadBatch, from: number, load: number): Promise<void> {
    // An id that comes several times counts as its last record says.
    const newest = new Map<string, StoredRecord>();
    for (const record of records) newest.set(idOf(this.table, record), record);
    const rows: unknown[][] = [];
    const deletes: string[] = [];
    for (const [id, record] of newest) {
      if (record.value === null) deletes.push(id);
      else rows.push(this.#row(record, this.deps.decode(record.topic, record.value), load));
    }
    await this.deps.store.write(this.table, { partition, from, next, load, rows, deletes });
    this.report.records += records.length;
    this.report.rows += rows.length;
    this.report.deletes += deletes.length;
    this.deps.note({ kind: 'batch', topic: this.table.topic, rows: rows.length, deletes: deletes.length });
  }
}

const reached = (next: ReadonlyMap<number, number>, end: ReadonlyMap<number, number>): boolean =>
  [...end].every(([partition, offset]) => (next.get(partition) ?? 0) >= offset);

function isPassing(error: unknown): boolean {
  if (error instanceof SinkError) return error.retry === 'later';
  return error instanceof LogError && error.retry !== 'never';
}
