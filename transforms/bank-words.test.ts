import { describe, expect, it } from 'vitest';
import { bankMessage } from './bank-words.js';

describe('what people are told when they have not signed', () => {
  it.each([
    '未綁定銀行卡,不能進行充值',
    '未綁定銀行卡，不能進行充值',
    '未绑定银行卡,不能进行充值',
    '未绑定银行卡，不能进行充值',
  ])('%s', (text) => {
    expect(bankMessage(text)).toBe('NOT_BOUND');
    expect(bankMessage(` ${text}！`)).toBe('NOT_BOUND');
  });

  it.each(['未簽約', '未签约', ' 未签约。', '未 签约'])('%s', (text) => {
    expect(bankMessage(text)).toBe('NOT_SIGNED');
  });

  it.each(['已签约', '签约', '未签约银行', '', 'constructor'])('%j is something else', (text) => {
    expect(bankMessage(text)).toBeUndefined();
  });
});
