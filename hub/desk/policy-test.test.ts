import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { compilePolicy } from '../decide/policy.js';
import { packagePath } from '../package-root.js';
import { readTable, runTable } from './policy-test.js';

const read = (name: string) =>
  parse(readFileSync(packagePath('examples', 'policy', name), 'utf8')) as unknown;

it('the example policy answers what its table says', () => {
  const table = readTable(read('campus.tests.yaml'));
  if (typeof table === 'string') throw new Error(table);
  const results = runTable(compilePolicy(read('campus.yaml')), table);
  expect(results.filter(({ ok }) => !ok).map(({ name, came }) => [name, came])).toEqual([]);
  expect(results.length).toBeGreaterThan(25);
});

it('a table that is none is refused, and the sentence names the place', () => {
  expect(readTable({ cases: [{ name: 'x' }] })).toMatch(/\/cases\/0/);
});
