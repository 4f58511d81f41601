import { setTimeout as delay } from 'node:timers/promises';
import type { Dispatcher, Pool } from 'undici';
import { deadlineWithin } from './sdk-deadline.js';
import { ConnectorError, type ConnectorContext, type JsonSchema } from './sdk.js';

/**
 * HTTP as every connector gets it: one pool an instance, every wait with a timeout, a body that is never read
 * beyond its limit, no redirects, a rate limit, and retries of reads by class of error.
 *
 *   attempt → answer accepted ───────────────────────────────▶ done
 *           → ConnectorError retry `now`, attempts left ─────▶ wait (back-off with jitter, or Retry-After) → attempt
 *           → ConnectorError retry `now`, none left ─────────▶ same error, retry `later`
 *           → ConnectorError `later` or `never`, or aborted ─▶ that
 *
 * The caller's `accept` runs inside an attempt, so that half a page or a wrong signature is retried too.
 */
export interface HttpLimits {
  readonly connectMs: number;
  readonly headersMs: number;
  /** Between two pieces of a body. */
  readonly bodyMs: number;
  /** One attempt from start to end. */
  readonly totalMs: number;
  readonly bodyBytes: number;
  readonly attempts: number;
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  /** A longer Retry-After ends the call (retry `later`) instead of being waited for. */
  readonly retryAfterMaxMs: number;
  readonly perSecond: number;
  readonly connections: number;
}

export const HTTP_LIMITS: HttpLimits = {
  connectMs: 5_000,
  headersMs: 20_000,
  bodyMs: 20_000,
  totalMs: 60_000,
  bodyBytes: 16 * 1024 * 1024,
  attempts: 4,
  backoffMs: 200,
  backoffMaxMs: 10_000,
  retryAfterMaxMs: 30_000,
  perSecond: 50,
  connections: 4,
};

const positive = (description: string, byDefault: number, maximum: number): JsonSchema => ({
  type: 'integer',
  minimum: 1,
  maximum,
  default: byDefault,
  description,
});

/** JSON Schema of the `pageRows` option of an HTTP connector. */
export const pageRowsSchema = (byDefault: number): JsonSchema => ({
  type: 'integer',
  minimum: 1,
  maximum: 5000,
  default: byDefault,
  description: 'Rows of a page.',
});

/** JSON Schema of the `http` option of every HTTP connector. */
export const httpOptionsSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  description: 'Limits of each call.',
  properties: {
    connectMs: positive('Time to connect, ms.', HTTP_LIMITS.connectMs, 600_000),
    headersMs: positive('Time to the first byte of an answer, ms.', HTTP_LIMITS.headersMs, 600_000),
    bodyMs: positive('Time between two pieces of a body, ms.', HTTP_LIMITS.bodyMs, 600_000),
    totalMs: positive('Time of one attempt from start to end, ms.', HTTP_LIMITS.totalMs, 600_000),
    bodyBytes: positive(
      'Largest answer, bytes; a larger one is refused.',
      HTTP_LIMITS.bodyBytes,
      268_435_456,
    ),
    attempts: positive('Attempts of one read.', HTTP_LIMITS.attempts, 20),
    backoffMs: positive(
      'First wait between attempts, ms; doubles, with jitter.',
      HTTP_LIMITS.backoffMs,
      60_000,
    ),
    backoffMaxMs: positive('Longest such wait, ms.', HTTP_LIMITS.backoffMaxMs, 600_000),
    retryAfterMaxMs: positive(
      'Longest Retry-After that is waited for, ms.',
      HTTP_LIMITS.retryAfterMaxMs,
      600_000,
    ),
    perSecond: positive('Calls a second at most.', HTTP_LIMITS.perSecond, 10_000),
    connections: positive('Connections at most.', HTTP_LIMITS.connections, 64),
  },
};

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  /** Path below the base address, with its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface Http {
  /**
   * A read (repeatable) call.
   * @param accept turns the answer into a value or throws ConnectorError; `now` means: worth another attempt.
   */
  read<T>(request: HttpRequest, accept: (answer: HttpAnswer) => T, signal: AbortSignal): Promise<T>;
  close(): Promise<void>;
}

