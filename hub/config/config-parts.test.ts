import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDuration, parseSize } from './duration.js';
import { interpolate } from './interpolate.js';
import { parseLogOption } from './log-option.js';
import { editDistance, nearest } from './nearest.js';
import { isSecretPath, redact } from './schema-walk.js';

test('durations and sizes need a unit and no more', () => {
  expect(['500ms', '5s', '10m', '6h', '30d'].map(parseDuration)).toEqual([
    500, 5_000, 600_000, 21_600_000, 2_592_000_000,
  ]);
  expect(['5', 's', '5 s', '-5s', '1.5h', '5S', ''].map(parseDuration)).toEqual(Array(7).fill(undefined));
  expect(parseSize('64GB')).toBe(64 * 1024 ** 3);
  expect(parseSize('64')).toBeUndefined();
});

test('text without a reference is untouched by interpolation', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!text.includes('${'));
      expect(interpolate(text, {})).toEqual({ text, replaced: false, missing: [], malformed: [] });
    }),
  );
});

test('what a variable holds is not read again as a reference', () => {
  expect(interpolate('a${X}b', { X: '${Y}$${' }).text).toBe('a${Y}$${b');
});

test('one slip of the finger finds the key again, and a strange word finds none', () => {
  expect(nearest('brokres', ['brokers', 'prefix'])).toBe('brokers');
  expect(nearest('poll_interval', ['poll', 'snapshotEvery'])).toBeUndefined();
  expect(nearest('x'.repeat(100_000), ['poll'])).toBeUndefined();
  expect(editDistance('ab', 'ba')).toBe(1);
});

test('--log takes embedded and kafka URLs', () => {
  expect(parseLogOption('embedded')).toEqual({ engine: 'embedded' });
  expect(parseLogOption('kafka://a:1/')).toEqual({ engine: 'kafka', brokers: ['a:1'], prefix: undefined });
  expect(['kafka://', 'kafka://a', 'kafka://a:1/b/c', 'lmdb'].map(parseLogOption)).toEqual(
    Array(4).fill(undefined),
  );
});

test('a secret is found behind references and choices, and redacted', () => {
  const schema = {
    $defs: { pin: { type: 'string', writeOnly: true } },
    properties: { auth: { oneOf: [{}, { properties: { pin: { $ref: '#/$defs/pin' } } }] }, url: {} },
  };
  expect(isSecretPath(schema, ['auth', 'pin'])).toBe(true);
  expect(isSecretPath(schema, ['url'])).toBe(false);
  expect(redact({ auth: { pin: '1' }, url: 'u', apiKey: 'k' }, schema)).toEqual({
    auth: { pin: '[secret]' },
    url: 'u',
    apiKey: '[secret]',
  });
});
