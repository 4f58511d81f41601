/** Codes of transactions and top-ups. Which numbers a core uses differs; these are ours, and a profile overrides them. */
import { CODES, type CodeOf } from '../contracts/codes.js';
import type { TopUpStage, TransactionKind, TransactionStatus } from '../contracts/types.js';
import type { CodeTable } from './codes.js';

export type ConsumptionFunction = CodeOf<'consumption-functions'>;
export const CONSUMPTION_FUNCTIONS: readonly ConsumptionFunction[] = CODES['consumption-functions'].map(
  ({ code }) => code,
);

export interface TransactionCode {
  readonly kind: TransactionKind;
  /** Consumption only. */
  readonly usage: ConsumptionFunction | null;
}

export const TRANSACTION_KINDS: readonly TransactionKind[] = [
  ...(['CONSUMPTION', 'PENDING_CLAIMED', 'TOP_UP', 'REVERSAL', 'BALANCE_TRANSFER', 'OTHER'] as const),
];

const consumption = (usage: ConsumptionFunction): TransactionCode => ({ kind: 'CONSUMPTION', usage });
const other = (kind: TransactionKind): TransactionCode => ({ kind, usage: null });

export const TRANSACTION_CODE: CodeTable<TransactionCode> = {
  '11': consumption('CANTEEN_DINING'),
  '12': consumption('HOT_WATER'),
  '13': consumption('SUPERMARKET'),
  '14': consumption('COPY_PRINT'),
  '15': consumption('COMPUTER_ROOM'),
  '16': consumption('ELECTRICITY'),
  '21': other('PENDING_CLAIMED'),
  '22': other('TOP_UP'),
  '31': other('REVERSAL'),
  '41': other('BALANCE_TRANSFER'),
};

/** Status of a transaction whose chip left the reader before the end. */
export const PULLED_OUT = '7';

/** Status codes of a real core (domain.md 1.4). */
export const TRANSACTION_STATUS: CodeTable<TransactionStatus> = {
  '1': 'INITIAL',
  '2': 'FAILED',
  '3': 'SUCCESS',
  '4': 'CANCELLED',
  '5': 'EXCEPTION',
  '6': 'INTERRUPTED',
  '7': 'ABORTED',
  '8': 'TAC_ERROR',
  '9': 'REVERSAL_PENDING',
};

/** How a transaction came in (domain.md 1.4). */
export const DATA_TYPE: CodeTable<string> = {
  '1': 'REAL_TIME',
  '2': 'OFFLINE_AUTO',
  '3': 'OFFLINE_MANUAL',
  '4': 'RE_COLLECTED',
  '5': 'IMPORTED',
};

export const TOP_UP_STAGE: CodeTable<TopUpStage> = {
  '1': 'ACCEPTED',
  '2': 'PENDING_CLAIM',
  '3': 'CLAIMED',
  '4': 'REFUSED',
  '5': 'REVERSED',
};

export const TOP_UP_CHANNEL: CodeTable<string> = {
  wechat: 'WECHAT',
  alipay: 'ALIPAY',
  hall: 'SERVICE_HALL',
  bank: 'BANK_APP',
  ebank: 'ONLINE_BANK',
  cash: 'CASH_MACHINE',
  load: 'LOAD_MACHINE',
};
