import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  createSign,
  createVerify,
  type KeyObject,
} from 'node:crypto';
import { ConnectorError, type ConnectorContext } from '../sdk.js';
import { expectOk, type Http, type HttpAnswer } from '../sdk-http.js';
import { isObject, parseJson } from '../sdk-json.js';
import { bareTextError, tsmError } from './tsm-codes.js';

/**
 * Client of a Synjones-shaped TSM gateway (domain.md 1.3a). 3DES with a zero IV and RSA with SHA-1 are what that
 * protocol has; they stay in this file.
 *
 * The token is single-active: each login kills the one before. So an instance has one session that logs in once
 * however many calls wait for it:
 *
 *   none ──login──▶ active ──40014/40005──▶ none   (only the call that still held this token resets it)
 *   more than LOGINS_MAX logins within LOGINS_WITHIN_MS ──▶ AUTH, later: another client uses the same app_key
 */
export interface TsmKeys {
  readonly appKey: string;
  readonly tripleDesKey: string;
  readonly privateKey: string;
  readonly corePublicKey: string;
}

export type Fields = Readonly<Record<string, string>>;
export type Payload = Readonly<Record<string, unknown>>;

export interface Tsm {
  /**
   * A read.
   * @param accept turns the method's payload (retcode 0) into a value; a ConnectorError `now` asks again.
   */
  call<T>(method: string, request: Fields, accept: (payload: Payload) => T, signal: AbortSignal): Promise<T>;
}

const AUTHORIZE = 'synjones.authorize.access_token';
const NO_TOKEN = '0'.repeat(128);
const ZERO_IV = Buffer.alloc(8);
const LOGINS_MAX = 4;
const LOGINS_WITHIN_MS = 60_000;
const EXPIRY_MARGIN_MS = 60_000;
const LIFE_UNKNOWN_MS = 600_000;
const SHANGHAI_MS = 8 * 3_600_000;

/** `yyyy-MM-dd HH:mm:ss.SSS` in Asia/Shanghai (no summer time since 1991). */
export function shanghaiStamp(at: number): string {
  return new Date(at + SHANGHAI_MS).toISOString().replace('T', ' ').slice(0, 23);
}

/** Epoch ms of such a stamp (milliseconds optional). @throws ConnectorError PROTOCOL */
export function parseShanghai(text: unknown, what: string): number {
  const at =
    typeof text === 'string' && /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,3})?$/.test(text)
      ? Date.parse(`${text.replace(' ', 'T')}+08:00`)
      : NaN;
  if (Number.isNaN(at))
    throw new ConnectorError('PROTOCOL', `${what}: time expected, found ${String(text)}`, 'now');
  return at;
}

function signedText(fields: Fields): string {
  return Object.keys(fields)
    .sort()
    .map((key) => key + fields[key])
    .join('');
}

interface Secrets {
  readonly cipher: Buffer;
  readonly own: KeyObject;
  readonly core: KeyObject;
}

/** @throws ConnectorError CONFIG that names the option */
function readKeys(keys: TsmKeys): Secrets {
  const read = <T>(option: string, expected: string, make: () => T): T => {
    try {
      return make();
    } catch (cause) {
      throw new ConnectorError('CONFIG', `option ${option}: expected ${expected}`, 'never', { cause });
    }
  };
  // A key that came through the environment on one line has its line ends as \n.
  const pem = (text: string): string => text.replaceAll('\\n', '\n');
  const cipher = Buffer.from(keys.tripleDesKey, 'hex');
  if (cipher.length !== 24) {
    throw new ConnectorError('CONFIG', 'option tripleDesKey: expected 48 hex digits', 'never');
  }
  return {
    cipher,
    own: read('privateKey', 'a PKCS#8 PEM', () => createPrivateKey(pem(keys.privateKey))),
    core: read('corePublicKey', 'an SPKI PEM', () => createPublicKey(pem(keys.corePublicKey))),
  };
}

interface Session {
  readonly token: string;
  readonly until: number;
}

type Post = <T>(
  method: string,
  token: string,
  request: Fields,
  accept: (payload: Payload) => T,
  signal: AbortSignal,
) => Promise<T>;

export function createTsm(http: Http, keys: TsmKeys, context: ConnectorContext): Tsm {
  const secrets = readKeys(keys);
  const post: Post = (method, token, request, accept, signal) =>
    http.read(
      {
        method: 'POST',
        path: '/gateway',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: signedForm(secrets, keys.appKey, method, token, request, context.now()),
      },
      (answer) => accept(payloadOf(openAnswer(answer, secrets, method), method)),
      signal,
    );
  const sessions = sessionOwner(post, keys.appKey, context);
  return {
    async call(method, request, accept, signal) {
      for (;;) {
        const held = await sessions.active(signal);
        try {
          return await post(method, held.token, request, accept, signal);
        } catch (error) {
          if (!(error instanceof TokenKilled)) throw error;
          sessions.killed(held, error.message);
        }
      }
    },
  };
}

