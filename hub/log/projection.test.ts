import { describe, expect, it } from 'vitest';
import { loadCatalogue } from './catalogue.js';
import { createCodecs, EnvelopeError } from './envelope.js';
import { createProjection, createVersionReader } from './projection.js';

const catalogue = loadCatalogue();
const codecs = createCodecs(catalogue);
const person = {
  ...{ personKey: 'core:2026001', source: 'core', sourceId: '2026001', version: 7 },
  ...{ schoolNumber: '2026001', name: '张三', sex: '1', personClass: 'STUDENT' },
  ...{ unitCode: '0101', unitName: '信息学院', idDocumentType: null, idDocumentPseudonym: null },
  ...{ groups: ['unit:0101'], validFrom: null, validUntil: 40_000, stateReason: null },
  state: 'ACTIVE',
  dataQuality: [],
} as const;
const bytes = codecs.codecFor('hub.person-source').encode(person);

describe('a projection', () => {
  it('gives the wanted fields as the whole value has them, and no other', () => {
    const read = createProjection(catalogue, 'hub.person-source', ['groups', 'state', 'name', 'no such']);
    expect({ ...read(bytes) }).toEqual({ groups: ['unit:0101'], state: 'ACTIVE', name: '张三' });
  });

  it('is refused for the bytes of another topic', () => {
    const read = createProjection(catalogue, 'master.card', ['state']);
    expect(() => read(bytes)).toThrow(EnvelopeError);
    expect(() => createProjection(catalogue, 'master.none', [])).toThrow(EnvelopeError);
  });
});

it('the version of a value is read without the rest; 0 where its topic has none', () => {
  const version = createVersionReader(catalogue);
  expect(version('hub.person-source', bytes)).toBe(7);
  const policy = { policyVersion: '1', tenant: 'qau', document: '{}', digest: '', issuedAt: 0, note: null };
  expect(version('hub.policy', codecs.codecFor('hub.policy').encode(policy))).toBe(0);
});
