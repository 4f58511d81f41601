import { performance } from 'node:perf_hooks';
import { expect, it } from 'vitest';
import { HEADERS_MAX, refusedLines } from './header-lines.js';

const lines = (...headers: [name: string, value: string][]): string[] => headers.flat();
const HOST: [string, string] = ['Host', 'hub'];

it.each([
  ['one Host', lines(HOST), undefined],
  ['names in any case', lines(['HOST', 'hub'], ['AUTHORIZATION', 'Bearer x']), undefined],
  ['no Host', lines(['Accept', '*/*']), /Host header, came none/],
  ['two Hosts', lines(HOST, ['host', 'other']), /one Host/],
  [
    'two credentials',
    lines(HOST, ['authorization', 'Bearer a'], ['Authorization', 'Bearer b']),
    /Authorization/,
  ],
  [
    'two types',
    lines(HOST, ['content-type', 'application/json'], ['Content-Type', 'text/plain']),
    /Content-Type/,
  ],
  [
    'lists in several lines',
    lines(HOST, ['accept', 'a/b'], ['accept', 'c/d'], ['if-none-match', '"1"'], ['if-none-match', '"2"']),
    undefined,
  ],
])('with %s', (_name, raw, detail) => {
  const refused = refusedLines(raw);
  if (detail === undefined) expect(refused).toBeUndefined();
  else
    expect(refused).toMatchObject({ code: 'BAD_REQUEST', detail: expect.stringMatching(detail) as unknown });
});

it('a hundred lines are read, one more is refused', () => {
  const many = (count: number): string[] => {
    const more = Array.from({ length: count - 1 }, (_, i): [string, string] => [`x-${i}`, '1']);
    return lines(HOST, ...more);
  };
  expect(refusedLines(many(HEADERS_MAX))).toBeUndefined();
  expect(refusedLines(many(HEADERS_MAX + 1))).toMatchObject({ code: 'HEADERS_TOO_LARGE' });
});

it('costs a decision far less than a microsecond', () => {
  const asked = lines(
    HOST,
    ['User-Agent', 'door'],
    ['Content-Type', 'application/json'],
    ['Content-Length', '120'],
    ['Authorization', 'Bearer x'],
    ['Accept', '*/*'],
    ['Connection', 'keep-alive'],
    ['X-Request-ID', '1'],
  );
  const ROUNDS = 200_000;
  const took = (): number => {
    const from = performance.now();
    for (let i = 0; i < ROUNDS; i++) refusedLines(asked);
    return (1_000 * (performance.now() - from)) / ROUNDS;
  };
  took();
  // The best of some: the machine may be busy.
  expect(Math.min(...Array.from({ length: 5 }, took))).toBeLessThan(1);
});
