import type { BankReason } from './errors.js';
import type { XmlEncoding } from './xml.js';

/**
 * Two banks, since two never agree: on names, codes, units, encodings, signatures. A profile is data; everything
 * behind it speaks the words on the left.
 */
export type ProfileName = 'wss-utf8' | 'concat-gb18030';

/** What we call the operations; the bank's own names stand in the profile. */
export type Operation = 'QuerySigning' | 'QueryLoad' | 'GetReconFile' | 'SignNotify' | 'CancelNotify';

export interface BankProfile {
  readonly name: ProfileName;
  /** File in `openapi/`. Ours: no bank publishes its WSDL. */
  readonly wsdl: string;
  readonly namespace: string;
  readonly encoding: XmlEncoding;
  readonly security: 'wss' | 'concat';
  readonly operations: Readonly<
    Record<Operation, { readonly name: string; readonly request: string; readonly response: string }>
  >;
  /** Our word for a field → the bank's. */
  readonly fields: Readonly<Record<Field, string>>;
  /** Fields that each request of ours carries besides those of the operation. */
  readonly time: (ms: number) => string;
  readonly date: (compact: string) => string;
  readonly moneyUnit: 'yuan' | 'fen';
  readonly states: Readonly<Record<string, 'signed' | 'cancelled' | 'undecided'>>;
  readonly loadStates: Readonly<Record<string, 'done' | 'failed' | 'undecided' | 'reversed'>>;
}

export type Field =
  | 'requestId'
  | 'merchant'
  | 'time'
  | 'code'
  | 'message'
  | 'customer'
  | 'after'
  | 'rows'
  | 'total'
  | 'more'
  | 'agreement'
  | 'account'
  | 'state'
  | 'limit'
  | 'frequency'
  | 'signedOn'
  | 'changedAt'
  | 'changeReference'
  | 'loadReference'
  | 'loadState'
  | 'bankReference'
  | 'amount'
  | 'bankDate'
  | 'settleDate'
  | 'offset'
  | 'length'
  | 'fileName'
  | 'totalBytes'
  | 'digest'
  | 'content'
  | 'sign';

/** What an answer (or a notice) must and may hold; anything else is a description that has changed. */
export interface Shape {
  readonly must: readonly Field[];
  readonly may: readonly Field[];
}
const ANSWER = ['requestId', 'time', 'code'] as const;

export const AGREEMENT: Shape = {
  must: ['customer', 'state', 'changedAt', 'changeReference'],
  may: ['account', 'limit', 'frequency', 'signedOn'],
};

export const ANSWERS: Readonly<Record<'QuerySigning' | 'QueryLoad' | 'GetReconFile', Shape>> = {
  QuerySigning: { must: ANSWER, may: ['message', 'total', 'more', 'agreement'] },
  QueryLoad: { must: ANSWER, may: ['message', 'loadState', 'bankReference', 'amount', 'bankDate'] },
  GetReconFile: { must: ANSWER, may: ['message', 'fileName', 'totalBytes', 'digest', 'content'] },
};

export const NOTICE: Shape = { must: ['requestId', 'time', 'merchant', 'agreement'], may: [] };

/**
 * Return codes of both banks (domain.md 3.1 and 3.3; 1010, 1030 and 9001 are ours, since the bank's document leaves
 * the codes of signing blank). `later` by default; a code that is not here is CODE_UNKNOWN.
 */
export const RETURN_CODES: Readonly<
  Record<string, { reason: BankReason; retry: 'now' | 'later' | 'never' }>
> = {
  '0001': { reason: 'BANK_SYSTEM', retry: 'later' },
  '0002': { reason: 'BANK_SYSTEM', retry: 'later' },
  '0003': { reason: 'FIELDS', retry: 'never' },
  '0004': { reason: 'FIELDS', retry: 'never' },
  '0005': { reason: 'BANK_REFUSES_SIGNATURE', retry: 'later' },
  '0006': { reason: 'BANK_TIMEOUT', retry: 'later' },
  '1030': { reason: 'NOT_SIGNED', retry: 'later' },
  '5010': { reason: 'NO_SUCH_ACCOUNT', retry: 'later' },
  '5011': { reason: 'BANK_SYSTEM', retry: 'later' },
  '5012': { reason: 'BANK_SYSTEM', retry: 'later' },
  '5013': { reason: 'BUSY', retry: 'now' },
  '5014': { reason: 'NO_SUCH_ACCOUNT', retry: 'later' },
  '5020': { reason: 'NO_SUCH_REFERENCE', retry: 'later' },
  '8128': { reason: 'NOT_SUPPORTED', retry: 'never' },
  '9001': { reason: 'WINDOW_CLOSED', retry: 'later' },
};

