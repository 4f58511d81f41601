/**
 * The embedded engine: a log in one LMDB file, written by one process, read by any number.
 *
 *   index.ts      the Log that the hub sees          committer.ts  group commit, disk full
 *   store.ts      the file, what is known of it      writer.ts     fencing, appending
 *   layout.ts     keys and small records             reader.ts     reading and following
 *   batch.ts      the bytes of a batch               compact.ts    compaction and retention
 *   lock.ts       one process writes                 verify.ts     a damaged store is refused
 *   last-commit.ts  a lost commit is noticed         verify-apart.ts  … without ending the hub
 *   examine.ts    the same for those that only read
 */
import { setMaxListeners } from 'node:events';

import { makeFolder } from './folder.js';
import { LogError } from '../log.js';
import type {
  Log,
  Ownership,
  OwnershipHandler,
  PartitionBounds,
  SourcePartitionId,
  TopicDefinition,
  TopicReport,
} from '../log.js';
import { requireTopic } from '../limits.js';
import { maintainStore } from './compact.js';
import type { CleanUntil } from './compact.js';
import { makeCommitter } from './committer.js';
import type { Committer } from './committer.js';
import { examineForReading } from './examine.js';
import { EMPTY_PARTITION, asDamaged } from './layout.js';
import { lockStore } from './lock.js';
import { pollingNews, readTopic } from './reader.js';
import type { News } from './reader.js';
import { assertNotEmptied, openLastCommit, type LastCommit } from './last-commit.js';
import { definitionsOf, isNew, loadCatalogue, openStore } from './store.js';
import type { Store } from './store.js';
import { VERIFY_BYTES_MAX, verifyStore } from './verify.js';
import { verifyApart } from './verify-apart.js';
import { openWriter } from './writer.js';

export interface EmbeddedLogOptions {
  /** Folder of the store; made when missing, unless `readOnly`. */
  readonly dir: string;
  /** Reads what the hub in another process commits; takes no lock. */
  readonly readOnly?: boolean;
  /** Most bytes of batches in the store; appends beyond it fail with `DISK_FULL`. Default: the disk alone limits. */
  readonly mapSizeBytes?: number;
  /** Free bytes of the disk at which appends stop with `DISK_FULL`. Default 256 MiB. */
  readonly diskReserveBytes?: number;
  /** Stores up to this size are read in full at start. Default 512 MiB. */
  readonly verifyBytesMax?: number;
  /** Wall clock for timestamps of batches, epoch milliseconds. */
  readonly now?: () => number;
  /** Applied at once, as by `applyTopics`. */
  readonly topics?: readonly TopicDefinition[];
}

const DISK_RESERVE_BYTES = 256 * 1024 * 1024;

/** Rejects with `LOCKED`, `DAMAGED`, `VERSION`, or `UNAVAILABLE` (read-only and no store there). */
export async function openEmbeddedLog(options: EmbeddedLogOptions): Promise<Log> {
  const { dir, readOnly = false, now = Date.now } = options;
  if (!readOnly) makeFolder(dir);
  const lock = readOnly ? undefined : lockStore(dir, now);
  let store: Store | undefined;
  let last: LastCommit | undefined;
  try {
    const fullBytesMax = options.verifyBytesMax ?? VERIFY_BYTES_MAX;
    if (isNew(dir)) assertNotEmptied(dir);
    if (readOnly) await examineForReading(dir);
    const isVerified = readOnly || isNew(dir) || (await verifyApart(dir, { fullBytesMax, as: 'writer' }));
    store = await openStore(dir, readOnly, now);
    if (!isVerified) await verifyStore(store, fullBytesMax);
    last = readOnly ? undefined : openLastCommit(store);
    const committer = makeCommitter(store, {
      storeBytesMax: options.mapSizeBytes ?? Infinity,
      diskReserveBytes: options.diskReserveBytes ?? DISK_RESERVE_BYTES,
    });
    if (last !== undefined) committer.onCommit(() => last?.note());
    const log = makeLog(store, committer, now, () => {
      last?.close();
      lock?.release();
    });
    if (options.topics) await log.applyTopics(options.topics);
    return log;
  } catch (error) {
    await store?.db.close();
    last?.close();
    lock?.release();
    throw asDamaged(dir, error, readOnly ? 'read' : 'wrote');
  }
}