export interface HttpTools {
  /** Monotonic milliseconds, for the rate limit. */
  readonly monotonic: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

const TOOLS: HttpTools = {
  monotonic: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, { signal }),
};

/** @param base `http(s)://host:port[/path]` @throws ConnectorError CONFIG */
export function createHttp(
  base: string,
  options: Partial<HttpLimits>,
  context: Pick<ConnectorContext, 'random' | 'note'>,
  tools: HttpTools = TOOLS,
): Http {
  const limits = { ...HTTP_LIMITS, ...options };
  const url = baseUrl(base);
  const prefix = url.pathname.replace(/\/$/, '');
  const pool = lazyPool(url.origin, limits);
  const takeTurn = rateLimit(limits.perSecond, tools);
  const attempt = async (request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> => {
    await takeTurn(signal);
    return exchange(await pool.get(), { ...request, path: prefix + request.path }, limits, signal);
  };
  return {
    async read(request, accept, signal) {
      for (let tried = 1; ; tried++) {
        signal.throwIfAborted();
        try {
          return accept(await attempt(request, signal));
        } catch (error) {
          signal.throwIfAborted();
          const wait = waitBeforeNext(error, tried, limits, context.random);
          const failed = error as ConnectorError;
          context.note({ kind: 'retry', detail: `${failed.code}, attempt ${tried}: ${failed.message}` });
          await tools.sleep(wait, signal);
        }
      }
    },
    close: async () => (await pool.opened())?.destroy(),
  };
}

/** Nothing is loaded and no connection opened for a connector that is only looked at. */
function lazyPool(
  origin: string,
  limits: HttpLimits,
): { get(): Promise<Pool>; opened(): Promise<Pool | undefined> } {
  let opened: Promise<Pool> | undefined;
  const open = async (): Promise<Pool> =>
    new (await import('undici')).Pool(origin, {
      connections: limits.connections,
      pipelining: 1,
      connect: { timeout: limits.connectMs },
      headersTimeout: limits.headersMs,
      bodyTimeout: limits.bodyMs,
    });
  return { get: () => (opened ??= open()), opened: () => Promise.resolve(opened) };
}

function baseUrl(base: string): URL {
  const url = URL.canParse(base) ? new URL(base) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.search !== '') {
    throw new ConnectorError('CONFIG', `expected an http:// or https:// address, found "${base}"`, 'never');
  }
  return url;
}

/** How long to wait before another attempt. @throws the error itself (or as `later`) when there is none */
function waitBeforeNext(error: unknown, tried: number, limits: HttpLimits, random: () => number): number {
  if (!(error instanceof ConnectorError) || error.retry !== 'now') throw error;
  const asked = error.details.retryAfterMs ?? 0;
  if (tried >= limits.attempts || asked > limits.retryAfterMaxMs) {
    throw new ConnectorError(error.code, `${error.message} (after ${tried} attempts)`, 'later', {
      ...error.details,
      cause: error,
    });
  }
  const ceiling = Math.min(limits.backoffMaxMs, limits.backoffMs * 2 ** (tried - 1));
  // Half fixed, half random: hubs that failed together do not come back together.
  return Math.max(asked, ceiling / 2 + (random() * ceiling) / 2);
}

/** Token bucket that holds one second's worth. */
function rateLimit(perSecond: number, tools: HttpTools): (signal: AbortSignal) => Promise<void> {
  let tokens = perSecond;
  let last = tools.monotonic();
  return async (signal) => {
    const now = tools.monotonic();
    tokens = Math.min(perSecond, tokens + ((now - last) / 1000) * perSecond) - 1;
    last = now;
    if (tokens < 0) await tools.sleep((-tokens / perSecond) * 1000, signal);
  };
}

/** We ask for plain bytes: what was not asked for may unpack to any size. */
function refuseCompressed({ headers, body }: Dispatcher.ResponseData, what: string): void {
  const encoding = headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return;
  body.on('error', () => undefined).destroy();
  throw new ConnectorError(
    'PROTOCOL',
    `${what}: expected a plain answer, came one with content-encoding ${String(encoding).slice(0, 32)}`,
    'later',
  );
}