/** The one session of an instance; bounded logins (see the head of this file). */
function sessionOwner(post: Post, appKey: string, context: ConnectorContext) {
  let session: Session | null = null;
  let login: Promise<Session> | null = null;
  let logins: number[] = [];
  /** Why the last login was refused; null after one that was not. */
  let refusal: ConnectorError | null = null;

  const logIn = async (signal: AbortSignal): Promise<Session> => {
    const now = context.now();
    logins = logins.filter((at) => now - at < LOGINS_WITHIN_MS && at <= now);
    if (logins.length >= LOGINS_MAX) {
      // No token was killed where none was given: the clock or the keys are wrong, and that is what to say.
      if (refusal !== null) throw refusal;
      throw new ConnectorError(
        'AUTH',
        `the token was killed ${logins.length} times within ${LOGINS_WITHIN_MS / 1000} s: another client logs in with app_key ${appKey}; give each its own`,
        'later',
        { reason: 'TOKEN', retryAfterMs: LOGINS_WITHIN_MS },
      );
    }
    logins.push(now);
    context.note({ kind: 'token', detail: `log in (${logins.length} within ${LOGINS_WITHIN_MS / 1000} s)` });
    try {
      const open = (payload: Payload): Session => sessionOf(payload, now);
      const opened = await post(AUTHORIZE, NO_TOKEN, { app_key: appKey }, open, signal);
      refusal = null;
      return opened;
    } catch (error) {
      if (error instanceof ConnectorError) refusal = error;
      throw error;
    }
  };
  return {
    async active(signal: AbortSignal): Promise<Session> {
      if (session !== null && context.now() < session.until) return session;
      login ??= logIn(signal).finally(() => {
        login = null;
      });
      session = await login;
      return session;
    },
    killed(held: Session, detail: string): void {
      if (session === held) session = null;
      context.note({ kind: 'token', detail });
    },
  };
}

function sessionOf(payload: Payload, now: number): Session {
  const token = payload['access_token'];
  if (typeof token !== 'string' || token === '') {
    throw new ConnectorError('PROTOCOL', `${AUTHORIZE}: no access_token in the answer`, 'later');
  }
  const seconds = Number(payload['expires_in']);
  const lifeMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : LIFE_UNKNOWN_MS;
  return { token, until: now + Math.max(lifeMs / 2, lifeMs - EXPIRY_MARGIN_MS) };
}

/** A token error ends the attempt (retry `later`), so that the session and not the retry policy answers it. */
class TokenKilled extends ConnectorError {}

function signedForm(
  secrets: Secrets,
  appKey: string,
  method: string,
  token: string,
  request: Fields,
  now: number,
): string {
  const cipher = createCipheriv('des-ede3-cbc', secrets.cipher, ZERO_IV);
  const fields: Record<string, string> = {
    method,
    timestamp: shanghaiStamp(now).slice(0, 19),
    format: 'json',
    app_key: appKey,
    access_token: token,
    v: '2.0',
    sign_method: 'rsa',
    request: Buffer.concat([cipher.update(JSON.stringify(request), 'utf8'), cipher.final()]).toString(
      'base64',
    ),
  };
  const sign = createSign('RSA-SHA1').update(signedText(fields)).sign(secrets.own, 'base64');
  return new URLSearchParams({ ...fields, sign }).toString();
}

/**
 * Opens an answer: bare text → error; gateway error → error; then the signature, before anything inside is
 * believed; then decryption.
 */
function openAnswer(answer: HttpAnswer, secrets: Secrets, method: string): unknown {
  expectOk(answer, method);
  const text = answer.body.toString('latin1');
  if (!text.includes('&') || !text.includes('errcode=')) {
    throw bareTextError(method, new TextDecoder('gb18030').decode(answer.body.subarray(0, 400)).trim());
  }
  const form = new URLSearchParams(answer.body.toString('utf8'));
  const errcode = form.get('errcode') ?? '';
  if (errcode !== '0') {
    const error = tsmError(method, errcode, form.get('errmsg') ?? '');
    if (error.details.reason !== 'TOKEN') throw error;
    throw new TokenKilled(error.code, error.message, 'later', error.details);
  }
  // Some gateways send base64 without escaping its plus signs.
  const request = (form.get('request') ?? '').replaceAll(' ', '+');
  const sign = (form.get('sign') ?? '').replaceAll(' ', '+');
  const signed = createVerify('RSA-SHA1').update(signedText({ errcode, request }));
  if (sign === '' || !signed.verify(secrets.core, sign, 'base64')) {
    throw new ConnectorError(
      'SIGNATURE',
      `${method}: the answer’s signature is not the card core’s; check corePublicKey, and who answers at this address`,
      'now',
    );
  }
  return parseJson(decrypt(secrets, request, method), method);
}

function decrypt(secrets: Secrets, request: string, method: string): Buffer {
  try {
    const decipher = createDecipheriv('des-ede3-cbc', secrets.cipher, ZERO_IV);
    return Buffer.concat([decipher.update(request, 'base64'), decipher.final()]);
  } catch (cause) {
    const message = `${method}: the answer cannot be decrypted; check tripleDesKey`;
    throw new ConnectorError('PROTOCOL', message, 'now', { cause });
  }
}

/** The payload inside the envelope named by the method's last two parts. */
function payloadOf(body: unknown, method: string): Payload {
  const parts = method.split('.');
  const key = parts.slice(-2).join('_');
  // The vendor's own envelope of a login is `authorize_access_token`, of queries `query_card`, `query_elec_area`.
  const names = [key, parts.slice(2).join('_'), parts.at(-1) ?? ''];
  const payload = isObject(body) ? names.map((name) => body[name]).find(isObject) : undefined;
  if (!isObject(payload)) throw new ConnectorError('PROTOCOL', `${method}: no ${key} in the answer`, 'now');
  const { retcode, errmsg } = payload;
  if (retcode === '0') return payload;
  const text = typeof errmsg === 'string' ? errmsg : '';
  throw tsmError(method, typeof retcode === 'string' ? retcode : 'absent', text);
}