function makeLog(store: Store, committer: Committer, now: () => number, onClosed: () => void): Log {
  const closing = new AbortController();
  const isClosed = (): boolean => closing.signal.aborted;
  const news = store.readOnly ? pollingNews(isClosed, closing.signal) : commitNews(committer, closing.signal);
  const clean: CleanUntil = new Map();
  let maintaining: Promise<unknown> = Promise.resolve();
  const mustWrite = (): void => {
    if (isClosed()) throw new LogError('CLOSED', `the log in ${store.dir} is closed`, 'never');
    if (store.readOnly)
      throw new LogError('MISUSE', `${store.dir} was opened read-only; ask the running hub`, 'never');
  };
  return {
    engine: 'embedded',
    lineage: store.lineage,
    topics: () => [...definitionsOf(store).values()],
    async applyTopics(definitions) {
      if (store.readOnly) loadCatalogue(store);
      else mustWrite();
      const reports: TopicReport[] = [];
      for (const definition of definitions) reports.push(await applyTopic(store, committer, definition));
      return reports;
    },
    async openWriter(id) {
      mustWrite();
      return openWriter(store, committer, id, now);
    },
    read: (options) => readTopic(store, options, news),
    async bounds(name) {
      if (isClosed()) throw new LogError('CLOSED', `the log in ${store.dir} is closed`, 'never');
      if (store.readOnly) loadCatalogue(store);
      requireTopic(name, definitionsOf(store));
      const { states } = store.topics.get(name)!;
      return states.map(({ start, end }, partition): PartitionBounds => ({ partition, start, end }));
    },
    own: (ids, handler) => ownAll(ids, handler),
    async maintain(at) {
      mustWrite();
      // One after the other: each relies on nobody else rewriting batches.
      const mine = maintaining.then(() => maintainStore(store, committer, clean, at));
      maintaining = mine.catch(() => undefined);
      return mine;
    },
    async close() {
      if (isClosed()) return;
      closing.abort();
      await maintaining;
      await committer.close();
      await store.db.close();
      onClosed();
    },
  };
}

async function applyTopic(
  store: Store,
  committer: Committer,
  definition: TopicDefinition,
): Promise<TopicReport> {
  const { name, kind, partitions } = definition;
  const present = store.topics.get(name);
  if (!present) {
    if (store.readOnly)
      return { topic: name, outcome: 'wrong', detail: 'missing, and the store is open read-only' };
    const states = Array.from({ length: partitions }, () => EMPTY_PARTITION);
    await committer.commit(0, () => {
      const id = 1 + Math.max(0, ...[...store.topics.values()].map((topic) => topic.id));
      return { puts: [], topics: [[name, { id, definition, states }]], result: undefined };
    });
    return { topic: name, outcome: 'created' };
  }
  const { definition: found } = present;
  if (found.partitions !== partitions) {
    return {
      topic: name,
      outcome: 'wrong',
      detail: `has ${found.partitions} partitions, the contract says ${partitions}`,
    };
  }
  if (found.kind !== kind) {
    return {
      topic: name,
      outcome: 'wrong',
      detail: `is a topic of kind ${found.kind}, the contract says ${kind}`,
    };
  }
  if (found.retentionMs !== definition.retentionMs && !store.readOnly) {
    const topic = { ...present, definition };
    await committer.commit(0, () => ({ puts: [], topics: [[name, topic]], result: undefined }));
  }
  return { topic: name, outcome: 'present' };
}

/** One process: it owns everything at once, and until it lets go. */
async function ownAll(ids: readonly SourcePartitionId[], handler: OwnershipHandler): Promise<Ownership> {
  const owned = new Set(ids);
  await handler.assigned([...owned]);
  return {
    owns: (id) => owned.has(id),
    async release() {
      const last = [...owned];
      owned.clear();
      if (last.length > 0) await handler.revoked(last);
    },
  };
}

function commitNews(committer: Committer, closing: AbortSignal): News {
  return {
    closed: () => closing.aborted,
    next: (signal) =>
      new Promise((resolve) => {
        const stopListening = committer.onCommit(done);
        function done(): void {
          stopListening();
          signal?.removeEventListener('abort', done);
          closing.removeEventListener('abort', done);
          resolve();
        }
        // One listener for each topic that is followed: many are no leak here.
        setMaxListeners(0, closing, ...(signal === undefined ? [] : [signal]));
        signal?.addEventListener('abort', done);
        closing.addEventListener('abort', done);
      }),
  };
}
