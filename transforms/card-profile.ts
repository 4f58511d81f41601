/** The `mapping` options of a card core, and what all of its row kinds read in the same way. */
import type { CardScope, CardStatus, CodeTable, PersonClass } from './codes.js';
import * as codes from './codes.js';
import { code } from './fields.js';
import type { MoneyUnit } from './money.js';
import type { FilterReason } from './outcome.js';
import { CONSUMPTION_FUNCTIONS, TRANSACTION_KINDS, type TransactionCode } from './transaction-codes.js';

/** The `mapping` options of a card-core instance in hub.yaml. All are optional. */
export interface CardProfile {
  /** Which flag means loss: schools disagree. Default `lostflag`; with `barflag`, `lostflag` is not read. */
  readonly lossFlag?: 'lostflag' | 'barflag';
  /** Reader profile in which `cardid` is written. Default `uid-hex`. */
  readonly uidProfile?: string;
  /** Unit of the amounts. Default fen. */
  readonly moneyUnit?: MoneyUnit;
  readonly cardTypes?: CodeTable<CardScope>;
  /** Status code → state, where a core has other codes than domain.md 1.4. */
  readonly cardStatus?: CodeTable<CardStatus>;
  readonly personClasses?: CodeTable<PersonClass>;
  readonly sexCodes?: CodeTable<string>;
  readonly idDocumentTypes?: CodeTable<string>;
  readonly accountStatus?: CodeTable<'OPEN' | 'CLOSED' | 'DORMANT'>;
  /** Transaction code → what it is; a code that no table has is published as UNKNOWN, with a mark. */
  readonly transactionCodes?: CodeTable<TransactionCode>;
  readonly topUpChannels?: CodeTable<string>;
  /** A transaction that reaches the core later than this is marked LATE_UPLOAD. Default 10 min. */
  readonly lateMsMin?: number;
  /** A device clock ahead of the upload by more than this is suspect. Default 5 min. */
  readonly clockAheadMsMax?: number;
}

/** JSON Schema of {@link CardProfile}. */
export const cardProfileSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  additionalProperties: false,
  properties: {
    lossFlag: { enum: ['lostflag', 'barflag'] },
    uidProfile: { type: 'string' },
    moneyUnit: { enum: ['fen', 'yuan'] },
    cardTypes: { type: 'object', additionalProperties: { enum: ['FORMAL', 'TEMPORARY', 'MERCHANT'] } },
    cardStatus: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        required: ['state', 'reason'],
        additionalProperties: false,
        properties: {
          state: { enum: ['NORMAL', 'NOT_ISSUED', 'EXPIRED', 'REPLACED', 'CLOSED'] },
          reason: { type: ['string', 'null'] },
        },
      },
    },
    personClasses: {
      type: 'object',
      additionalProperties: { enum: ['STUDENT', 'STAFF', 'RETIRED', 'VISITOR', 'OTHER'] },
    },
    sexCodes: { type: 'object', additionalProperties: { enum: ['0', '1', '2', '9'] } },
    idDocumentTypes: { type: 'object', additionalProperties: { type: 'string', maxLength: 1 } },
    accountStatus: { type: 'object', additionalProperties: { enum: ['OPEN', 'CLOSED', 'DORMANT'] } },
    transactionCodes: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        required: ['kind', 'usage'],
        additionalProperties: false,
        properties: {
          kind: { enum: TRANSACTION_KINDS },
          usage: { enum: [...CONSUMPTION_FUNCTIONS, null] },
        },
      },
    },
    topUpChannels: { type: 'object', additionalProperties: { type: 'string', maxLength: 32 } },
    lateMsMin: { type: 'integer', minimum: 0 },
    clockAheadMsMax: { type: 'integer', minimum: 0 },
  },
};

export function flag(text: string | undefined, path: string): boolean {
  if (text === undefined || text === '' || text === '0') return false;
  return text === '1' || code(text, codes.FLAG, undefined, path);
}

/** Who a card type belongs to decides what is shared at all, so an unknown type is a reject. */
export function scopeOf(cardtype: string | undefined, profile: CardProfile): CardScope {
  if (cardtype === undefined || cardtype === '') return 'FORMAL';
  return code(codes.splitCode(cardtype).code, codes.CARD_TYPE, profile.cardTypes, 'cardtype');
}

export function filterOf(scope: 'TEMPORARY' | 'MERCHANT'): FilterReason;
export function filterOf(scope: CardScope): FilterReason | undefined;
export function filterOf(scope: CardScope): FilterReason | undefined {
  if (scope === 'FORMAL') return undefined;
  return scope === 'TEMPORARY' ? 'TEMPORARY_CARD' : 'MERCHANT_CARD';
}
