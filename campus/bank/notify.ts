import { randomUUID } from 'node:crypto';
import { compact, isoShanghai } from '../world/time.js';
import type { World } from '../world/world.js';
import type { Agreement, Books } from './books.js';
import type { BankKeys } from './keys.js';
import { agreementFields, NAMESPACES, type BankName } from './server.js';
import { openMessage, sealConcat, sealWss, type Fields, type Message } from './soap.js';

/** SignNotify and CancelNotify: the bank calls the hub, and calls again until it is told 0000. */
export interface Notifier {
  readonly world: World;
  readonly keys: BankKeys;
  readonly books: Books;
}

export interface Notified {
  readonly agreement: Agreement;
  readonly status: number;
  /** The hub's code; null when its answer was none. */
  readonly code: string | null;
  readonly text: string;
}

const ELEMENTS = {
  wss: { sign: 'SignNotify', cancel: 'CancelNotify' },
  concat: { sign: 'Req404001', cancel: 'Req404002' },
} as const;
const TIMEOUT_MS = 30_000;

/** The message, signed, as it is sent; the same agreement gives a message for the same change each time. */
export function noticeBytes(
  parts: Notifier,
  bank: BankName,
  kind: 'sign' | 'cancel',
  agreement: Agreement,
): Buffer {
  const { world, keys } = parts;
  const now = world.clock.now();
  const requestId = randomUUID().replaceAll('-', '');
  const { merchant } = keys.credentials;
  const record = agreementFields(agreement, bank);
  const fields: Fields =
    bank === 'wss'
      ? { requestId, merchantId: merchant, bankTime: isoShanghai(now), agreement: record }
      : { MchID: merchant, TransLine: requestId, TransDatTim: compact(now), Rec: record };
  const message: Message = { element: ELEMENTS[bank][kind], fields };
  return bank === 'wss'
    ? Buffer.from(sealWss(message, NAMESPACES.wss, { keys, now }))
    : sealConcat(message, NAMESPACES.concat, keys, 'RSA-SHA256');
}

/** Changes the bank's books and tells the hub. */
export async function notify(
  parts: Notifier,
  request: {
    readonly bank: BankName;
    readonly kind: 'sign' | 'cancel';
    readonly customerNo: string;
    readonly url: string;
  },
): Promise<Notified> {
  const { bank, kind, customerNo, url } = request;
  const agreement = parts.books.change(customerNo, kind === 'sign' ? 'signed' : 'cancelled');
  return send(parts, bank, noticeBytes(parts, bank, kind, agreement), agreement, url);
}

export async function send(
  parts: Notifier,
  bank: BankName,
  body: Buffer,
  agreement: Agreement,
  url: string,
): Promise<Notified> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': `text/xml; charset=${bank === 'wss' ? 'utf-8' : 'gb18030'}` },
    body: new Uint8Array(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const opened = response.status === 200 ? openMessage(bytes, bank, parts.keys) : null;
  const code = opened?.algorithm == null ? null : opened.message.fields[bank === 'wss' ? 'code' : 'RetCode'];
  return {
    agreement,
    status: response.status,
    code: typeof code === 'string' ? code : null,
    text: bytes.toString('utf8').slice(0, 400),
  };
}
