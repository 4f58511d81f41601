/** The pipeline from files into a log: connector, schema check, mapping, books, one transaction a page. */
import { rm } from 'node:fs/promises';
import { connectors } from '../../connectors/index.js';
import { openHub } from '../../hub/run/hub.js';
import { StreamRun } from '../../hub/sync/stream.js';
import { filesYaml } from '../campus-files.js';
import { configOf, type EngineChoice } from '../config.js';

export interface PipelineArgument {
  readonly files: string;
  readonly dataDir: string;
  readonly log: EngineChoice;
}

export interface StreamFigures {
  readonly rows: number;
  readonly records: number;
  readonly ms: number;
}
export type PipelineAnswer = Readonly<Record<'cards' | 'swipes', StreamFigures>>; // and doors, which are few

const { files, dataDir, log } = JSON.parse(process.argv[2] as string) as PipelineArgument;
await rm(dataDir, { recursive: true, force: true });
const hub = await openHub(configOf(filesYaml(files), dataDir, log), {
  connectors: Object.values(connectors),
  once: true,
});
const stop = new AbortController();
hub.follow(stop.signal);
const answer: Record<string, StreamFigures> = {};
for (const { deps } of hub.streams) {
  const run = await StreamRun.open(deps, { wantListing: true });
  const from = performance.now();
  while (!run.isDone()) await run.step(stop.signal);
  await run.settle();
  const ms = performance.now() - from;
  const records = Object.values(run.books.records).reduce((sum, count) => sum + count, 0);
  answer[deps.stream.spec.name] = { rows: run.books.read, records, ms };
  await hub.directory.reached(deps.id, run.progress.sequence, stop.signal);
  await run.close();
}
stop.abort();
await hub.close();
process.send?.(answer, () => process.exit());
