import { statfs } from 'node:fs/promises';
import { LogError } from '../log.js';
import { asDamaged, partitionKey, seal, topicKey, writerKey } from './layout.js';
import type { PartitionState, WriterState } from './layout.js';
import type { Store, StoredTopic } from './store.js';

/**
 * Group commit. Changes wait in one queue; all that wait when the disk is free go into one LMDB transaction,
 * written and flushed by LMDB's own thread, so that the event loop never waits for the disk. A change is
 * computed against the state that the changes before it leave behind; one that throws takes no part. The
 * process believes a new state only after the flush: when that fails, everything stands as before.
 */

/** What one change wants to do to the store. */
export interface Change<T> {
  readonly puts: readonly (readonly [key: Buffer, value: Buffer])[];
  readonly removes?: readonly Buffer[];
  readonly states?: readonly (readonly [topic: string, partition: number, state: PartitionState])[];
  readonly writers?: readonly (readonly [id: string, state: WriterState])[];
  readonly topics?: readonly (readonly [name: string, topic: StoredTopic])[];
  readonly result: T;
}

/** The state as earlier changes of the same group leave it. */
export interface Draft {
  state(topic: string, partition: number): PartitionState;
  writer(id: string): WriterState;
}

export interface Space {
  /** Bytes of batches that the store may hold; more is `DISK_FULL`. */
  readonly storeBytesMax: number;
  /** Bytes that must stay free on the disk, so that the intake ends before everything else does. */
  readonly diskReserveBytes: number;
}

export interface Committer {
  /** `bytes`: about how much the change adds; 0 for what must work on a full disk, such as removal. */
  commit<T>(bytes: number, change: (draft: Draft) => Change<T>): Promise<T>;
  /** Called after each group that changed a partition; returns how to stop that. */
  onCommit(listener: () => void): () => void;
  /** Refuses what comes later, and settles when what waits is written. */
  close(): Promise<void>;
}

interface Job {
  readonly bytes: number;
  readonly change: (draft: Draft) => Change<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** One transaction takes no more than this, or 1 job: memory, and how long LMDB's thread is busy. */
const GROUP_BYTES_MAX = 32 * 1024 * 1024;
const QUEUE_JOBS_MAX = 10_000;

export function makeCommitter(store: Store, space: Space): Committer {
  const queue: Job[] = [];
  const listeners = new Set<() => void>();
  let running: Promise<void> | undefined;
  let closed = false;

  async function drain(): Promise<void> {
    for (;;) {
      const group: Job[] = [];
      let bytes = 0;
      while (queue.length > 0 && (group.length === 0 || bytes + queue[0]!.bytes <= GROUP_BYTES_MAX)) {
        bytes += queue[0]!.bytes;
        group.push(queue.shift()!);
      }
      if (group.length === 0) {
        // In this very turn: a job that comes between here and the promise's settling starts the next drain.
        running = undefined;
        return;
      }
      await commitGroup(store, space, group, bytes);
      for (const listener of listeners) listener();
    }
  }

  return {
    commit<T>(bytes: number, change: (draft: Draft) => Change<T>): Promise<T> {
      if (closed) return Promise.reject(new LogError('CLOSED', `the log in ${store.dir} is closed`, 'never'));
      if (queue.length >= QUEUE_JOBS_MAX) {
        return Promise.reject(
          new LogError('UNAVAILABLE', `${QUEUE_JOBS_MAX} appends wait for the disk already`, 'later'),
        );
      }
      return new Promise<T>((resolve, reject) => {
        queue.push({ bytes, change, resolve: resolve as (result: unknown) => void, reject });
        // A turn later, so that `running` is set before the drain can end, and what comes together goes together.
        running ??= Promise.resolve().then(drain);
      });
    },
    onCommit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      closed = true;
      await running;
    },
  };
}

async function commitGroup(store: Store, space: Space, group: readonly Job[], bytes: number): Promise<void> {
  const full = bytes > 0 ? await lackOfSpace(store, space, bytes) : undefined;
  const draft = makeDraft(store);
  const done: { job: Job; change: Change<unknown> }[] = [];
  for (const job of group) {
    try {
      if (full && job.bytes > 0) throw full;
      const change = job.change(draft);
      draft.apply(change);
      done.push({ job, change });
    } catch (error) {
      job.reject(error);
    }
  }
  try {
    if (draft.writes() > 0) await draft.write();
    draft.publish();
    for (const { job, change } of done) job.resolve(change.result);
  } catch (error) {
    const failure = await toLogError(store, error);
    for (const { job } of done) job.reject(failure);
  }
}

