import { isNew } from './store.js';
import { isBeingWritten } from './lock.js';
import { verifyApart } from './verify-apart.js';

/*
 * A store is examined for those that only read it. Beside a running hub nothing is done: that one has verified the
 * store when it opened it, and we would see states and batches of different commits.
 */

/** The whole of a large store is read: 1 TiB from a slow disk takes this long. */
const EXAMINE_MS_MAX = 3_600_000;

/**
 * For a command that reads: all keys are counted, which meets every page that could end the process; the batches
 * that it reads are checked as it reads them. Throws what the store is refused with.
 */
export async function examineForReading(dir: string): Promise<void> {
  await examine(dir, 0);
}

/** `unknown`: no process could be started for it. */
export type Examined = 'new' | 'in use' | 'sound' | 'unknown';

/** Reads every batch of the store, for `cardhub doctor`. Throws what the store is refused with. */
export async function examineStore(dir: string): Promise<Examined> {
  return examine(dir, Infinity, EXAMINE_MS_MAX);
}

async function examine(dir: string, fullBytesMax: number, timeoutMs?: number): Promise<Examined> {
  if (isNew(dir)) return 'new';
  if (isBeingWritten(dir)) return 'in use';
  try {
    const options = { fullBytesMax, as: 'reader', ...(timeoutMs && { timeoutMs }) } as const;
    return (await verifyApart(dir, options)) ? 'sound' : 'unknown';
  } catch (error) {
    // A hub that started meanwhile has moved what we counted.
    if (isBeingWritten(dir)) return 'in use';
    throw error;
  }
}
