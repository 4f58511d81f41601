import { setTimeout as sleep } from 'node:timers/promises';

const CLOSE_WAIT_MS = 5_000;

export interface OutboxAlarm {
  readonly code: 'APPEND_FAILED' | 'BUFFER_FULL';
  readonly cause?: unknown;
}

export interface OutboxOptions<T> {
  /** Rejects when nothing was written. */
  append(items: readonly T[]): Promise<void>;
  /** Items that wait, written or not yet acknowledged. */
  readonly max: number;
  /** Items of one append; far below the log's limit for a batch. */
  readonly appendMax: number;
  readonly flushMs: number;
  /** The item that tells of those for which there was no room. @param since epoch ms of the first */
  gap(since: number, count: number): T;
  /** Told of each failed append and of each beginning gap. */
  readonly onAlarm?: ((alarm: OutboxAlarm) => void) | undefined;
}

/**
 * What is to be written, and must not make anybody wait:
 *
 *   push ──▶ items (bounded) ──every flushMs──▶ append, one at a time; what failed goes out again, the same
 *   no room: `lost` counts ──▶ one item that says so, as soon as there is room
 */
export class Outbox<T> {
  private items: T[] = [];
  /** Sent but not acknowledged. */
  private pending: T[] = [];
  private gap: { readonly since: number; count: number } | undefined;
  private flushing: Promise<void> | undefined;
  private readonly timer: NodeJS.Timeout;
  /** Items for which there was no room, since the start. */
  lostCount = 0;
  failedAppends = 0;

  constructor(private readonly options: OutboxOptions<T>) {
    this.timer = setInterval(() => void this.flush(), options.flushMs);
    this.timer.unref();
  }

  get size(): number {
    return this.items.length + this.pending.length;
  }

  get full(): boolean {
    return this.size >= this.options.max;
  }

  /** Whoever pushes has asked `full`. */
  push(item: T): void {
    this.items.push(item);
  }

  lost(at: number, count: number): void {
    this.lostCount += count;
    if (this.gap === undefined) {
      this.gap = { since: at, count: 0 };
      this.options.onAlarm?.({ code: 'BUFFER_FULL' });
    }
    this.gap.count += count;
  }

  /** Writes what is there; settles when it is written or has failed once. Never rejects. */
  async flush(): Promise<void> {
    if (this.flushing !== undefined) return this.flushing;
    if (this.size === 0 && this.gap === undefined) return;
    this.flushing = this.write().finally(() => (this.flushing = undefined));
    return this.flushing;
  }

  /** Stops the timer and writes the rest, for at most five seconds. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    const deadline = performance.now() + CLOSE_WAIT_MS;
    while ((this.size > 0 || this.gap !== undefined) && performance.now() < deadline) {
      const failed = this.failedAppends;
      await this.flush();
      if (this.failedAppends > failed) await sleep(this.options.flushMs);
    }
  }

  private async write(): Promise<void> {
    if (this.pending.length === 0) {
      if (this.gap !== undefined) {
        this.items.push(this.options.gap(this.gap.since, this.gap.count));
        this.gap = undefined;
      }
      this.pending = this.items.splice(0, this.options.appendMax);
    }
    try {
      await this.options.append(this.pending);
      this.pending = [];
    } catch (cause) {
      this.failedAppends += 1;
      this.options.onAlarm?.({ code: 'APPEND_FAILED', cause });
    }
  }
}
