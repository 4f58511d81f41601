/**
 * The two messages that people see when a bank may not be debited for them (domain.md, item 59), in either script and
 * with either comma: `未綁定銀行卡,不能進行充值` and `未簽約`. Both mean the same to the hub.
 */
import { comparableMessage } from './text.js';

export type BankMessage = 'NOT_BOUND' | 'NOT_SIGNED';

const MESSAGES: Readonly<Record<string, BankMessage>> = {
  [comparableMessage('未绑定银行卡，不能进行充值')]: 'NOT_BOUND',
  [comparableMessage('未签约')]: 'NOT_SIGNED',
};

/** What an upstream's message says; undefined: something else, and nothing is concluded from it. */
export function bankMessage(text: string): BankMessage | undefined {
  return Object.hasOwn(MESSAGES, comparableMessage(text)) ? MESSAGES[comparableMessage(text)] : undefined;
}
