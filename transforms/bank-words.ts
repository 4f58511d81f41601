/**
 * The two messages that people see when a bank may not be debited for them (domain.md, item 59), in either script and
 * with either comma: `未綁定銀行卡,不能進行充值` and `未簽約`. With both of them no electricity can be paid either.
 */
import type { CodeOf } from '../contracts/codes.js';
import { lookUp, type CodeTable } from './codes.js';
import { comparableMessage, foldWidth } from './text.js';

export type BankRefusal = CodeOf<'bank-refusals'>;

const MESSAGES: Readonly<Record<string, BankRefusal>> = {
  [comparableMessage('未绑定银行卡，不能进行充值')]: 'NOT_BOUND',
  [comparableMessage('未签约')]: 'NOT_SIGNED',
};

/** What an upstream's message says; undefined: something else, and nothing is concluded from it. */
export function bankMessage(text: string): BankRefusal | undefined {
  return Object.hasOwn(MESSAGES, comparableMessage(text)) ? MESSAGES[comparableMessage(text)] : undefined;
}

/** Codes of cores that say the same (domain.md 1.3, 3.1). */
const REFUSAL_CODES: CodeTable<BankRefusal> = {
  '60035': 'NOT_BOUND',
  '60054': 'NOT_BOUND',
  '60072': 'NOT_SIGNED',
  '100520': 'NOT_BOUND',
  '1030': 'NOT_SIGNED',
};

/** Why the bank was not debited, by the upstream's code or else its words; null: neither says so. */
export function bankRefusal(code: string | undefined, text: string | undefined): BankRefusal | null {
  return lookUp(foldWidth(code ?? ''), REFUSAL_CODES) ?? bankMessage(text ?? '') ?? null;
}
