import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packagePath } from '../package-root.js';
import { askedOf } from './schema-asked.js';
import { readHubSchema } from './schema-problems.js';
import type { SchemaObject } from './schema-walk.js';

const schema = readHubSchema();

/** The problems found, and the data with its defaults. */
function checked(by: SchemaObject, data: unknown): unknown {
  const copy = structuredClone(data);
  const ajv = new Ajv2020({ allErrors: true, useDefaults: true, strict: false });
  ajvFormats.default(ajv);
  const validate = ajv.compile(by);
  validate(copy);
  const problems = (validate.errors ?? []).map(({ instancePath, keyword, params }) => ({
    ...{ instancePath, keyword, params },
  }));
  return { problems, copy };
}

const examples = readdirSync(packagePath('examples'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('hub.yaml'))
  .map((file) => parse(readFileSync(join(packagePath('examples'), file), 'utf8')) as SchemaObject);

describe('what the data asks of a schema', () => {
  it('finds the same and fills the same in, in examples with parts missing, odd or foreign', () => {
    expect(examples.length).toBeGreaterThan(0);
    const names = Object.keys(schema['properties'] as SchemaObject);
    const odd = fc.constantFrom<unknown>(null, {}, [], '', 0, true, { host: 1 }, { more: {} }, [{}], {
      a: {},
    });
    const changes = fc.array(
      fc.tuple(fc.constantFrom(...names, 'more'), fc.option(odd, { nil: undefined })),
      {
        maxLength: 4,
      },
    );
    fc.assert(
      fc.property(fc.constantFrom({}, ...examples), changes, (example, changed) => {
        const data: Record<string, unknown> = structuredClone(example);
        for (const [name, value] of changed) {
          if (value === undefined) delete data[name];
          else data[name] = value;
        }
        expect(checked(askedOf(schema, data), data)).toEqual(checked(schema, data));
      }),
      { numRuns: 25 },
    );
  });

  it('leaves out what nobody asks', () => {
    const asked = askedOf(schema, { version: 1, sources: {} });
    expect(Object.keys(asked['properties'] as object)).not.toContain('sip2');
    expect((asked['properties'] as Record<string, SchemaObject>)['sinks']).not.toHaveProperty(
      'additionalProperties',
    );
  });
});
