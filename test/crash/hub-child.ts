/**
 * One of several hubs that share the streams until they are killed: `hub-child <hub.yaml> <data folder> <log> <pace ms>`.
 * Lines as in spied-streams.ts, and `o id id …` whenever what it owns has changed.
 */
import { allConnectors } from '../../hub/connectors.js';
import { openHub } from '../../hub/run/hub.js';
import { startOwner } from '../../hub/run/owner.js';
import { openConfig } from './open-config.js';
import { say, spiedStreams } from './spied-streams.js';

const [config, dataDir, log, pace] = process.argv.slice(2) as [string, string, string, string];
const hub = await openHub(await openConfig(config, dataDir, log), {
  connectors: await allConnectors(),
  onStream: (note) => {
    if (note.kind === 'trouble') process.stderr.write(`${note.id}: ${note.error.message}\n`);
  },
});
const following = new AbortController();
hub.follow(following.signal);
await startOwner({
  log: hub.log,
  streams: spiedStreams(hub, Number(pace)),
  directory: hub.directory,
  random: Math.random,
  onFatal: (error) => {
    process.stderr.write(`${error.stack ?? String(error)}\n`);
    process.exit(3);
  },
  onOwned: (ids) => say(`o ${ids.join(' ')}`),
});
