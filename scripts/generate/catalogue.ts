import { existsSync, readFileSync } from 'node:fs';
import { type CatalogueEntry, createCatalogue, subjectOf } from '../../hub/log/catalogue.js';
import { fullTransitive, schemaFingerprint } from '../../hub/log/compatibility.js';
import { packagePath } from '../../hub/package-root.js';
import { readTopics } from './contracts-source.js';
import type { Generator } from './generator.js';

const PATH = 'contracts/catalogue.json';

/** `contracts/catalogue.json`: keeps every entry as it is, appends a version where a schema changed. */
export const catalogueGenerator: Generator = {
  name: 'schema catalogue',
  outputs() {
    const file = packagePath(PATH);
    const old = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as CatalogueEntry[]) : [];
    const entries = appendVersions(
      old,
      readTopics().map((t) => ({ topic: t.topic, avro: t.avro })),
    );
    return new Map([[PATH, catalogueText(entries)]]);
  },
};

/**
 * The old entries, untouched, and after them a new version of each subject whose schema is no longer the same
 * (documentation does not count). Throws when a change is not FULL_TRANSITIVE compatible.
 */
export function appendVersions(
  old: readonly CatalogueEntry[],
  topics: readonly { readonly topic: string; readonly avro: unknown }[],
): CatalogueEntry[] {
  const catalogue = createCatalogue(old);
  const entries = [...old];
  const refusals: string[] = [];
  let lastId = Math.max(0, ...old.map((e) => e.id));
  for (const { topic, avro } of topics) {
    const subject = subjectOf(topic);
    const earlier = catalogue.versions(subject);
    const fingerprint = schemaFingerprint(avro);
    if (earlier.at(-1)?.fingerprint === fingerprint) continue;
    const parsed = earlier.map((e) => ({ version: e.version, schema: JSON.parse(e.schema) as unknown }));
    const problems = fullTransitive(avro, parsed);
    refusals.push(...problems.map((p) => `contracts/${topic}.avsc: ${p}`));
    lastId += 1;
    entries.push({
      id: lastId,
      subject,
      version: earlier.length + 1,
      schema: JSON.stringify(avro),
      fingerprint,
    });
  }
  if (refusals.length > 0) {
    throw new Error(
      `${refusals.join('\n')}\nA schema change must be FULL_TRANSITIVE compatible: add fields with a default, ` +
        `remove only fields that have one, keep types, give enums a default.`,
    );
  }
  return entries;
}

/** One entry a line, so that a diff shows what was appended. */
export function catalogueText(entries: readonly CatalogueEntry[]): string {
  return `[\n${entries.map((e) => JSON.stringify(e)).join(',\n')}\n]\n`;
}
