/**
 * `cardhub sync --once` that can be watched: `sync-child <hub.yaml> <data folder> <log> <pace ms>`. Lines as in
 * spied-streams.ts; the last one is `r {report}`.
 */
import { allConnectors } from '../../hub/connectors.js';
import { openHub } from '../../hub/run/hub.js';
import { syncOnce } from '../../hub/run/once.js';
import { openConfig } from './open-config.js';
import { say, spiedStreams } from './spied-streams.js';

const [config, dataDir, log, pace] = process.argv.slice(2) as [string, string, string, string];
const hub = await openHub(await openConfig(config, dataDir, log), {
  connectors: await allConnectors(),
  once: true,
  onStream: (note) => {
    if (note.kind === 'trouble') process.stderr.write(`${note.id}: ${note.error.message}\n`);
  },
});
say('o');
const stop = new AbortController();
hub.follow(stop.signal);
const report = await syncOnce({
  streams: spiedStreams(hub, Number(pace)),
  directory: hub.directory,
  owns: () => true,
  random: Math.random,
  signal: stop.signal,
});
stop.abort();
await hub.close();
say(`r ${JSON.stringify(report)}`);
// As the command line does: an idle connection that is still being taken down is no reason to stay.
process.exit(0);
