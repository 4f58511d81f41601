/**
 * What a part of the hub holds in memory for longer than it works on it. Each that grows with records says so, so that
 * /metrics can show where memory goes, and a run over days can tell a cache that fills from a leak.
 */
export interface Holding {
  /** A topic whose newest values are known, or `events`, `repeats`, `bank-payments`, `bank-rows`. */
  readonly what: string;
  readonly entries: number;
  /** Of its arrays, what is not used yet included. */
  readonly bytes: number;
}

/** One for each `what`, entries and bytes added up. */
export function sumHoldings(holdings: Iterable<Holding>): ReadonlyMap<string, Holding> {
  const sums = new Map<string, Holding>();
  for (const { what, entries, bytes } of holdings) {
    const before = sums.get(what) ?? { entries: 0, bytes: 0 };
    sums.set(what, { what, entries: before.entries + entries, bytes: before.bytes + bytes });
  }
  return sums;
}
