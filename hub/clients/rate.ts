/**
 * How often a client may ask: the generic cell rate algorithm (ITU-T I.371), which keeps one number a client. A burst
 * passes at once, then `perSecond` of them a second, evenly; there is no window whose edge lets twice as many pass.
 */
export class Rate {
  /** Theoretical arrival time of the next request, ms. */
  private next = 0;
  private readonly everyMs: number;
  private readonly ahead: number;

  constructor(
    readonly perSecond: number,
    readonly burst: number,
  ) {
    this.everyMs = 1_000 / perSecond;
    this.ahead = this.everyMs * (burst - 1);
  }

  /** @param at of a clock that never goes back, ms @returns 0: it may pass; else ms until it may */
  take(at: number): number {
    const next = this.next > at ? this.next : at;
    if (next - at > this.ahead) return Math.max(1, Math.ceil(next - at - this.ahead));
    this.next = next + this.everyMs;
    return 0;
  }

  /** Requests that may pass now. */
  left(at: number): number {
    const owed = Math.max(0, this.next - at);
    // A little more, since sums of milliseconds are not exact: a whole request is not lost to the last bit.
    return Math.max(0, Math.floor((this.ahead - owed) / this.everyMs + 1e-6) + 1);
  }

  /** Nothing is owed any more: this rate can be forgotten. */
  idle(at: number): boolean {
    return this.next <= at;
  }
}

/** Rates of keys that strangers choose, such as addresses. When full, those that are idle go; else new ones wait. */
export class Rates {
  private readonly rates = new Map<string, Rate>();

  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
    private readonly max: number,
  ) {}

  /** As `Rate.take`. */
  take(key: string, at: number): number {
    let rate = this.rates.get(key);
    if (rate === undefined) {
      if (this.rates.size >= this.max) this.forget(at);
      if (this.rates.size >= this.max) return 1_000;
      this.rates.set(key, (rate = new Rate(this.perSecond, this.burst)));
    }
    return rate.take(at);
  }

  get size(): number {
    return this.rates.size;
  }

  private forget(at: number): void {
    for (const [key, rate] of this.rates) if (rate.idle(at)) this.rates.delete(key);
  }
}
