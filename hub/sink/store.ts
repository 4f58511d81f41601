import type { SinkTable } from './table.js';

/**
 * The seam between the sink and a database. Promise: `write` applies rows and position in one transaction, and
 * only if the position is still where the sink left it, so that the tables hold the topic up to that position,
 * whoever was killed when.
 */
export interface SinkStore {
  /** Makes what is missing (schema, positions, tables) and adds missing columns. */
  prepare(tables: readonly SinkTable[]): Promise<readonly Prepared[]>;
  /** Positions of a topic; empty: never read. */
  positions(topic: string): Promise<TopicPosition | undefined>;
  /** Begins a load of the topic from these offsets; what an earlier load wrote and this one does not ends with `sweep`. */
  beginLoad(table: SinkTable, load: NewLoad): Promise<void>;
  write(table: SinkTable, batch: SinkBatch): Promise<void>;
  /** Deletes the rows of earlier loads and ends the load. @returns how many */
  sweep(table: SinkTable, load: number): Promise<number>;
  close(): Promise<void>;
}

export interface Prepared {
  readonly table: SinkTable;
  readonly created: boolean;
  readonly added: readonly string[];
  /** Restricted fields that the agreement no longer names: their columns stay and are emptied. */
  readonly emptied: readonly string[];
}

export interface TopicPosition {
  /** Of the log that the offsets belong to. */
  readonly lineage: string;
  readonly load: number;
  /** Partition → where to go on. */
  readonly next: ReadonlyMap<number, number>;
  /** Partition → end of the log when the load began; null: the load is complete. */
  readonly loadEnd: ReadonlyMap<number, number> | null;
  /** Columns that this load has written. */
  readonly columns: ReadonlySet<string>;
  /** Oldest time that a position was written, epoch ms, by the database's clock. */
  readonly writtenAt: number;
}

export interface NewLoad {
  readonly lineage: string;
  readonly load: number;
  readonly from: ReadonlyMap<number, number>;
  readonly end: ReadonlyMap<number, number>;
}

export interface SinkBatch {
  readonly partition: number;
  /** Where the position must stand before. */
  readonly from: number;
  readonly next: number;
  readonly load: number;
  /** Newest first of each id only; values in the order of the table's columns. */
  readonly rows: readonly (readonly unknown[])[];
  /** Ids whose row ends. */
  readonly deletes: readonly string[];
}
