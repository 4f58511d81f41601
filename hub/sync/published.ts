import { kindOf } from '../../transforms/kinds.js';
import { recordHash, type DigestSum } from '../log/digest.js';
import { LogError, type Log, type StoredRecord, type WrittenOffset } from '../log/log.js';
import { DigestTable } from '../tables/digest-table.js';
import { HashWindow, numberOf } from '../tables/hash-window.js';
import type { Holding } from '../tables/holding.js';
import { ValueTable } from '../tables/value-table.js';

/**
 * What this stream has published, in memory: the newest value of each key of the state topics that it owns,
 * and the ids of its newest events. It is rebuilt from the log whenever a writer is opened, so it is never
 * more than a cache (rule 13). Change detection compares bytes: values are functions of the source row.
 */

/** Events within which a repeat is recognised, for each stream: at least the newest so many (rule 7). */
export const EVENT_WINDOW = 300_000;

/** Another writer's transaction ends by its timeout (10 s) and the coordinator's look for such (10 s). */
const HELD_BACK_MS_MAX = 40_000;
const LOOK_AGAIN_MS = 100;

export interface OwnedTopics {
  readonly state: readonly string[];
  /** Those of `state` whose values are read again: rows that may end or move, refused rows. Of others digests do. */
  readonly kept: readonly string[];
  readonly events: readonly string[];
}

const QUARANTINE = 'hub.quarantine';

/** The topics that a mapping writes; one stream owns a key (rule 5). */
export function ownedTopics(maps: string): OwnedTopics {
  const { state, events, rows } = kindOf(maps);
  return {
    state: [...Object.keys(state), QUARANTINE],
    kept: [...rows, QUARANTINE],
    events: Object.keys(events),
  };
}

/** Version of an encoded value; 0 where the topic has none. */
export type VersionOf = (topic: string, value: Uint8Array) => number;

/** Ids of published events with their contents, as far back as the one who asks needs them. */
export interface EventMemory {
  /** From each partition's end so many records are read back. */
  readonly window: number;
  compare(eventId: string, content: string): 'absent' | 'same' | 'other';
  add(eventId: string, content: string): void;
  /** What it holds in memory; absent: somebody else counts it. */
  holding?(): Holding;
}

/** The newest events of the window: what a stream that pulls needs. */
export function newestEvents(): EventMemory {
  const contents = new HashWindow(EVENT_WINDOW);
  return {
    window: EVENT_WINDOW,
    compare(eventId, content) {
      const before = contents.get(eventId);
      if (before === undefined) return 'absent';
      return before === numberOf(content) ? 'same' : 'other';
    },
    add: (eventId, content) => contents.set(eventId, numberOf(content)),
    holding: () => ({ what: 'events', entries: contents.count, bytes: contents.heldBytes }),
  };
}

export class Published {
  readonly #kept = new Map<string, ValueTable>();
  readonly #digests = new Map<string, DigestTable>();
  readonly #tuples = new HashWindow(EVENT_WINDOW);

  constructor(
    topics: OwnedTopics,
    readonly versionOf: VersionOf,
    readonly events: EventMemory = newestEvents(),
  ) {
    for (const topic of topics.state) {
      if (topics.kept.includes(topic)) this.#kept.set(topic, new ValueTable());
      else this.#digests.set(topic, new DigestTable());
    }
  }

  /** The newest value of a topic whose values are kept (`OwnedTopics.kept`); of any other: undefined. */
  value(topic: string, key: string): Uint8Array | undefined {
    return this.#kept.get(topic)?.get(key);
  }

  /** How a value compares with the one that stands under its key. */
  compare(topic: string, key: string, value: Uint8Array): 'absent' | 'same' | 'other' {
    const kept = this.#kept.get(topic);
    if (kept !== undefined) {
      const before = kept.get(key);
      if (before === undefined) return 'absent';
      return Buffer.compare(before, value) === 0 ? 'same' : 'other';
    }
    const before = this.#digestsOf(topic).digest(key);
    if (before === undefined) return 'absent';
    return recordHash(key, value).startsWith(before) ? 'same' : 'other';
  }

  /** Version of what stands under the key; 0 where nothing does. */
  version(topic: string, key: string): number {
    const value = this.value(topic, key);
    if (value !== undefined) return this.versionOf(topic, value);
    return this.#digests.get(topic)?.version(key) ?? 0;
  }

