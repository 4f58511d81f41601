/** What the tests of the mappings share: a context with answers of its own, and the contracts to check against. */
import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import type { ContractRecord, CredentialMatch, MapContext, Mapped } from './outcome.js';
import { readerProfiles } from './reader-profiles.js';

const { profiles } = readerProfiles();

export function contextOf(over: Partial<MapContext> = {}): MapContext {
  const seen = new Set<string>();
  return {
    source: 'core',
    asOf: Date.UTC(2026, 0, 1),
    profile: {},
    pseudonym: (text) =>
      `hmac-sha256:${Buffer.from(text).toString('base64url').split('').reverse().join('')}`,
    cardsByCredential: (): CredentialMatch => ({ kind: 'none' }),
    seenBefore: (tuple) => seen.has(tuple) || !seen.add(tuple),
    doorKnown: () => true,
    roomOf: () => ({ kind: 'none', otherDays: false }),
    readerProfile: (name) => profiles.get(name),
    ...over,
  };
}

const types = new Map<string, avsc.Type>();

/** The first place where a record is not exactly of its contract's shape; undefined: it is. */
export function contractBreach(record: ContractRecord): string | undefined {
  let type = types.get(record.topic);
  if (type === undefined) {
    const text = readFileSync(new URL(`../contracts/${record.topic}.avsc`, import.meta.url), 'utf8');
    type = avsc.Type.forSchema(JSON.parse(text) as avsc.Schema);
    types.set(record.topic, type);
  }
  let breach: string | undefined;
  type.isValid(record.value, {
    noUndeclaredFields: true,
    errorHook: (path, value) => {
      breach ??= `${record.topic}.${path.join('.')}: ${JSON.stringify(value)}`;
    },
  });
  return breach;
}

export function recordsOf(mapped: Mapped): readonly ContractRecord[] {
  if (mapped.kind === 'reject') throw new Error(`${mapped.reason} ${mapped.path}: ${mapped.detail}`);
  for (const record of mapped.records) {
    const breach = contractBreach(record);
    if (breach !== undefined) throw new Error(breach);
  }
  return mapped.records;
}

/** The value of the only record on that topic. */
export function valueOf<T>(mapped: Mapped, topic: string): T {
  const found = recordsOf(mapped).filter((record) => record.topic === topic);
  if (found.length !== 1) throw new Error(`${found.length} records on ${topic}`);
  return found[0]!.value as T;
}

export const topicsOf = (mapped: Mapped): string[] => recordsOf(mapped).map((record) => record.topic);
export const reasonOf = (mapped: Mapped): string =>
  mapped.kind === 'reject' ? `${mapped.reason} ${mapped.path}` : 'records';
