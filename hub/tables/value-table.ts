/**
 * Bytes by key, outside of the heap: a million values as objects in a Map cost three times their bytes and are
 * walked by every full collection.
 *
 *   key ─TextTable─▶ row ─▶ (slab, from, length)        slabs: 64 KB, then doubling up to 4 MB, filled one after the other
 *
 * A value that is replaced leaves its bytes behind; when more than half of all bytes are dead, the live ones are
 * copied into new slabs; where most keys have no value any more, as of refused rows, which come and go, the others go
 * into a new table. What `get` gave stays valid all the same, since slabs are never written twice.
 */
import { Buffer } from 'node:buffer';
import { createColumns } from './columns.js';
import { TextTable } from './text-table.js';

const SLAB_BYTES_MIN = 64 * 1024;
const SLAB_BYTES_MAX = 4 * 1024 * 1024;
/**
 * Below this nothing is gained by copying. Above it as much is copied as died since the last time at most, so that a
 * table of a few rows that change all the time stays small: a hub has one for each topic.
 */
const COPY_FROM_BYTES = 4 * SLAB_BYTES_MIN;
const ABSENT = -1;
/** Keys are kept while no more than so many come on one that has a value. */
const KEYS_PER_VALUE_MAX = 2;

const emptyRows = () => createColumns({ slab: 'i32', from: 'i32', length: 'i32' }, { slab: ABSENT });

export class ValueTable {
  private keys = new TextTable();
  private rows = emptyRows();
  private slabs: Buffer[] = [];
  /** Bytes used of the last slab. */
  private used = 0;
  private count = 0;
  private live = 0;
  private dead = 0;

  /** Keys that have a value. */
  get size(): number {
    return this.count;
  }

  /** Keys whose text is held, those that have no value any more included. */
  get keysHeld(): number {
    return this.keys.size;
  }

  /** Bytes of all slabs, dead ones included. */
  get bytes(): number {
    return this.slabs.reduce((sum, slab) => sum + slab.length, 0);
  }

  /** Of its slabs and arrays, what is dead or not used yet included. */
  get heldBytes(): number {
    return this.bytes + this.keys.heldBytes + this.rows.heldBytes;
  }

  get(key: string): Uint8Array | undefined {
    const row = this.keys.find(key);
    return row < 0 ? undefined : this.at(row);
  }

  set(key: string, value: Uint8Array): void {
    const row = this.keys.intern(key);
    this.rows.ensure(row);
    this.forget(row);
    this.put(row, value);
    this.count++;
    this.live += value.byteLength;
    if (this.dead > this.live && this.dead > COPY_FROM_BYTES) this.copyLive();
  }

  delete(key: string): void {
    const row = this.keys.find(key);
    if (row >= 0) this.forget(row);
  }

  /** What is put or deleted meanwhile may be missing. */
  entries(): IterableIterator<[string, Uint8Array]> {
    return entriesOf(this.keys, this.rows, this.slabs);
  }

  private at(row: number): Uint8Array | undefined {
    const { slab, from, length } = this.rows.columns;
    const bytes = this.slabs[slab[row] ?? ABSENT];
    const start = from[row] ?? 0;
    return bytes?.subarray(start, start + (length[row] ?? 0));
  }

  private forget(row: number): void {
    const { slab, length } = this.rows.columns;
    if ((slab[row] ?? ABSENT) === ABSENT) return;
    slab[row] = ABSENT;
    this.count--;
    this.live -= length[row] ?? 0;
    this.dead += length[row] ?? 0;
  }

  private put(row: number, value: Uint8Array): void {
    const bytes = value.byteLength;
    let slab = this.slabs.at(-1);
    if (slab === undefined || this.used + bytes > slab.length) {
      const size = Math.min(SLAB_BYTES_MAX, slab === undefined ? SLAB_BYTES_MIN : 2 * slab.length);
      this.slabs.push((slab = Buffer.allocUnsafeSlow(Math.max(size, bytes))));
      this.used = 0;
    }
    slab.set(value, this.used);
    const { columns } = this.rows;
    columns.slab[row] = this.slabs.length - 1;
    columns.from[row] = this.used;
    columns.length[row] = bytes;
    this.used += bytes;
  }

  private copyLive(): void {
    const before = entriesOf(this.keys, this.rows, this.slabs);
    // Where most keys have a value their table stays: a million texts are not read for nothing.
    if (this.keys.size > KEYS_PER_VALUE_MAX * this.count) this.keys = new TextTable();
    this.rows = emptyRows();
    this.slabs = [];
    this.used = 0;
    this.dead = 0;
    for (const [key, value] of before) {
      const row = this.keys.intern(key);
      this.rows.ensure(row);
      this.put(row, value);
    }
  }
}

/** Of tables that nobody changes any more, or only by adding to them. */
function* entriesOf(
  keys: TextTable,
  rows: ReturnType<typeof emptyRows>,
  slabs: readonly Buffer[],
): IterableIterator<[string, Uint8Array]> {
  for (let row = 0; row < keys.size; row++) {
    const { slab, from, length } = rows.columns;
    const start = from[row] ?? 0;
    const value = slabs[slab[row] ?? ABSENT]?.subarray(start, start + (length[row] ?? 0));
    if (value !== undefined) yield [keys.text(row), value];
  }
}
