import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalIdDocument, cleanId, isResidentIdNumber, maskIdDocument } from './ids.js';

it.each(['11010519491231002X', '11010519491231002x', '370214209901010012', '37021420990108007X'])(
  '%s is a valid resident identity number, test people of 2099 included',
  (text) => {
    expect(isResidentIdNumber(text)).toBe(true);
  },
);

it.each(['110105194912310021', '37021420990230001X', '3702142099010100', '', '37021420990101001２'])(
  '%s is none: check character, date, length',
  (text) => {
    expect(isResidentIdNumber(text)).toBe(false);
  },
);

it('any single wrong digit is noticed', () => {
  fc.assert(
    fc.property(fc.nat(16), fc.integer({ min: 1, max: 9 }), (at, by) => {
      const good = '370214209901010012';
      const digit = (Number(good[at]) + by) % 10;
      expect(isResidentIdNumber(good.slice(0, at) + String(digit) + good.slice(at + 1))).toBe(false);
    }),
  );
});

it('one document has one canonical form', () => {
  expect(canonicalIdDocument(' 11010519491231002x ')).toBe(
    canonicalIdDocument('１１０１０５１９４９１２３１００２Ｘ'),
  );
  expect(maskIdDocument('370214209901010012')).toBe('3702**********0012');
  expect(maskIdDocument('E12345678')).toBe('*********');
});

it('a school number keeps its leading zeros and gets ordinary digits', () => {
  expect(cleanId(' 0012345 ')).toBe('0012345');
  expect(cleanId('２０９９０００１')).toBe('20990001');
  expect(cleanId('')).toBeNull();
  expect(cleanId(undefined)).toBeNull();
  expect(cleanId('12 34')).toBeUndefined();
  expect(cleanId('1'.repeat(65))).toBeUndefined();
});