  /**
   * Puts a value (null: a tombstone) where another may stand, and keeps the topic's digest right.
   * @returns how many keys the topic has gained: 1, 0 or -1
   */
  replace(topic: string, key: string, value: Uint8Array | null, sum: DigestSum): number {
    const kept = this.#kept.get(topic);
    const standing = kept?.get(key);
    const before =
      kept === undefined
        ? this.#digestsOf(topic).digest(key)
        : standing === undefined
          ? undefined
          : recordHash(key, standing);
    const after = value === null ? undefined : recordHash(key, value);
    if (before !== undefined) sum.subtractHash(before);
    if (after !== undefined) sum.addHash(after);
    this.put(topic, key, value, after);
    return (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
  }

  /** @param hash of the record (`recordHash`), where the caller has it */
  put(topic: string, key: string, value: Uint8Array | null, hash?: string): void {
    const kept = this.#kept.get(topic);
    if (value === null) (kept ?? this.#digestsOf(topic)).delete(key);
    else if (kept !== undefined) kept.set(key, value);
    else this.#digestsOf(topic).set(key, hash ?? recordHash(key, value), this.versionOf(topic, value));
  }

  #digestsOf(topic: string): DigestTable {
    const digests = this.#digests.get(topic);
    if (digests === undefined) throw new Error(`${topic} is not owned by this stream`);
    return digests;
  }

  /** By topic, the events of the window, and their tuples (`repeats`). */
  holdings(): Holding[] {
    const tuples = { what: 'repeats', entries: this.#tuples.count, bytes: this.#tuples.heldBytes };
    const held = [tuples, ...(this.events.holding === undefined ? [] : [this.events.holding()])];
    for (const [what, { size, heldBytes }] of [...this.#kept, ...this.#digests]) {
      held.push({ what, entries: size, bytes: heldBytes });
    }
    return held;
  }

  isEmpty(topic: string): boolean {
    return ((this.#kept.get(topic) ?? this.#digests.get(topic))?.size ?? 0) === 0;
  }

  /** Keys and newest values of a topic whose values are kept. */
  entries(topic: string): Iterable<[string, Uint8Array]> {
    return this.#kept.get(topic)?.entries() ?? [];
  }

  /** True when an earlier event had this tuple; the first one's id is kept. */
  repeats(tuple: string, eventId: string): boolean {
    const first = this.#tuples.get(tuple);
    const event = numberOf(eventId);
    if (first === undefined) this.#tuples.set(tuple, event);
    return first !== undefined && first !== event;
  }
}

export interface EventReading {
  /** Decides whether the event is this stream's, and gives its id, content and repeat tuple. */
  (value: Uint8Array, headers: Readonly<Record<string, string>>): EventFacts | null;
}

export interface EventFacts {
  readonly eventId: string;
  readonly content: string;
  readonly tuple: string | null;
}

/**
 * Reads back what `source/stream` has published: all keys of its state topics, and its events within the
 * window (from each partition's end minus the window, since a partition may hold them all).
 * @param written the last offsets that the stream ever wrote, from its position
 */
export async function rebuildPublished(
  log: Log,
  topics: OwnedTopics,
  written: Iterable<WrittenOffset>,
  keyPrefix: (topic: string) => string,
  readEvent: (topic: string) => EventReading,
  versionOf: VersionOf,
  events: EventMemory = newestEvents(),
): Promise<Published> {
  const published = new Published(topics, versionOf, events);
  const all = [...written];
  for (const topic of topics.state) {
    const prefix = keyPrefix(topic);
    for await (const record of readPast(log, topic, new Map(), all)) {
      if (record.key.startsWith(prefix)) published.put(topic, record.key, record.value);
    }
  }
  for (const topic of topics.events) {
    const from = new Map<number, number>();
    for (const bounds of await log.bounds(topic)) {
      from.set(bounds.partition, Math.max(bounds.start, bounds.end - events.window));
    }
    const read = readEvent(topic);
    for await (const { value, headers } of readPast(log, topic, from, all)) {
      const facts = value === null ? null : read(value, headers);
      if (facts === null) continue;
      events.add(facts.eventId, facts.content);
      if (facts.tuple !== null) published.repeats(facts.tuple, facts.eventId);
    }
  }
  return published;
}

/**
 * Reads a topic to its committed end, and on until everything that this stream has written there was read. An
 * open transaction of another writer holds the committed end back, also behind records of ours that were
 * committed long ago: stopping there would publish them again (the trap of rule 1, in the topics themselves).
 */
async function* readPast(
  log: Log,
  topic: string,
  from: ReadonlyMap<number, number>,
  written: readonly WrittenOffset[],
): AsyncGenerator<StoredRecord> {
  const next = new Map(from);
  const own = written.filter((offset) => offset.topic === topic);
  const until = performance.now() + HELD_BACK_MS_MAX;
  for (;;) {
    for await (const batch of log.read({ topic, from: next, until: 'end' })) {
      next.set(batch.partition, batch.next);
      yield* batch.records;
    }
    if (own.every(({ partition, offset }) => (next.get(partition) ?? 0) > offset)) return;
    if (performance.now() > until) {
      const message = `${topic}: records that this stream has written cannot be read; another transaction is open`;
      throw new LogError('UNAVAILABLE', message, 'later');
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}
