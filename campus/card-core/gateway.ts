import { createPrivateKey, createPublicKey, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import iconv from 'iconv-lite';
import type { CampusKeys } from '../credentials.js';
import type { Struck } from '../faults.js';
import type { Answer, Asked, Upstream } from '../serve.js';
import { parseStamp } from '../world/time.js';
import type { World } from '../world/world.js';
import { decryptText, encryptText, signFields, verifyFields } from './crypto.js';
import type { Method, Payload, Request } from './method.js';
import { envelopeKey, METHODS } from './methods.js';

/**
 * The gateway of the card core (domain.md 1.3a). A request passes, in this order: form complete (else bare
 * GBK text) → app_key and signature (40004) → timestamp within 10 minutes (40018) → token (40014 unknown or
 * killed, 40005 expired) → decryption → method. One token is active at a time: a login kills the one before.
 * Tokens live in memory; a restarted core knows none.
 */
export interface GatewayOptions {
  readonly world: World;
  readonly keys: CampusKeys;
  /** How far a request's timestamp may be off, ms; null: not checked (for clocks set far ahead). */
  readonly timestampToleranceMs: number | null;
  /** What it answers beside the login; default: the card core's own methods. */
  readonly methods?: ReadonlyMap<string, Method>;
}

const TOKEN_SECONDS = 7200;
const NO_TOKEN = '0'.repeat(128);
const AUTHORIZE = 'synjones.authorize.access_token';
const FIELDS = [
  'method',
  'timestamp',
  'format',
  'app_key',
  'access_token',
  'v',
  'sign_method',
  'request',
] as const;
const TEXT = { 'content-type': 'text/html' };

interface Session {
  readonly options: GatewayOptions;
  readonly hubKey: KeyObject;
  readonly coreKey: KeyObject;
  readonly cipherKey: Buffer;
  readonly asked: Map<string, Request>;
  token: { readonly value: string; readonly expiresAt: number } | null;
}

const bare = (text: string): Answer => ({ status: 200, headers: TEXT, body: iconv.encode(text, 'gbk') });
const refused = (code: string, text: string): Answer => ({
  status: 200,
  headers: TEXT,
  body: `errcode=${code}&errmsg=${encodeURIComponent(text)}`,
});

function signed(session: Session, method: string, payload: Payload, struck: Struck): Answer {
  const request = encryptText(session.cipherKey, JSON.stringify({ [envelopeKey(method)]: payload }));
  const fields = { errcode: '0', request };
  const sign = signFields(
    session.coreKey,
    struck.has('wrong-signature') ? { ...fields, errcode: '1' } : fields,
  );
  const body = `errcode=0&request=${encodeURIComponent(request)}&sign=${encodeURIComponent(sign)}`;
  const page = /\.(list|changes)$/.test(method);
  return { status: 200, headers: TEXT, body, page };
}

function authorize(session: Session, fields: Request, request: Request, now: number): Payload {
  if (fields.access_token !== NO_TOKEN || request.app_key !== fields.app_key) {
    return { retcode: '60004', errmsg: '身份信息不存在' };
  }
  const value = randomBytes(64).toString('hex');
  session.token = { value, expiresAt: now + TOKEN_SECONDS * 1000 };
  return { retcode: '0', errmsg: '', access_token: value, expires_in: String(TOKEN_SECONDS) };
}

function gateError(session: Session, fields: Request, now: number, struck: Struck): Answer | null {
  const { options, hubKey, token } = session;
  if (struck.has('busy')) return refused('-1', '系统繁忙');
  if (struck.has('rate-limited')) return refused('40017', '调用次数超限');
  if (fields.app_key !== options.keys.credentials.core.appKey) return refused('40004', '签名失败');
  if (fields.sign_method !== 'rsa' || !verifyFields(hubKey, fields, fields.sign ?? '')) {
    return refused('40004', '签名失败');
  }
  const at = parseStamp(fields.timestamp ?? '');
  const tolerance = options.timestampToleranceMs;
  if (at === null || (tolerance !== null && Math.abs(at - now) > tolerance))
    return refused('40018', '时间戳无效');
  if (fields.method === AUTHORIZE) return null;
  if (token === null || token.value !== fields.access_token) return refused('40014', 'token无效');
  if (struck.has('token-killed')) {
    session.token = null;
    return refused('40014', 'token无效');
  }
  return now >= token.expiresAt ? refused('40005', '授权过期') : null;
}

function parseRequest(session: Session, text: string): Request | null {
  try {
    const value: unknown = JSON.parse(decryptText(session.cipherKey, text));
    if (typeof value !== 'object' || value === null) return null;
    return Object.fromEntries(Object.entries(value).map(([key, it]) => [key, String(it)]));
  } catch {
    return null;
  }
}

function answer(session: Session, asked: Asked, struck: Struck): Answer {
  if (asked.method !== 'POST' || !asked.url.pathname.endsWith('/gateway')) return bare('系统异常!');
  const fields: Request = Object.fromEntries(new URLSearchParams(asked.body));
  if (FIELDS.some((name) => fields[name] === undefined) || fields.sign === undefined) return bare('参数错误');
  const now = session.options.world.clock.now() + (struck.get('clock-skew')?.offsetMs ?? 0);
  const error = gateError(session, fields, now, struck);
  if (error !== null) return error;
  const request = parseRequest(session, fields.request ?? '');
  if (request === null) return refused('40004', '报文解密失败');
  const method = fields.method ?? '';
  if (method === AUTHORIZE) return signed(session, method, authorize(session, fields, request, now), struck);
  const run = (session.options.methods ?? METHODS).get(method);
  if (run === undefined) return bare('方法不存在');
  const payload = run({ world: session.options.world, struck, now, asked: session.asked }, request);
  return signed(session, method, payload, struck);
}

export function cardCore(options: GatewayOptions): Upstream {
  const { credentials, secrets } = options.keys;
  const session: Session = {
    options,
    hubKey: createPublicKey(secrets.hubPublicKeyPem),
    coreKey: createPrivateKey(secrets.corePrivateKeyPem),
    cipherKey: Buffer.from(credentials.core.tripleDesKeyHex, 'hex'),
    asked: new Map(),
    token: null,
  };
  return {
    target: 'core',
    what: (asked) => new URLSearchParams(asked.body).get('method') ?? '',
    handle: (asked, struck) => answer(session, asked, struck),
  };
}
