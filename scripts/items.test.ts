import { existsSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { connectors } from '../connectors/index.js';
import { CODES } from '../contracts/codes.js';
import { TOPICS } from '../contracts/types.js';
import type { Frame } from '../hub/cli/frame.js';
import { runCli } from '../hub/cli/program.js';
import { services } from '../hub/cli/services.js';
import { packagePath } from '../hub/package-root.js';
import { ITEM_STATES, readItemGroups, referenceOf, type Item, type ReferenceKind } from './generate/items.js';

/*
 * The table of the page's 88 items names nothing that does not exist: every topic, field, endpoint, code, option,
 * command, file, entry of the reference data and test is looked up where it is defined.
 */

const ITEMS = 88;
const json = (path: string): unknown => JSON.parse(readFileSync(packagePath(path), 'utf8'));
const items = readItemGroups().flatMap((group) => group.items);

type Tree = Readonly<Record<string, unknown>>;
const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null;
const at = (tree: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((value, name) => (isTree(value) ? value[name] : undefined), tree);

/** A record within a type, through unions, arrays and maps; the symbols of an enum likewise. */
function inside(type: unknown, wanted: 'record' | 'enum'): Tree | undefined {
  if (Array.isArray(type)) return type.map((each) => inside(each, wanted)).find((each) => each !== undefined);
  if (!isTree(type)) return undefined;
  if (type['type'] === wanted) return type;
  return inside(type['type'], wanted) ?? inside(type['items'], wanted) ?? inside(type['values'], wanted);
}

/** `master.card.lost`, `master.card-event.kind=LOST`, `master.device.life.step` */
function hasField(target: string): boolean {
  const [path = '', symbol] = target.split('=');
  const [group, name, ...fields] = path.split('.');
  const file = `contracts/${group}.${name}.avsc`;
  if (fields.length === 0 || !existsSync(packagePath(file))) return false;
  let type: unknown = json(file);
  for (const field of fields) {
    const all = (inside(type, 'record')?.['fields'] ?? []) as readonly Tree[];
    type = all.find((each) => each['name'] === field)?.['type'];
    if (type === undefined) return false;
  }
  return symbol === undefined || ((inside(type, 'enum')?.['symbols'] ?? []) as string[]).includes(symbol);
}

async function hasCommand(target: string): Promise<boolean> {
  let said = '';
  const sink = { write: (more: string) => ((said += more), true), isTTY: false };
  const frame = { env: {}, cwd: '.', stdin: [], stdout: sink, stderr: sink, now: () => 0, services };
  const all = { ...frame, random: () => 0, signal: new AbortController().signal } as unknown as Frame;
  await runCli([...target.split(' '), '--help'], all, '0.0.0');
  return said.includes(`cardhub ${target}`);
}

const facade = parse(readFileSync(packagePath('openapi/facade.yaml'), 'utf8')) as Tree;
const points = at(json('examples/qau/service-points.json'), 'servicePoints') as readonly Tree[];

const exists: Readonly<Record<ReferenceKind, (target: string) => boolean | Promise<boolean>>> = {
  topic: (target) => TOPICS.some(({ name }) => name === target),
  field: hasField,
  endpoint(target) {
    const [method = '', path = ''] = target.split(' ');
    return at(facade, 'paths', path, method.toLowerCase()) !== undefined;
  },
  code(target) {
    const [set = '', code] = target.split('/');
    return (
      ((CODES as Tree)[set] as readonly Tree[] | undefined)?.some((one) => one['code'] === code) ?? false
    );
  },
  option(target) {
    const [kind = '', path = ''] = target.split(' ');
    const steps = path.split('.').flatMap((name) => ['properties', name]);
    return at(connectors[kind]?.spec.options, ...steps) !== undefined;
  },
  setting: (target) =>
    at(json('hub/config/hub.schema.json'), ...target.split('.').flatMap((name) => ['properties', name])) !==
    undefined,
  command: hasCommand,
  point: (target) => points.some(({ id }) => id === target),
  file: (target) => existsSync(packagePath(target)),
};

const namesOf = new Map<string, ReadonlySet<string>>();
/** Names of all tests of a file: the first argument of `it`, `test`, `property` and what is made of them. */
function testNames(file: string): ReadonlySet<string> {
  const known = namesOf.get(file);
  if (known !== undefined) return known;
  const names = new Set<string>();
  namesOf.set(file, names);
  if (!existsSync(packagePath(file))) return names;
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^(it|test|property)\b/.test(node.expression.getText())) {
      const [name] = node.arguments;
      if (name !== undefined && ts.isStringLiteralLike(name)) names.add(name.text);
    }
    ts.forEachChild(node, visit);
  };
  const text = readFileSync(packagePath(file), 'utf8');
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return names;
}

