import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { compilePolicy } from '../decide/policy.js';
import { packagePath } from '../package-root.js';
import { readTable } from './policy-table.js';
import { runTable } from './policy-test.js';

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

it('a locker and a classroom bring their session and their lessons', () => {
  const policy = compilePolicy(read('campus.yaml'));
  const reasons = (defaults: object, ...cases: object[]) => {
    const table = readTable({ defaults, cases: cases.map((one) => ({ name: '', expect: 'ALLOW', ...one })) });
    if (typeof table === 'string') throw new Error(table);
    return runTable(policy, table).map(({ came }) => came);
  };
  const whose = (holder: string) => ({ locker: { holder } });
  expect(
    reasons({ person: { key: 'core:1' } }, whose('core:1'), whose('core:2'), { locker: { card: 'card' } }),
  ).toEqual(['ALLOW', 'DENY_NO_RIGHT', 'ALLOW']);
  const room = (from: string, until: string) => ({
    classroom: { lessons: [{ from, until, teachers: ['core:1'] }] },
  });
  // A lesson at another hour, or on another day, is none now.
  expect(
    reasons(
      { at: '2026-11-23 10:00', person: { key: 'core:1' } },
      room('10:20', '11:40'),
      room('10:21', '11:40'),
      room('2026-11-24 10:00', '2026-11-24 11:40'),
    ),
  ).toEqual(['ALLOW', 'DENY_TIME', 'DENY_TIME']);
});

it.each([
  [{ locker: { ocupancy: 'FREE' } }, /\/cases\/0\/locker has no key "ocupancy"/],
  [{ card: { stat: 'EXPIRED' } }, /\/cases\/0\/card has no key "stat"/],
  [{ card: { state: 'LOST' } }, /\/card\/state .*: NORMAL, NOT_ISSUED/],
  [{ person: { class: 'STUDENT' } }, /\/person has no key "class"/],
  [{ door: { class: 'LABORATORY' } }, /\/door has no key "class"/],
  [{ grant: { validUntil: '2026-01-01' } }, /\/grant has no key "validUntil"/],
  [{ grant: { schedule: [{ days: [8], from: '08:00', until: '09:00' }] } }, /\/days\/0/],
  [{ lastPassage: { direction: 'IN', minutesAgo: 1 } }, /\/lastPassage\/direction/],
  [{ classroom: { lessons: [{ from: '8:00', until: '09:40', teachers: [] }] } }, /lessons\/0\/from/],
])('a case with a key or a value that is none is refused: %j', (place, says) => {
  expect(readTable({ cases: [{ name: 'x', expect: 'ALLOW', ...place }] })).toMatch(says);
});
