import type { CardRow } from './rows.js';

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
