#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { packagePath } from '../package-root.js';
import { explain } from './errors.js';
import { EXIT } from './exit-codes.js';
import { createOutput } from './output.js';
import { runCli } from './program.js';
import { services } from './services.js';

/** After the command is done, handles that somebody forgot to close may keep the process for this long. */
const LINGER_MS = 2_000;

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The second time the user means it.
    if (stop.signal.aborted) process.exit(EXIT.interrupted);
    stop.abort();
  });
}
// The terminal was closed, which may be told more than once; nobody reads what is said after it.
process.on('SIGHUP', () => {
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error').on('error', () => undefined);
  }
  stop.abort();
});
// The reader of a pipe went away (`cardhub read … | head`): nothing more to say.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.bug);
});

const frame = {
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  now: Date.now,
  random: Math.random,
  signal: stop.signal,
  services,
};
const { version } = JSON.parse(readFileSync(packagePath('package.json'), 'utf8')) as { version: string };

try {
  process.exitCode = await runCli(process.argv.slice(2), frame, version);
} catch (error) {
  const explained = explain(error, false);
  createOutput({ ...frame, json: process.argv.includes('--json') }).error(explained);
  process.exitCode = explained.exit;
}
// A slow reader of a pipe gets all of it first.
await Promise.all([process.stdout, process.stderr].map(written));
setTimeout(() => process.exit(), LINGER_MS).unref();

async function written(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.writableLength > 0) await new Promise<void>((resolve) => stream.write('', () => resolve()));
}
