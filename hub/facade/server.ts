/**
 * The facade on a socket. Until clients can authenticate it listens on the loopback only: a door decision tells
 * who may go where, which is nobody's business on an open network.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Hono } from 'hono';
import { createAdmission } from './admission.js';
import type { RequestKind } from './admission.js';
import { limitConnections } from './connections.js';
import type { TurnedAway } from './connections.js';
import { createListener } from './listener.js';

const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const HEADERS_MAX = 100;
/** How often Node looks for requests that are late: by default every 30 s, whatever the limits say. */
const SERVER_OPTIONS = { maxHeaderSize: 16_384, connectionsCheckingInterval: 1_000, keepAlive: true };
const KEEP_ALIVE_MS = 65_000;
/** Requests under way get this long at the end. */
const GRACE_MS = 5_000;

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

export class FacadeError extends Error {
  override readonly name = 'FacadeError';
  constructor(
    readonly code: 'NOT_LOOPBACK' | 'PORT_IN_USE' | 'LISTEN_FAILED',
    message: string,
    readonly retry: 'now' | 'later' | 'never',
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

export interface FacadeServer {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** What an operator should know about who can reach it. */
  readonly notice: string;
  /** Takes no new connections, lets requests under way end, then cuts. */
  close(): Promise<void>;
}

/** Told of what was not answered; for metrics. */
export interface FacadeWatch {
  readonly onShed?: (kind: RequestKind) => void;
  readonly onTurnedAway?: (why: TurnedAway) => void;
}

/**
 * Listens.
 * @param port 0: any free one
 * @throws FacadeError NOT_LOOPBACK for any other address; PORT_IN_USE
 */
export async function startFacade(
  app: Pick<Hono, 'fetch'>,
  { host, port }: { host: string; port: number },
  watch: FacadeWatch = {},
): Promise<FacadeServer> {
  if (!LOOPBACK.has(host)) {
    throw new FacadeError(
      'NOT_LOOPBACK',
      `facade.host is ${host}: clients cannot authenticate yet, so the facade listens on the loopback only. ` +
        'Set facade.host to 127.0.0.1, and let a reverse proxy that authenticates stand before it.',
      'never',
    );
  }
  const server = await listen(app, host, port, watch);
  const at = server.address() as AddressInfo;
  const name = host === '::1' ? '[::1]' : host;
  return {
    host,
    port: at.port,
    url: `http://${name}:${at.port}`,
    notice: 'loopback only, since clients cannot authenticate yet',
    close: () => close(server),
  };
}

async function listen(
  app: Pick<Hono, 'fetch'>,
  hostname: string,
  port: number,
  { onShed, onTurnedAway }: FacadeWatch,
): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(SERVER_OPTIONS, createListener(app.fetch, createAdmission({ onShed })));
    const refuse = (cause: NodeJS.ErrnoException): void => {
      const inUse = cause.code === 'EADDRINUSE';
      const message = inUse
        ? `facade.port ${port} on ${hostname} is in use: stop the other process or choose another port`
        : `the facade cannot listen on ${hostname}:${port}: ${cause.message}`;
      reject(new FacadeError(inUse ? 'PORT_IN_USE' : 'LISTEN_FAILED', message, 'later', { cause }));
    };
    server.once('error', refuse);
    server.listen(port, hostname, () => {
      server.off('error', refuse);
      resolve(server);
    });
    server.headersTimeout = HEADERS_TIMEOUT_MS;
    server.requestTimeout = REQUEST_TIMEOUT_MS;
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    server.maxHeadersCount = HEADERS_MAX;
    limitConnections(server, onTurnedAway);
  });
}

async function close(server: Server): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(cut);
}
