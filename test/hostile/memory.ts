/**
 * What the hub holds while it is under fire, and whether that grows. One weight says little: what a process holds rises
 * while its code is compiled, its pools and tables fill up to their limits, and then it stands. So it is weighed at each
 * tenth of the requests, and judged by two figures: how much more it holds at the end than after the second tenth, and how
 * fast it still grew in the last half.
 */
import { setTimeout as sleep } from 'node:timers/promises';

/** MiB, after collections. */
export interface Held {
  readonly heapUsed: number;
  /** Outside the heap, `arrayBuffers` among it. */
  readonly external: number;
  readonly arrayBuffers: number;
  /** Of the whole process, with the log's pages and what the allocator keeps. Shown, not judged. */
  readonly rss: number;
}

export interface Weighed extends Held {
  /** Requests so far. */
  readonly requests: number;
}

export interface Growth {
  /** MiB of heap and buffers, from the second tenth to the end. */
  readonly sinceSecondTenth: number;
  /** MiB for each 10,000 requests, over the last half. */
  readonly slope: number;
}

/** What waits for the log is written within 0.25 s, and most timers of a request end within seconds. */
const SETTLE_MS = 2_000;
/** What comes and goes, such as a page of bank books that is looked through, is gone at one of these. */
const ROUNDS = 3;
const COLLECTIONS = 4;
const BETWEEN_MS = 100;

/** What this process holds; it must run with `--expose-gc`. */
export async function held(): Promise<Held> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('memory is weighed with --expose-gc only');
  let least: Held | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    await sleep(SETTLE_MS / (round + 1));
    // One collection frees what finalizers then let go of, which the next one frees.
    for (let i = 0; i < COLLECTIONS; i++) {
      gc();
      await sleep(BETWEEN_MS);
    }
    const now = heldNow();
    if (least === undefined || judged(now) < judged(least)) least = now;
  }
  return least as Held;
}

function heldNow(): Held {
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  const MiB = (bytes: number): number => bytes / 2 ** 20;
  return {
    heapUsed: MiB(heapUsed),
    external: MiB(external),
    arrayBuffers: MiB(arrayBuffers),
    rss: MiB(rss),
  };
}

const judged = ({ heapUsed, external }: Held): number => heapUsed + external;

/** Before that code is still being compiled and tables fill up. */
const JUDGED_FROM = 50_000;

/** @param weights one after each tenth; null: too few requests to say anything of growth */
export function growthOf(weights: readonly Weighed[]): Growth | null {
  const second = weights[1];
  const last = weights.at(-1);
  if (second === undefined || last === undefined || last.requests < JUDGED_FROM) return null;
  const lastHalf = weights.slice((weights.length >> 1) - 1);
  return { sinceSecondTenth: judged(last) - judged(second), slope: slopeOf(lastHalf) };
}

/** By least squares. */
function slopeOf(weights: readonly Weighed[]): number {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, one) => sum + one, 0) / values.length;
  const atX = mean(weights.map(({ requests }) => requests));
  const atY = mean(weights.map(judged));
  let xy = 0;
  let xx = 0;
  for (const weight of weights) {
    xy += (weight.requests - atX) * (judged(weight) - atY);
    xx += (weight.requests - atX) ** 2;
  }
  return (10_000 * xy) / xx;
}
