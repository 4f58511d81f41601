import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { LogError } from '../log.js';

/**
 * Makes the store's folder with those above it. One by one, since Node's own `recursive` never comes back
 * where a folder that exists refuses to hold another one (`/proc`, some network mounts).
 */
export function makeFolder(dir: string): void {
  try {
    make(dir);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    const message = `expected a folder that can be made at ${dir}, got ${code}; choose another with \`data:\` in hub.yaml or CARDHUB_DATA`;
    throw new LogError('UNAVAILABLE', message, 'never', { cause });
  }
}

function make(dir: string): void {
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() === true) return;
  const parent = dirname(dir);
  if (parent !== dir) make(parent);
  try {
    // What is in it names people: nobody but the hub's own user may read it.
    mkdirSync(dir, { mode: 0o700 });
  } catch (error) {
    // Another process was first.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !statSync(dir).isDirectory()) throw error;
  }
}
