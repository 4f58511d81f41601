import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { packagePath } from '../package-root.js';
import { parseEvaluation } from './authzen.js';
import { PROBLEM_TITLES } from './problems.js';

interface Media {
  schema?: object;
  examples?: Record<string, { value: unknown }>;
}
interface Operation {
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { $ref?: string; content?: Record<string, Media> }>;
}
interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: {
    responses: Record<string, { content?: Record<string, Media> }>;
    schemas: { Problem: { properties: { code: { enum: string[] } } } };
  };
}

const document = parse(readFileSync(packagePath('openapi', 'facade.yaml'), 'utf8')) as Document;
const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);
ajv.addSchema(document, 'facade');

const media = [
  ...Object.values(document.paths).flatMap((path) =>
    Object.values(path).flatMap((operation) => [
      ...Object.values(operation.requestBody?.content ?? {}),
      ...Object.values(operation.responses).flatMap((response) => Object.values(response.content ?? {})),
    ]),
  ),
  ...Object.values(document.components.responses).flatMap((response) =>
    Object.values(response.content ?? {}),
  ),
];
const examples = media.flatMap(({ schema = {}, examples = {} }) =>
  Object.entries(examples).map(([name, { value }]) => [name, schema, value] as const),
);

it.each(examples)('example %s is what its schema says', (_name, schema, value) => {
  const text = JSON.stringify(schema).replaceAll('"#/', '"facade#/');
  expect(ajv.validate(JSON.parse(text) as object, value) || ajv.errorsText()).toBe(true);
});

it('no $ref dangles, every operation names its 405, and every problem code is declared', () => {
  for (const [, pointer = ''] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    let at: unknown = document;
    for (const key of pointer.split('/')) at = (at as Record<string, unknown> | undefined)?.[key];
    expect([pointer, typeof at]).toEqual([pointer, 'object']);
  }
  for (const path of Object.values(document.paths)) {
    for (const operation of Object.values(path)) expect(operation.responses).toHaveProperty('405');
  }
  expect(document.components.schemas.Problem.properties.code.enum).toEqual(Object.keys(PROBLEM_TITLES));
});

it('the handler understands every example of an evaluation', () => {
  const content = document.paths['/access/v1/evaluation']?.post?.requestBody?.content['application/json'];
  for (const { value } of Object.values(content?.examples ?? {})) {
    expect(parseEvaluation(value)).toMatchObject({ ok: true });
  }
});
