/**
 * Writes everything in the repository that is generated; with `--check` writes nothing and exits 1, naming
 * each file that is out of date. To generate something new, add a `Generator` to the list.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { connectorReference } from '../connectors/reference.js';
import { packagePath } from '../hub/package-root.js';
import { catalogueGenerator } from './generate/catalogue.js';
import { codesGenerator } from './generate/codes.js';
import type { Generator } from './generate/generator.js';
import { itemsGenerator } from './generate/items.js';
import { openapiGenerator } from './generate/openapi.js';
import { referenceGenerator } from './generate/reference.js';
import { typesGenerator } from './generate/types.js';

const generators: readonly Generator[] = [
  typesGenerator,
  codesGenerator,
  catalogueGenerator,
  openapiGenerator,
  referenceGenerator,
  connectorReference,
  itemsGenerator,
];

async function main(check: boolean): Promise<number> {
  let outOfDate = 0;
  for (const generator of generators) {
    for (const [path, text] of await generator.outputs()) {
      const file = packagePath(path);
      if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
      outOfDate += 1;
      if (check) {
        console.error(`${path} (${generator.name}) is out of date: run \`npm run generate\` and commit it`);
        continue;
      }
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
      console.error(`wrote ${path}`);
    }
  }
  return check && outOfDate > 0 ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.includes('--check'));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
