import { describe, expect, it } from 'vitest';
import { CODES, type CodeOf } from '../contracts/codes.js';
import { TOPICS } from '../contracts/types.js';
import { DECISION_REASONS } from '../hub/decide/reasons.js';
import { loadCatalogue, subjectOf } from '../hub/log/catalogue.js';
import { schemaFingerprint } from '../hub/log/compatibility.js';
import type { FilterReason, Mark, RejectReason } from '../transforms/outcome.js';
import { appendVersions } from './generate/catalogue.js';
import { readCodeSets } from './generate/codes.js';
import {
  type AvroField,
  type AvroSchema,
  customProperty,
  durationMs,
  type OdcsProperty,
  readTopics,
} from './generate/contracts-source.js';

const topics = readTopics();
const CLASSES = ['public', 'internal', 'personal', 'restricted'];

type AvroObject = Exclude<AvroSchema, string | readonly AvroSchema[]>;
const isUnion = (s: AvroSchema): s is readonly AvroSchema[] => Array.isArray(s);
/** Every named or structured type inside a schema, itself included. */
function within(schema: AvroSchema): AvroObject[] {
  if (typeof schema === 'string') return [];
  if (isUnion(schema)) return schema.flatMap(within);
  const inner = [schema.items, schema.values, ...(schema.fields ?? []).map((f) => f.type)];
  return [schema, ...inner.flatMap((s) => (s === undefined ? [] : within(s)))];
}
/** The fields of a record, looked for through unions, arrays and maps. */
const fieldsOf = (schema: AvroSchema): readonly AvroField[] => {
  if (typeof schema === 'string') return [];
  if (isUnion(schema)) return schema.flatMap(fieldsOf);
  return schema.fields ?? [schema.items, schema.values].flatMap((s) => (s === undefined ? [] : fieldsOf(s)));
};
const propertiesOf = (p: OdcsProperty): readonly OdcsProperty[] => p.properties ?? p.items?.properties ?? [];
const nested = (p: OdcsProperty, path = p.name): [string, OdcsProperty][] => [
  [path, p],
  ...propertiesOf(p).flatMap((inner) => nested(inner, `${path}.${inner.name}`)),
];

