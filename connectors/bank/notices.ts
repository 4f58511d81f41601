import { ConnectorError, type Pushed, type PushAnswer, type PushRefused } from '../sdk.js';
import { agreementRow, bankTime, sourceRow } from './agreements.js';
import type { BankClient } from './client.js';
import { named } from './client.js';
import { bankError } from './errors.js';
import { fieldsOf, textOf, type Codec, type Message, type Values } from './message.js';
import { NOTICE, type BankProfile } from './profiles.js';
import { escapeXml, SOAP } from './xml.js';

/**
 * SignNotify and CancelNotify: the bank calls us. A notice is a row of the stream `agreements` that came by itself;
 * it is answered 0000 only when its record is durable, and told again it changes nothing, since its version is the
 * bank's time of the change and its event has the bank's reference.
 */
const CODES = { done: '0000', refused: '0003', later: '5013' } as const;

export interface Notices {
  readonly client: BankClient;
  readonly profile: BankProfile;
  readonly merchant: string;
  readonly now: () => number;
}

export async function receiveNotice(body: Uint8Array, parts: Notices): Promise<Pushed | PushRefused> {
  try {
    const codec = await parts.client.codec();
    return accepted(codec.open(body, parts.now()), codec, parts);
  } catch (error) {
    if (!(error instanceof ConnectorError)) throw error;
    const reason = error.details.reason ?? error.code;
    return { kind: 'refused', reason, answer: fault(reason) };
  }
}

function accepted({ element, values }: Message, codec: Codec, parts: Notices): Pushed {
  const { profile, now } = parts;
  const { SignNotify, CancelNotify } = profile.operations;
  const operation = [SignNotify, CancelNotify].find(({ request }) => request === element);
  if (operation === undefined)
    throw bankError('NOT_SUPPORTED', 'expected SignNotify or CancelNotify', 'never');
  const fields = fieldsOf(values, NOTICE, profile);
  if (fields.merchant !== parts.merchant)
    throw bankError('CORRELATION', 'a notice for another merchant', 'never');
  const asOf = bankTime(fields);
  const notice = operation === SignNotify ? 'sign' : 'cancel';
  const row = agreementRow(fields.agreement as Values, profile, notice);
  const expected = notice === 'sign' ? 'signed' : 'cancelled';
  if (row.state !== expected)
    throw bankError('FIELDS', `a ${notice} notice whose state is not ${expected}`, 'never');
  const requestId = textOf(fields.requestId);
  return {
    kind: 'rows',
    stream: 'agreements',
    rows: [sourceRow(row, `notice/${row.reference}`)],
    asOf,
    answer(outcome): PushAnswer {
      const answer = named({ requestId, time: profile.time(now()), code: CODES[outcome] }, profile);
      return reply(200, codec.seal(operation.response, answer, now()), profile);
    },
  };
}

function fault(reason: string): PushAnswer {
  const xml =
    `<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="${SOAP}"><soap:Body><soap:Fault>` +
    `<faultcode>soap:Client</faultcode><faultstring>${escapeXml(reason)}</faultstring>` +
    `</soap:Fault></soap:Body></soap:Envelope>`;
  return reply(500, Buffer.from(xml), { encoding: 'utf-8' });
}

function reply(status: number, body: Uint8Array, { encoding }: Pick<BankProfile, 'encoding'>): PushAnswer {
  return { status, contentType: `text/xml; charset=${encoding}`, body };
}
