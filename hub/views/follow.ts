/**
 * From the log into memory, and on.
 *
 *   1. positions to their end                      (asOf of each source partition, not adopted yet)
 *   2. the ends of all topics, noted after that
 *   3. follow every topic ──▶ apply ──▶ past all noted ends: ready, ages adopted
 *   4. go on for ever; a read that fails is begun again where it stopped, after a growing pause
 *
 * Of events only a window matters, so their reading begins at the first record that was appended within it: door events
 * for anti-passback, after the doors are known; uses of lockers for the sessions that are on.
 *
 * A record that does not decode is counted and makes its topic *broken*: ages that depend on it are no longer
 * adopted, so that the policy for old data takes over, and the health check says why.
 */
import { setMaxListeners } from 'node:events';
import type { Log, ReadBatch, StoredRecord } from '../log/log.js';
import type { ViewDecoder } from './fields.js';
import { VIEW_TOPICS } from './view.js';
import type { HubView, ViewTopic } from './view.js';
import { pause } from '../pause.js';

const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 5_000;
/** A bag that was left for longer is opened by staff. */
const SESSION_WINDOW_MS = 14 * 86_400_000;
/** A slice of applying before other work (requests) gets its turn. */
const SLICE_MS = 8;
/** Records between two looks at the clock. */
const SLICE_RECORDS = 256;

export interface FollowOptions {
  readonly log: Log;
  readonly view: HubView;
  readonly decoder: ViewDecoder;
  readonly now: () => number;
  /** How far back door events matter; default 24 h. */
  readonly passageWindowMs?: number;
  /** Told of each record that could not be applied and each read that failed. */
  readonly onProblem?: (problem: FollowProblem) => void;
}

export interface FollowProblem {
  readonly code: 'UNDECODABLE' | 'READ_FAILED';
  readonly topic: string;
  readonly at?: { readonly partition: number; readonly offset: number };
  readonly cause: unknown;
}

export interface Follower {
  /** Settles when everything that was there at the start has been applied; rejects when closed before. */
  readonly whenReady: Promise<void>;
  readonly ready: boolean;
  /** Records that are committed but not applied yet, as far as known. */
  readonly lag: number;
  /** Why the view cannot be trusted in full; empty when it can. */
  readonly faults: readonly string[];
  close(): Promise<void>;
}

export function followLog(options: FollowOptions): Follower {
  const follower = new LogFollower(options);
  follower.start();
  return follower;
}

class LogFollower implements Follower {
  readonly whenReady: Promise<void>;
  ready = false;
  private readonly stop = new AbortController();
  private readonly next = new Map<ViewTopic, Map<number, number>>();
  private readonly ends = new Map<ViewTopic, Map<number, number>>();
  /** Ends noted at the start, until they are passed. */
  private readonly awaited = new Map<string, number>();
  private readonly broken = new Map<string, string>();
  private readonly tasks: Promise<void>[] = [];
  private settle: { resolve: () => void; reject: (error: Error) => void } | undefined;

  constructor(private readonly options: FollowOptions) {
    setMaxListeners(8 * VIEW_TOPICS.length, this.stop.signal); // every topic is read at once
    this.whenReady = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
    this.whenReady.catch(() => undefined); // nobody has to wait for it
  }

  get lag(): number {
    let lag = 0;
    for (const [topic, ends] of this.ends) {
      for (const [partition, end] of ends)
        lag += Math.max(0, end - (this.next.get(topic)?.get(partition) ?? 0));
    }
    return lag;
  }

  get faults(): readonly string[] {
    return [...this.broken.values()];
  }

  start(): void {
    this.tasks.push(this.run());
  }

  async close(): Promise<void> {
    this.stop.abort();
    this.settle?.reject(new Error('the view was closed before it had caught up'));
    await Promise.allSettled(this.tasks);
  }

  private async run(): Promise<void> {
    await this.retrying('hub.positions', () => this.read('hub.positions', 'end'));
    await this.retrying('hub.positions', () => this.noteEnds());
    if (this.stop.signal.aborted) return;
    for (const topic of VIEW_TOPICS) {
      if (topic !== 'master.door-event') this.tasks.push(this.follow(topic));
    }
    this.checkReady();
    await this.whenReady.catch(() => undefined);
    await this.follow('master.door-event');
  }

  private async follow(topic: ViewTopic): Promise<void> {
    const { passageWindowMs = 86_400_000 } = this.options;
    if (topic === 'master.door-event') {
      await this.retrying(topic, () => this.fromWindow(topic, passageWindowMs));
    } else if (topic === 'master.locker-use') {
      await this.retrying(topic, () => this.fromWindow(topic, SESSION_WINDOW_MS));
    }
    await this.retrying(topic, () => this.read(topic, 'follow'));
  }

