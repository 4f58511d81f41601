import { setMaxListeners } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import iconv from 'iconv-lite';
import type { Faults, FaultTarget, Struck } from './faults.js';

/**
 * The HTTP shell of both upstreams: reads a bounded body, asks which faults strike, lets the pure handler
 * answer, then spoils the answer on the socket where a fault says so.
 */
export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  /** The body as UTF-8, and as it came. */
  readonly body: string;
  readonly bytes: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string;
  /** A page of rows: what `half-page` can tear. */
  readonly page?: boolean;
}

export interface Upstream {
  readonly target: FaultTarget;
  /** What `match` of a fault switch is compared with: method name or path. */
  readonly what: (asked: Asked) => string;
  readonly handle: (asked: Asked, struck: Struck) => Answer;
}

export interface Listening {
  readonly url: string;
  readonly close: () => Promise<void>;
}

const BODY_BYTES_MAX = 256 * 1024;

async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > BODY_BYTES_MAX) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function send(response: ServerResponse, answer: Answer, struck: Struck): void {
  const body = Buffer.from(answer.body);
  if (struck.has('cut')) {
    // The head promises the whole body; the connection ends within it.
    response.writeHead(answer.status, { ...answer.headers, 'content-length': String(body.length + 1) });
    response.write(body.subarray(0, body.length >>> 2), () => response.socket?.destroy());
    return;
  }
  // Half a page ends cleanly: only the reader can see that it is torn.
  const whole = answer.page === true && struck.has('half-page') ? body.subarray(0, body.length >>> 1) : body;
  response.writeHead(answer.status, { ...answer.headers, 'content-length': String(whole.length) });
  response.end(whole);
}

async function respond(
  upstream: Upstream,
  faults: Faults,
  request: IncomingMessage,
  response: ServerResponse,
  closing: AbortSignal,
): Promise<void> {
  const bytes = await readBody(request);
  if (bytes === null) {
    response.writeHead(413, { connection: 'close' }).end();
    return;
  }
  const url = new URL(request.url ?? '/', 'http://campus.invalid');
  const { method = 'GET', headers } = request;
  const asked: Asked = { method, url, headers, body: bytes.toString('utf8'), bytes };
  const struck = faults.strike(upstream.target, upstream.what(asked));
  const wait = struck.get('timeout')?.ms ?? (struck.has('timeout') ? 120_000 : undefined);
  if (wait !== undefined) {
    await sleep(wait, undefined, { signal: closing, ref: false });
    response.socket?.destroy();
    return;
  }
  const slow = struck.get('slow');
  if (slow !== undefined) await sleep(slow.ms ?? 2000, undefined, { signal: closing, ref: false });
  if (struck.has('status-5xx')) {
    const text = { 'content-type': 'text/plain', 'retry-after': '1' };
    send(response, { status: 503, headers: text, body: 'Service Unavailable' }, struck);
  } else if (struck.has('gbk-garbage')) {
    const gbk = { 'content-type': 'text/html' };
    send(
      response,
      { status: 200, headers: gbk, body: iconv.encode('系统繁忙，请稍后再试！', 'gbk') },
      struck,
    );
  } else send(response, upstream.handle(asked, struck), struck);
}

/** Starts an upstream on a socket. Rejects when the port is taken. */
export async function listen(
  upstream: Upstream,
  faults: Faults,
  host: string,
  port: number,
  onError: (error: unknown) => void,
): Promise<Listening> {
  const closing = new AbortController();
  // Every answer that is held back waits for it; so many at once are what a fault makes.
  setMaxListeners(0, closing.signal);
  const server = createServer({ requestTimeout: 60_000 }, (request, response) => {
    respond(upstream, faults, request, response, closing.signal).catch((error: unknown) => {
      if (!closing.signal.aborted) onError(error);
      response.socket?.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://${host}:${address.port}`,
    close: () => {
      closing.abort();
      return stop(server);
    },
  };
}

export function stop(server: Pick<Server, 'close' | 'closeAllConnections'>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  return closed;
}
