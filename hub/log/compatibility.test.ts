import { describe, expect, it } from 'vitest';
import { comparableSchema, fullTransitive, schemaFingerprint } from './compatibility.js';

const field = (name: string, type: unknown, rest: object = {}) => ({ name, type, ...rest });
const record = (...fields: object[]) => ({
  type: 'record',
  name: 'Card',
  namespace: 'cardhub.master',
  fields,
});
const state = (symbols: string[], rest: object = { default: 'UNKNOWN' }) => ({
  type: 'enum',
  name: 'CardState',
  symbols,
  ...rest,
});
const v1 = record(
  field('cardKey', 'string'),
  field('lost', 'boolean'),
  field('state', state(['NORMAL', 'UNKNOWN'])),
  field('holder', ['null', { type: 'record', name: 'HolderRef', fields: [field('key', 'string')] }], {
    default: null,
  }),
);
const against = (next: unknown, ...earlier: unknown[]) =>
  fullTransitive(
    next,
    earlier.map((schema, i) => ({ version: i + 1, schema })),
  );
const change = (edit: (fields: Record<string, unknown>[]) => unknown): unknown => {
  const copy = structuredClone(v1) as { fields: Record<string, unknown>[] };
  edit(copy.fields);
  return copy;
};

describe('a changed schema', () => {
  it('may add a field that has a default', () => {
    const next = change((f) => f.push(field('lostAt', ['null', 'long'], { default: null })));
    expect(against(next, v1)).toEqual([]);
  });

  it('may add a symbol to an enum that has a default', () => {
    const next = change((f) => (f[2]!.type = state(['NORMAL', 'CLOSED', 'UNKNOWN'])));
    expect(against(next, v1)).toEqual([]);
  });

  it('may not remove a required field', () => {
    expect(
      against(
        change((f) => f.splice(1, 1)),
        v1,
      ),
    ).toEqual([
      'version 1 cannot read data of the new schema: field lost: required here, missing there, and it has no default',
    ]);
  });

  it('may not add a required field', () => {
    const next = change((f) => f.push(field('frozen', 'boolean')));
    expect(against(next, v1).join()).toContain('the new schema cannot read data of version 1: field frozen');
  });

  it('may not add a symbol to an enum without a default', () => {
    const open = change((f) => (f[2]!.type = state(['NORMAL', 'UNKNOWN'], {})));
    const next = change((f) => (f[2]!.type = state(['NORMAL', 'CLOSED', 'UNKNOWN'], {})));
    const problems = against(next, open);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^version 1 cannot read data of the new schema: field state: .+/);
  });

  it('may not change the type of a field, and the message names a field deep inside', () => {
    const next = change(
      (f) => (f[3]!.type = ['null', { type: 'record', name: 'HolderRef', fields: [field('key', 'long')] }]),
    );
    expect(against(next, v1)[0]).toMatch(/field holder\.key: /);
  });

  it('is held against every earlier version, not only the last', () => {
    const v2 = change((f) => f.push(field('note', 'string', { default: '' })));
    const v3 = change((f) => f.push(field('note', 'long', { default: 0 })));
    const v2WithoutNote = v1;
    expect(against(v3, v2, v2WithoutNote)[0]).toContain('version 1');
  });
});

describe('two schemas are the same', () => {
  it('when only documentation or the order of keys differs', () => {
    const documented = change((f) => (f[0]!.doc = 'Card key 卡片键'));
    expect(comparableSchema(documented)).toBe(comparableSchema(v1));
    expect(schemaFingerprint(documented)).toMatch(/^sha-256:[0-9a-f]{64}$/);
  });

  it('not when the order of fields differs, since that changes the bytes', () => {
    expect(comparableSchema(change((f) => f.reverse()))).not.toBe(comparableSchema(v1));
  });
});
