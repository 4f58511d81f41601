import { readFileSync } from 'node:fs';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { packagePath } from '../package-root.js';
import type { Path, SourceDocument } from './document.js';
import { nearest } from './nearest.js';
import { askedOf } from './schema-asked.js';
import { isSecretPath, type SchemaObject } from './schema-walk.js';
import type { ConfigProblem } from './types.js';

/** hub.schema.json as it stands in the package. */
export function readHubSchema(): SchemaObject {
  return JSON.parse(readFileSync(packagePath('hub', 'config', 'hub.schema.json'), 'utf8')) as SchemaObject;
}

/**
 * Checks `data` (a part of the document, at `base`) against a schema; fills defaults in. Returns every
 * problem, each with its line, and none with the value of a secret.
 *
 * A value that came out of `${…}` is text; where the schema wants a number or a boolean it is turned into
 * one (`port: ${PORT:-8080}`). Nothing else is ever converted: `account: 0012` stays an error, since a
 * number has lost its zeros by then.
 */
export function checkSchema(
  document: SourceDocument,
  schema: SchemaObject,
  data: unknown,
  base: Path,
): ConfigProblem[] {
  if (compile(askedOf(schema, data))(data)) return [];
  // What would have been right is said by the whole schema.
  const validate = compile(schema);
  if (validate(data)) return [];
  if (convertReplaced(validate.errors ?? [], data, document, base) && validate(data)) return [];
  const errors = withoutUnionNoise(validate.errors ?? []);
  return errors.map((error) => toProblem(error, { document, schema, base }));
}

function compile(schema: SchemaObject): ValidateFunction {
  // strict off: connectors annotate their option schemas (examples, writeOnly). The schemas are our own and tests
  // check them: checking them here as well would double what every command takes to start.
  const ajv = new Ajv2020({
    ...{ allErrors: true, verbose: true, useDefaults: true, strict: false },
    ...{ meta: false, validateSchema: false },
    // Each runs once: to make its code shorter takes a third of the time of making it.
    code: { optimize: false },
  });
  ajvFormats.default(ajv);
  return ajv.compile(schema);
}

