import { statSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { open } from 'lmdb';
import type { RootDatabase } from 'lmdb';
import { makeFolder } from './folder.js';
import { LogError } from '../log.js';
import type { TopicDefinition } from '../log.js';
import {
  EMPTY_PARTITION,
  META_KEY,
  STORE_VERSION,
  damaged,
  partitionKey,
  seal,
  topicRange,
  unseal,
  writerOfKey,
  writerRange,
} from './layout.js';
import type { PartitionState, StoreRecord, WriterState } from './layout.js';

/** The LMDB file and what the process knows of its content. `states` and `writers` change by commits only. */
export interface Store {
  readonly dir: string;
  readonly file: string;
  readonly db: RootDatabase<Buffer, Buffer>;
  readonly lineage: string;
  readonly readOnly: boolean;
  readonly topics: Map<string, StoredTopic>;
  readonly writers: Map<string, WriterState>;
}

export interface StoredTopic {
  readonly id: number;
  readonly definition: TopicDefinition;
  /** By partition. */
  readonly states: PartitionState[];
}

const FILE = 'log.mdb';

/** There is no store yet in this folder. */
export function isNew(dir: string): boolean {
  return bytesOf(join(dir, FILE)) === 0;
}

/** Opens or makes the file. Throws `DAMAGED`, `VERSION`, `UNAVAILABLE` (read-only and nothing there yet). */
export async function openStore(dir: string, readOnly: boolean, now: () => number): Promise<Store> {
  const file = join(dir, FILE);
  if (readOnly && bytesOf(file) === 0) {
    throw new LogError('UNAVAILABLE', `${file} is not there yet; start the hub once`, 'later');
  }
  if (!readOnly) makeFolder(dir);
  // Before anything is mapped for writing: pages behind the end of a cut file would end the process (SIGBUS).
  if (bytesOf(file) > 0) await checkLength(file);
  const db = openFile(file, readOnly);
  try {
    let meta = db.getBinary(META_KEY);
    if (!meta) {
      if (entryCount(db) > 0) throw damaged(`${file} has records but does not say what it is`);
      if (readOnly) throw new LogError('UNAVAILABLE', `${file} is still being made; try again`, 'later');
      meta = seal({ version: STORE_VERSION, lineage: randomUUID(), madeAt: now() } satisfies StoreRecord);
      await db.put(META_KEY, meta);
    }
    const { version, lineage } = unseal<StoreRecord>(meta, `description of ${file}`);
    if (version !== STORE_VERSION) {
      const message = `${file} has version ${version}, this hub knows ${STORE_VERSION}; use the hub that wrote it, or begin a new store and read all again`;
      throw new LogError('VERSION', message, 'never');
    }
    const store = { dir, file, db, lineage, readOnly, topics: new Map(), writers: new Map() };
    loadCatalogue(store);
    return store;
  } catch (error) {
    await db.close();
    throw error;
  }
}

/** Reads topics, partition states and writers from the file, e.g. after another process has committed. */
export function loadCatalogue(store: Store): void {
  const { db } = store;
  db.resetReadTxn();
  for (const { key, value } of db.getRange(topicRange)) {
    const id = Buffer.from(key).readUInt16BE(1);
    const definition = unseal<TopicDefinition>(value, `definition of topic ${id}`);
    const states = Array.from({ length: definition.partitions }, (_, p) =>
      readState(store, id, definition.name, p),
    );
    const known = store.topics.get(definition.name);
    if (known) known.states.splice(0, known.states.length, ...states);
    else store.topics.set(definition.name, { id, definition, states });
  }
  for (const { key, value } of db.getRange(writerRange)) {
    const id = writerOfKey(key);
    store.writers.set(id, unseal<WriterState>(value, `writer of ${id}`));
  }
}

export function readState(store: Store, topicId: number, topic: string, partition: number): PartitionState {
  const sealed = store.db.getBinary(partitionKey(topicId, partition));
  return sealed
    ? unseal<PartitionState>(sealed, `state of ${topic} partition ${partition}`)
    : EMPTY_PARTITION;
}

/** The definitions by name, as `checkBatch` wants them. */
export function definitionsOf(store: Store): ReadonlyMap<string, TopicDefinition> {
  return new Map([...store.topics].map(([name, topic]) => [name, topic.definition]));
}

/**
 * `overlappingSync` off: a commit is settled when it is on disk, and nobody sees it before. The map grows by
 * itself, so the limit of the store's size is kept by the committer.
 */
function openFile(file: string, readOnly: boolean): RootDatabase<Buffer, Buffer> {
  try {
    return open<Buffer, Buffer>({
      path: file,
      noSubdir: true,
      encoding: 'binary',
      keyEncoding: 'binary',
      overlappingSync: false,
      // Else lmdb wraps our batch in one of its own, whose failure nobody hears and which ends the process.
      eventTurnBatching: false,
      readOnly,
    });
  } catch (error) {
    throw damaged(`${file} cannot be opened: ${String(error)}`, error);
  }
}

/** The pages that LMDB counts must be in the file. */
async function checkLength(file: string): Promise<void> {
  const db = openFile(file, true);
  try {
    const stats = db.getStats() as { lastPageNumber: number; pageSize: number };
    const expected = (stats.lastPageNumber + 1) * stats.pageSize;
    const found = bytesOf(file);
    if (found < expected) throw damaged(`${file} is cut short: ${found} bytes of ${expected}`);
  } finally {
    await db.close();
  }
}

const entryCount = (db: RootDatabase<Buffer, Buffer>): number =>
  (db.getStats() as { entryCount: number }).entryCount;

export function bytesOf(file: string): number {
  try {
    return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    const message = `expected a file that can be looked at in ${file}, got ${code}; choose another folder with \`data:\` in hub.yaml or CARDHUB_DATA`;
    throw new LogError('UNAVAILABLE', message, 'never', { cause });
  }
}
