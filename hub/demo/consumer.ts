import { spawn } from 'node:child_process';
import { packagePath } from '../package-root.js';

export interface ConsumerOptions {
  readonly brokers: string;
  /** Base URL of the schema registry. */
  readonly registry: string;
  readonly prefix: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const TOPICS = 'master.card-event,master.door-event';

/** Runs `examples/consumers/kafkajs` as anybody would: it knows the broker and the registry, nothing else. */
export function startConsumer(options: ConsumerOptions): () => Promise<void> {
  const script = packagePath('examples', 'consumers', 'kafkajs', 'consume.mjs');
  const { brokers, registry, prefix } = options;
  const args = ['--bootstrap', brokers, '--registry', registry, '--prefix', prefix, '--topics', TOPICS];
  const child = spawn(process.execPath, [script, ...args, '--follow'], {
    env: { ...options.env },
    stdio: ['ignore', 'inherit', 'inherit'],
    // Its own process group: Ctrl-C ends it through us, once.
    detached: true,
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return async () => {
    child.kill('SIGTERM');
    await ended;
  };
}
