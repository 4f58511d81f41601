/**
 * The SIP2 server: sockets, limits, TLS. What a line means is `session.ts`.
 *
 *   connect ─▶ too many (in all, or from one address)? cut
 *           ─▶ lines ─▶ session, one line at a time (the socket is paused meanwhile) ─▶ one write
 *   cut when   a line is too long · a line takes too long · nothing comes for too long · no login in time ·
 *              the client does not read its answers · the session has ended
 */
import { readFileSync, statSync } from 'node:fs';
import { createServer as createPlain } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer as createTls } from 'node:tls';
import type { Server as TlsServer } from 'node:tls';
import type { Sip2Config } from '../config/types.js';
import { Sip2Error } from './error.js';
import { LineSplitter } from './framing.js';
import type { Line } from './framing.js';
import { createSession } from './session.js';
import type { Reply, Session, SessionParts } from './session.js';

/** Answers that a client has not read; more, and it never will. */
const UNREAD_BYTES_MAX = 64 * 1024;
/** A refused client waits this long for its last answer to leave. */
const LINGER_MS = 1_000;
const GRACE_MS = 5_000;
const RELOAD_EVERY_MS = 60_000;
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost']);

export type CutReason =
  | 'CONNECTIONS'
  | 'ADDRESS'
  | 'LINE_TOO_LONG'
  | 'LINE_TIMEOUT'
  | 'IDLE'
  | 'LOGIN_TIMEOUT'
  | 'NOT_READING'
  | NonNullable<Reply['end']>;

export interface Sip2Server {
  readonly host: string;
  readonly port: number;
  /** `sip2://host:port` or `sip2s://…`. */
  readonly url: string;
  readonly connections: () => number;
  /** Takes no new connections, lets answers under way leave, then cuts. */
  close(): Promise<void>;
}

export interface Sip2ServerOptions {
  readonly config: Pick<Sip2Config, 'host' | 'port' | 'tls' | 'plaintext' | 'limits'>;
  /** A port that is taken is no error: any free one then. */
  readonly elseAnyPort?: boolean;
  readonly session: SessionParts;
  /** Told of each connection that the server ended. */
  readonly onCut?: (reason: CutReason) => void;
  readonly onMessage?: () => void;
  readonly onProblem?: (what: string, error: unknown) => void;
}

/**
 * Listens.
 * @throws Sip2Error NOT_ENCRYPTED for an address beyond the loopback without TLS and without `plaintext: true`
 */
export async function startSip2(options: Sip2ServerOptions): Promise<Sip2Server> {
  const { config } = options;
  if (!LOOPBACK.has(config.host) && config.tls === undefined && !config.plaintext) {
    throw new Sip2Error(
      'NOT_ENCRYPTED',
      `sip2.host is ${config.host}: SIP2 sends passwords and card numbers as they are. Set sip2.tls, keep to ` +
        '127.0.0.1, or set sip2.plaintext: true for a network of the desks alone.',
      'never',
    );
  }
  const open = new Set<Connection>();
  const accept = acceptor(options, open);
  const server =
    config.tls === undefined ? createPlain({ noDelay: true }, accept) : secure(config.tls, accept, options);
  await listen(server, config).catch((error: unknown) => {
    const isTaken = error instanceof Sip2Error && error.code === 'PORT_IN_USE';
    if (isTaken && options.elseAnyPort === true) return listen(server, { host: config.host, port: 0 });
    throw error;
  });
  const { port } = server.address() as AddressInfo;
  const name = config.host.includes(':') ? `[${config.host}]` : config.host;
  return {
    host: config.host,
    port,
    url: `${config.tls === undefined ? 'sip2' : 'sip2s'}://${name}:${port}`,
    connections: () => open.size,
    close: () => close(server, open),
  };
}

function acceptor(options: Sip2ServerOptions, open: Set<Connection>): (socket: Socket) => void {
  const { limits } = options.config;
  const byAddress = new Map<string, number>();
  return (socket) => {
    socket.on('error', () => socket.destroy());
    const address = socket.remoteAddress ?? '';
    const others = byAddress.get(address) ?? 0;
    if (open.size >= limits.connections || others >= limits.perAddress) {
      options.onCut?.(open.size >= limits.connections ? 'CONNECTIONS' : 'ADDRESS');
      socket.destroy();
      return;
    }
    byAddress.set(address, others + 1);
    const connection = new Connection(socket, options);
    open.add(connection);
    socket.on('close', () => {
      open.delete(connection);
      connection.forget();
      const left = (byAddress.get(address) ?? 1) - 1;
      if (left > 0) byAddress.set(address, left);
      else byAddress.delete(address);
    });
  };
}