async function exchange(
  pool: Pool,
  request: HttpRequest,
  limits: HttpLimits,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const deadline = deadlineWithin(signal, limits.totalMs);
  const what = `${request.method} ${request.path.split('?')[0] ?? ''}`;
  try {
    const answer = await pool.request({
      method: request.method,
      path: request.path,
      headers: { 'accept-encoding': 'identity', ...request.headers },
      body: request.body ?? null,
      signal: deadline.signal,
    });
    refuseCompressed(answer, what);
    const body = await boundedBody(answer, limits.bodyBytes, what);
    const isRedirect = answer.statusCode >= 300 && answer.statusCode < 400 && answer.statusCode !== 304;
    if (isRedirect) {
      throw new ConnectorError(
        'PROTOCOL',
        `${what}: ${answer.statusCode} redirect; redirects are not followed`,
        'later',
      );
    }
    return { status: answer.statusCode, headers: answer.headers, body };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ConnectorError) throw error;
    if (deadline.isOver) {
      throw new ConnectorError('TIMEOUT', `${what}: no whole answer within ${limits.totalMs} ms`, 'now', {
        cause: error,
      });
    }
    throw transportError(error, what);
  } finally {
    deadline.end();
  }
}

async function boundedBody(answer: Dispatcher.ResponseData, limit: number, what: string): Promise<Buffer> {
  const tooLarge = (): ConnectorError =>
    new ConnectorError(
      'TOO_LARGE',
      `${what}: the answer is larger than ${limit} bytes; ask for smaller pages or raise http.bodyBytes`,
      'never',
    );
  const announced = Number(answer.headers['content-length'] ?? 0);
  const chunks: Buffer[] = [];
  let size = 0;
  if (announced > limit) size = announced;
  else {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) break;
      chunks.push(chunk);
    }
  }
  if (size > limit) {
    // Ends the connection: reading on just to keep it alive would be the flood that the limit is against.
    answer.body.on('error', () => undefined).destroy();
    throw tooLarge();
  }
  return Buffer.concat(chunks, size);
}

const TIMEOUTS = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
]);

function transportError(error: unknown, what: string): ConnectorError {
  const { code, message } = error as { code?: string; message?: string };
  const detail = `${what}: ${code ?? 'connection failed'}${message ? ` (${message})` : ''}`;
  if (code !== undefined && TIMEOUTS.has(code))
    return new ConnectorError('TIMEOUT', detail, 'now', { cause: error });
  const certificate = code !== undefined && /CERT|TLS|SELF_SIGNED|VERIFY/.test(code);
  return new ConnectorError('CONNECTION', detail, certificate ? 'later' : 'now', { cause: error });
}

/**
 * Refuses every status but 200 (and those in `also`).
 * 401/403 AUTH; 410 CURSOR; 408/429/5xx are worth another attempt, Retry-After included.
 */
export function expectOk(answer: HttpAnswer, what: string, also: readonly number[] = []): void {
  const { status } = answer;
  if (status === 200 || also.includes(status)) return;
  const upstreamCode = String(status);
  const message = `${what}: HTTP ${status}`;
  if (status === 401 || status === 403) {
    throw new ConnectorError('AUTH', `${message}; check the key`, 'later', { upstreamCode });
  }
  if (status === 410)
    throw new ConnectorError('CURSOR', `${message}: the cursor is too old`, 'later', { upstreamCode });
  const retryAfterMs = retryAfter(answer.headers['retry-after']);
  const details = { upstreamCode, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  if (status === 429) throw new ConnectorError('RATE_LIMITED', message, 'now', details);
  throw new ConnectorError(
    'HTTP_STATUS',
    message,
    status === 408 || status >= 500 ? 'now' : 'later',
    details,
  );
}

/** Seconds only: the date form needs a clock that agrees with the upstream's. */
function retryAfter(header: string | string[] | undefined): number | undefined {
  return typeof header === 'string' && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined;
}
