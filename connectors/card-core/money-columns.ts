import { columnMaker, columnProperties, pick, type ColumnOptions, type Fields } from '../sdk-columns.js';
import type { RowMaker } from '../sdk-files.js';
import type { JsonSchema } from '../sdk.js';
import type { DeviceRow } from './device-rows.js';
import { accountFields, topUpFields, transactionFields } from './money-rows.js';

/** Accounts, transactions, top-ups and devices out of named columns, of an export file or of a table. */

export type MoneyStream = 'accounts' | 'transactions' | 'top-ups' | 'devices';
export const MONEY_STREAMS: readonly MoneyStream[] = ['accounts', 'transactions', 'top-ups', 'devices'];

interface MoneyColumns {
  /** Field of the natural id. */
  readonly idField: string;
  readonly properties: Readonly<Record<'columns' | 'constants', JsonSchema>>;
  readonly shape: (fields: Fields) => { readonly id: string | undefined; readonly data: unknown };
}

/** Day and time in one column; what it holds beside digits is left to the mapping to refuse. */
const MOMENT = /^\s*(\d{4})\D?(\d\d?)\D?(\d\d?)[\sT]*(\d\d?):?(\d\d):?(\d\d)/;

function moment(text: string | undefined): { readonly date: string; readonly time: string } | undefined {
  if (text === undefined) return undefined;
  const found = MOMENT.exec(text)
    ?.slice(1)
    .map((part) => part.padStart(2, '0'));
  if (found === undefined) return { date: text, time: '' };
  return { date: found.slice(0, 3).join(''), time: found.slice(3).join('') };
}

const SPLIT = [
  ['occurredAt', 'transdate', 'transtime'],
  ['collectedAt', 'coldate', 'coltime'],
] as const;

function transaction(given: Fields): { id: string | undefined; data: unknown } {
  const data = pick(given, transactionFields);
  for (const [whole, date, time] of SPLIT) {
    const at = moment(given[whole]);
    if (at !== undefined) Object.assign(data, { [date]: at.date, [time]: at.time });
  }
  const { transdate, devphyid, devseqno, accdate, termid, termseqno } = data;
  const own = devphyid !== undefined && devseqno !== undefined ? [transdate, devphyid, devseqno] : undefined;
  const booked = termid !== undefined && termseqno !== undefined ? [accdate, termid, termseqno] : undefined;
  return { id: given['id'] ?? (own ?? booked)?.join('-'), data };
}

function topUp(given: Fields): { id: string | undefined; data: unknown } {
  const data = pick(given, topUpFields);
  const { orderno, stage } = data;
  const named = orderno === undefined || stage === undefined ? undefined : `${orderno}-${stage}`;
  return { id: given['id'] ?? named, data };
}

const DEVICE_FIELDS = [
  ...(['termid', 'termtype', 'termname', 'transcode', 'canteenflag', 'campus', 'place', 'hours'] as const),
  ...(['services', 'health', 'healthtime', 'applyno'] as const),
] as const satisfies readonly (keyof DeviceRow)[];
/** Columns with the day of a step of the device's life, in the order of that life. */
const STEP_FIELDS = {
  applyDate: 'apply',
  approveDate: 'approve',
  refuseDate: 'refuse',
  installDate: 'install',
  moveDate: 'move',
  retireDate: 'retire',
} as const;

function device(given: Fields): { id: string | undefined; data: unknown } {
  const steps = Object.entries(STEP_FIELDS).flatMap(([field, step]) => {
    const date = given[field];
    return date === undefined ? [] : [{ step, date }];
  });
  return { id: given['termid'], data: { ...pick(given, DEVICE_FIELDS), ...(steps.length > 0 && { steps }) } };
}

const EVENT_ID = 'id: the row’s own number, where it has one.';

export const moneyColumns: Readonly<Record<MoneyStream, MoneyColumns>> = {
  accounts: {
    idField: 'account',
    properties: columnProperties(accountFields, ['account'], 'Field of the account → column.'),
    shape: (fields) => ({ id: fields['account'], data: pick(fields, accountFields) }),
  },
  transactions: {
    idField: 'id',
    properties: columnProperties(
      [...transactionFields, 'id', 'occurredAt', 'collectedAt'],
      ['transcode', 'amount'],
      `Field of the transaction → column. occurredAt stands for transdate and transtime in one column, collectedAt for coldate and coltime. ${EVENT_ID}`,
    ),
    shape: transaction,
  },
  'top-ups': {
    idField: 'id',
    properties: columnProperties(
      [...topUpFields, 'id'],
      ['account', 'amount'],
      `Field of the step of a top-up → column. orderno, stage and time are needed as well, from a column or a constant. ${EVENT_ID}`,
    ),
    shape: topUp,
  },
  devices: {
    idField: 'termid',
    properties: columnProperties(
      [...DEVICE_FIELDS, ...Object.keys(STEP_FIELDS)],
      ['termid'],
      'Field of the device → column. applyDate … retireDate are the days of its life.',
    ),
    shape: device,
  },
};

export const moneyMaker = (stream: MoneyStream, options: ColumnOptions): RowMaker =>
  columnMaker(options, moneyColumns[stream].shape, `${stream}.`);
