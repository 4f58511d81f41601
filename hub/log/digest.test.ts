import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packagePath } from '../package-root.js';
import { createDigestSum, recordDigest, recordHash } from './digest.js';

interface Vectors {
  records: { key: string; valueHex: string | null; digest: string }[];
  sum: string;
}
const vectors = JSON.parse(
  readFileSync(packagePath('examples', 'consumers', 'digest-vectors.json'), 'utf8'),
) as Vectors;

const digests = fc.uint8Array({ minLength: 16, maxLength: 16 });
const asBigInt = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);

describe('the digest of a topic', () => {
  it('is the one that the consumers in examples/ compute', () => {
    const sum = createDigestSum();
    for (const { key, valueHex, digest } of vectors.records) {
      const bytes = recordDigest(key, valueHex === null ? null : Buffer.from(valueHex, 'hex'));
      expect(bytes.toString('hex')).toBe(digest);
      sum.add(bytes);
    }
    expect(sum.hex()).toBe(vectors.sum);
  });

  it('is addition modulo 2^128', () => {
    fc.assert(
      fc.property(fc.array(digests), (list) => {
        const sum = createDigestSum();
        for (const d of list) sum.add(d);
        const expected = list.reduce((total, d) => (total + asBigInt(d)) % (1n << 128n), 0n);
        expect(sum.hex()).toBe(expected.toString(16).padStart(32, '0'));
      }),
    );
  });

  it('takes a record out again as if it had never been in', () => {
    fc.assert(
      fc.property(digests, digests, (a, b) => {
        const sum = createDigestSum();
        sum.add(a);
        const before = sum.hex();
        sum.add(b);
        sum.subtract(b);
        expect(sum.hex()).toBe(before);
        expect(createDigestSum(before).hex()).toBe(before);
      }),
    );
  });

  it('is the same whether records or their digests are added', () => {
    fc.assert(
      fc.property(fc.string(), fc.option(fc.uint8Array()), fc.string(), (key, value, other) => {
        const byDigest = createDigestSum();
        const byRecord = createDigestSum();
        byDigest.add(recordDigest(key, value));
        byRecord.addRecord(key, value);
        expect(byRecord.hex()).toBe(byDigest.hex());
        byDigest.subtract(recordDigest(other, null));
        byRecord.subtractHash(recordHash(other, null));
        expect(byRecord.hex()).toBe(byDigest.hex());
      }),
    );
  });

  it('tells an empty value from a tombstone, and where the key ends', () => {
    const hex = (k: string, v: Uint8Array | null) => recordDigest(k, v).toString('hex');
    expect(hex('a', new Uint8Array())).not.toBe(hex('a', null));
    expect(hex('ab', Buffer.from('c'))).not.toBe(hex('a', Buffer.from('bc')));
  });
});
