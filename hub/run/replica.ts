import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../log/embedded/folder.js';

/**
 * The name of this hub among several, kept in its data folder: after a restart it is the same, so that the
 * hub fences what its own earlier self may have left open.
 */
export function replicaName(dataDir: string): string {
  const file = join(dataDir, 'replica');
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    makeFolder(dataDir);
    const name = randomUUID().slice(0, 8);
    // Two processes that start at once on one folder: the first file wins.
    try {
      writeFileSync(file, `${name}\n`, { flag: 'wx' });
      return name;
    } catch {
      return readFileSync(file, 'utf8').trim();
    }
  }
}
