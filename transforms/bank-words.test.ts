import { describe, expect, it } from 'vitest';
import { bankMessage, bankRefusal } from './bank-words.js';

describe('what people are told when they have not signed', () => {
  it.each([
    '未綁定銀行卡,不能進行充值',
    '未綁定銀行卡，不能進行充值',
    '未绑定银行卡,不能进行充值',
    '未绑定银行卡，不能进行充值',
  ])('in every script and with every comma: %s', (text) => {
    expect(bankMessage(text)).toBe('NOT_BOUND');
    expect(bankMessage(` ${text}！`)).toBe('NOT_BOUND');
  });

  it.each(['未簽約', '未签约', ' 未签约。', '未 签约'])('in every script: %s', (text) => {
    expect(bankMessage(text)).toBe('NOT_SIGNED');
  });

  it.each(['已签约', '签约', '未签约银行', '', 'constructor'])('%j is something else', (text) => {
    expect(bankMessage(text)).toBeUndefined();
    expect(bankRefusal('', text)).toBeNull();
  });

  it('and the codes of cores that say the same', () => {
    expect(bankRefusal('60035', '账户未绑定银行卡')).toBe('NOT_BOUND');
    expect(bankRefusal('60072', '代扣协议不存在')).toBe('NOT_SIGNED');
    expect(bankRefusal('60047', '未簽約'), 'the words count where the code says something else').toBe(
      'NOT_SIGNED',
    );
  });
});
