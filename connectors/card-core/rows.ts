/**
 * What a card core says of one card, as parsed and not yet cleaned: the row type that the gateway and the
 * file connector share, and its JSON Schema. Every value is a string, as the Synjones-shaped gateway sends
 * it (a vendor's "query_card" documentation; fields named in `protocol` of `spec.ts`); "" means the same as
 * absent. Only `cardno` is required, so that a thin file export (number, sex, class, access number) fits.
 */

/** A number that a reader or an export shows for the card, where it is not the UID (file exports). */
export interface CardCredential {
  /** Name of a reader profile (`transforms/card-number.ts`, or `readers.profiles` in hub.yaml). */
  readonly profile?: string;
  /** Name of a credential scheme; the value is then that scheme's canonical form. One of the two is given. */
  readonly scheme?: string;
  readonly value: string;
}

/** One of the accounts behind a card; `type` `###` is the card's own wallet. Amounts in fen. */
export interface CardAccountInfo {
  readonly name?: string;
  readonly type?: string;
  readonly balance?: string;
  /** Spent today, fen. */
  readonly daycostamt?: string;
  /** The day that `daycostamt` counts, yyyyMMdd. */
  readonly daycostdate?: string;
  /** Spending of a day above which the consumption password is asked, fen. */
  readonly nonpwdlimit?: string;
}

/** Set on rows of the change feed: what happened to the card; the row is the card as it stood afterwards. */
export interface CardChange {
  /** 1 open, 2 close, 3 loss, 4 freeze, 5 swap-new, 6 un-loss, 7 unfreeze, 8 swap-old. */
  readonly type: string;
  /** Number of the change in the feed, decimal. */
  readonly seq: string;
  /** `yyyy-MM-dd HH:mm:ss.SSS`, Asia/Shanghai. */
  readonly time: string;
  readonly channel?: string;
  readonly cause?: string;
  /** `cardno` of the other card of a swap. */
  readonly related?: string;
}

export interface CardRow {
  /** Natural id of the card. */
  readonly cardno: string;
  readonly account?: string;
  /** Student or staff number; leading zeros count. */
  readonly sno?: string;
  readonly name?: string;
  /** 1 male, 2 female, 9 unknown; files may say 男/女. */
  readonly sex?: string;
  /** `800#正式卡`, `801#临时卡`, `802#商户卡`. Absent: a formal card. */
  readonly cardtype?: string;
  readonly cardname?: string;
  /** 1 normal, 2 deleted, 3 renewal unconfirmed, 4 awaiting renewal, 5 awaiting swap, 6 replaced. */
  readonly status?: string;
  /** Version of the card, a decimal integer, higher with each change of this card. */
  readonly cardver?: string;
  readonly lostflag?: string;
  readonly freezeflag?: string;
  readonly barflag?: string;
  readonly lockflag?: string;
  /** yyyyMMddHHmmss, Asia/Shanghai. */
  readonly lossdate?: string;
  /** yyyyMMdd; `expdate` is valid to the end of that day. */
  readonly indate?: string;
  readonly expdate?: string;
  readonly createdate?: string;
  /** Chip UID in hex, or what the profile's `uidProfile` says. */
  readonly cardid?: string;
  /** Kind of id document, and its number: never leaves the mapping in clear. */
  readonly certtype?: string;
  readonly cert?: string;
  /** Identity class: 01 student, 02 staff, 03 retired, 09 visitor. */
  readonly pidcode?: string;
  readonly pidname?: string;
  readonly deptcode?: string;
  readonly deptname?: string;
  /** Fen. */
  readonly db_balance?: string;
  /** Transition balance to be claimed at a canteen POS, fen. */
  readonly unsettle_amount?: string;
  /** On the chip as last seen, fen. */
  readonly card_balance?: string;
  readonly replaced_by?: string;
  readonly replaces?: string;
  /** "" not frozen or unknown, 1 lifted too fast paying, 2 lifted too fast topping up, 3 POS offline. */
  readonly frozen_cause?: string;
  /** The transaction that a freeze refers to, where the core gives no cause. */
  readonly frozen_trade?: {
    readonly status?: string;
    readonly transcode?: string;
    readonly offlineflag?: string;
  };
  readonly accinfo?: readonly CardAccountInfo[];
  /** File exports that have a reader's form of the number and not the UID. */
  readonly credentials?: readonly CardCredential[];
  readonly change?: CardChange;
}

const text = (max: number) => ({ type: 'string', maxLength: max }) as const;
const texts = (max: number, names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, text(max)]));

/** JSON Schema of {@link CardRow}. Unknown fields are allowed: cores add columns without notice. */
export const cardRowSchema: Readonly<Record<string, unknown>> = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'https://cardhub.invalid/rows/card-core/card',
  type: 'object',
  required: ['cardno'],
  properties: {
    cardno: { type: 'string', minLength: 1, maxLength: 64 },
    ...texts(64, ['account', 'sno', 'sex', 'cardtype', 'status', 'cardver', 'lossdate', 'indate', 'expdate']),
    ...texts(64, ['createdate', 'cardid', 'certtype', 'cert', 'pidcode', 'deptcode']),
    ...texts(64, ['replaced_by', 'replaces', 'frozen_cause']),
    ...texts(32, ['db_balance', 'unsettle_amount', 'card_balance']),
    ...texts(8, ['lostflag', 'freezeflag', 'barflag', 'lockflag']),
    ...texts(256, ['name', 'cardname', 'pidname', 'deptname']),
    accinfo: {
      type: 'array',
      maxItems: 32,
      items: {
        type: 'object',
        properties: {
          ...texts(128, ['name', 'type']),
          ...texts(32, ['balance', 'daycostamt', 'daycostdate', 'nonpwdlimit']),
        },
      },
    },
    frozen_trade: { type: 'object', properties: texts(16, ['status', 'transcode', 'offlineflag']) },
    credentials: {
      type: 'array',
      maxItems: 16,
      items: {
        type: 'object',
        required: ['value'],
        properties: texts(64, ['profile', 'scheme', 'value']),
        anyOf: [{ required: ['profile'] }, { required: ['scheme'] }],
      },
    },
    change: {
      type: 'object',
      required: ['type', 'seq', 'time'],
      properties: texts(64, ['type', 'seq', 'time', 'channel', 'cause', 'related']),
    },
  },
};
