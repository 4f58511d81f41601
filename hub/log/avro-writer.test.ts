import { inspect } from 'node:util';
import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TOPICS } from '../../contracts/types.js';
import { avroWriter, DoesNotFit, Slab } from './avro-writer.js';
import { loadCatalogue, subjectOf } from './catalogue.js';
import { parseSchema } from './compatibility.js';

const catalogue = loadCatalogue();

function written(type: avro.Type, value: unknown, slab = new Slab(64)): Buffer {
  slab.begin();
  avroWriter(type)(value, slab);
  return Buffer.from(slab.take());
}

/** What our writer makes of a value, in avsc's words. */
function isWritten(type: avro.Type, value: unknown): boolean {
  try {
    written(type, value);
    return true;
  } catch (error) {
    if (error instanceof DoesNotFit) return false;
    throw error;
  }
}

describe('of every topic', () => {
  it.each(TOPICS.map(({ name }) => name))('%s writes the bytes that avsc does', (topic) => {
    for (const { schema } of catalogue.versions(subjectOf(topic))) {
      const type = parseSchema(JSON.parse(schema));
      const slab = new Slab(1_000);
      for (let n = 0; n < 50; n++) {
        const value: unknown = type.random();
        expect(written(type, value, slab).equals(type.toBuffer(value))).toBe(true);
      }
    }
  });

  it.each(TOPICS.map(({ name }) => name))('%s takes and refuses what avsc does', (topic) => {
    const type = parseSchema(JSON.parse(catalogue.versions(subjectOf(topic)).at(-1)?.schema ?? ''));
    const odd = [
      undefined,
      null,
      true,
      1,
      1.5,
      -0,
      2 ** 31,
      2 ** 53,
      NaN,
      '',
      'NORMAL',
      [],
      [1],
      {},
      { a: 1 },
    ];
    let refused = 0;
    for (const name of [...(type as avro.types.RecordType).fields.map((field) => field.name), 'undeclared']) {
      for (const value of [...odd, Buffer.from('x')]) {
        const record = { ...(type.random() as object), [name]: value };
        const fits = type.isValid(record, { noUndeclaredFields: true });
        expect(isWritten(type, record), `${name}: ${inspect(value)}`).toBe(fits);
        if (!fits) refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(10);
    for (const value of odd) expect(isWritten(type, value)).toBe(type.isValid(value));
  });
});

const of = (schema: avro.Schema): avro.Type => avro.Type.forSchema(schema);

describe('of one value', () => {
  it('texts of any length and script are those of avsc', () => {
    const type = of('string');
    const texts = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.string({ unit: fc.constantFrom('a', '张', 'é', '😀', '\u0000'), minLength: 15, maxLength: 70 }),
    );
    fc.assert(fc.property(texts, (text) => written(type, text).equals(type.toBuffer(text))));
  });

  it('half of a pair becomes the replacement character, however long the text is', () => {
    for (const rest of ['', 'x'.repeat(100)]) {
      expect(of('string').fromBuffer(written(of('string'), `\ud800${rest}`))).toBe(`\ufffd${rest}`);
    }
  });

  it('numbers are those of avsc, up to the largest', () => {
    const edges = [0, 63, 64, 2 ** 13, 2 ** 30 - 1, 2 ** 30, 2 ** 31 - 1, 2 ** 31, 2 ** 53 - 2];
    const longs = fc.oneof(
      fc.maxSafeInteger(),
      fc.constantFrom(...edges.flatMap((edge) => [edge, -edge, -edge - 1].filter((n) => n > -(2 ** 53) + 1))),
    );
    const type = of('long');
    fc.assert(
      fc.property(longs, (value) => {
        if (!type.isValid(value)) return !isWritten(type, value);
        return written(type, value).equals(type.toBuffer(value));
      }),
    );
  });

  it('what was begun and did not fit leaves nothing behind, whatever the size of the slab', () => {
    const type = of({ type: 'array', items: 'string' });
    const write = avroWriter(type);
    for (const size of [64, 100, 4_096]) {
      const slab = new Slab(size);
      const taken: [Uint8Array, Buffer][] = [];
      for (let n = 0; n < 100; n++) {
        slab.begin();
        expect(() => write(['x'.repeat(n), 1], slab)).toThrow(DoesNotFit);
        const value = Array.from({ length: n % 7 }, (_, i) => '值'.repeat(n + i));
        slab.begin();
        write(value, slab);
        taken.push([slab.take(), type.toBuffer(value)]);
      }
      for (const [view, expected] of taken) expect(expected.equals(view)).toBe(true);
    }
  });

  it('a type that no contract uses is refused when the writer is made', () => {
    for (const schema of ['double', ['string', 'int'], { type: 'fixed', name: 'F', size: 4 }]) {
      expect(() => avroWriter(of(schema as avro.Schema))).toThrow(RangeError);
    }
  });
});
