/** Which running numbers have come, as ranges: they come in order but for a few. */
export interface IndexRange {
  readonly first: number;
  readonly last: number;
}

/** Ranges kept for a controller. Beyond it the oldest two become one: a gap so old is given up. */
const RANGES_MAX = 1_000;

export class IndexRanges {
  #ranges: { first: number; last: number }[];

  constructor(ranges: readonly IndexRange[] = []) {
    this.#ranges = ranges.map((range) => ({ ...range }));
  }

  /** @returns whether it is news */
  add(index: number): boolean {
    const ranges = this.#ranges;
    let at = ranges.length;
    while (at > 0 && (ranges[at - 1]?.first ?? 0) > index) at--;
    const before = ranges[at - 1];
    const after = ranges[at];
    if (before !== undefined && index <= before.last) return false;
    const joinsBefore = before !== undefined && before.last + 1 === index;
    const joinsAfter = after !== undefined && index + 1 === after.first;
    if (joinsBefore && joinsAfter) {
      before.last = after.last;
      ranges.splice(at, 1);
    } else if (joinsBefore) before.last = index;
    else if (joinsAfter) after.first = index;
    else ranges.splice(at, 0, { first: index, last: index });
    const [oldest, next] = ranges;
    if (ranges.length > RANGES_MAX && oldest !== undefined && next !== undefined) {
      ranges.splice(0, 2, { first: oldest.first, last: next.last });
    }
    return true;
  }

  addAll(ranges: readonly IndexRange[]): void {
    for (const { first, last } of ranges) {
      this.add(first);
      if (last > first) this.#span(first, last);
    }
  }

  /** Highest index; 0: none has come. */
  get last(): number {
    return this.#ranges.at(-1)?.last ?? 0;
  }

  ranges(): readonly IndexRange[] {
    return this.#ranges.map((range) => ({ ...range }));
  }

  /** What is missing between the first and the last that came. */
  gaps(): readonly IndexRange[] {
    return this.#ranges.slice(1).map(({ first }, i) => ({
      first: (this.#ranges[i]?.last ?? 0) + 1,
      last: first - 1,
    }));
  }

  #span(first: number, last: number): void {
    const kept = this.#ranges.filter((range) => range.last < first - 1 || range.first > last + 1);
    const joined = this.#ranges.filter((range) => !(range.last < first - 1 || range.first > last + 1));
    const whole = {
      first: Math.min(first, ...joined.map((range) => range.first)),
      last: Math.max(last, ...joined.map((range) => range.last)),
    };
    this.#ranges = [...kept, whole].sort((a, b) => a.first - b.first);
  }
}
