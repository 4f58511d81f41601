/**
 * The catalogue of schemas: which id stands for which Avro schema. It is committed
 * (`contracts/catalogue.json`), append-only, and the only source of ids; `npm run generate` appends to it.
 */
import { readFileSync } from 'node:fs';
import { packagePath } from '../package-root.js';
import { schemaFingerprint } from './compatibility.js';

export interface CatalogueEntry {
  /** Id in the wire format; never reused, never changed. */
  readonly id: number;
  /** `{topic}-value` */
  readonly subject: string;
  /** 1, 2, … within the subject. */
  readonly version: number;
  /** The Avro schema as JSON text, with its documentation as it stood when the version was made. */
  readonly schema: string;
  /** `sha-256:<hex>` of the schema without documentation. */
  readonly fingerprint: string;
}

export interface Catalogue {
  readonly entries: readonly CatalogueEntry[];
  byId(id: number): CatalogueEntry | undefined;
  /** Sorted. */
  subjects(): readonly string[];
  /** Of one subject, oldest first; empty when there is no such subject. */
  versions(subject: string): readonly CatalogueEntry[];
}

export class CatalogueError extends Error {
  override readonly name = 'CatalogueError';
  readonly code = 'DAMAGED';
  readonly retry = 'never';
}

export const subjectOf = (topic: string): string => `${topic}-value`;
export const topicOf = (subject: string): string => subject.replace(/-value$/, '');

/** Indexes entries after checking them. Throws `CatalogueError` when ids, versions or fingerprints are wrong. */
export function createCatalogue(entries: readonly CatalogueEntry[]): Catalogue {
  const ids = new Map<number, CatalogueEntry>();
  const subjects = new Map<string, CatalogueEntry[]>();
  for (const entry of entries) {
    const versions = subjects.get(entry.subject) ?? [];
    if (!Number.isInteger(entry.id) || entry.id < 1 || ids.has(entry.id)) {
      throw damaged(entry, 'its id is not a positive integer of its own');
    }
    if (entry.version !== versions.length + 1)
      throw damaged(entry, `expected version ${versions.length + 1}`);
    if (schemaFingerprint(JSON.parse(entry.schema)) !== entry.fingerprint) {
      throw damaged(entry, 'its schema does not have its fingerprint');
    }
    ids.set(entry.id, entry);
    versions.push(entry);
    subjects.set(entry.subject, versions);
  }
  const names = [...subjects.keys()].sort();
  return {
    entries,
    byId: (id) => ids.get(id),
    subjects: () => names,
    versions: (subject) => subjects.get(subject) ?? [],
  };
}

function damaged(entry: CatalogueEntry, what: string): CatalogueError {
  return new CatalogueError(
    `contracts/catalogue.json: id ${entry.id}, ${entry.subject} version ${entry.version}: ${what}. ` +
      `The file is append-only; restore it from version control.`,
  );
}

/** Reads the committed catalogue. */
export function loadCatalogue(path = packagePath('contracts', 'catalogue.json')): Catalogue {
  return createCatalogue(JSON.parse(readFileSync(path, 'utf8')) as CatalogueEntry[]);
}
