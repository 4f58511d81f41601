/**
 * A hub of the whole campus that is to be killed: `whole-child <hub.yaml> <data folder> <epoch ms> <pace ms>`. Lines:
 *
 *   `o n`               it runs, n streams
 *   `p id`              an upstream has given a page with rows: its append comes next
 *   `d id records`      a batch is durable
 *   `i id`              the stream has read all that its upstream has
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connector, ConnectorFactory, Page, Stream } from '../../connectors/sdk.js';
import { allConnectors } from '../../hub/connectors.js';
import { startRuntime } from '../../hub/run/runtime.js';
import { openConfig } from './open-config.js';
import { say } from './spied-streams.js';

const [path, dataDir, now, pace] = process.argv.slice(2) as [string, string, string, string];

/** Its pages come after a pause, and are told. */
function spied(factory: ConnectorFactory): ConnectorFactory {
  const told = async (name: string, page: Promise<Page>): Promise<Page> => {
    const given = await page;
    if (given.rows.length === 0) return given;
    await sleep(Number(pace));
    say(`p ${name}`);
    return given;
  };
  const streamOf = (source: string, stream: Stream): Stream => ({
    ...stream,
    snapshotPage: (cursor, signal) =>
      told(`${source}/${stream.spec.name}`, stream.snapshotPage(cursor, signal)),
    changes: (cursor, signal) => told(`${source}/${stream.spec.name}`, stream.changes(cursor, signal)),
  });
  return {
    spec: factory.spec,
    open(options, context) {
      const connector = factory.open(options, context);
      const stream: Connector['stream'] = (name) => streamOf(context.source, connector.stream(name));
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
  connectors: (await allConnectors()).map(spied),
  now: () => Number(now),
  onFatal: fail,
  onStream: (note) => {
    if (note.kind === 'trouble') process.stderr.write(`${note.id}: ${note.error.message}\n`);
    if (note.kind === 'idle') say(`i ${note.id}`);
    if (note.kind !== 'batch') return;
    const records = Object.values(note.books.records).reduce((sum, n) => sum + n, 0);
    if (records > 0) say(`d ${note.id} ${records}`);
  },
});
process.once('SIGTERM', () => void hub.stop().then(() => process.exit(0), fail));
say(`o ${hub.hub.streams.length}`);
