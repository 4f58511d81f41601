import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { spawnTethered } from '../operate/tether.js';
import { packagePath } from '../package-root.js';
import { summarise } from './consumer-summary.js';

export interface ConsumerOptions {
  readonly brokers: string;
  /** Base URL of the schema registry. */
  readonly registry: string;
  readonly prefix: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Prints one line. */
  readonly show: (line: string) => void;
}

const TOPICS = 'master.card-event,master.door-event';
const COUNTS_EVERY_MS = 5_000;

/**
 * Runs `examples/consumers/kafkajs` as anybody would: it knows the broker and the registry, nothing else. What it
 * prints is shown in part (`consumer-summary.ts`).
 */
export function startConsumer(options: ConsumerOptions): () => Promise<void> {
  const script = packagePath('examples', 'consumers', 'kafkajs', 'consume.mjs');
  const { brokers, registry, prefix, env } = options;
  const args = ['--bootstrap', brokers, '--registry', registry, '--prefix', prefix, '--topics', TOPICS];
  const child = spawnTethered(process.execPath, [script, ...args, '--follow'], {
    env,
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const summary = summarise();
  const showIf = (line: string | null): void => {
    if (line !== null) options.show(line);
  };
  createInterface({ input: child.stdout as Readable }).on('line', (line) => showIf(summary.take(line)));
  const timer = setInterval(() => showIf(summary.counts()), COUNTS_EVERY_MS);
  return async () => {
    clearInterval(timer);
    child.kill('SIGTERM');
    await ended;
    showIf(summary.counts());
  };
}
