/**
 * Randomness of the campus: pure functions of a seed, so that person number 812,345 can be known without
 * making the 812,344 before. `hash32` is a chain of 32-bit finalizers; `createRng` is splitmix-seeded
 * xoshiro128**; `permute32` is a small Feistel network (a bijection on 32 bits, so card UIDs do not collide
 * by chance, and its inverse finds the card of a UID).
 */

function mix(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** A 32-bit hash of small integers. `tag` keeps questions about the same index independent. */
export function hash32(seed: number, tag: number, index: number): number {
  return mix(mix(mix(seed ^ 0x9e3779b9) + Math.imul(tag, 0x85ebca6b)) + Math.imul(index, 0xc2b2ae35));
}

/** True for about one in `n` indexes. */
export function oneIn(n: number, seed: number, tag: number, index: number): boolean {
  return hash32(seed, tag, index) % n === 0;
}

export interface Rng {
  /** 0 ≤ x < 2^32 */
  u32(): number;
  /** 0 ≤ x < 1 */
  unit(): number;
  /** 0 ≤ x < n */
  below(n: number): number;
}

/** xoshiro128** (Blackman and Vigna), its state filled from hashes of the seed. */
export function createRng(seed: number, tag: number, index: number): Rng {
  let a = hash32(seed, tag, index);
  let b = mix(a + 0x9e3779b9);
  let c = mix(b + 0x9e3779b9);
  let d = mix(c + 0x9e3779b9) | 1;
  const u32 = (): number => {
    const r = Math.imul(b, 5);
    const result = Math.imul((r << 7) | (r >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  return { u32, unit: () => u32() / 2 ** 32, below: (n) => Math.floor((u32() / 2 ** 32) * n) };
}

const ROUNDS = [1, 2, 3, 4] as const;

/** A bijection on 32-bit numbers. */
export function permute32(seed: number, value: number): number {
  let left = value >>> 16;
  let right = value & 0xffff;
  for (const round of ROUNDS) {
    [left, right] = [right, left ^ (hash32(seed, 900 + round, right) & 0xffff)];
  }
  return ((left << 16) | right) >>> 0;
}

/** The inverse of `permute32`. */
export function unpermute32(seed: number, value: number): number {
  let left = value >>> 16;
  let right = value & 0xffff;
  for (const round of [...ROUNDS].reverse()) {
    [left, right] = [right ^ (hash32(seed, 900 + round, left) & 0xffff), left];
  }
  return ((left << 16) | right) >>> 0;
}

/** Number of events of a Poisson process with mean `lambda` (Knuth below 30, normal above). */
export function poisson(rng: Rng, lambda: number): number {
  if (lambda <= 0) return 0;
  if (lambda > 30) {
    const normal = Math.sqrt(-2 * Math.log(1 - rng.unit())) * Math.cos(2 * Math.PI * rng.unit());
    return Math.max(0, Math.round(lambda + Math.sqrt(lambda) * normal));
  }
  const limit = Math.exp(-lambda);
  let count = 0;
  for (let product = rng.unit(); product > limit; product *= rng.unit()) count += 1;
  return count;
}
