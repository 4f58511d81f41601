/** A hash table from two integers to the head of a chain (-1: none). Pairs are never removed. */
export interface PairIndex {
  /** Id of the pair, a new one when it has none. */
  intern(a: number, b: number): number;
  /** Head of the chain of the pair, -1 when there is none. */
  head(a: number, b: number): number;
  /** Heads by pair id; replaced when the table grows, so ask anew after `intern`. */
  heads(): Int32Array;
}

export function createPairIndex(): PairIndex {
  let capacity = 1_024;
  let size = 0;
  let slots = new Int32Array(2 * capacity); // id + 1; 0 = free
  let as = new Int32Array(capacity);
  let bs = new Int32Array(capacity);
  let heads = new Int32Array(capacity).fill(-1);

  function slotOf(a: number, b: number): number {
    const mask = slots.length - 1;
    let hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    for (let slot = (hash ^ (hash >>> 13)) & mask; ; slot = (slot + 1) & mask) {
      const id = (slots[slot] ?? 0) - 1;
      if (id < 0 || (as[id] === a && bs[id] === b)) return slot;
    }
  }

  function grow(): void {
    capacity *= 2;
    const grown = (from: Int32Array, fill: number) => {
      const to = new Int32Array(capacity).fill(fill, from.length);
      to.set(from);
      return to;
    };
    as = grown(as, 0);
    bs = grown(bs, 0);
    heads = grown(heads, -1);
    slots = new Int32Array(2 * capacity);
    for (let id = 0; id < size; id++) slots[slotOf(as[id] ?? 0, bs[id] ?? 0)] = id + 1;
  }

  return {
    intern(a, b) {
      const slot = slotOf(a, b);
      const known = (slots[slot] ?? 0) - 1;
      if (known >= 0) return known;
      const id = size++;
      as[id] = a;
      bs[id] = b;
      slots[slot] = id + 1;
      if (size === capacity) grow();
      return id;
    },
    head(a, b) {
      const id = (slots[slotOf(a, b)] ?? 0) - 1;
      return id < 0 ? -1 : (heads[id] ?? -1);
    },
    heads: () => heads,
  };
}
