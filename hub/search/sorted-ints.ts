/** Row numbers in rising order, repeats allowed: 4 bytes each, found by halving, added at the end at no cost. */
const FIRST_CAPACITY = 4;

export class SortedInts {
  private items = new Int32Array(FIRST_CAPACITY);
  length = 0;

  at(index: number): number {
    return this.items[index] ?? 0;
  }

  add(value: number): void {
    const at = this.length === 0 || value >= this.at(this.length - 1) ? this.length : this.above(value);
    if (this.length === this.items.length) {
      const larger = new Int32Array(2 * this.length);
      larger.set(this.items);
      this.items = larger;
    }
    this.items.copyWithin(at + 1, at, this.length);
    this.items[at] = value;
    this.length++;
  }

  /** Takes one of the equal values out; nothing where there is none. */
  remove(value: number): void {
    const at = this.above(value - 1);
    if (at === this.length || this.at(at) !== value) return;
    this.items.copyWithin(at, at + 1, this.length);
    this.length--;
  }

  has(value: number): boolean {
    const at = this.above(value - 1);
    return at < this.length && this.at(at) === value;
  }

  /** Index of the first item above the value; `length` when there is none. */
  above(value: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.at(middle) <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The values of all lists above `after`, in rising order, each once. */
export function* mergeAbove(lists: readonly SortedInts[], after: number): Generator<number> {
  const at = lists.map((list) => list.above(after));
  for (;;) {
    let least = Infinity;
    for (let i = 0; i < lists.length; i++) {
      const list = lists[i];
      const index = at[i] ?? 0;
      if (list !== undefined && index < list.length) least = Math.min(least, list.at(index));
    }
    if (least === Infinity) return;
    for (let i = 0; i < lists.length; i++) {
      const list = lists[i];
      while (list !== undefined && (at[i] ?? 0) < list.length && list.at(at[i] ?? 0) === least) {
        at[i] = (at[i] ?? 0) + 1;
      }
    }
    yield least;
  }
}