async function wrongIn(item: Item): Promise<string[]> {
  const wrong: string[] = [];
  for (const reference of item.by) {
    const { kind, target } = referenceOf(reference);
    if (!(await exists[kind](target))) wrong.push(`item ${item.n}: there is no ${reference}`);
  }
  for (const [file, names] of Object.entries(item.tests)) {
    const known = testNames(file);
    for (const name of names) {
      if (!known.has(name)) wrong.push(`item ${item.n}: ${file} has no test “${name}”`);
    }
  }
  return wrong;
}

describe('the table of items', () => {
  it('has each item of the page once, in order', () => {
    expect(items.map(({ n }) => n)).toEqual(Array.from({ length: ITEMS }, (_, i) => i + 1));
  });

  it('says of each what serves it and what shows it, and of what is not served why', () => {
    for (const { n, name, state, how, why, by, tests } of items) {
      expect(ITEM_STATES, `item ${n}`).toContain(state);
      expect([name.en, name.zh, how], `item ${n}`).not.toContain('');
      expect(why !== undefined, `item ${n}: why`).toBe(state !== 'served');
      if (state === 'later') continue;
      expect(by.length, `item ${n}: by`).toBeGreaterThan(0);
      expect(Object.values(tests).flat().length, `item ${n}: tests`).toBeGreaterThan(0);
    }
  });

  it('names nothing that does not exist', async () => {
    const wrong = await Promise.all(items.map(wrongIn));
    expect(wrong.flat()).toEqual([]);
  });

  it.each([
    ...[
      'topic master.cards',
      'field master.card.loss',
      'field master.card-event.kind=LOOSE',
      'field master.card',
    ],
    ...['endpoint GET /v1/identity/check', 'endpoint POST /v2', 'code marks/NONE', 'code none/INFERRED'],
    ...['option bank/soap windows', 'setting bank', 'command banks try', 'command bank', 'point none'],
    'file docs/none.md',
  ])('would notice %s', async (reference) => {
    const item = { ...(items[0] as Item), by: [reference], tests: {} };
    expect(await wrongIn(item)).toHaveLength(1);
  });

  it('would notice a test that is not there, and one that is only spoken of', async () => {
    const tests = {
      'scripts/items.test.ts': ['there is no test of this name here'],
      'scripts/none.test.ts': ['a'],
    };
    expect(await wrongIn({ ...(items[0] as Item), by: [], tests })).toHaveLength(2);
  });
});

describe('the facade', () => {
  it('has no operation that unfreezes a card, moves money or takes a password', () => {
    const paths = Object.entries(facade['paths'] as Readonly<Record<string, Tree>>);
    const operations = paths.flatMap(([path, methods]) =>
      Object.values(methods).map((operation) => `${path} ${String(at(operation, 'operationId'))}`),
    );
    expect(operations.filter((one) => /unfreez|debit|recharge|top-?up|payment|refund/i.test(one))).toEqual(
      [],
    );
    const schemas = JSON.stringify(at(facade, 'components', 'schemas'));
    expect(schemas.match(/"(?:\w*password|qpwd|pwd|pin)":/gi) ?? []).toEqual([]);
  });
});
