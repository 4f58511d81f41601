import { createHash, randomUUID } from 'node:crypto';
import { createHttp, expectOk, type Http, type HttpAnswer, type HttpLimits } from '../sdk-http.js';
import type { ConnectorContext } from '../sdk.js';
import { bankError } from './errors.js';
import {
  fieldsOf,
  textOf,
  openCodec,
  wsdlDigest,
  wsdlText,
  type Codec,
  type Security,
  type Values,
} from './message.js';
import { ANSWERS, RETURN_CODES, type BankProfile, type Field } from './profiles.js';
import { closedUntil, type ServiceWindow } from './window.js';
import { decodeXml } from './xml.js';

/** Calls to the bank: all of them read, so that each may be repeated. */
export interface BankClient {
  /** One signed call; its answer's fields by our words, with code 0000. @throws ConnectorError */
  call(operation: keyof typeof ANSWERS, values: Fields, signal: AbortSignal): Promise<Fields>;
  /** The codec of the profile, for what the bank sends by itself. */
  codec(): Promise<Codec>;
  /** Whether the bank serves the description that this connector was written for; not served: null. */
  description(signal: AbortSignal): Promise<boolean | null>;
  close(): Promise<void>;
}

export type Fields = Partial<Record<Field, Values[string]>>;

export interface ClientOptions {
  readonly url: string;
  readonly merchant: string;
  readonly profile: BankProfile;
  readonly security: Security;
  readonly window: ServiceWindow;
  readonly checkDescription: boolean;
  readonly http: Partial<HttpLimits>;
}

/** A description that was found well is believed for so long. */
const DESCRIPTION_MS = 3_600_000;
/** The bank’s document: 1 to 90 s, 10 s by default; an answer is small. */
export const BANK_HTTP: Partial<HttpLimits> = {
  headersMs: 10_000,
  bodyMs: 10_000,
  totalMs: 15_000,
  bodyBytes: 4 * 1024 * 1024,
  attempts: 3,
  connections: 2,
  perSecond: 20,
};

export function openClient(options: ClientOptions, context: ConnectorContext): BankClient {
  const { profile } = options;
  const http = createHttp(options.url, { ...BANK_HTTP, ...options.http }, context);
  const path = new URL(options.url).pathname === '/' ? '/' : '';
  let codec: Promise<Codec> | null = null;
  const opened = (): Promise<Codec> => (codec ??= openCodec(profile, options.security));
  const description = (signal: AbortSignal): Promise<boolean | null> =>
    askDescription(http, path, profile, signal);
  let describedAt = -Infinity;
  const assertDescribed = async (signal: AbortSignal): Promise<void> => {
    if (!options.checkDescription || context.now() - describedAt < DESCRIPTION_MS) return;
    if ((await description(signal)) === false) throw changed(profile);
    describedAt = context.now();
  };
  return {
    codec: opened,
    description,
    close: () => http.close(),
    async call(operation, values, signal) {
      signal.throwIfAborted();
      await assertDescribed(signal);
      const messages = await opened();
      const { name, request, response } = profile.operations[operation];
      const accept = (answer: HttpAnswer, requestId: string): Fields => {
        assertAnswer(answer, name);
        const { element, values: given } = messages.open(answer.body, context.now());
        if (element !== response) throw bankError('FIELDS', `expected ${response}`, 'later');
        const fields = fieldsOf(given, ANSWERS[operation], profile);
        // A signed answer to another question is a replay, or a bank that mixes its sessions up.
        if (fields.requestId !== requestId)
          throw bankError('CORRELATION', `${name}: the answer is to another request`, 'now');
        assertDone(fields, name, context.now(), options.window);
        return fields;
      };
      const requestId = randomUUID().replaceAll('-', '');
      const head: Fields = { requestId, merchant: options.merchant };
      if (profile.security === 'concat') head.time = profile.time(context.now());
      const body = messages.seal(request, named({ ...head, ...values }, profile), context.now());
      const headers = {
        'content-type': `text/xml; charset=${profile.encoding}`,
        soapaction: `"${profile.namespace}#${name}"`,
      };
      return http.read(
        { method: 'POST', path, headers, body },
        (answer) => accept(answer, requestId),
        signal,
      );
    },
  };
}

const changed = (profile: BankProfile) =>
  bankError(
    'WSDL_CHANGED',
    `the bank serves another description than openapi/${profile.wsdl}; compare them, and do not go on before it is known what changed`,
    'later',
  );

async function askDescription(
  http: Http,
  path: string,
  profile: BankProfile,
  signal: AbortSignal,
): Promise<boolean | null> {
  const expected = wsdlDigest(wsdlText(profile.wsdl));
  return http.read(
    { method: 'GET', path: `${path}?wsdl` },
    (answer) => {
      expectOk(answer, 'wsdl', [404, 405]);
      if (answer.status !== 200) return null;
      return wsdlDigest(decodeXml(answer.body, 'utf-8')) === expected;
    },
    signal,
  );
}

/** SOAP 1.1 faults come with 500; every other status is the transport's. */
function assertAnswer(answer: HttpAnswer, what: string): void {
  const type = String(answer.headers['content-type'] ?? '');
  const isXml = /^(text|application)\/(soap\+)?xml\b/i.test(type);
  if (answer.status === 500 && isXml) return;
  expectOk(answer, what);
  if (!isXml) throw bankError('NOT_SOAP', `${what}: expected XML, came other text with status 200`, 'now');
}

function assertDone(fields: Fields, what: string, now: number, window: ServiceWindow): void {
  const code = textOf(fields.code);
  if (code === '0000') return;
  const shown = /^\d{4}$/.test(code) ? code : 'another form';
  const known = RETURN_CODES[code];
  const until = closedUntil(now, window);
  const details = {
    upstreamCode: shown,
    ...(code === '9001' && until !== null ? { retryAfterMs: until - now } : {}),
  };
  throw bankError(
    known?.reason ?? 'CODE_UNKNOWN',
    `${what}: the bank answered ${shown}`,
    known?.retry ?? 'later',
    details,
  );
}

/** Our words → the bank's names, absent ones left out. */
export function named(fields: Fields, profile: BankProfile): Values {
  const values: Record<string, NonNullable<Values[string]>> = {};
  for (const [field, value] of Object.entries(fields) as [Field, Values[string]][]) {
    if (value !== undefined) values[profile.fields[field]] = value;
  }
  return values;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
