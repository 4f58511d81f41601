/** What stands on the topics, as an independent reader found it, and how two runs differ. */
import { createHash } from 'node:crypto';

/** One record; `value` is a digest, null for a tombstone. */
export interface Seen {
  readonly topic: string;
  readonly key: string;
  readonly value: string | null;
  /** `ce_id` */
  readonly id: string;
}

export function digestValue(value: Uint8Array | null): string | null {
  return value === null ? null : createHash('sha256').update(value).digest('base64').slice(0, 22);
}

export interface Difference {
  readonly topic: string;
  readonly expected: number;
  readonly found: number;
  /** Records that the uninterrupted run has and this one has not. */
  readonly lost: number;
  /** Records more than the uninterrupted run has. */
  readonly surplus: number;
  /** Ids that stand on the topic more than once. */
  readonly twice: number;
  /** The newest value of each key is the same in both. */
  readonly sameFold: boolean;
}

/** Their records tell of the run itself: where it was interrupted, who asked it and when it started. */
const OF_THE_RUN: ReadonlySet<string> = new Set(['hub.positions', 'hub.audit']);

/**
 * Compares two runs topic by topic, as multisets of (key, value, id) in no order; of topics that tell of the run
 * itself only repeated ids count.
 */
export function compare(expected: readonly Seen[], found: readonly Seen[]): Difference[] {
  const topics = [...new Set([...expected, ...found].map(({ topic }) => topic))].sort();
  return topics.map((topic) => {
    const left = expected.filter((record) => record.topic === topic);
    const right = found.filter((record) => record.topic === topic);
    const isOfRun = OF_THE_RUN.has(topic);
    const counts = new Map<string, number>();
    for (const record of left) bump(counts, nameOf(record), 1);
    for (const record of right) bump(counts, nameOf(record), -1);
    let lost = 0;
    let surplus = 0;
    for (const count of counts.values()) {
      if (count > 0) lost += count;
      else surplus -= count;
    }
    const ids = new Set(right.map(({ id }) => id));
    return {
      topic,
      expected: left.length,
      found: right.length,
      lost: isOfRun ? 0 : lost,
      surplus: isOfRun ? 0 : surplus,
      twice: right.length - ids.size,
      sameFold: isOfRun || foldOf(left) === foldOf(right),
    };
  });
}

export function isExact(difference: Difference): boolean {
  return difference.lost + difference.surplus + difference.twice === 0 && difference.sameFold;
}

function nameOf({ key, value, id }: Seen): string {
  return `${key}\u0000${value ?? ''}\u0000${id}`;
}

function bump(counts: Map<string, number>, name: string, by: number): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}

function foldOf(records: readonly Seen[]): string {
  const newest = new Map<string, string | null>();
  for (const { key, value } of records) newest.set(key, value);
  return JSON.stringify(
    [...newest].filter(([, value]) => value !== null).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/**
 * What is wrong with the sequences on `hub.positions` (ids `partition@sequence`): each must stand once, from 1
 * without a gap. Compaction may have taken old ones; then only gaps after the first are judged.
 */
export function sequenceFaults(records: readonly Seen[]): string[] {
  const byKey = new Map<string, number[]>();
  for (const { topic, key, id } of records) {
    if (topic !== 'hub.positions') continue;
    const numbers = byKey.get(key) ?? [];
    byKey.set(key, numbers);
    numbers.push(Number(id.slice(id.lastIndexOf('@') + 1)));
  }
  return [...byKey].flatMap(([key, numbers]) =>
    numbers.flatMap((number, i) => {
      const before = numbers[i - 1];
      return before === undefined || number === before + 1
        ? []
        : [`${key}: ${before} is followed by ${number}`];
    }),
  );
}
