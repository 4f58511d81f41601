/** `pipeline-kafka` and `pipeline-embedded`: files → log exactly once, against a bare client with the same bytes. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { TOPICS } from '../contracts/types.js';
import { startDevBroker } from '../hub/operate/dev-broker.js';
import { CACHE, campusFiles } from './campus-files.js';
import type { BareArgument } from './children/bare.js';
import type { PipelineAnswer, PipelineArgument } from './children/pipeline.js';
import { atLeast, line, ratios, type BenchOptions, type BenchResult } from './measure.js';
import { runChild } from './spawn.js';

const GOAL_KAFKA = 0.7;

interface Pair {
  readonly pipeline: PipelineAnswer;
  readonly bare: PipelineAnswer;
}

function sizes(quick: boolean): [people: number, swipes: number] {
  return quick ? [20_000, 60_000] : [95_000, 300_000];
}

export async function pipelineKafka(options: BenchOptions): Promise<BenchResult> {
  const { dir: files } = await campusFiles(...sizes(options.quick));
  const broker = await startDevBroker({ fast: false });
  const { brokers } = broker;
  const admin = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const pairs: Pair[] = [];
  try {
    for (let round = 0; round < options.rounds; round++) {
      options.note(`round ${round + 1} of ${options.rounds}`);
      const prefix = `r${round}.`;
      const base: PipelineArgument = {
        files,
        dataDir: join(CACHE, 'pipeline-kafka'),
        log: { engine: 'kafka', brokers, prefix },
      };
      const pipeline = await runChild<PipelineAnswer>('pipeline', base);
      const to = `bare${round}.`;
      await admin.createTopics({
        topics: TOPICS.map(({ name, partitions }) => ({ topic: to + name, numPartitions: partitions })),
        waitForLeaders: true,
      });
      const bare = await runChild<PipelineAnswer>('bare', { ...base, to } satisfies BareArgument);
      pairs.push({ pipeline, bare });
      await admin.deleteTopics({ topics: TOPICS.flatMap(({ name }) => [prefix + name, to + name]) });
    }
  } finally {
    await admin.disconnect();
    await broker.stop();
  }
  return {
    name: 'pipeline-kafka',
    what: 'files → clean → Kafka exactly once, against a bare kafkajs producer with the same bytes',
    lines: linesOf(pairs, 'bare kafkajs', GOAL_KAFKA),
  };
}

export async function pipelineEmbedded(options: BenchOptions): Promise<BenchResult> {
  const { dir: files } = await campusFiles(...sizes(options.quick));
  const dataDir = join(CACHE, 'pipeline-embedded');
  const to = join(CACHE, 'bare-lmdb');
  const pairs: Pair[] = [];
  await mkdir(CACHE, { recursive: true });
  for (let round = 0; round < options.rounds; round++) {
    options.note(`round ${round + 1} of ${options.rounds}`);
    const base: PipelineArgument = { files, dataDir, log: { engine: 'embedded' } };
    const pipeline = await runChild<PipelineAnswer>('pipeline', base);
    const bare = await runChild<PipelineAnswer>('bare', { ...base, to } satisfies BareArgument);
    pairs.push({ pipeline, bare });
  }
  await Promise.all([dataDir, to].map((dir) => rm(dir, { recursive: true, force: true })));
  return {
    name: 'pipeline-embedded',
    what: 'files → clean → embedded log, against bare LMDB (one put a record, one durable transaction a batch)',
    lines: linesOf(pairs, 'bare LMDB'),
  };
}

function linesOf(pairs: readonly Pair[], bareName: string, goal?: number): BenchResult['lines'] {
  const rate = (side: keyof Pair, kinds: readonly ('cards' | 'swipes')[], of: 'rows' | 'records') =>
    pairs.map((pair) => {
      const figures = kinds.map((kind) => pair[side][kind]);
      const total = figures.reduce((sum, figure) => sum + figure[of], 0);
      return (1_000 * total) / figures.reduce((sum, figure) => sum + figure.ms, 0);
    });
  return [['swipes'] as const, ['cards'] as const, ['cards', 'swipes'] as const].flatMap((kinds) => {
    const label = kinds.length === 2 ? 'both' : kinds[0];
    const pipeline = rate('pipeline', kinds, 'records');
    const bare = rate('bare', kinds, 'records');
    return [
      line(`${label}: pipeline`, 'rows/s', rate('pipeline', kinds, 'rows')),
      line(`${label}: pipeline`, 'records/s', pipeline),
      line(`${label}: ${bareName}`, 'records/s', bare),
      line(
        `${label}: pipeline / ${bareName}`,
        'ratio',
        ratios(pipeline, bare),
        goal === undefined ? undefined : atLeast(goal),
      ),
    ];
  });
}
