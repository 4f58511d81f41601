/** `gateway`: rows a second of a listing through the TSM gateway (3DES, RSA, JSON), into the embedded log. */
import { join } from 'node:path';
import { CACHE } from './campus-files.js';
import type { CampusAddress } from './campus-hub.js';
import type { CampusArgument } from './children/campus.js';
import type { HubArgument } from './children/hub.js';
import type { StreamFigures } from './children/pipeline.js';
import { line, type BenchLine, type BenchOptions, type BenchResult } from './measure.js';
import { runChild, serveChild } from './spawn.js';

const WAYS = [
  { name: 'as configured by default (pages of 500, 50 calls/s)' },
  { name: 'pages of 2,000', pageRows: 2_000, perSecond: 1_000 },
];

export async function gateway(options: BenchOptions): Promise<BenchResult> {
  const people = options.quick ? 10_000 : 50_000;
  const dir = join(CACHE, 'gateway-campus');
  const campus = await serveChild('campus', { dir, people } satisfies CampusArgument);
  const rates = WAYS.map((): number[] => []);
  try {
    for (let round = 0; round < options.rounds; round++) {
      for (const [i, { name: _, ...way }] of WAYS.entries()) {
        const argument: HubArgument = {
          ...way,
          campus: campus.ready as unknown as CampusAddress,
          dataDir: join(CACHE, 'gateway-hub'),
        };
        const { rows, ms } = await runChild<StreamFigures>('gateway', argument);
        (rates[i] as number[]).push((1_000 * rows) / ms);
      }
    }
  } finally {
    await campus.stop();
  }
  return {
    name: 'gateway',
    what: `all cards of a campus of ${people} through the TSM gateway, simulator in a process of its own`,
    lines: WAYS.map(({ name }, i): BenchLine => line(name, 'rows/s', rates[i] as number[])),
  };
}
