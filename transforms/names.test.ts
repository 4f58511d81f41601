import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cleanName, maskName } from './names.js';

it.each([
  ['甲', '*'],
  ['张三', '张*'],
  ['张小三', '张*三'],
  ['欧阳小三', '欧**三'],
  ['𠮷田', '𠮷*'],
  ['阿卜杜拉·买买提', '阿******提'],
  ['', ''],
])('%s is shown as %s', (name, masked) => {
  expect(maskName(name)).toBe(masked);
});

it('a mask shows at most the first and last code point, and keeps the length', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 2 }), (name) => {
      const points = Array.from(name);
      const masked = Array.from(maskName(name));
      expect(masked).toHaveLength(points.length);
      expect(masked.slice(1, -1).every((point) => point === '*')).toBe(true);
    }),
  );
});

it('names lose their padding, keep their dot, and say when characters were lost', () => {
  expect(cleanName('测试甲   ')).toEqual({ name: '测试甲', damaged: false });
  expect(cleanName('阿卜杜拉•买买提')).toEqual({ name: '阿卜杜拉·买买提', damaged: false });
  expect(cleanName('张\ufffd')).toEqual({ name: '张\ufffd', damaged: true });
  expect(cleanName('　')).toBeNull();
});
