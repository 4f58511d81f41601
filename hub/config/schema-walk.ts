import type { Path } from './document.js';

export type SchemaObject = Readonly<Record<string, unknown>>;

/** Names under which people keep secrets, for schemas that forgot `writeOnly`. */
const SECRET_NAME = /passw|secret|token|private|credential|(^|[a-z])key$/i;
const UNION = ['allOf', 'anyOf', 'oneOf'] as const;

/** True when the value at `path` is a secret: `writeOnly` on it or on anything around it, or its name says so. */
export function isSecretPath(schema: SchemaObject, path: Path): boolean {
  return SECRET_NAME.test(path.at(-1) ?? '') || marked(schema, schema, path, 0);
}

function marked(root: SchemaObject, schema: unknown, path: Path, depth: number): boolean {
  if (typeof schema !== 'object' || schema === null || depth > 32) return false;
  const node = schema as SchemaObject;
  if (node['writeOnly'] === true) return true;
  const next = (part: unknown, rest: Path): boolean => marked(root, part, rest, depth + 1);
  if (typeof node['$ref'] === 'string' && next(resolve(root, node['$ref']), path)) return true;
  for (const keyword of UNION) {
    const branches = node[keyword];
    if (Array.isArray(branches) && branches.some((branch) => next(branch, path))) return true;
  }
  for (const keyword of ['if', 'then', 'else']) if (next(node[keyword], path)) return true;
  const [step, ...rest] = path;
  if (step === undefined) return false;
  const properties = node['properties'] as SchemaObject | undefined;
  const own = properties !== undefined && Object.hasOwn(properties, step) ? properties[step] : undefined;
  return next(own ?? node['additionalProperties'], rest) || next(node['items'], rest);
}

function resolve(root: SchemaObject, ref: string): unknown {
  if (!ref.startsWith('#/')) return undefined;
  let node: unknown = root;
  for (const step of ref.slice(2).split('/')) node = (node as SchemaObject | undefined)?.[step];
  return node;
}

/** A copy of `value` for people: every secret in it reads `[secret]`. */
export function redact(value: unknown, schema: SchemaObject, path: Path = []): unknown {
  if (path.length > 0 && isSecretPath(schema, path)) return '[secret]';
  if (Array.isArray(value)) return value.map((item, index) => redact(item, schema, [...path, String(index)]));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, redact(item, schema, [...path, key])]),
  );
}
