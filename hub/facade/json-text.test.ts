import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findDuplicateKey } from './json-text.js';

describe('a key that stands twice in one object', () => {
  it.each([
    ['{"a":1,"a":2}', 'a'],
    ['{"subject":{"type":"card","id":"1","id":"2"}}', 'subject.id'],
    ['{"evaluations":[{"resource":{"id":"d"}},{"resource":{"id":"d","id":"e"}}]}', 'evaluations.resource.id'],
    ['{"id":1,"\\u0069d":2}', 'id'],
    ['{"a\\\\":1 ,"b":"}","a\\\\"\n:\t2}', 'a\\'],
    ['{"a":{"b":{}},"c":[],"a":0}', 'a'],
    ['{"__proto__":1,"__proto__":2}', '__proto__'],
    ['[[{"":1,"":1}]]', ''],
  ])('is found in %s', (text, path) => {
    expect(() => JSON.parse(text) as unknown).not.toThrow();
    expect(findDuplicateKey(text)).toBe(path);
  });

  it.each([
    '{"a":{"a":{"a":1}}}',
    '[{"a":1},{"a":1}]',
    '{"a":"a","b":"\\"a\\":1,"}',
    '{"a":["b","b"],"b":"{"}',
    '"a"',
    '12',
    '{}',
    '{"x":{"k":1},"y":{"k":1}}',
  ])('is not seen in %s', (text) => {
    expect(findDuplicateKey(text)).toBeNull();
  });

  it('is never seen in what JSON.stringify writes, and always when one is written twice', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.integer({ min: 0, max: 3 }), (value, indent) => {
        expect(findDuplicateKey(JSON.stringify(value, null, indent))).toBeNull();
      }),
    );
    const objects = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 1 }), { minKeys: 1, maxKeys: 40 });
    fc.assert(
      fc.property(objects, fc.nat(), fc.nat(), (object, from, to) => {
        const members = Object.entries(object).map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`);
        const twice = members[from % members.length] as string;
        members.splice(to % (members.length + 1), 0, twice);
        expect(findDuplicateKey(`{"in":{${members.join(',')}}}`)).not.toBeNull();
      }),
    );
  });

  it('is looked for in linear time and shown in bounded text', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => `"k${i}":0`);
    const began = performance.now();
    expect(findDuplicateKey(`{${many.join(',')}}`)).toBeNull();
    expect(findDuplicateKey(`{${many.join(',')},"k19999":1}`)).toBe('k19999');
    expect(performance.now() - began).toBeLessThan(1_000);
    const long = 'x'.repeat(5_000);
    expect(findDuplicateKey(`{"${long}":1,"${long}":1}`)).toHaveLength(100);
    expect(findDuplicateKey(`{"a":"${'\\\\'.repeat(10_000)}"}`)).toBeNull();
  });
});
