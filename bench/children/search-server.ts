/**
 * The facade with search over a log; or the view, with its indexes or without. Says what the
 * process holds after a collection; each message is answered with the CPU time so far.
 */
import { createFacade } from '../../hub/facade/app.js';
import { startFacade } from '../../hub/facade/server.js';
import { searchable } from '../../hub/search/campus.js';
import type { Candidates } from '../../hub/search/search.js';
import { openDeciding } from '../decisions.js';
import { anonMiB } from '../measure.js';
import { openView } from '../view-log.js';

export interface SearchServerArgument {
  readonly dir: string;
  /** `view` and `indexed` only read the log, and nothing listens: what they hold differs by the indexes alone. */
  readonly kind: 'view' | 'indexed' | 'serving';
}

export interface SearchServerReady {
  readonly port?: number;
  /** Heap and buffers after a collection. */
  readonly usedMiB: number;
  readonly anonMiB: number;
}

const { dir, kind } = JSON.parse(process.argv[2] as string) as SearchServerArgument;

function held(): SearchServerReady {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return { usedMiB: (heapUsed + external) / 2 ** 20, anonMiB: anonMiB() };
}

async function reading(): Promise<SearchServerReady> {
  const { follower } = await openView(dir, true, kind === 'view' ? undefined : (own) => searchable(own).view);
  await follower.whenReady;
  return held();
}

async function serving(): Promise<SearchServerReady> {
  const found: { candidates?: Candidates } = {};
  const { view, follower, decisions } = await openDeciding(dir, (own) => {
    const { view: both, candidates } = searchable(own);
    found.candidates = candidates;
    return both;
  });
  const holds = held();
  const { candidates } = found;
  if (candidates === undefined) throw new Error('nothing to search in');
  const app = createFacade({ view, follower, decisions, candidates, now: Date.now });
  const { port } = await startFacade(app, { host: '127.0.0.1', port: 0 });
  return { ...holds, port };
}

const ready = await (kind === 'serving' ? serving() : reading());
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMs: (user + system) / 1_000 });
});
process.on('disconnect', () => process.exit(0));
process.send?.(ready);