const SHANGHAI_MS = 8 * 3_600_000;
const local = (ms: number): string => new Date(ms + SHANGHAI_MS).toISOString();
const same = (names: readonly Operation[]) =>
  Object.fromEntries(
    names.map((name) => [name, { name, request: name, response: `${name}Response` }]),
  ) as unknown as BankProfile['operations'];
const trans = (code: string) => ({ name: `Trans${code}`, request: `Req${code}`, response: `Rsp${code}` });

export const PROFILES: Readonly<Record<ProfileName, BankProfile>> = {
  'wss-utf8': {
    name: 'wss-utf8',
    wsdl: 'bank-wss.wsdl',
    namespace: 'urn:cardhub:bank:wss',
    encoding: 'utf-8',
    security: 'wss',
    operations: same(['QuerySigning', 'QueryLoad', 'GetReconFile', 'SignNotify', 'CancelNotify']),
    fields: {
      ...{
        requestId: 'requestId',
        merchant: 'merchantId',
        time: 'bankTime',
        code: 'code',
        message: 'message',
      },
      ...{ customer: 'customerNo', after: 'afterCustomerNo', rows: 'maxRows', total: 'total', more: 'more' },
      ...{ agreement: 'agreement', account: 'accountNo', state: 'status', limit: 'limit' },
      ...{
        frequency: 'frequency',
        signedOn: 'signedDate',
        changedAt: 'changedTime',
        changeReference: 'reference',
      },
      ...{
        loadReference: 'reference',
        loadState: 'loadStatus',
        bankReference: 'bankReference',
        amount: 'amount',
      },
      ...{ bankDate: 'bankDate', settleDate: 'settleDate', offset: 'offset', length: 'length' },
      ...{ fileName: 'fileName', totalBytes: 'totalBytes', digest: 'digest', content: 'content', sign: '' },
    },
    time: (ms) => `${local(ms).slice(0, 19)}+08:00`,
    date: (compact) => `${compact.slice(0, 4)}-${compact.slice(4, 6)}-${compact.slice(6, 8)}`,
    moneyUnit: 'yuan',
    states: { A: 'signed', C: 'cancelled', P: 'undecided' },
    loadStates: { S: 'done', F: 'failed', U: 'undecided', R: 'reversed' },
  },
  'concat-gb18030': {
    name: 'concat-gb18030',
    wsdl: 'bank-concat.wsdl',
    namespace: 'urn:cardhub:bank:concat',
    encoding: 'gb18030',
    security: 'concat',
    operations: {
      QuerySigning: trans('404003'),
      QueryLoad: trans('404103'),
      GetReconFile: trans('404501'),
      SignNotify: trans('404001'),
      CancelNotify: trans('404002'),
    },
    fields: {
      ...{
        requestId: 'TransLine',
        merchant: 'MchID',
        time: 'TransDatTim',
        code: 'RetCode',
        message: 'RetMsg',
      },
      ...{ customer: 'ICNo', after: 'BegNo', rows: 'RowNum', total: 'TotNum', more: 'MorFlg' },
      ...{ agreement: 'Rec', account: 'ActNo', state: 'SigFlg', limit: 'LimAmt' },
      ...{ frequency: 'LimFeq', signedOn: 'SigDat', changedAt: 'ChgTim', changeReference: 'ChgLine' },
      ...{ loadReference: 'OLogNo', loadState: 'TxnSta', bankReference: 'LogNo', amount: 'TxnAmt' },
      ...{ bankDate: 'ActDat', settleDate: 'ActDat', offset: 'Offset', length: 'Length' },
      ...{ fileName: 'FilNam', totalBytes: 'FilLen', digest: 'FilDig', content: 'FilDat', sign: 'Sign' },
    },
    time: (ms) => local(ms).slice(0, 19).replaceAll(/[-T:]/g, ''),
    date: (compact) => compact,
    moneyUnit: 'fen',
    states: { '1': 'signed', '0': 'cancelled', '9': 'undecided' },
    loadStates: { '0': 'done', '1': 'failed', '2': 'undecided', '3': 'reversed' },
  },
};

/** Asia/Shanghai day of an instant, `yyyyMMdd`. */
export const compactDay = (ms: number): string => local(ms).slice(0, 10).replaceAll('-', '');
export const addDays = (compact: string, days: number): string => {
  const at = Date.UTC(
    Number(compact.slice(0, 4)),
    Number(compact.slice(4, 6)) - 1,
    Number(compact.slice(6, 8)) + days,
  );
  return new Date(at).toISOString().slice(0, 10).replaceAll('-', '');
};
