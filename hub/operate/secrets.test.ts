import fc from 'fast-check';
import { mkdtempSync, readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { maskRaw } from './mask.js';
import { createPseudonym, dayKeys, openRaw, pseudonymKeyFile, sealRaw } from './secrets.js';

const folder = (): string => mkdtempSync(join(tmpdir(), 'cardhub-keys-'));
const DAY = '2026-03-01';

test('a pseudonym is the same under one key, another under another, and names its algorithm', () => {
  const one = createPseudonym('a key of sixteen');
  // RFC 4231, test case 2, cut to 22 characters.
  expect(createPseudonym('Jefe')('what do ya want for nothing?')).toBe(
    'hmac-sha256:' +
      Buffer.from('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843', 'hex')
        .toString('base64url')
        .slice(0, 22),
  );
  expect(one('5630F009')).toBe(one('5630F009'));
  expect(one('5630F009')).not.toBe(createPseudonym('another key of 17')('5630F009'));
  expect(() => createPseudonym('')).toThrow(RangeError);
});

test('key files are readable by their owner only, and stay the same', () => {
  const dir = join(folder(), 'keys');
  const key = dayKeys(dir).get(DAY, 'create');
  expect(key).toHaveLength(32);
  expect(dayKeys(dir).get(DAY)).toEqual(key);
  expect(statSync(join(dir, `quarantine-${DAY}.key`)).mode & 0o777).toBe(0o600);
  expect(pseudonymKeyFile(dir)).toEqual(pseudonymKeyFile(dir));
  expect(dayKeys(dir).get('2026-03-02')).toBeUndefined();
  expect(() => dayKeys(dir).get('../../etc')).toThrow(RangeError);
});

test('of two that make the key at once, both get the same', async () => {
  const dir = folder();
  let other: Uint8Array | undefined;
  // The second comes while the first is between drawing and linking.
  const first = dayKeys(dir, (size) => {
    other = dayKeys(dir).get(DAY, 'create');
    return new Uint8Array(size);
  }).get(DAY, 'create');
  expect(first).toEqual(other);
  expect(readdirSync(dir)).toEqual([`quarantine-${DAY}.key`]);
});

test('purging the days before one leaves that day, and its rows can no longer be opened', () => {
  const keys = dayKeys(folder());
  const sealed = sealRaw(Buffer.from('x'), { ceId: 'a', day: '2026-02-28', keys });
  keys.get(DAY, 'create');
  expect(keys.purge(DAY)).toEqual(['2026-02-28']);
  expect(keys.get(DAY)).toBeDefined();
  expect(openRaw(sealed, { ceId: 'a', keys })).toEqual({ ok: false, code: 'KEY_GONE' });
  expect(dayKeys(join(folder(), 'none')).purge(DAY)).toEqual([]);
});

test('sealing the same row again gives the same bytes, and any other row another nonce', () => {
  const keys = dayKeys(folder());
  fc.assert(
    fc.property(fc.uint8Array(), fc.string(), fc.uint8Array(), fc.string(), (raw, ceId, raw2, ceId2) => {
      const sealed = sealRaw(raw, { ceId, day: DAY, keys });
      expect(sealRaw(raw, { ceId, day: DAY, keys })).toEqual(sealed);
      const opened = openRaw(sealed, { ceId, keys });
      expect(opened.ok && Buffer.compare(opened.raw, raw)).toBe(0);
      const same = ceId === ceId2 && Buffer.compare(raw, raw2) === 0;
      expect(sealRaw(raw2, { ceId: ceId2, day: DAY, keys }).nonce.equals(sealed.nonce)).toBe(same);
    }),
  );
});

test('a changed byte, another id and an unknown algorithm are refused', () => {
  const keys = dayKeys(folder());
  const sealed = sealRaw(Buffer.from('卡号,123'), { ceId: 'a', day: DAY, keys });
  const changed = Buffer.from(sealed.data);
  changed[0] = (changed[0] ?? 0) ^ 1;
  expect(openRaw({ ...sealed, data: changed }, { ceId: 'a', keys })).toEqual({ ok: false, code: 'DAMAGED' });
  expect(openRaw(sealed, { ceId: 'b', keys })).toEqual({ ok: false, code: 'DAMAGED' });
  expect(openRaw({ ...sealed, data: Buffer.alloc(3) }, { ceId: 'a', keys })).toMatchObject({ ok: false });
  expect(openRaw({ ...sealed, algorithm: 'SM4-GCM' }, { ceId: 'a', keys })).toMatchObject({
    code: 'ALGORITHM_UNKNOWN',
  });
});

test('a masked row keeps its shape and none of its content', () => {
  expect(maskRaw(Buffer.from('1,180001,𠮷田,F09A\r\n'))).toBe('#,######,□□,x##x·\n');
  expect(maskRaw(Buffer.from('{"name":"张三","no":123,"a1":"Li Si"}'))).toBe(
    '{"name":"□□","no":"#","x#":"xx xx"}',
  );
  expect(maskRaw(Buffer.from([0xc4, 0xd0, 0x2c, 0x1b, 0x5b]))).toBe('□,·[');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(maskRaw(Buffer.from('"' + text))).not.toMatch(/[0-9A-Za-wyz]|\p{Script=Han}|[\x00-\x08\x1b]/u);
    }),
  );
});
