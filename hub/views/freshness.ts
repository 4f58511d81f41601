/**
 * How old the data is (rule 10). A position says "true as of `asOf`, once you have applied these offsets"; the
 * view adopts that age only then, and in order, so that a poll which is still on its way never makes old data
 * look fresh.
 *
 *   position ──▶ queue of its source partition ──(all its offsets applied)──▶ adopted asOf
 *
 * Until the view has caught up for the first time nothing is adopted: a compacted topic shows only the newest
 * position of each source partition, and what earlier batches wrote is proven only by the ends of all topics.
 */
import type { Position, WrittenOffset } from '../../contracts/types.js';

/** Positions that wait, per source partition; beyond it the two oldest are taken together. */
const WAITING_MAX = 1_000;

interface Waiting {
  asOf: number;
  written: readonly WrittenOffset[];
}

export class Freshness {
  /** topic → next offset by partition. */
  private readonly applied = new Map<string, number[]>();
  private readonly waiting = new Map<string, Waiting[]>();
  private readonly adopted = new Map<string, number>();
  /** source → stream → asOf: the oldest of its shards. */
  private readonly bySource = new Map<string, Map<string, number>>();
  /** Topics with a record that could not be applied: what they hold is not known, so it only gets older. */
  private readonly broken = new Set<string>();
  private caughtUp = false;

  /** @param topics the topics that the view follows; offsets in others are not waited for. */
  constructor(
    private readonly topics: ReadonlySet<string>,
    private readonly now: () => number,
  ) {}

  /** The view has applied all that was there when it started to follow. */
  start(): void {
    this.caughtUp = true;
    this.adoptAll();
  }

  position(position: Position): void {
    const { sourcePartition, asOf } = position;
    const written = position.written.filter(({ topic }) => this.topics.has(topic));
    let queue = this.waiting.get(sourcePartition);
    if (queue === undefined) this.waiting.set(sourcePartition, (queue = []));
    queue.push({ asOf, written });
    // Before the first catching up only the newest counts, but it answers for what the earlier ones wrote.
    if (queue.length > (this.caughtUp ? WAITING_MAX : 1)) {
      const [first, second] = queue.splice(0, 2);
      if (first && second) queue.unshift(together(first, second));
    }
    this.adopt(sourcePartition, queue);
  }

  /** Everything before `next` in this partition has been applied. */
  advance(topic: string, partition: number, next: number): void {
    let offsets = this.applied.get(topic);
    if (offsets === undefined) this.applied.set(topic, (offsets = []));
    offsets[partition] = next;
    this.adoptAll();
  }

  /** Everything before this offset has been applied. */
  next(topic: string, partition: number): number {
    return this.applied.get(topic)?.[partition] ?? 0;
  }

  /** A record of this topic could not be applied: no position that needs the topic is adopted any more. */
  break(topic: string): void {
    this.broken.add(topic);
  }

  /** Oldest adopted asOf over the shards of a stream; undefined: never polled, or not applied in full yet. */
  asOf(source: string, stream: string): number | undefined {
    return this.bySource.get(source)?.get(stream);
  }

  /** Adopted asOf by source partition, for metrics and status. */
  entries(): ReadonlyMap<string, number> {
    return this.adopted;
  }

  private adoptAll(): void {
    for (const [id, queue] of this.waiting) if (queue.length > 0) this.adopt(id, queue);
  }

  private adopt(id: string, queue: Waiting[]): void {
    if (!this.caughtUp) return;
    let count = 0;
    let asOf: number | undefined;
    for (const entry of queue) {
      if (!entry.written.every((offset) => this.hasApplied(offset))) break;
      count++;
      asOf = entry.asOf;
    }
    if (asOf === undefined) return;
    queue.splice(0, count);
    // By an upstream whose clock is days ahead, old data would look fresh for days.
    this.adopted.set(id, Math.min(asOf, this.now()));
    this.summarise(id);
  }

  private hasApplied({ topic, partition, offset }: WrittenOffset): boolean {
    return !this.broken.has(topic) && (this.applied.get(topic)?.[partition] ?? 0) > offset;
  }

  private summarise(id: string): void {
    const [, source = '', stream = ''] = id.split('/');
    const prefix = id.slice(0, id.lastIndexOf('/') + 1);
    let oldest = Infinity;
    for (const [other, asOf] of this.adopted) if (other.startsWith(prefix)) oldest = Math.min(oldest, asOf);
    let streams = this.bySource.get(source);
    if (streams === undefined) this.bySource.set(source, (streams = new Map<string, number>()));
    streams.set(stream, oldest);
  }
}

/** True as of the second once the offsets of both are applied. */
function together(first: Waiting, second: Waiting): Waiting {
  const places = new Map<string, WrittenOffset>();
  for (const written of [...first.written, ...second.written]) {
    const place = `${written.topic}/${written.partition}`;
    if ((places.get(place)?.offset ?? -1) < written.offset) places.set(place, written);
  }
  return { asOf: second.asOf, written: [...places.values()] };
}