export function pointerToPath(pointer: string): string[] {
  if (pointer === '') return [];
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function convertReplaced(
  errors: readonly ErrorObject[],
  data: unknown,
  document: SourceDocument,
  base: Path,
): boolean {
  let converted = false;
  for (const error of errors) {
    const path = pointerToPath(error.instancePath);
    if (error.keyword !== 'type' || document.written([...base, ...path]) === undefined) continue;
    const wanted = [(error.params as { type: string | string[] }).type].flat();
    const value = convert(String(error.data), wanted);
    if (value === undefined) continue;
    converted = assign(data, path, value) || converted;
  }
  return converted;
}

function convert(text: string, wanted: readonly string[]): number | boolean | undefined {
  if (wanted.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  if (wanted.includes('integer') && /^-?[0-9]{1,15}$/.test(text)) return Number(text);
  if (wanted.includes('number') && /^-?[0-9]{1,15}(\.[0-9]{1,6})?$/.test(text)) return Number(text);
  return undefined;
}

function assign(data: unknown, path: Path, value: unknown): boolean {
  let holder = data;
  for (const step of path.slice(0, -1)) holder = (holder as Record<string, unknown> | undefined)?.[step];
  const last = path.at(-1);
  if (last === undefined || typeof holder !== 'object' || holder === null) return false;
  (holder as Record<string, unknown>)[last] = value;
  return true;
}

/**
 * anyOf and oneOf report every branch. Keep the errors of the branch that fits best (fewest errors, and
 * none about a const, which is how branches name themselves), and drop the summary; if/then and propertyNames
 * have summaries too.
 */
function withoutUnionNoise(errors: readonly ErrorObject[]): ErrorObject[] {
  let kept = errors.filter(({ keyword }) => keyword !== 'if' && keyword !== 'propertyNames');
  for (const union of errors.filter(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf')) {
    const branches = new Map<string, ErrorObject[]>();
    for (const error of kept) {
      if (!error.schemaPath.startsWith(union.schemaPath + '/')) continue;
      const branch = error.schemaPath.slice(union.schemaPath.length + 1).split('/')[0] ?? '';
      branches.set(branch, [...(branches.get(branch) ?? []), error]);
    }
    if (branches.size === 0) continue;
    const cost = (group: readonly ErrorObject[]): number =>
      group.length + group.filter((error) => error.keyword === 'const').length * 1_000;
    const [best] = [...branches.values()].sort((a, b) => cost(a) - cost(b));
    const dropped = new Set([...branches.values()].flat().filter((error) => !best?.includes(error)));
    kept = kept.filter((error) => error !== union && !dropped.has(error));
  }
  return kept;
}

interface Where {
  readonly document: SourceDocument;
  readonly schema: SchemaObject;
  readonly base: Path;
}

function toProblem(error: ErrorObject, where: Where): ConfigProblem {
  const inner = pointerToPath(error.instancePath);
  const path = [...where.base, ...inner];
  const params = error.params as Record<string, unknown>;
  const spot = (at: Path, what: 'key' | 'value') => ({
    ...where.document.place(at, what),
    path: at.join('.'),
  });
  switch (error.keyword) {
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const key = String(params.additionalProperty ?? params.unevaluatedProperty);
      return unknownKey(key, Object.keys(propertiesOf(error)), spot([...path, key], 'key'));
    }
    case 'required': {
      const key = String(params.missingProperty);
      return {
        code: 'MISSING_KEY',
        ...spot(path, 'key'),
        message: `expected the key "${key}"${path.length === 0 ? '' : ` in ${path.join('.')}`}; it is not there`,
        ...hintOf((propertiesOf(error)[key] as SchemaObject | undefined)?.['description']),
      };
    }
    default:
      return wrongValue(error, where, inner, spot);
  }
}

function wrongValue(
  error: ErrorObject,
  where: Where,
  inner: Path,
  spot: (at: Path, what: 'key' | 'value') => { line: number; column: number; path: string },
): ConfigProblem {
  const path = [...where.base, ...inner];
  if (error.propertyName !== undefined) {
    return {
      code: 'BAD_VALUE',
      ...spot([...path, error.propertyName], 'key'),
      message: `the name "${error.propertyName}" is not allowed here; expected ${expectation(error)}`,
    };
  }
  if (error.keyword === 'type') {
    const wanted = [(error.params as { type: string | string[] }).type].flat();
    const quoted = wanted.includes('string') && ['number', 'boolean'].includes(typeof error.data);
    return {
      code: 'WRONG_TYPE',
      ...spot(path, 'value'),
      message: `expected ${wanted.map(typeName).join(' or ')}; came ${kindOf(error.data)}`,
      ...(quoted ? { hint: 'put the value in quotes; without them YAML drops leading zeros' } : {}),
    };
  }
  const hidden = isSecretPath(where.schema, inner);
  return {
    code: 'BAD_VALUE',
    ...spot(path, 'value'),
    message: `expected ${expectation(error)}; came ${shown(error.data, hidden, where.document.written(path))}`,
    ...hintFor(error),
  };
}

function hintFor(error: ErrorObject): { hint?: string } {
  if (error.keyword === 'enum' && typeof error.data === 'string') {
    const guess = nearest(
      error.data,
      (error.params as { allowedValues: unknown[] }).allowedValues.map(String),
    );
    if (guess !== undefined) return { hint: `did you mean "${guess}"?` };
  }
  return hintOf(error.parentSchema?.['description']);
}

export function unknownKey(
  key: string,
  valid: readonly string[],
  spot: { line: number; column: number; path: string },
): ConfigProblem {
  const guess = nearest(key, valid);
  const list = [...valid].sort().join(', ');
  return {
    code: 'UNKNOWN_KEY',
    ...spot,
    message: `unknown key "${key}"; ${valid.length === 0 ? 'no keys are expected here' : `expected one of: ${list}`}`,
    ...(guess === undefined ? {} : { hint: `did you mean "${guess}"?` }),
  };
}

function propertiesOf(error: ErrorObject): Record<string, unknown> {
  return (error.parentSchema?.['properties'] as Record<string, unknown> | undefined) ?? {};
}

function hintOf(description: unknown): { hint?: string } {
  return typeof description === 'string' ? { hint: description } : {};
}

/** What the failed keyword wants, in words. */
function expectation(error: ErrorObject): string {
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'enum':
      return `one of: ${(params.allowedValues as unknown[]).map(String).join(', ')}`;
    case 'const':
      return String(params.allowedValue);
    case 'pattern':
      return `text that fits ${String(params.pattern)}`;
    case 'format':
      return `text in the form "${String(params.format)}"`;
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
      return `a number ${String(params.comparison)} ${String(params.limit)}`;
    case 'minLength':
      return `at least ${String(params.limit)} character(s)`;
    case 'minItems':
    case 'minProperties':
      return `at least ${String(params.limit)} entry`;
    default:
      return `something that ${error.message ?? error.keyword}`;
  }
}

function typeName(type: string): string {
  const names: Record<string, string> = {
    string: 'text',
    integer: 'a whole number',
    number: 'a number',
    boolean: 'true or false',
    object: 'a block of keys',
    array: 'a list',
    null: 'nothing',
  };
  return names[type] ?? type;
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'object') return 'a block of keys';
  return typeof value === 'boolean' ? 'true or false' : 'a number';
}

const SHOWN_CHARACTERS = 60;

function shown(value: unknown, hidden: boolean, written: string | undefined): string {
  if (written !== undefined) return `what ${JSON.stringify(written)} stands for`;
  if (hidden) return `${kindOf(value)} (not shown)`;
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
    return kindOf(value);
  const text = JSON.stringify(value);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
