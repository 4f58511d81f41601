import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import iconv from 'iconv-lite';
import type { Struck } from '../faults.js';
import type { Answer, Asked, Upstream } from '../serve.js';
import { compact, compactDate, hourOf, isoShanghai } from '../world/time.js';
import type { World } from '../world/world.js';
import { reconFile, type Agreement, type Books, type FileLayout } from './books.js';
import { spoilXml, type Spoiled } from './hostile.js';
import type { BankKeys } from './keys.js';
import {
  openMessage,
  sealConcat,
  sealWss,
  soapFault,
  type Algorithm,
  type Fields,
  type Message,
} from './soap.js';

/**
 * Two banks on one socket: `/wss` speaks UTF-8 and WS-Security, `/concat` GB18030 and the concatenation signature.
 * They keep the same agreements under other names, codes and units; each has the loads of its own customers. Both close
 * from 23:00 to 01:00.
 */
export interface BankOptions {
  readonly world: World;
  readonly keys: BankKeys;
  readonly books: Books;
  readonly layout?: FileLayout;
}

export type BankName = 'wss' | 'concat';
export const NAMESPACES: Readonly<Record<BankName, string>> = {
  wss: 'urn:cardhub:bank:wss',
  concat: 'urn:cardhub:bank:concat',
};

interface Call {
  readonly options: BankOptions;
  readonly bank: BankName;
  readonly struck: Struck;
  readonly now: number;
  readonly fields: Fields;
}

const text = (fields: Fields, name: string): string => {
  const value = fields[name];
  return typeof value === 'string' ? value : '';
};

/** What the two banks call things. */
const WORDS = {
  wss: {
    requests: { QuerySigning: 'QuerySigning', QueryLoad: 'QueryLoad', GetReconFile: 'GetReconFile' },
    response: (element: string) => `${element}Response`,
    requestId: 'requestId',
    merchant: 'merchantId',
    head: (now: number, code: string, message: string) => ({ bankTime: isoShanghai(now), code, message }),
  },
  concat: {
    requests: { Req404003: 'QuerySigning', Req404103: 'QueryLoad', Req404501: 'GetReconFile' },
    response: (element: string) => element.replace('Req', 'Rsp'),
    requestId: 'TransLine',
    merchant: 'MchID',
    head: (now: number, code: string, message: string) => ({
      TransDatTim: compact(now),
      RetCode: code,
      RetMsg: message,
    }),
  },
} as const;

const TEXTS: Readonly<Record<string, string>> = {
  '0000': '交易成功',
  '0004': '报文格式错误',
  '0005': '验签失败',
  '1030': '未签约',
  '5013': '系统忙',
  '5020': '无此流水',
  '9001': '不在服务时间',
};

interface Result {
  readonly code: string;
  readonly fields?: Fields;
}

export function agreementFields(agreement: Agreement, bank: BankName): Fields {
  const { customerNo, account, state, limitFen, frequency, signedAt, changedAt, reference } = agreement;
  if (bank === 'wss') {
    return {
      ...{ customerNo, accountNo: account, status: { signed: 'A', cancelled: 'C', undecided: 'P' }[state] },
      ...{ limit: (limitFen / 100).toFixed(2), frequency, signedDate: isoShanghai(signedAt).slice(0, 10) },
      ...{ changedTime: isoShanghai(changedAt), reference },
    };
  }
  return {
    ...{ ICNo: customerNo, ActNo: account, SigFlg: { signed: '1', cancelled: '0', undecided: '9' }[state] },
    ...{ LimAmt: String(limitFen), LimFeq: frequency, SigDat: compactDate(signedAt) },
    ...{ ChgTim: compact(changedAt), ChgLine: reference },
  };
}

function querySigning({ options, bank, fields, struck }: Call): Result {
  const [one, after, count] =
    bank === 'wss' ? ['customerNo', 'afterCustomerNo', 'maxRows'] : ['ICNo', 'BegNo', 'RowNum'];
  const { books } = options;
  const customer = text(fields, one);
  const list = bank === 'wss' ? 'agreement' : 'Rec';
  if (customer !== '') {
    const found = books.agreement(customer);
    if (found === undefined) return { code: '0000', fields: {} };
    return { code: '0000', fields: { [list]: [agreementFields(found, bank)] } };
  }
  const all = books.agreements();
  const limit = Math.min(500, Number(text(fields, count)) || 200);
  const begin = struck.has('duplicate-page') ? '' : text(fields, after);
  const from = firstAfter(all, begin);
  const shown = all.slice(from, from + limit);
  const more = from + limit < all.length;
  const rest =
    bank === 'wss'
      ? { total: String(all.length), more: String(more) }
      : { TotNum: String(all.length), MorFlg: more ? '1' : '0' };
  return {
    code: '0000',
    fields: { ...rest, [list]: shown.map((agreement) => agreementFields(agreement, bank)) },
  };
}

