import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { damaged } from './layout.js';
import type { Store } from './store.js';

/**
 * The number of the last commit, beside the store. LMDB has two pages that say where its tree begins; when the newer
 * one is lost it takes the older one without a word, and with it the state before the last commit. Written after each
 * commit that is on disk and not flushed itself, so it can be behind the store but never ahead of it.
 *
 *   ┌─ 0 ─ lineage of the store, 36 bytes ─┬─ 36 ─ number f64 ─┬─ 44 ─ CRC-32 of bytes 0 to 43 ─┐
 */
const FILE = 'log.mdb.last';
const BYTES = 48;

export interface LastCommit {
  /** Notes that all commits so far are on disk. Never throws: without it only this one check is lost. */
  note(): void;
  close(): void;
}

/** Compares and goes on from there. Throws `DAMAGED` when the store is older than what was noted. */
export function openLastCommit(store: Store): LastCommit {
  const file = join(store.dir, FILE);
  let handle: number | null = openSync(file, 'a+');
  closeSync(handle);
  handle = openSync(file, 'r+');
  try {
    const noted = read(handle, store.lineage);
    const found = commitsOf(store);
    if (noted !== null && found < noted) {
      throw damaged(
        `${store.file} stands at commit ${found}, but ${noted} were acknowledged: its last commits are lost, or an older copy was put in its place (then remove ${FILE} to accept that)`,
      );
    }
  } catch (error) {
    closeSync(handle);
    throw error;
  }
  const bytes = Buffer.alloc(BYTES);
  bytes.write(store.lineage, 0, 36, 'latin1');
  return {
    note() {
      if (handle === null) return;
      bytes.writeDoubleLE(commitsOf(store), 36);
      bytes.writeUInt32LE(crc32(bytes.subarray(0, 44)), 44);
      try {
        writeSync(handle, bytes, 0, BYTES, 0);
      } catch {
        closeSync(handle);
        handle = null;
      }
    },
    close() {
      if (handle !== null) closeSync(handle);
      handle = null;
    },
  };
}

/**
 * Throws `DAMAGED` where commits were acknowledged and the store is missing or empty: begun anew it would publish
 * everything again and have lost the rest, and nobody would know.
 */
export function assertNotEmptied(dir: string): void {
  const file = join(dir, FILE);
  let handle: number;
  try {
    handle = openSync(file, 'r');
  } catch {
    return;
  }
  try {
    const noted = read(handle, null);
    if (noted === null || noted === 0) return;
    throw damaged(
      `${join(dir, 'log.mdb')} is missing or empty, but ${noted} commits were acknowledged: put a backup in its place, or remove ${FILE} to begin anew (then everything is published again, and what no upstream tells any more is lost)`,
    );
  } finally {
    closeSync(handle);
  }
}

const commitsOf = ({ db }: Store): number => (db.getStats() as { lastTxnId: number }).lastTxnId;

/** Null: nothing noted, torn, or of another store than `lineage` (null: of any). */
function read(handle: number, lineage: string | null): number | null {
  const bytes = Buffer.alloc(BYTES);
  if (readSync(handle, bytes, 0, BYTES, 0) < BYTES) return null;
  if (crc32(bytes.subarray(0, 44)) !== bytes.readUInt32LE(44)) return null;
  const isOurs = lineage === null || bytes.toString('latin1', 0, 36) === lineage;
  return isOurs ? bytes.readDoubleLE(36) : null;
}
