import { expect, it } from 'vitest';
import { CARD_TYPE, lookUp, PERSON_CLASS, SEX, splitCode } from './codes.js';

it('code and name come in one text', () => {
  expect(splitCode('800#正式卡')).toEqual({ code: '800', name: '正式卡' });
  expect(splitCode(' 801 ')).toEqual({ code: '801', name: '' });
  expect(splitCode('８０２#商户卡')).toEqual({ code: '802', name: '商户卡' });
});

it("Synjones' 9 is an unknown sex, and files write words", () => {
  expect(lookUp('9', SEX)).toBe('0');
  expect(lookUp('女', SEX)).toBe('2');
  expect(lookUp('x', SEX)).toBeUndefined();
});

it("a school's own code comes before the built-in one", () => {
  expect(lookUp('810', CARD_TYPE)).toBeUndefined();
  expect(lookUp('810', CARD_TYPE, { '810': 'FORMAL' })).toBe('FORMAL');
  expect(lookUp('01', PERSON_CLASS, { '01': 'STAFF' })).toBe('STAFF');
});

it('names of JavaScript are no codes', () => {
  expect(lookUp('constructor', SEX)).toBeUndefined();
  expect(lookUp('__proto__', CARD_TYPE, {})).toBeUndefined();
});
