/** The listing of all cards through the TSM gateway into the embedded log. */
import { rm } from 'node:fs/promises';
import { connectors } from '../../connectors/index.js';
import { openHub } from '../../hub/run/hub.js';
import { StreamRun } from '../../hub/sync/stream.js';
import { campusYaml } from '../campus-hub.js';
import { configOf } from '../config.js';
import type { HubArgument } from './hub.js';
import type { StreamFigures } from './pipeline.js';

const argument = JSON.parse(process.argv[2] as string) as HubArgument;
const { dataDir } = argument;
await rm(dataDir, { recursive: true, force: true });
const config = configOf(campusYaml(argument.campus, argument), dataDir, { engine: 'embedded' });
const hub = await openHub(config, { connectors: Object.values(connectors), once: true });
const deps = hub.streams.find(({ deps: { id } }) => id.includes('/core/cards/'))?.deps;
if (deps === undefined) throw new Error('no core/cards');
const run = await StreamRun.open(deps, { wantListing: true });
const { signal } = new AbortController();
const from = performance.now();
while (!run.isDone()) await run.step(signal);
await run.settle();
const ms = performance.now() - from;
const records = Object.values(run.books.records).reduce((sum, count) => sum + count, 0);
const answer: StreamFigures = { rows: run.books.read, records, ms };
await run.close();
await hub.close();
process.send?.(answer, () => process.exit());
