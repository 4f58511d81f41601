/**
 * What a card core says of accounts, transactions and top-ups, as parsed and not yet cleaned. Every value is a string,
 * as with cards; "" means the same as absent. Amounts are in the unit of the instance (`moneyUnit`, fen by default).
 * The fields of a transaction are those of a real core's journal (domain.md 1.4).
 */

/** The money side of a card. */
export interface AccountRow {
  /** Natural id of the account. */
  readonly account: string;
  readonly sno?: string;
  /** As on a card row; absent: formal. Accounts of temporary cards and merchants are not shared. */
  readonly cardtype?: string;
  /** 0 open, 1 closed, 2 dormant. */
  readonly accstatus?: string;
  readonly freezeflag?: string;
  readonly createdate?: string;
  /** Ledger of the core. */
  readonly db_balance?: string;
  /** Transition balance, to be claimed at a canteen POS. */
  readonly unsettle_amount?: string;
  /** On the chip as last seen. */
  readonly card_balance?: string;
  /** Spent on the day `daycostdate` (yyyyMMdd). */
  readonly daycostamt?: string;
  readonly daycostdate?: string;
  /** Spending of a day above which the consumption password is asked. */
  readonly nonpwdlimit?: string;
  /** When an amount last changed, yyyyMMddHHmmss, Asia/Shanghai. */
  readonly lasttime?: string;
}

export interface TransactionRow {
  /** Day on which the core booked it, yyyyMMdd. */
  readonly accdate?: string;
  readonly termid?: string;
  readonly termseqno?: string;
  /** Chip number and own counter of the device: they name an offline transaction however often it is uploaded. */
  readonly devphyid?: string;
  readonly devseqno?: string;
  /** yyyyMMdd and HHmmss by the device's clock, Asia/Shanghai. */
  readonly transdate: string;
  readonly transtime: string;
  readonly transcode: string;
  readonly cardno?: string;
  readonly account?: string;
  readonly cardtype?: string;
  /** Counter of the chip. */
  readonly cardcnt?: string;
  readonly cardbefbal?: string;
  readonly cardaftbal?: string;
  readonly amount: string;
  readonly offlineflag?: string;
  /** When the core received it: yyyyMMdd, HHmmss. */
  readonly coldate?: string;
  readonly coltime?: string;
  /** 1 real-time, 2 offline auto upload, 3 offline manual, 4 re-collected, 5 imported. */
  readonly datatype?: string;
  /** 1 to 9, see `TRANSACTION_STATUS` of the transforms. */
  readonly status?: string;
  readonly revflag?: string;
  /** Natural key of the transaction that this one takes back. */
  readonly revof?: string;
  readonly mercname?: string;
}

export interface TopUpRow {
  readonly orderno: string;
  readonly account: string;
  readonly cardno?: string;
  readonly cardtype?: string;
  /** 1 accepted, 2 waiting to be claimed, 3 claimed, 4 refused, 5 reversed. */
  readonly stage: string;
  readonly channel?: string;
  readonly amount: string;
  /** yyyyMMddHHmmss, Asia/Shanghai. */
  readonly time: string;
  readonly termid?: string;
  /** 1: the device is a canteen POS. */
  readonly canteenflag?: string;
  /** Refused: the core's code, and what the person was told. */
  readonly errcode?: string;
  readonly errmsg?: string;
}

const texts = (max: number, names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, { type: 'string', maxLength: max }]));

const row = (name: string, required: readonly string[], properties: object) => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: `https://cardhub.invalid/rows/card-core/${name}`,
  type: 'object',
  required,
  properties,
});

/** Every field that a file's column can fill. */
export const accountFields = [
  ...(['account', 'sno', 'cardtype', 'accstatus', 'freezeflag', 'createdate', 'db_balance'] as const),
  ...(['unsettle_amount', 'card_balance', 'daycostamt', 'daycostdate', 'nonpwdlimit', 'lasttime'] as const),
] as const satisfies readonly (keyof AccountRow)[];

export const transactionFields = [
  ...(['accdate', 'termid', 'termseqno', 'devphyid', 'devseqno', 'transdate', 'transtime'] as const),
  ...(['transcode', 'cardno', 'account', 'cardtype', 'cardcnt', 'cardbefbal', 'cardaftbal'] as const),
  ...(['amount', 'offlineflag', 'coldate', 'coltime', 'datatype', 'status', 'revflag', 'revof'] as const),
  'mercname',
] as const satisfies readonly (keyof TransactionRow)[];

export const topUpFields = [
  ...(['orderno', 'account', 'cardno', 'cardtype', 'stage', 'channel', 'amount', 'time', 'termid'] as const),
  ...(['canteenflag', 'errcode', 'errmsg'] as const),
] as const satisfies readonly (keyof TopUpRow)[];

/** JSON Schemas of the rows. Unknown fields are allowed: cores add columns without notice. */
export const accountRowSchema = row('account', ['account'], {
  ...texts(64, accountFields),
  account: { type: 'string', minLength: 1, maxLength: 64 },
});
export const transactionRowSchema = row('transaction', ['transdate', 'transtime', 'transcode', 'amount'], {
  ...texts(64, transactionFields),
  ...texts(256, ['mercname', 'revof']),
});
export const topUpRowSchema = row('top-up', ['orderno', 'account', 'stage', 'amount', 'time'], {
  ...texts(64, topUpFields),
  ...texts(512, ['errmsg']),
  account: { type: 'string', minLength: 1, maxLength: 64 },
});
