import type { StreamSpec } from '../sdk.js';
import { deviceRowSchema } from './device-rows.js';
import { accountRowSchema, topUpRowSchema, transactionRowSchema } from './money-rows.js';
import { cardRowSchema, type CardRow } from './rows.js';

export { cardRowSchema } from './rows.js';

/** Fields of a card row that a file's column can fill: all that are plain text. */
export type CardField = Exclude<keyof CardRow, 'accinfo' | 'frozen_trade' | 'credentials' | 'change'>;

/** Every {@link CardField}; the compiler refuses a missing or a foreign one. */
const fields: Readonly<Record<CardField, true>> = {
  cardno: true,
  account: true,
  sno: true,
  name: true,
  sex: true,
  cardtype: true,
  cardname: true,
  status: true,
  cardver: true,
  lostflag: true,
  freezeflag: true,
  barflag: true,
  lockflag: true,
  lossdate: true,
  indate: true,
  expdate: true,
  createdate: true,
  cardid: true,
  certtype: true,
  cert: true,
  pidcode: true,
  pidname: true,
  deptcode: true,
  deptname: true,
  db_balance: true,
  unsettle_amount: true,
  card_balance: true,
  replaced_by: true,
  replaces: true,
  frozen_cause: true,
};

export const cardFields = Object.keys(fields) as readonly CardField[];

type Rest = Pick<StreamSpec, 'listing' | 'feed' | 'delivery' | 'pollMsDefault'>;

/** What the streams have in common, whatever connector reads them. */
export const transactionsStream = (rest: Rest): StreamSpec => ({
  name: 'transactions',
  title: { en: 'Transactions', zh: '交易流水' },
  after: [],
  kind: 'event',
  maps: 'transaction',
  rowSchema: transactionRowSchema,
  ...rest,
});

export const accountsStream = (rest: Rest): StreamSpec => ({
  name: 'accounts',
  title: { en: 'Accounts', zh: '卡账户' },
  after: [],
  kind: 'state',
  maps: 'account',
  rowSchema: accountRowSchema,
  ...rest,
});

export const devicesStream = (rest: Rest): StreamSpec => ({
  name: 'devices',
  title: { en: 'Devices', zh: '校园卡设备' },
  after: [],
  kind: 'state',
  maps: 'device',
  rowSchema: deviceRowSchema,
  ...rest,
});

export const topUpsStream = (rest: Rest): StreamSpec => ({
  name: 'top-ups',
  title: { en: 'Top-ups', zh: '充值记录' },
  after: [],
  kind: 'event',
  maps: 'top-up',
  rowSchema: topUpRowSchema,
  ...rest,
});

const inOrder =
  'Every entry at least once, in the order of the feed, while the core keeps it. What the core has dropped before it was read is lost, and reported as a gap.';

/** The streams of `card-core/gateway`. */
export const gatewayStreams: readonly StreamSpec[] = [
  {
    name: 'cards',
    title: { en: 'Cards', zh: '校园卡' },
    after: [],
    kind: 'state',
    // Accounts have a stream of their own.
    maps: 'card-alone',
    rowSchema: cardRowSchema,
    listing: { absence: 'keyset' },
    feed: true,
    delivery:
      'Every change at least once, in the order of the feed, while the core keeps it; when the cursor is older than the feed, a new listing. Each row is the card as it stands after the change.',
    pollMsDefault: 500,
  },
  accountsStream({
    // In order of the number, which is not the order of the text.
    listing: { absence: 'point-read' },
    feed: true,
    delivery:
      'Every account that changed, at least once; each row is the account as it stands when it is read, so changes in between are seen as their sum.',
    pollMsDefault: 2_000,
  }),
  transactionsStream({
    listing: null,
    feed: true,
    delivery: `${inOrder} Offline transactions come when their device uploads them; one that is uploaded twice is recognised by the device’s own number.`,
    pollMsDefault: 2_000,
  }),
  topUpsStream({ listing: null, feed: true, delivery: inOrder, pollMsDefault: 2_000 }),
  devicesStream({
    listing: { absence: 'keyset' },
    feed: false,
    delivery: 'Each device of the listing, from its application on; retired devices stay in it.',
    pollMsDefault: 60_000,
  }),
];
