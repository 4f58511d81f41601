import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The folder of the installed package. Sources run from `hub/`, compiled code from `dist/hub/`; the files
 * that are read at run time (contracts, OpenAPI, JSON Schemas) stand at the root in both cases.
 */
function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('package.json of cardhub not found above ' + import.meta.url);
    folder = parent;
  }
  return folder;
}

const root = findRoot();

/** Absolute path of a file or folder of the package, e.g. `packagePath('contracts', 'master.card.avsc')`. */
export function packagePath(...parts: string[]): string {
  return join(root, ...parts);
}
