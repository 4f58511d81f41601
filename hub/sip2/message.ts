/**
 * SIP2 messages as text. A message is a code of two digits, fixed fields of known width, then variable fields of
 * two letters, a value and `|`, in any order:
 *
 *   9300CNdesk|COsecret|CPlobby|
 *   └┬┘└─┬┘└─────── variable fields
 *   code fixed fields
 *
 * Widths and names are those of the 3M document (Standard Interchange Protocol 2.00, "Message Descriptions").
 * Both directions stand in one table, so that what is composed here can be parsed here.
 */

import { SHANGHAI_OFFSET_MS } from '../../transforms/time.js';

/** Name and width of each fixed field, in their order. */
type Layout = readonly (readonly [name: string, width: number])[];

const DATE = ['date', 18] as const;
const COUNTS = [
  ['holdItems', 4],
  ['overdueItems', 4],
  ['chargedItems', 4],
  ['fineItems', 4],
  ['recallItems', 4],
  ['unavailableHolds', 4],
] as const;

export const LAYOUTS = {
  // from the desk
  '09': [['noBlock', 1], DATE, ['returnDate', 18]],
  '11': [['renewalPolicy', 1], ['noBlock', 1], DATE, ['nbDueDate', 18]],
  '23': [['language', 3], DATE],
  '35': [DATE],
  '63': [['language', 3], DATE, ['summary', 10]],
  '93': [
    ['uidAlgorithm', 1],
    ['pwdAlgorithm', 1],
  ],
  '97': [],
  '99': [
    ['status', 1],
    ['printWidth', 3],
    ['protocol', 4],
  ],
  // from the hub
  '10': [['ok', 1], ['resensitize', 1], ['magnetic', 1], ['alert', 1], DATE],
  '12': [['ok', 1], ['renewalOk', 1], ['magnetic', 1], ['desensitize', 1], DATE],
  '24': [['patronStatus', 14], ['language', 3], DATE],
  '36': [['ended', 1], DATE],
  '64': [['patronStatus', 14], ['language', 3], DATE, ...COUNTS],
  '94': [['ok', 1]],
  '96': [],
  '98': [
    ['online', 1],
    ['checkinOk', 1],
    ['checkoutOk', 1],
    ['renewalOk', 1],
    ['statusUpdateOk', 1],
    ['offlineOk', 1],
    ['timeoutPeriod', 3],
    ['retriesAllowed', 3],
    DATE,
    ['protocol', 4],
  ],
} as const satisfies Readonly<Record<string, Layout>>;

export type MessageCode = keyof typeof LAYOUTS;
export type RequestCode = '09' | '11' | '23' | '35' | '63' | '93' | '97' | '99';
export type AnswerCode = Exclude<MessageCode, RequestCode>;
/** Names of the fixed fields of a message. */
export type FixedName<C extends MessageCode> = (typeof LAYOUTS)[C][number][0];

export interface Message<C extends MessageCode = MessageCode> {
  readonly code: C;
  readonly fixed: Readonly<Record<string, string>>;
  /** By two-letter name; a name that stands twice keeps its first value and is listed in `repeated`. */
  readonly fields: ReadonlyMap<string, string>;
  readonly repeated: ReadonlySet<string>;
}

/** Why a text is no message. */
export type MessageProblem = 'TOO_SHORT' | 'UNKNOWN_CODE' | 'FIELD_NAME' | 'TOO_MANY_FIELDS';
export type Parsed =
  { readonly ok: true; readonly message: Message } | { readonly ok: false; readonly problem: MessageProblem };

const FIELDS_MAX = 64;
const NONE: ReadonlySet<string> = new Set();

/** Parses a message without terminator and without its trailer (`checksum.ts`). Never throws. */
export function parseMessage(text: string): Parsed {
  const code = text.slice(0, 2);
  if (!isCode(code)) return { ok: false, problem: text.length < 2 ? 'TOO_SHORT' : 'UNKNOWN_CODE' };
  const fixed: Record<string, string> = {};
  let at = 2;
  for (const [name, width] of LAYOUTS[code] as Layout) {
    if (text.length < at + width) return { ok: false, problem: 'TOO_SHORT' };
    fixed[name] = text.slice(at, (at += width));
  }
  const fields = new Map<string, string>();
  let repeated: Set<string> | undefined;
  for (let count = 0; at < text.length; count++) {
    if (count === FIELDS_MAX) return { ok: false, problem: 'TOO_MANY_FIELDS' };
    const bar = text.indexOf('|', at);
    const end = bar < 0 ? text.length : bar; // the last bar is often left out
    const name = text.slice(at, at + 2);
    if (end > at) {
      if (end < at + 2 || !isFieldName(name)) return { ok: false, problem: 'FIELD_NAME' };
      if (fields.has(name)) (repeated ??= new Set()).add(name);
      else fields.set(name, text.slice(at + 2, end));
    }
    at = end + 1;
  }
  return { ok: true, message: { code, fixed, fields, repeated: repeated ?? NONE } };
}

/**
 * The text of a message, without trailer and terminator. Fixed fields are cut or filled with blanks to their width;
 * control characters and bars are taken out of values, since they would end a field or the message.
 */
export function composeMessage<C extends MessageCode>(
  code: C,
  fixed: Readonly<Record<FixedName<C>, string>>,
  fields: readonly (readonly [name: string, value: string])[],
): string {
  let text: string = code;
  for (const [name, width] of LAYOUTS[code] as Layout) {
    const value = clean((fixed as Readonly<Record<string, string>>)[name] ?? '');
    text += value.length === width ? value : value.slice(0, width).padEnd(width);
  }
  for (const [name, value] of fields) text += fieldText(name, value);
  return text;
}

/** One variable field. */
export function fieldText(name: string, value: string): string {
  return `${name}${clean(value)}|`;
}

function clean(value: string): string {
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    if (unit < 0x20 || unit === 0x7c || (unit >= 0x7f && unit < 0xa0)) return value.replace(UNWANTED, '');
  }
  return value;
}

const UNWANTED = /[\u0000-\u001f|\u007f-\u009f]/g;

function isCode(text: string): text is MessageCode {
  return Object.hasOwn(LAYOUTS, text);
}

function isFieldName(name: string): boolean {
  const [a, b] = [name.charCodeAt(0), name.charCodeAt(1)];
  return a >= 0x41 && a <= 0x5a && b >= 0x41 && b <= 0x5a;
}

/** `YYYYMMDDZZZZHHMMSS`, Shanghai time; four blanks as the zone mean local time. */
export function sipDate(ms: number): string {
  const iso = new Date(ms + SHANGHAI_OFFSET_MS).toISOString();
  return `${iso.slice(0, 4)}${iso.slice(5, 7)}${iso.slice(8, 10)}    ${iso.slice(11, 13)}${iso.slice(14, 16)}${iso.slice(17, 19)}`;
}
