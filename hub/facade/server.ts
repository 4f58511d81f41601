/**
 * The facade on a socket. A door decision tells who may go where, which is nobody's business on an open network:
 *
 *   address          clients   TLS
 *   loopback         any       any
 *   any other one    needed, or `open: true`    needed, or `plaintext: true` (a proxy has it), since tokens cross it
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTls, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Hono } from 'hono';
import { createAdmission } from './admission.js';
import type { RequestKind } from './admission.js';
import { limitConnections } from './connections.js';
import type { TurnedAway } from './connections.js';
import { EXPECTATION, HEADERS_MAX, refuseLines } from './header-lines.js';
import { TlsFiles, type TlsPaths } from '../operate/tls-files.js';
import { FacadeError } from './error.js';
import { createListener } from './listener.js';

const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** How often Node looks for requests that are late: by default every 30 s, whatever the limits say. */
const SERVER_OPTIONS = {
  maxHeaderSize: 16_384,
  connectionsCheckingInterval: 1_000,
  keepAlive: true,
  // Looked at with the other lines: Node's own answer says nothing of what is missing.
  requireHostHeader: false,
};
const KEEP_ALIVE_MS = 65_000;
const TLS_MIN = 'TLSv1.2' as const;
/** Requests under way get this long at the end. */
const GRACE_MS = 5_000;

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

export interface FacadeServer {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** What an operator should know about who can reach it. */
  readonly notice: string;
  /** When the certificate in use ends, epoch ms; undefined: no TLS. */
  certificateEnds(): number | undefined;
  /** Takes no new connections, lets requests under way end, then cuts. */
  close(): Promise<void>;
}

/** Told of what was not answered; for metrics. */
export interface FacadeWatch {
  readonly onShed?: (kind: RequestKind) => void;
  readonly onTurnedAway?: (why: TurnedAway) => void;
}

export interface FacadeAddress {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** A port that is taken is no error: any free one then. */
  readonly elseAnyPort?: boolean;
  /** Callers have to say who they are. */
  readonly guarded?: boolean;
  readonly open?: boolean;
  readonly plaintext?: boolean;
  readonly tls?: TlsPaths | undefined;
  readonly onProblem?: (what: string, error: unknown) => void;
  /** How often the files of TLS are looked at. */
  readonly tlsLookMs?: number;
}

/**
 * Listens.
 * @throws FacadeError NOT_LOOPBACK, NOT_ENCRYPTED for an address that others can reach; TLS_FILES; PORT_IN_USE
 */
export async function startFacade(
  app: Pick<Hono, 'fetch'>,
  address: FacadeAddress,
  watch: FacadeWatch = {},
): Promise<FacadeServer> {
  const { host, port } = address;
  refuseUnsafe(address);
  const tls = address.tls === undefined ? undefined : openTls(address.tls);
  const on = (at: number): Promise<Server | TlsServer> => listen(app, host, at, { ...watch, tls });
  const server = await on(port).catch((error: unknown) => {
    const isTaken = error instanceof FacadeError && error.code === 'PORT_IN_USE';
    if (isTaken && address.elseAnyPort === true) return on(0);
    throw error;
  });
  const unwatch = tls?.watch(
    (pem) => (server as TlsServer).setSecureContext({ ...pem, minVersion: TLS_MIN }),
    (error) => address.onProblem?.('facade certificate was not reloaded, the old one stays', error),
    address.tlsLookMs,
  );
  const at = server.address() as AddressInfo;
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    host,
    port: at.port,
    url: `${tls === undefined ? 'http' : 'https'}://${name}:${at.port}`,
    notice: noticeOf(address),
    certificateEnds: () => tls?.expiresAt,
    close: () => {
      unwatch?.();
      return close(server);
    },
  };
}

function refuseUnsafe({ host, guarded = false, open = false, plaintext = false, tls }: FacadeAddress): void {
  if (LOOPBACK.has(host)) return;
  if (!guarded && !open) {
    throw new FacadeError(
      'NOT_LOOPBACK',
      `facade.host is ${host}, and hub.yaml names no clients: everybody there could ask who may go where. ` +
        'Name clients (docs/clients.md), set facade.host to 127.0.0.1, or say facade.open: true.',
      'never',
    );
  }
  if (guarded && tls === undefined && !plaintext) {
    throw new FacadeError(
      'NOT_ENCRYPTED',
      `facade.host is ${host} without TLS: whoever reads along there has the tokens of all clients. Set facade.tls, ` +
        'or facade.plaintext: true where a proxy before the hub has TLS.',
      'never',
    );
  }
}

function noticeOf({ guarded = false, open = false, host }: FacadeAddress): string {
  if (guarded) return open ? 'loopback only, clients of hub.yaml and everybody' : 'clients of hub.yaml only';
  const where = LOOPBACK.has(host) ? 'loopback only, since no clients are configured' : 'open to everybody';
  return open ? 'open to everybody who can reach it (facade.open)' : where;
}

function openTls(paths: TlsPaths): TlsFiles {
  try {
    return new TlsFiles(paths);
  } catch (cause) {
    const message = `facade.tls: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new FacadeError('TLS_FILES', message, 'never', { cause });
  }
}

async function listen(
  app: Pick<Hono, 'fetch'>,
  hostname: string,
  port: number,
  { onShed, onTurnedAway, tls }: FacadeWatch & { readonly tls: TlsFiles | undefined },
): Promise<Server | TlsServer> {
  return new Promise((resolve, reject) => {
    const listener = createListener(app.fetch, createAdmission({ onShed }));
    const server = tls === undefined ? createServer(SERVER_OPTIONS, listener) : secure(tls, listener);
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
    // One more than allowed, since Node drops the rest without a word.
    server.maxHeadersCount = HEADERS_MAX + 1;
    server.on('checkExpectation', (incoming, outgoing) => refuseLines(incoming, outgoing, EXPECTATION));
    limitConnections(server, onTurnedAway);
  });
}

/** With an authority of its own only clients with a certificate of it are let in, beside what they bring in a header. */
function secure(tls: TlsFiles, listener: RequestListener): TlsServer {
  const client = tls.pem.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
  const options = {
    ...SERVER_OPTIONS,
    ...tls.pem,
    ...client,
    minVersion: TLS_MIN,
    handshakeTimeout: HEADERS_TIMEOUT_MS,
  };
  const server = createTls(options, listener);
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

async function close(server: Server | TlsServer): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(cut);
}
