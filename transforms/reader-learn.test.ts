import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeCredential, isUnstableUid } from './card-number.js';
import { learnReader } from './reader-learn.js';
import { readerProfiles } from './reader-profiles.js';

const { profiles } = readerProfiles();
const uid = (value: string) => ({ scheme: 'UID', value }) as const;
const pairs = (name: string, ...values: string[]) =>
  values.map((value) => ({ known: uid(value), sent: encodeCredential(profiles.get(name)!, uid(value))! }));

it('one ordinary card tells a little-endian decimal reader', () => {
  const learnt = learnReader([{ known: uid('5630F009'), sent: '0166735958' }]);
  expect(learnt.result).toBe('one');
  expect(learnt.fits[0]).toMatchObject({ name: 'dec10-le', count: 1 });
});

it('a palindrome cannot decide the byte order, a second card can', () => {
  const first = learnReader(pairs('uid-hex', 'A1B2B2A1'));
  expect(first.result).toBe('several');
  expect(first.palindromes).toBe(1);
  expect(first.fits.map((fit) => fit.name)).toEqual(['uid-hex', 'uid-hex-reversed']);
  const both = learnReader(pairs('uid-hex', 'A1B2B2A1', '5630F009'));
  expect(both).toMatchObject({ result: 'one', fits: [{ name: 'uid-hex', count: 2 }] });
});

it('a pair that was typed wrong leaves none, and shows what explains the others', () => {
  const learnt = learnReader([
    ...pairs('wg26-3-5-le', '5630F009', '2A83155E'),
    { known: uid('00A1B2C3'), sent: '1' },
  ]);
  expect(learnt.result).toBe('none');
  expect(learnt.fits[0]).toMatchObject({ name: 'wg26-3-5-le', count: 2 });
});

it('dropped leading zeros are proposed only where they are seen', () => {
  expect(learnReader(pairs('dec10-be', '00A1B2C3', '5630F009')).fits[0]?.name).toBe('dec10-be');
  const short = { known: uid('00A1B2C3'), sent: '10597059' };
  // One such card could as well be the low three bytes.
  expect(learnReader([short]).fits.map((fit) => fit.name)).toEqual(['6h8d', 'dec10-be-nozeros']);
  expect(learnReader([short, { known: uid('5630F009'), sent: '1446047753' }])).toMatchObject({
    result: 'one',
    fits: [{ name: 'dec10-be-nozeros', count: 2 }],
  });
});

it.each([
  'uid-hex',
  'uid-hex-reversed',
  'dec10-be',
  'dec10-le',
  'wg26-3-5-be',
  'wg26-3-5-le',
  'wg34',
  'dec-signed-le',
])('eight cards always have the true profile %s among those that fit', (name) => {
  const cards = fc.array(
    fc
      .uint8Array({ minLength: 4, maxLength: 4 })
      .map((bytes) => Buffer.from(bytes).toString('hex').toUpperCase())
      .filter((value) => !isUnstableUid(value)),
    { minLength: 8, maxLength: 8 },
  );
  fc.assert(
    fc.property(cards, (values) => {
      const learnt = learnReader(pairs(name, ...values));
      expect(learnt.result).not.toBe('none');
      // A signed reader that showed only small numbers cannot be told from an unsigned one.
      const names = learnt.fits.map((fit) => fit.name);
      if (name !== 'dec-signed-le' || pairs(name, ...values).some(({ sent }) => sent.startsWith('-'))) {
        expect(names).toContain(name);
      }
    }),
    { numRuns: 40 },
  );
});