  /** Repeats the step until it ends by itself or the follower is closed. */
  private async retrying(topic: ViewTopic, step: () => Promise<void>): Promise<void> {
    let pauseMs = RETRY_FIRST_MS;
    while (!this.stop.signal.aborted) {
      const before = this.progress(topic);
      try {
        return await step();
      } catch (cause) {
        if (this.stop.signal.aborted) return;
        this.options.onProblem?.({ code: 'READ_FAILED', topic, cause });
        if (this.progress(topic) !== before) pauseMs = RETRY_FIRST_MS;
        await pause(pauseMs, this.stop.signal);
        pauseMs = Math.min(2 * pauseMs, RETRY_MAX_MS);
      }
    }
  }

  private progress(topic: ViewTopic): number {
    let sum = 0;
    for (const next of this.next.get(topic)?.values() ?? []) sum += next;
    return sum;
  }

  private async noteEnds(): Promise<void> {
    for (const topic of VIEW_TOPICS) {
      if (topic === 'master.door-event') continue;
      for (const { partition, start, end } of await this.options.log.bounds(topic)) {
        const next = this.next.get(topic)?.get(partition) ?? 0;
        if (end > start && next < end) this.awaited.set(`${topic}/${partition}`, end);
      }
    }
  }

  /** Skips events that were appended before the window: found by halving, one small read a step. */
  private async fromWindow(topic: ViewTopic, windowMs: number): Promise<void> {
    const { log, now } = this.options;
    const since = now() - windowMs;
    for (const { partition, start, end } of await log.bounds(topic)) {
      let low = start;
      let high = end;
      while (high - low > 1_000 && !this.stop.signal.aborted) {
        const middle = Math.floor((low + high) / 2);
        const record = await this.firstFrom(topic, partition, middle);
        if (record === undefined || record.timestamp >= since) high = middle;
        else low = middle;
      }
      this.advance(topic, partition, low, end);
    }
  }

  private async firstFrom(
    topic: ViewTopic,
    partition: number,
    offset: number,
  ): Promise<StoredRecord | undefined> {
    const from = new Map<number, number>();
    for (const bounds of await this.options.log.bounds(topic)) {
      from.set(bounds.partition, bounds.partition === partition ? offset : bounds.end);
    }
    for await (const batch of this.options.log.read({ topic, from, until: 'end' })) {
      const record = batch.partition === partition ? batch.records[0] : undefined;
      if (record !== undefined) return record;
    }
    return undefined;
  }

  private async read(topic: ViewTopic, until: 'end' | 'follow'): Promise<void> {
    const from = this.next.get(topic);
    const { signal } = this.stop;
    const reading = this.options.log.read({ topic, until, signal, ...(from && { from: new Map(from) }) });
    for await (const batch of reading) {
      await this.applyBatch(topic, batch);
      if (signal.aborted) return;
    }
  }

  private async applyBatch(topic: ViewTopic, batch: ReadBatch): Promise<void> {
    this.noteEnd(topic, batch.partition, batch.end);
    let sliceEnds = performance.now() + SLICE_MS;
    let count = 0;
    for (const record of batch.records) {
      this.applyOne(topic, record);
      if (++count % SLICE_RECORDS === 0 && performance.now() > sliceEnds) {
        await new Promise((resolve) => setImmediate(resolve));
        sliceEnds = performance.now() + SLICE_MS;
      }
    }
    this.advance(topic, batch.partition, batch.next, batch.end);
    if (count > 0) await new Promise((resolve) => setImmediate(resolve));
  }

  private applyOne(topic: ViewTopic, record: StoredRecord): void {
    const { view, decoder } = this.options;
    try {
      view.apply(topic, record.key, record.value === null ? null : decoder.decode(topic, record.value));
    } catch (cause) {
      const at = { partition: record.partition, offset: record.offset };
      const place = `${topic}/${at.partition}@${at.offset}`;
      if (!this.broken.has(topic)) this.broken.set(topic, `record ${place} could not be applied`);
      view.freshness.break(topic);
      this.options.onProblem?.({ code: 'UNDECODABLE', topic, at, cause });
    }
  }

  private advance(topic: ViewTopic, partition: number, next: number, end: number): void {
    let offsets = this.next.get(topic);
    if (offsets === undefined) this.next.set(topic, (offsets = new Map<number, number>()));
    offsets.set(partition, next);
    this.noteEnd(topic, partition, end);
    const place = `${topic}/${partition}`;
    const awaited = this.awaited.get(place);
    if (awaited !== undefined && next >= awaited) {
      this.awaited.delete(place);
      this.options.view.freshness.advance(topic, partition, next);
      this.checkReady();
    } else this.options.view.freshness.advance(topic, partition, next);
  }

  /** Before the records are applied too: else there would be no lag to be seen while they are. */
  private noteEnd(topic: ViewTopic, partition: number, end: number): void {
    let ends = this.ends.get(topic);
    if (ends === undefined) this.ends.set(topic, (ends = new Map<number, number>()));
    ends.set(partition, end);
  }

  private checkReady(): void {
    if (this.ready || this.awaited.size > 0 || this.stop.signal.aborted) return;
    this.ready = true;
    this.options.view.freshness.start();
    this.settle?.resolve();
  }
}
