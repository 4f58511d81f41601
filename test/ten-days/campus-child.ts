/**
 * The campus of the ten days, in a process of its own: `campus-child {json}`. Says where its hub.yaml is, answers each
 * `{advanceMs}` once it has lived so long, and ends when it is disconnected.
 */
import { join } from 'node:path';
import { readFileSync, writeFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { startCampus } from '../../campus/main.js';
import { writeDemoConfig } from '../../hub/demo/campus-config.js';
import type { CampusArgument, CampusTold } from './messages.js';

const { dir, seed, people, now, life } = JSON.parse(process.argv[2] ?? '') as CampusArgument;
/** All of the ten days, so that the whole of them can be compared at the end. */
const KEPT = 20_000_000;

/** Streams with a feed and a listing. */
const LISTED = new Set(['core/cards', 'core/accounts', 'library/patrons']);

const campus = await startCampus({
  ...{ dir: join(dir, 'campus'), seed, people, life: { perHour: life }, clock: { now, rate: 0 } },
  ...{ feedRetention: KEPT, eventRetention: KEPT, timestampToleranceMs: null },
});
const told = (took: number): CampusTold => ({
  now: campus.clock.now(),
  ms: took,
  rssMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
});
process.on('message', ({ advanceMs }: { advanceMs: number }) => {
  const began = performance.now();
  campus.clock.set({ advanceMs });
  const { events, skippedSeconds } = campus.advance();
  process.send?.({ ...told(Math.round(performance.now() - began)), events, skippedSeconds });
});
process.once('disconnect', () => void campus.close().then(() => process.exit(0)));
process.send?.({ ...told(0), config: configure() });

interface Yaml {
  sources: Record<
    string,
    { options: Record<string, unknown>; streams?: Record<string, Record<string, unknown>> }
  >;
}

/**
 * An hour passes in a step, so every poll is due at each; the hub takes listings once a day (`hub-child.ts`). What
 * limits requests to a real system would only make the days longer.
 */
function configure(): string {
  const path = writeDemoConfig({ dir, campus, systems: 'all', port: 0 });
  const config = parse(readFileSync(path, 'utf8')) as Yaml;
  for (const [name, source] of Object.entries(config.sources)) {
    if ('url' in source.options) source.options['http'] = { perSecond: 2_000 };
    for (const [stream, options] of Object.entries(source.streams ?? {})) {
      options['poll'] = '250ms';
      if (LISTED.has(`${name}/${stream}`)) options['snapshotEvery'] = '20h';
    }
  }
  writeFileSync(path, stringify(config));
  return path;
}
