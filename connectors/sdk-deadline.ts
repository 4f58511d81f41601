import { setMaxListeners } from 'node:events';

/**
 * A signal that ends when another one does, or when the time is over. Not `AbortSignal.any`: of each signal that it makes
 * Node 20 leaves a weak reference (57 bytes) in those that it is made of, and one of them lives as long as the hub.
 */
export interface Deadline {
  readonly signal: AbortSignal;
  /** The time was over first. */
  readonly isOver: boolean;
  end(): void;
}

/** @param ms from now; call `end` when nobody waits any more */
export function deadlineWithin(signal: AbortSignal, ms: number): Deadline {
  const own = new AbortController();
  let isOver = false;
  const stop = (): void => own.abort(signal.reason);
  const timer = setTimeout(() => {
    isOver = !own.signal.aborted;
    own.abort(new DOMException(`not within ${ms} ms`, 'TimeoutError'));
  }, ms);
  timer.unref();
  if (signal.aborted) stop();
  else {
    setMaxListeners(0, signal); // as many as there are requests under way
    signal.addEventListener('abort', stop, { once: true });
  }
  return {
    signal: own.signal,
    get isOver() {
      return isOver;
    },
    end() {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    },
  };
}