describe.each(topics.map((t) => [t.topic, t] as const))('the contract of %s', (topic, source) => {
  const properties = source.odcs.schema[0]!.properties;
  const all = properties.flatMap((p) => nested(p));

  it('is an ODCS v3.1 contract with an owner and a purpose', () => {
    expect(source.odcs).toMatchObject({ apiVersion: 'v3.1.0', kind: 'DataContract' });
    expect(source.odcs.schema[0]!.name).toBe(topic);
    expect(source.odcs.team.name).not.toBe('');
    expect(source.odcs.description.purpose).not.toBe('');
    expect(source.odcs.slaProperties.map((p) => p.property)).toEqual(['freshness', 'retention']);
  });

  it('has a class and a meaning for exactly the fields of the schema, nested ones too', () => {
    const compare = (fields: readonly AvroField[], props: readonly OdcsProperty[], path: string): void => {
      expect(
        props.map((p) => p.name),
        path,
      ).toEqual(fields.map((f) => f.name));
      fields.forEach((f, i) => {
        const inner = fieldsOf(f.type);
        if (propertiesOf(props[i]!).length > 0) compare(inner, propertiesOf(props[i]!), `${path}.${f.name}`);
        // A second use of a record is a reference by name; its fields stand at the first use.
        else expect(inner, `${path}.${f.name}`).toEqual([]);
      });
    };
    compare(fieldsOf(source.avro), properties, topic);
    for (const [path, property] of all) {
      expect(CLASSES, `${topic}: ${path}`).toContain(property.classification);
      expect(property.description, path).toBeTruthy();
    }
  });

  it('explains every field in English and in Chinese', () => {
    for (const type of within(source.avro)) {
      for (const f of type.fields ?? []) expect(f.doc, f.name).toMatch(/^[A-Z`].*[.;:)] .*\p{Script=Han}/u);
    }
  });

  it('keeps the schema style: optional is null by default, enums have UNKNOWN, no floats', () => {
    for (const type of within(source.avro)) {
      if (type.type === 'enum') expect(type).toMatchObject({ default: 'UNKNOWN' });
      if (type.type === 'enum') expect(type.symbols).toContain('UNKNOWN');
      for (const f of type.fields ?? []) {
        if (Array.isArray(f.type)) expect([f.type[0], f.default], f.name).toEqual(['null', null]);
        expect(JSON.stringify(f.type)).not.toMatch(/"(float|double)"/);
        if (/Fen$/.test(f.name)) expect(JSON.stringify(f.type)).toContain('long');
      }
    }
  });

  it('keeps at least as long as it must and at most as long as it may, and the topic is made so', () => {
    const least = durationMs(String(customProperty(source, 'retentionLeast')));
    const most = durationMs(String(customProperty(source, 'retentionMost')));
    expect(least).toBeGreaterThan(0);
    expect(least).toBeLessThanOrEqual(most);
    const retention = source.odcs.slaProperties.find((p) => p.property === 'retention');
    expect(retention).toMatchObject({
      value: customProperty(source, 'retentionLeast'),
      valueExt: customProperty(source, 'retentionMost'),
    });
    expect(TOPICS.find((t) => t.name === topic)).toEqual({
      name: topic,
      kind: customProperty(source, 'topicKind'),
      partitions: customProperty(source, 'partitions'),
      retentionMs: least,
      retentionMostMs: most,
    });
  });

  it('has card numbers only where they may be, and classes them restricted', () => {
    const numbers = all.filter(([path]) => /^credentials(\.|$)/.test(path));
    const mayHave = topic === 'master.card' || topic === 'hub.out-of-scope-card';
    expect(numbers.length > 0).toBe(mayHave);
    for (const [, property] of numbers) expect(property.classification).toBe('restricted');
  });

  it('if append-only, names people by pseudonym alone, so that erasure stays possible', () => {
    if (customProperty(source, 'topicKind') !== 'event') return;
    for (const [path, property] of all) {
      expect(property.classification, path).not.toBe('restricted');
      if (property.classification === 'personal') expect(property.tags, path).toContain('pseudonym');
      expect(path, 'a name or number').not.toMatch(/name$|schoolNumber|idDocument|credentials|phone/i);
    }
  });

  it('stands in the catalogue with its present schema', () => {
    const newest = loadCatalogue().versions(subjectOf(topic)).at(-1);
    expect(newest?.fingerprint).toBe(schemaFingerprint(source.avro));
  });
});

describe('the law asks for logs of at least six months', () => {
  it.each(TOPICS.filter(({ kind }) => kind === 'event'))('$name', ({ retentionMs }) => {
    expect(retentionMs).toBeGreaterThanOrEqual(184 * 86_400_000);
  });
});

describe('the code sets', () => {
  /** Compiles only where both are the same union. */
  type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

  it('are the unions that the transforms give', () => {
    const same: [
      Same<RejectReason, CodeOf<'reject-reasons'>>,
      Same<FilterReason, CodeOf<'filter-reasons'>>,
      Same<Mark, CodeOf<'marks'>>,
    ] = [true, true, true];
    expect(same).toEqual([true, true, true]);
  });

  it('have every reason that the hub decides with, and mark the rest as controllers’ own', () => {
    const ours = CODES['decision-reasons'].filter((c) => c.by === 'hub').map((c) => c.code);
    expect([...ours].sort()).toEqual([...DECISION_REASONS].sort());
    for (const c of CODES['decision-reasons']) expect(c.code.toLowerCase().startsWith(c.effect)).toBe(true);
  });

  it('give a vendor code one meaning', () => {
    const codes = CODES['decision-reasons'].flatMap((c) => ('vendors' in c ? Object.entries(c.vendors) : []));
    const each = codes.flatMap(([vendor, list]) =>
      (list as (string | number)[]).map((n) => `${vendor} ${n}`),
    );
    expect(new Set(each).size).toBe(each.length);
  });

  it('have each code once, with a text in English and in Chinese', () => {
    for (const set of readCodeSets()) {
      expect(new Set(set.codes.map((c) => c.code)).size, set.name).toBe(set.codes.length);
      for (const c of set.codes) {
        expect(c.code).toMatch(/^[A-Z][A-Z0-9_]*$/);
        expect(c.en, c.code).toMatch(/\.$/);
        expect(c.zh, c.code).toMatch(/\p{Script=Han}/u);
      }
    }
  });

  it('name the states that the card schema has', () => {
    const states = topics.flatMap((t) => within(t.avro)).find((t) => t.name === 'CardState')!;
    expect(CODES['card-states'].map((c) => c.code)).toEqual(states.symbols);
  });
});

describe('the catalogue', () => {
  const old = loadCatalogue().entries;
  const all = topics.map((t) => ({ topic: t.topic, avro: t.avro }));
  const withField = (topic: string, field: object) =>
    all.map((t) => {
      const avro = t.avro as { fields: readonly object[] };
      return t.topic === topic ? { topic, avro: { ...avro, fields: [...avro.fields, field] } } : t;
    });

  it('does not change while no schema does', () => {
    expect(appendVersions(old, all)).toEqual(old);
  });

  it('gets a new id at its end for a compatible change, and keeps every earlier line', () => {
    const next = appendVersions(
      old,
      withField('master.card', { name: 'colour', type: ['null', 'string'], default: null }),
    );
    expect(next.slice(0, old.length)).toEqual(old);
    const before = old.filter((e) => e.subject === 'master.card-value');
    expect(next.slice(old.length)).toMatchObject([
      {
        id: Math.max(...old.map((e) => e.id)) + 1,
        subject: 'master.card-value',
        version: before.length + 1,
      },
    ]);
  });

  it('refuses a change that old readers or old data cannot follow, and names file and field', () => {
    const broken = withField('master.card', { name: 'colour', type: 'string' });
    expect(() => appendVersions(old, broken)).toThrow(/contracts\/master\.card\.avsc: .*field colour/);
  });

  it('refuses to go on from a changed line', () => {
    const changed = old.map((e, i) => (i === 0 ? { ...e, schema: e.schema.replace('string', 'bytes') } : e));
    expect(() => appendVersions(changed, all)).toThrow(/append-only/);
  });
});

describe('a retention', () => {
  it('never cuts "at least six months" short', () => {
    expect(durationMs('P6M')).toBeGreaterThanOrEqual(184 * 86_400_000);
    expect(durationMs('PT1M30S')).toBe(90_000);
    expect(durationMs('P30D')).toBe(30 * 86_400_000);
  });

  it.each(['P', 'PT', '30D', 'P1.5D', 'P-1D', ''])('%j is no duration', (text) => {
    expect(() => durationMs(text)).toThrow(/ISO 8601/);
  });
});
