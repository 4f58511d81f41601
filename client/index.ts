/**
 * `cardhub/client`: the facade's REST API for TypeScript and JavaScript, typed by its OpenAPI document, on `fetch`; no
 * dependencies.
 *
 * @example
 * const cardhub = createClient({ url: 'http://127.0.0.1:8080' });
 * const { decision } = await cardhub.post('/access/v1/evaluation', {
 *   subject: { type: 'card', id: 'core:1000000220' },
 *   action: { name: 'enter' },
 *   resource: { type: 'door', id: 'gate:D-00000' },
 * });
 */
import type { paths } from '../openapi/facade.js';
import { CardhubError, errorOf, isWorthAsking, waitMsOf } from './errors.js';

export { CardhubError } from './errors.js';
export { clientCredentials } from './token.js';
export type { components, operations, paths } from '../openapi/facade.js';

type Method = 'get' | 'post';
/** The paths that have this method. */
export type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never;
}[keyof paths];
type Operation<P extends keyof paths, M extends Method> = paths[P] extends Record<M, infer O> ? O : never;
/** What the JSON body of a request may hold. */
export type BodyOf<P extends PathOf<'post'>> =
  Operation<P, 'post'> extends { requestBody: { content: { 'application/json': infer B } } } ? B : undefined;
/** What a successful answer holds. */
export type AnswerOf<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { responses: { 200: { content: infer C } } } ? C[keyof C] : never;
type ParametersOf<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { parameters: { path: infer V } } ? V : undefined;

export interface ClientOptions {
  /** Base address of the facade. */
  readonly url: string;
  /** An access token or a static key; a function is asked before each request (`clientCredentials`). */
  readonly token?: string | (() => Promise<string>);
  /** How long one attempt may take, ms. */
  readonly timeoutMs?: number;
  /** Attempts in all where the hub says to come again (429, 503) or gave no answer. */
  readonly attempts?: number;
  readonly fetch?: typeof globalThis.fetch;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Of what changes something; default: a new one for each call, kept over its attempts. */
  readonly idempotencyKey?: string;
  readonly requestId?: string;
}

export interface CardhubClient {
  /** @throws CardhubError */
  get<P extends PathOf<'get'>>(
    path: P,
    parameters?: ParametersOf<P, 'get'>,
    options?: CallOptions,
  ): Promise<AnswerOf<P, 'get'>>;
  /** @throws CardhubError */
  post<P extends PathOf<'post'>>(
    path: P,
    body: BodyOf<P>,
    options?: CallOptions,
  ): Promise<AnswerOf<P, 'post'>>;
}

const TIMEOUT_MS = 5_000;
const ATTEMPTS = 3;

export function createClient(options: ClientOptions): CardhubClient {
  const { attempts = ATTEMPTS } = options;
  const call = async (method: string, path: string, body: unknown, more: CallOptions): Promise<unknown> => {
    // The same key for all attempts: what was done by a lost answer is not done twice.
    const key = method === 'POST' ? (more.idempotencyKey ?? crypto.randomUUID()) : undefined;
    for (let attempt = 1; ; attempt++) {
      try {
        return await once(options, { method, path, body, key, ...more });
      } catch (error) {
        const isLast = attempt >= attempts || more.signal?.aborted === true;
        if (isLast || !(error instanceof CardhubError) || !isWorthAsking(error)) throw error;
        await pause(error.retryAfterMs ?? 100 * attempt, more.signal);
      }
    }
  };
  return {
    get: (path, parameters, more = {}) => call('GET', filled(path, parameters), undefined, more) as never,
    post: (path, body, more = {}) => call('POST', path, body, more) as never,
  };
}

interface Call extends CallOptions {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly key: string | undefined;
}

async function once(options: ClientOptions, call: Call): Promise<unknown> {
  const { url, token, timeoutMs = TIMEOUT_MS, fetch = globalThis.fetch } = options;
  const { method, path, body, key, requestId, signal } = call;
  const late = AbortSignal.timeout(timeoutMs);
  const bearer = typeof token === 'function' ? await token() : token;
  let response: Response;
  let text: string;
  try {
    response = await fetch(new URL(path, url), {
      method,
      headers: {
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
        ...(key !== undefined && { 'idempotency-key': key }),
        ...(requestId !== undefined && { 'x-request-id': requestId }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: signal === undefined ? late : AbortSignal.any([late, signal]),
    });
    text = await response.text();
  } catch (cause) {
    throw new CardhubError(0, 'NO_ANSWER', `no answer from ${new URL(url).host}`, undefined, { cause });
  }
  const isJson = /^application\/(\w+\+)?json\b/.test(response.headers.get('content-type') ?? '');
  const value: unknown = isJson ? JSON.parse(text) : text;
  if (response.ok) return value;
  throw errorOf(response.status, value, waitMsOf(response.headers.get('retry-after')));
}

function filled(path: string, parameters: unknown): string {
  const values = (parameters ?? {}) as Readonly<Record<string, unknown>>;
  return path.replace(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(String(values[name])));
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise((resolve) => setTimeout(resolve, ms));
}