function firstAfter(all: readonly Agreement[], customerNo: string): number {
  let low = 0;
  let high = all.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((all[middle]?.customerNo ?? '') > customerNo) high = middle;
    else low = middle + 1;
  }
  return low;
}

function queryLoad({ options, bank, fields, struck }: Call): Result {
  const found = options.books.load(text(fields, bank === 'wss' ? 'reference' : 'OLogNo'), bank);
  if (found === undefined || struck.has('recon-missing')) return { code: '5020' };
  const { bankReference, amountFen, at } = found.load;
  if (bank === 'concat') {
    const TxnSta = { done: '0', undecided: '2', reversed: '3' }[found.state];
    const told = { TxnSta, LogNo: bankReference, TxnAmt: String(amountFen), ActDat: compactDate(at) };
    return { code: '0000', fields: told };
  }
  const loadStatus = { done: 'S', undecided: 'U', reversed: 'R' }[found.state];
  const amount = (amountFen / 100).toFixed(2);
  return {
    code: '0000',
    fields: { loadStatus, bankReference, amount, bankDate: isoShanghai(at).slice(0, 10) },
  };
}

/** The file of a day is there from 06:00 of the next one. */
function getReconFile(call: Call): Result {
  const { options, bank, fields, struck, now } = call;
  const names = bank === 'wss' ? ['settleDate', 'offset', 'length'] : ['ActDat', 'Offset', 'Length'];
  const day = text(fields, names[0] as string).replaceAll('-', '');
  if (!/^\d{8}$/.test(day)) return { code: '0004' };
  const nextDay = Date.UTC(Number(day.slice(0, 4)), Number(day.slice(4, 6)) - 1, Number(day.slice(6, 8)) + 1);
  if (now < nextDay - 2 * 3_600_000 || struck.has('recon-missing')) return { code: '5020' };
  const bytes = spoilFile(reconFile(options.books.loads(day, bank), day, options.layout ?? 'total'), struck);
  const offset = Number(text(fields, names[1] as string));
  const length = Math.min(262_144, Number(text(fields, names[2] as string)));
  const piece = bytes.subarray(offset, offset + length);
  const digest = createHash('sha256')
    .update(struck.has('wrong-digest') ? `${day}` : bytes)
    .digest('hex');
  const content = piece.toString('base64');
  const fileName = `DZ_XYK_${options.keys.credentials.merchant}_${day}.txt`;
  return bank === 'wss'
    ? { code: '0000', fields: { fileName, totalBytes: String(bytes.length), digest, content } }
    : {
        code: '0000',
        fields: { FilNam: fileName, FilLen: String(bytes.length), FilDig: digest, FilDat: content },
      };
}

function spoilFile(bytes: Buffer, struck: Struck): Buffer {
  const lines = bytes.toString('latin1').split('\r\n');
  if (struck.has('recon-empty')) return Buffer.from(lines[0]?.includes('|') ? '0|0\r\n' : '');
  if (struck.has('recon-truncated')) return bytes.subarray(0, bytes.length - 90);
  if (struck.has('recon-total'))
    return Buffer.from([`${lines.length}|1`, ...lines.slice(1)].join('\r\n'), 'latin1');
  if (struck.has('recon-utf8')) return Buffer.from(iconv.decode(bytes, 'gb18030'), 'utf8');
  if (!struck.has('recon-duplicate')) return bytes;
  // The last row twice, its control total unchanged.
  return Buffer.from([...lines.slice(0, -1), lines.at(-2), ''].join('\r\n'), 'latin1');
}

const OPERATIONS = { QuerySigning: querySigning, QueryLoad: queryLoad, GetReconFile: getReconFile } as const;

function isClosed({ now, struck }: Pick<Call, 'now' | 'struck'>): boolean {
  return struck.has('window-closed') || [23, 0].includes(hourOf(now));
}

