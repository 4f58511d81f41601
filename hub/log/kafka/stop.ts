import { setMaxListeners } from 'node:events';

/**
 * What ends a reader: its own signal, or the closing of the log. Made for one reader and ended with it, since what it waits
 * with must leave nothing behind in what lives as long as the hub: `AbortSignal.any` leaves a weak reference in the signal
 * for each read, `Promise.race` a reaction in a promise that has not settled for each race.
 */
export class Stop {
  readonly #signals: readonly AbortSignal[];
  #isStopped = false;
  #wake: () => void = () => undefined;

  constructor(signals: readonly (AbortSignal | undefined)[]) {
    this.#signals = signals.filter((signal) => signal !== undefined);
    this.#isStopped = this.#signals.some(({ aborted }) => aborted);
    setMaxListeners(0, ...this.#signals); // as many as there are reads under way
    for (const signal of this.#signals) signal.addEventListener('abort', this.#stop, { once: true });
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** The first of them to settle; undefined: stopped before. One wait at a time. */
  first<T>(waited: Iterable<Promise<T>>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#wake = () => resolve(undefined);
      if (this.#isStopped) this.#wake();
      for (const one of waited) one.then(resolve, reject);
    });
  }

  /** Nobody waits any more. */
  end(): void {
    for (const signal of this.#signals) signal.removeEventListener('abort', this.#stop);
  }

  readonly #stop = (): void => {
    this.#isStopped = true;
    this.#wake();
  };
}
