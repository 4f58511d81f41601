import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cleanText, comparableMessage, foldWidth, hasLostCharacters, textOrNull, trim } from './text.js';

it('padding goes, ordinary and full-width', () => {
  expect(trim('　 测试甲 　\t')).toBe('测试甲');
  expect(cleanText('\uFEFF测试\u0000\u0000  甲\r\n')).toBe('测试 甲');
  expect(textOrNull(' 　 ')).toBeNull();
  expect(textOrNull(undefined)).toBeNull();
});

it('a name keeps its rare characters, a number loses its full width', () => {
  expect(cleanText('𠮷田㊣')).toBe('𠮷田㊣');
  expect(foldWidth('　０１２３Ａ ')).toBe('0123A');
});

it('composed and decomposed letters are one text', () => {
  expect(cleanText('e\u0301')).toBe('\u00e9');
});

it('cleaning twice changes nothing, and never leaves blanks at the ends', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const once = cleanText(text);
      expect(cleanText(once)).toBe(once);
      expect(trim(once)).toBe(once);
      expect(foldWidth(foldWidth(text))).toBe(foldWidth(text));
    }),
  );
});

it('lost characters are seen', () => {
  for (const lost of ['张\ufffd', '张?', '张？', '\ue000甲', '张\ud842'])
    expect(hasLostCharacters(lost)).toBe(true);
  for (const whole of ['张三', '𠮷田', '阿卜杜拉·买买提', '']) expect(hasLostCharacters(whole)).toBe(false);
});

it('the messages of the page are the same in both scripts and with either comma', () => {
  expect(comparableMessage('未綁定銀行卡,不能進行充值')).toBe(
    comparableMessage('未绑定银行卡，不能进行充值 。'),
  );
  expect(comparableMessage('未簽約')).toBe(comparableMessage('未签约'));
  expect(comparableMessage('未签约')).not.toBe(comparableMessage('已签约'));
});