function answer(options: BankOptions, asked: Asked, struck: Struck): Answer {
  const bank = /\/(wss|concat)$/.exec(asked.url.pathname)?.[1] as BankName | undefined;
  if (bank === undefined) return { status: 404, headers: {}, body: '' };
  if (asked.method === 'GET') return description(bank, struck);
  const opened = openMessage(asked.bytes, bank, options.keys);
  if (opened === null) return xml(500, Buffer.from(soapFault('Client', 'not understood')), 'utf-8');
  const { message, algorithm } = opened;
  const words = WORDS[bank];
  const operation = (words.requests as Readonly<Record<string, keyof typeof OPERATIONS>>)[message.element];
  if (operation === undefined)
    return xml(500, Buffer.from(soapFault('Client', 'no such operation')), 'utf-8');
  const now = options.world.clock.now() + (struck.get('clock-skew')?.offsetMs ?? 0);
  const call: Call = { options, bank, struck, now, fields: message.fields };
  const result = outcome(call, operation, algorithm);
  const fields: Fields = {
    [words.requestId]: text(message.fields, words.requestId),
    ...words.head(now, result.code, TEXTS[result.code] ?? ''),
    ...result.fields,
  };
  return sealed({ element: words.response(message.element), fields }, call, algorithm ?? 'RSA-SHA256');
}

function outcome(call: Call, operation: keyof typeof OPERATIONS, algorithm: Algorithm | null): Result {
  const { credentials } = call.options.keys;
  if (algorithm === null) return { code: '0005' };
  if (text(call.fields, WORDS[call.bank].merchant) !== credentials.merchant) return { code: '0004' };
  if (call.struck.has('busy')) return { code: '5013' };
  // Who has signed can be asked at any hour, unless the whole bank is shut.
  const waits = operation !== 'QuerySigning' || call.struck.has('window-closed');
  if (waits && isClosed(call)) return { code: '9001' };
  return OPERATIONS[operation](call);
}

function sealed(message: Message, call: Call, algorithm: Algorithm): Answer {
  const { bank, struck, now } = call;
  const { keys } = call.options;
  const renamed = struck.has('field-renamed') ? rename(message) : message;
  const spoiled: Spoiled | null = spoilXml(struck);
  if (spoiled?.instead !== undefined) return xml(200, spoiled.instead, bank === 'wss' ? 'utf-8' : 'gb18030');
  if (bank === 'concat') {
    const bytes = sealConcat(renamed, NAMESPACES.concat, keys, algorithm);
    return xml(200, spoiled === null ? bytes : spoiled.change(bytes), 'gb18030');
  }
  const certificate = struck.has('expired-certificate')
    ? { certificatePem: keys.secrets.expiredCertificatePem }
    : {};
  const bytes = Buffer.from(sealWss(renamed, NAMESPACES.wss, { keys, now, ...certificate }));
  return xml(200, spoiled === null ? bytes : spoiled.change(bytes), 'utf-8');
}

/** A release of the bank's: the code of the answer has another name. */
function rename({ element, fields }: Message): Message {
  const names: Readonly<Record<string, string>> = { code: 'returnCode', RetCode: 'RtnCode' };
  return {
    element,
    fields: Object.fromEntries(Object.entries(fields).map(([name, value]) => [names[name] ?? name, value])),
  };
}

const xml = (status: number, body: Buffer, encoding: string): Answer => ({
  status,
  headers: { 'content-type': `text/xml; charset=${encoding}` },
  body,
});

function description(bank: BankName, struck: Struck): Answer {
  const file = wsdlPath(`bank-${bank}.wsdl`);
  const given = readFileSync(file, 'utf8');
  const shown = struck.has('wsdl-changed')
    ? given.replace('name="QueryLoad"', 'name="QueryLoadV2"').replace('"OLogNo"', '"OLogNum"')
    : given;
  return xml(200, Buffer.from(shown), 'utf-8');
}

function wsdlPath(file: string): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'openapi', file))) folder = dirname(folder);
  return join(folder, 'openapi', file);
}

/** Both banks. `match` of a fault is compared with `/wss QuerySigning`, `/concat Req404501`. */
export function banks(options: BankOptions): Upstream {
  return {
    target: 'bank',
    what: (asked) =>
      `${asked.url.pathname} ${/<(?:\w+:)?Body[^>]*><(?:\w+:)?(\w+)/.exec(asked.body)?.[1] ?? asked.url.search.slice(1)}`,
    handle: (asked, struck) => answer(options, asked, struck),
  };
}