function makeDraft(store: Store) {
  const puts: (readonly [Buffer, Buffer])[] = [];
  const removes: Buffer[] = [];
  const states = new Map<string, readonly [string, number, PartitionState]>();
  const writers = new Map<string, WriterState>();
  const topics = new Map<string, StoredTopic>();
  const topicOf = (name: string): StoredTopic => topics.get(name) ?? store.topics.get(name)!;
  return {
    state: (topic: string, partition: number): PartitionState =>
      states.get(`${topic}/${partition}`)?.[2] ?? topicOf(topic).states[partition]!,
    writer: (id: string): WriterState => writers.get(id) ?? store.writers.get(id) ?? { epoch: 0 },
    apply(change: Change<unknown>): void {
      puts.push(...change.puts);
      removes.push(...(change.removes ?? []));
      for (const state of change.states ?? []) states.set(`${state[0]}/${state[1]}`, state);
      for (const [id, state] of change.writers ?? []) writers.set(id, state);
      for (const [name, topic] of change.topics ?? []) topics.set(name, topic);
    },
    writes: (): number => puts.length + removes.length + states.size + writers.size + topics.size,
    async write(): Promise<void> {
      const { db } = store;
      await db.batch(() => {
        for (const key of removes) heard(db.remove(key));
        for (const [key, value] of puts) heard(db.put(key, value));
        for (const [name, p, state] of states.values())
          heard(db.put(partitionKey(topicOf(name).id, p), seal(state)));
        for (const [id, state] of writers) heard(db.put(writerKey(id), seal(state)));
        for (const topic of topics.values()) heard(db.put(topicKey(topic.id), seal(topic.definition)));
      });
    },
    publish(): void {
      for (const [name, topic] of topics) store.topics.set(name, topic);
      for (const [name, p, state] of states.values()) store.topics.get(name)!.states[p] = state;
      for (const [id, state] of writers) store.writers.set(id, state);
    },
  };
}

async function lackOfSpace(store: Store, space: Space, bytes: number): Promise<LogError | undefined> {
  let held = 0;
  for (const { states } of store.topics.values()) for (const state of states) held += state.bytes;
  if (held + bytes > space.storeBytesMax) {
    return diskFull(`${store.dir} holds ${held} of at most ${space.storeBytesMax} bytes, ${bytes} more came`);
  }
  const free = await freeBytes(store.dir);
  if (free >= space.diskReserveBytes + bytes) return undefined;
  return diskFull(
    `the disk of ${store.dir} has ${free} bytes free, ${space.diskReserveBytes} are kept in reserve`,
  );
}

/** Where the system does not tell, LMDB's own error has to do. */
async function freeBytes(dir: string): Promise<number> {
  const disk = await statfs(dir).catch(() => undefined);
  return disk ? disk.bavail * disk.bsize : Infinity;
}

function diskFull(what: string, cause?: unknown): LogError {
  return new LogError('DISK_FULL', `${what}. Free some space; reading goes on, the intake waits.`, 'later', {
    cause,
  });
}

/** The batch's own promise tells how the commit went; those of its parts would end the process unheard. */
function heard(part: Promise<boolean>): void {
  part.catch(() => undefined);
}

const ENOSPC = 28;
/** LMDB's word for a write that came back short, which is how some file systems say that they are full. */
const EIO = 5;
const NEARLY_FULL_BYTES = 4 * 1024 * 1024;
const MDB_MAP_FULL = -30792;

/** lmdb tells the cause of a failed commit by a second promise on the error. */
async function toLogError(store: Store, error: unknown): Promise<LogError> {
  const given = (error as { commitError?: Promise<never> }).commitError;
  const cause: unknown = given ? await given.catch((reason: unknown) => reason) : error;
  const code = (cause as { code?: number | string }).code;
  if (code === ENOSPC || code === MDB_MAP_FULL || code === 'ENOSPC')
    return diskFull(`${store.file} cannot grow`, cause);
  if (code === EIO && (await freeBytes(store.dir)) < NEARLY_FULL_BYTES)
    return diskFull(`${store.file} cannot grow`, cause);
  const broken = asDamaged(store.file, cause);
  if (broken instanceof LogError) return broken;
  return new LogError('UNAVAILABLE', `the commit to ${store.file} failed: ${String(cause)}`, 'later', {
    cause,
  });
}