class Connection {
  private readonly session: Session;
  private readonly lines: LineSplitter;
  /** The rest of one chunk, at most: a socket whose line is being answered is paused. */
  private readonly waiting: Line[] = [];
  private busy = false;
  private ended = false;
  private closing = false;
  private readonly loginTimer: NodeJS.Timeout;
  private lineTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly options: Sip2ServerOptions,
  ) {
    const { limits } = options.config;
    this.session = createSession(options.session);
    this.lines = new LineSplitter(limits.lineBytes);
    this.loginTimer = setTimeout(() => {
      if (this.session.state !== 'DESK') this.cut('LOGIN_TIMEOUT');
    }, limits.loginMs);
    socket.setKeepAlive(true, 60_000);
    socket.setTimeout(limits.idleMs, () => this.cut('IDLE'));
    socket.on('data', (chunk: Buffer) => this.received(chunk));
  }

  forget(): void {
    this.ended = true;
    clearTimeout(this.loginTimer);
    clearTimeout(this.lineTimer);
  }

  /** At the hub's end: the answer under way still leaves. */
  finish(): void {
    this.closing = true;
    if (!this.busy) this.leave();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private leave(): void {
    this.ended = true;
    this.socket.destroySoon();
  }

  private received(chunk: Buffer): void {
    if (this.ended || this.closing) return;
    const lines = this.lines.push(chunk);
    if (lines === null) return this.cut('LINE_TOO_LONG');
    this.timeLine();
    this.waiting.push(...lines);
    if (!this.busy) this.work();
  }

  /** A line that has begun must end: a byte now and then would keep the idle clock from running. */
  private timeLine(): void {
    if (!this.lines.open) {
      clearTimeout(this.lineTimer);
      this.lineTimer = undefined;
    } else this.lineTimer ??= setTimeout(() => this.cut('LINE_TIMEOUT'), this.options.config.limits.lineMs);
  }

  private work(): void {
    for (let line = this.waiting.shift(); line !== undefined && !this.ended; line = this.waiting.shift()) {
      this.options.onMessage?.();
      const reply = this.session.receive(line);
      if (reply instanceof Promise) {
        this.busy = true;
        this.socket.pause();
        reply.then(
          (late) => this.resume(late),
          (error: unknown) => {
            this.options.onProblem?.('sip2 session', error);
            this.socket.destroy();
          },
        );
        return;
      }
      this.send(reply);
    }
  }

  private resume(reply: Reply): void {
    this.busy = false;
    this.send(reply);
    if (this.ended) return;
    if (this.closing) return this.leave();
    this.work();
    if (!this.busy) this.socket.resume();
  }

  private send({ bytes, end }: Reply): void {
    if (bytes !== undefined && this.socket.writable) this.socket.write(bytes);
    if (end !== undefined) this.cut(end);
    else if (this.socket.writableLength > UNREAD_BYTES_MAX) this.cut('NOT_READING');
  }

  private cut(reason: CutReason): void {
    if (this.ended) return;
    this.ended = true;
    this.options.onCut?.(reason);
    this.waiting.length = 0;
    this.socket.resume(); // what still comes is thrown away, so that the last answer is not lost in a reset
    this.socket.end();
    setTimeout(() => this.socket.destroy(), LINGER_MS).unref();
  }
}

function secure(
  files: NonNullable<Sip2Config['tls']>,
  accept: (socket: Socket) => void,
  options: Sip2ServerOptions,
): TlsServer {
  const context = (): { cert: Buffer; key: Buffer; ca?: Buffer } => {
    try {
      return {
        cert: readFileSync(files.certFile),
        key: readFileSync(files.keyFile),
        ...(files.caFile === undefined ? {} : { ca: readFileSync(files.caFile) }),
      };
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code ?? 'unreadable';
      const message = `sip2.tls: expected readable PEM files, came ${code}; name files that the hub may read`;
      throw new Sip2Error('TLS_FILES', message, 'never', { cause });
    }
  };
  // With an authority of its own the school admits only desks with a certificate.
  const client = files.caFile === undefined ? {} : { requestCert: true, rejectUnauthorized: true };
  const server = createTls(
    {
      ...context(),
      ...client,
      minVersion: 'TLSv1.2',
      noDelay: true,
      handshakeTimeout: options.config.limits.loginMs,
    },
    accept,
  );
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  const stamp = (): string => [files.certFile, files.keyFile].map((file) => statSync(file).mtimeMs).join();
  let known = stamp();
  const timer = setInterval(() => {
    try {
      const now = stamp();
      if (now === known) return;
      server.setSecureContext(context());
      known = now;
    } catch (error) {
      options.onProblem?.('sip2 certificate was not reloaded, the old one stays', error);
    }
  }, RELOAD_EVERY_MS);
  timer.unref();
  server.on('close', () => clearInterval(timer));
  return server;
}

async function listen(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const refuse = (cause: NodeJS.ErrnoException): void => {
      const inUse = cause.code === 'EADDRINUSE';
      const message = inUse
        ? `sip2.port ${port} on ${host} is in use: stop the other process or choose another port`
        : `the SIP2 server cannot listen on ${host}:${port}: ${cause.message}`;
      reject(new Sip2Error(inUse ? 'PORT_IN_USE' : 'LISTEN_FAILED', message, 'later', { cause }));
    };
    server.once('error', refuse);
    server.listen(port, host, () => {
      server.off('error', refuse);
      resolve();
    });
  });
}

async function close(server: Server, open: ReadonlySet<Connection>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const connection of open) connection.finish();
  const cut = setTimeout(() => {
    for (const connection of open) connection.destroy();
  }, GRACE_MS);
  await closed;
  clearTimeout(cut);
}
