import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { TOPICS } from '../../contracts/types.js';
import type { SinkConfig } from '../config/types.js';
import { loadCatalogue, subjectOf } from '../log/catalogue.js';
import { packagePath } from '../package-root.js';
import { SinkError } from './error.js';
import { sinkTable, type AvroNode, type SinkTable } from './table.js';

interface Property {
  readonly name: string;
  readonly classification?: string;
  readonly properties?: readonly Property[];
  readonly items?: { readonly properties?: readonly Property[] };
}

/** Class of each field of a topic's data contract, by its path. */
export function classesOf(topic: string): ReadonlyMap<string, string> {
  const text = readFileSync(packagePath('contracts', `${topic}.odcs.yaml`), 'utf8');
  const contract = parse(text) as {
    readonly schema: readonly { readonly properties: readonly Property[] }[];
  };
  const classes = new Map<string, string>();
  const walk = (properties: readonly Property[], before: string): void => {
    for (const { name, classification, properties: inner, items } of properties) {
      // A field without a class is none that may be shared.
      classes.set(`${before}${name}`, classification ?? 'restricted');
      walk([...(inner ?? []), ...(items?.properties ?? [])], `${before}${name}.`);
    }
  };
  for (const { properties } of contract.schema) walk(properties, '');
  return classes;
}

/** The tables that a sink writes. Topics of the hub's own are never among them: they are not shared. */
export function sinkTables(config: SinkConfig): readonly SinkTable[] {
  const shared = TOPICS.filter(({ name }) => name.startsWith('master.'));
  const { topics = shared.map(({ name }) => name), restricted } = config;
  const refuse = (text: string): never => {
    throw new SinkError('CONFIG', `sinks.${config.name}: ${text}`, 'never');
  };
  for (const name of [...topics, ...Object.keys(restricted)]) {
    if (shared.some((topic) => topic.name === name)) continue;
    const known = shared.map((topic) => topic.name).join(', ');
    refuse(`expected topics that are shared: ${known}; came ${name}`);
  }
  const catalogue = loadCatalogue();
  return shared
    .filter(({ name }) => topics.includes(name))
    .map(({ name, kind }) => {
      const newest = catalogue.versions(subjectOf(name)).at(-1);
      if (newest === undefined) return refuse(`the catalogue has no schema of ${name}`);
      try {
        return sinkTable({
          topic: name,
          kind,
          schema: JSON.parse(newest.schema) as AvroNode,
          classes: classesOf(name),
          named: restricted[name] ?? [],
          prefix: config.prefix,
        });
      } catch (error) {
        return refuse(error instanceof Error ? error.message : String(error));
      }
    });
}
