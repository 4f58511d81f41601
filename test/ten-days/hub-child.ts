/**
 * The hub of the ten days, in a process of its own: `hub-child <hub.yaml> <data folder> <epoch ms> <leak>`. Its clock
 * stands until it is told another time; it answers each `{now}` once every stream has read all that its upstream had
 * then. `leak`: bytes that it keeps of each row for nothing.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Connector, ConnectorFactory, Stream } from '../../connectors/sdk.js';
import { allConnectors } from '../../hub/connectors.js';
import { startRuntime } from '../../hub/run/runtime.js';
import { openConfig } from '../crash/open-config.js';
import { ownedTopics } from '../../hub/sync/published.js';
import { sumHoldings } from '../../hub/tables/holding.js';
import { anonMiB } from '../../bench/measure.js';
import type { Held, HubAsked, HubTold } from './messages.js';

const [path, dataDir, from, leak] = process.argv.slice(2) as [string, string, string, string];
let now = Number(from);
let last = false;
const DAY_MS = 86_400_000;
const DRAINED_MS_MAX = 1_800_000;
/** Their times are those of files. */
const OF_FILES = /\/(rooms\/rooms|campus\/service-points)\//;
/** In a bank's window its time stands; that it was asked is enough. */
const OF_BANKS = /\/bank-\w+\/recon\//;

const reached = new Map<string, number>();
const idle = new Set<string>();
const streams: Record<string, [number, number]> = {};
let troubles = 0;
const leaked: Uint8Array[] = [];

/** The listing of a day is one listing, so that the polls of an hour do not list everything again. */
function daily(factory: ConnectorFactory): ConnectorFactory {
  const day = (): string => (last ? 'the last' : `day ${Math.floor(now / DAY_MS)}`);
  const streamOf = (stream: Stream): Stream => {
    if (stream.spec.feed || stream.spec.listing === null || stream.listing !== undefined) return stream;
    return {
      ...stream,
      listing: async () => ({ name: day(), asOf: now }),
      async snapshotPage(cursor, signal) {
        return { ...(await stream.snapshotPage(cursor, signal)), listing: day() };
      },
    };
  };
  return {
    spec: factory.spec,
    open(options, context) {
      const connector = factory.open(options, context);
      const stream: Connector['stream'] = (name) => streamOf(connector.stream(name));
      return new Proxy(connector, {
        get: (of, name) => {
          if (name === 'stream') return stream;
          const value: unknown = Reflect.get(of, name, of);
          return typeof value === 'function' ? (value as () => unknown).bind(of) : value;
        },
      });
    },
  };
}

const fail = (error: Error): never => {
  process.stderr.write(`${error.stack ?? String(error)}\n`);
  process.exit(3);
};
const hub = await startRuntime(await openConfig(path, dataDir, 'embedded'), {
  connectors: (await allConnectors()).map(daily),
  now: () => now,
  onFatal: fail,
  onStream: (note) => {
    if (note.kind === 'trouble') {
      troubles += 1;
      process.stderr.write(`${note.id}: ${note.error.message}\n`);
    }
    if (note.kind === 'idle') idle.add(note.id);
    if (note.kind !== 'batch') return;
    idle.delete(note.id);
    reached.set(note.id, note.asOf);
    const counts = (streams[note.id] ??= [0, 0]);
    counts[0] += note.books.read;
    if (leak !== '0') leaked.push(new Uint8Array(note.books.read * Number(leak)));
    counts[1] += Object.values(note.books.records).reduce((sum, n) => sum + n, 0);
  },
});

/** An upstream may say its time in whole seconds. */
const isDrained = (): boolean =>
  hub.hub.streams.every(
    ({ deps: { id } }) =>
      OF_FILES.test(id) || (idle.has(id) && (OF_BANKS.test(id) || (reached.get(id) ?? 0) >= now - 1_000)),
  );

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const mib = (bytes: number): number => Math.round(bytes / 2 ** 20);

const COLLECTIONS = 8;
const BETWEEN_MS = 150;

/**
 * What is not garbage. The memory of a process says how much it once needed; and one collection is not enough, since
 * buffers are freed behind it, and the streams poll on meanwhile. So the least of several counts.
 */
async function held(): Promise<Held> {
  let [heap, external, own] = [Infinity, Infinity, Infinity];
  for (let i = 0; i < COLLECTIONS; i += 1) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
    const now = process.memoryUsage();
    if (now.heapUsed + now.external < heap + external) [heap, external] = [now.heapUsed, now.external];
    own = Math.min(own, anonMiB() * 2 ** 20);
  }
  const sums = sumHoldings(hub.owner.holdings());
  return { heap, external, own, known: Object.fromEntries(sums), keys: keysToKnow() };
}

/** A stream knows the keys of its source: doors stand in the memory of who lists them and of who reads their swipes. */
function keysToKnow(): Record<string, number> {
  const keys: Record<string, number> = {};
  const positions = [...hub.hub.directory.positions()];
  for (const { deps } of hub.hub.streams) {
    for (const topic of ownedTopics(deps.stream.spec.maps).state) {
      const own = topic === 'hub.quarantine' ? deps.id : deps.id.split('/').slice(0, 2).join('/') + '/';
      for (const [id, { digests }] of positions) {
        if (id.startsWith(own)) keys[topic] = (keys[topic] ?? 0) + (digests[topic]?.keys ?? 0);
      }
    }
  }
  return keys;
}

async function drained(): Promise<HubTold> {
  const began = performance.now();
  while (!isDrained()) {
    if (performance.now() - began > DRAINED_MS_MAX) {
      const late = hub.hub.streams.map(({ deps }) => deps.id).filter((id) => (reached.get(id) ?? 0) < now);
      fail(new Error(`not drained: ${late.join(', ')}`));
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { rss, heapUsed } = process.memoryUsage();
  return {
    ...{ ms: Math.round(performance.now() - began), rssMiB: mib(rss), anonMiB: Math.round(anonMiB()) },
    ...{ heapMiB: mib(heapUsed), streams, troubles },
  };
}

process.on('message', (asked: HubAsked) => {
  ({ now, last } = asked);
  idle.clear();
  const answer = async (): Promise<void> => {
    const told = await drained();
    process.send?.(asked.endOfDay ? { ...told, held: await held() } : told);
  };
  answer().catch(fail);
});
process.once('disconnect', () => void hub.stop().then(() => process.exit(0), fail));
process.send?.(await drained());
