/**
 * What was last said under a key, as its digest and version: enough to see a change, where the value itself is
 * never asked for again. 24 bytes a key beside the key's own.
 */
import { Buffer } from 'node:buffer';
import { createColumns } from './columns.js';
import { TextTable } from './text-table.js';

/** Bytes of a digest; as text, one character a byte (latin1). */
const DIGEST_BYTES = 16;

export class DigestTable {
  private readonly keys = new TextTable();
  private readonly rows = createColumns({ present: 'u8', version: 'f64' });
  private digests = Buffer.alloc(DIGEST_BYTES * 1_024);
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** Of its arrays, what is not used yet included. */
  get heldBytes(): number {
    return this.keys.heldBytes + this.rows.heldBytes + this.digests.length;
  }

  /** The digest of what stands under the key; undefined: nothing does. */
  digest(key: string): string | undefined {
    const row = this.find(key);
    return row < 0
      ? undefined
      : this.digests.toString('latin1', row * DIGEST_BYTES, (row + 1) * DIGEST_BYTES);
  }

  /** 0 where nothing stands under the key. */
  version(key: string): number {
    const row = this.find(key);
    return row < 0 ? 0 : (this.rows.columns.version[row] ?? 0);
  }

  /** @param digest at least 16 characters, one a byte; the first 16 count */
  set(key: string, digest: string, version: number): void {
    const row = this.keys.intern(key);
    this.rows.ensure(row);
    const end = (row + 1) * DIGEST_BYTES;
    if (end > this.digests.length) {
      const larger = Buffer.alloc(2 * this.digests.length);
      this.digests.copy(larger);
      this.digests = larger;
    }
    this.digests.write(digest, row * DIGEST_BYTES, DIGEST_BYTES, 'latin1');
    const { present, version: versions } = this.rows.columns;
    if (present[row] !== 1) this.count++;
    present[row] = 1;
    versions[row] = version;
  }

  delete(key: string): void {
    const row = this.find(key);
    if (row < 0) return;
    this.rows.columns.present[row] = 0;
    this.count--;
  }

  private find(key: string): number {
    const row = this.keys.find(key);
    return row >= 0 && this.rows.columns.present[row] === 1 ? row : -1;
  }
}
