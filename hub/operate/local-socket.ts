import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/*
 * The running hub's local socket: HTTP and JSON over a Unix domain socket in the data folder. The command
 * line asks the running hub through it, since no second process writes (rule 14).
 *
 *   POST /{name}   body: JSON   →   200 {"ok": true, "result": …}   or   200 {"ok": false, "code", "message"}
 *
 * Who may open the socket's file may give commands: its mode is 0600, there is no other login.
 */

export const LOCAL_LIMITS = {
  requestBytes: 1024 * 1024,
  answerBytes: 64 * 1024 * 1024,
  timeoutMsDefault: 30_000,
  connections: 32,
} as const;

const SOCKET_NAME = 'hub.sock';
/** Holds the socket's path when the data folder's own is too long. */
const POINTER_NAME = 'hub.sock.path';
/** sockaddr_un has 108 bytes on Linux and 104 on macOS, one of them for the closing zero. */
const SOCKET_PATH_BYTES_MAX = 103;

/** Answers one kind of request. What it throws becomes `{ok: false}` with the error's `code`, or INTERNAL. */
export type LocalHandler = (body: unknown, signal: AbortSignal) => Promise<unknown>;

export interface LocalServer {
  readonly path: string;
  close(): Promise<void>;
}

export type LocalErrorCode =
  | 'NOT_RUNNING' // no hub listens on this data folder
  | 'IN_USE' // another hub listens on this data folder
  | 'NOT_ALLOWED' // the socket belongs to another user
  | 'TIMEOUT'
  | 'UNKNOWN_REQUEST'
  | 'TOO_LARGE'
  | 'NOT_JSON'
  | 'CUT_OFF' // the hub ended while it answered; the outcome is unknown
  | 'INTERNAL';

export type LocalAnswer =
  | { readonly ok: true; readonly result: unknown }
  /** `code`: a LocalErrorCode, or the code of the handler's own error. */
  | { readonly ok: false; readonly code: string; readonly message: string };

export class LocalSocketError extends Error {
  override readonly name = 'LocalSocketError';
  constructor(
    readonly code: LocalErrorCode,
    message: string,
    readonly retry: 'now' | 'later' | 'never',
  ) {
    super(message);
  }
}

/**
 * Listens on the data folder's socket. Take the log's own lock first: a socket file that nobody answers is
 * removed as left over from a hub that was killed.
 *
 * @throws LocalSocketError IN_USE when a running hub answers there.
 */
export async function serveLocal(
  dir: string,
  handlers: Readonly<Record<string, LocalHandler>>,
): Promise<LocalServer> {
  const path = chooseSocketPath(dir, tmpdir());
  const local = await serveSocket(path, handlers);
  if (path === join(dir, SOCKET_NAME)) rmSync(join(dir, POINTER_NAME), { force: true });
  else writeFileSync(join(dir, POINTER_NAME), path, { mode: 0o600 });
  return {
    path,
    close: async () => {
      rmSync(join(dir, POINTER_NAME), { force: true });
      await local.close();
    },
  };
}

/**
 * Listens on this socket alone, mode 0600 until `opened` says otherwise.
 * @throws LocalSocketError IN_USE; whatever `opened` throws, and then nothing listens
 */
export async function serveSocket(
  path: string,
  handlers: Readonly<Record<string, LocalHandler>>,
  opened: () => void = () => undefined,
): Promise<LocalServer> {
  const server = createServer((incoming, outgoing) => {
    void answer(incoming, outgoing, handlers);
  });
  server.maxConnections = LOCAL_LIMITS.connections;
  if (await answers(path)) {
    const message = `another hub is running on ${dirname(path)}; stop it, or use another data folder`;
    throw new LocalSocketError('IN_USE', message, 'never');
  }
  rmSync(path, { force: true });
  await listen(server, path);
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  try {
    opened();
  } catch (error) {
    await close();
    throw error;
  }
  return { path, close };
}

/** Bind with the mode already tight: between bind and chmod another user could connect. */
async function listen(server: Server, path: string): Promise<void> {
  const before = setUmask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, () => resolve());
      // listen has bound by now; only its event comes later.
      if (before !== undefined) setUmask(before);
    });
  } finally {
    if (before !== undefined) setUmask(before);
  }
  chmodSync(path, 0o600);
}

/** Undefined in a worker thread, where Node refuses to change the umask. */
function setUmask(mask: number): number | undefined {
  try {
    return process.umask(mask);
  } catch {
    return undefined;
  }
}

/**
 * `{dir}/hub.sock`, or where that is too long a path in a folder of our own under the temporary folder, named
 * by the hash of the data folder.
 */
function chooseSocketPath(dir: string, temporary: string): string {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const own = join(dir, SOCKET_NAME);
  if (Buffer.byteLength(own) <= SOCKET_PATH_BYTES_MAX) return own;
  const hash = createHash('sha256').update(realpathSync(dir)).digest('hex').slice(0, 16);
  const name = `cardhub-${process.getuid?.() ?? 0}-${hash}`;
  const folder = [join(temporary, name), join('/tmp', name)].find(
    (candidate) => Buffer.byteLength(join(candidate, SOCKET_NAME)) <= SOCKET_PATH_BYTES_MAX,
  );
  if (folder === undefined) throw new Error(`no path short enough for a socket under ${temporary}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  // Anyone may make folders in /tmp: use it only if it is really ours.
  if (!found.isDirectory() || (found.mode & 0o077) !== 0 || found.uid !== (process.getuid?.() ?? found.uid)) {
    throw new LocalSocketError(
      'NOT_ALLOWED',
      `expected ${folder} to be a folder of ours with mode 0700; remove it`,
      'never',
    );
  }
  return join(folder, SOCKET_NAME);
}

/** Where the hub of this data folder listens, if it does. */
export function localSocketPath(dir: string): string {
  try {
    return readFileSync(join(dir, POINTER_NAME), 'utf8').trim();
  } catch {
    return join(dir, SOCKET_NAME);
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (value: boolean): void => {
      socket.destroy();
      resolve(value);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code === 'EACCES'));
  });
}

async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handlers: Readonly<Record<string, LocalHandler>>,
): Promise<void> {
  // When the hub ends too: its socket closes all connections.
  const gone = new AbortController();
  outgoing.once('close', () => gone.abort());
  let result: LocalAnswer;
  try {
    const name = (incoming.url ?? '/').slice(1);
    const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
    if (handler === undefined) {
      const known = Object.keys(handlers).join(', ');
      throw new LocalSocketError('UNKNOWN_REQUEST', `expected one of: ${known}; came ${name}`, 'never');
    }
    const body = parse(await readAll(incoming, LOCAL_LIMITS.requestBytes));
    result = { ok: true, result: (await handler(body, gone.signal)) ?? null };
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const message = error instanceof Error ? error.message : String(error);
    result = { ok: false, code: typeof code === 'string' ? code : 'INTERNAL', message };
  }
  outgoing.writeHead(200, { 'content-type': 'application/json' });
  outgoing.end(JSON.stringify(result));
}

/**
 * Asks the hub that runs on this data folder. Never throws for what a hub or its absence can cause; see the
 * answer's `code`.
 */
export function askLocal(
  dir: string,
  name: string,
  body: unknown = null,
  options: {
    readonly timeoutMs?: number;
    readonly signal?: AbortSignal;
    /** Default: that of the data folder. */
    readonly socket?: string;
  } = {},
): Promise<LocalAnswer> {
  const path = options.socket ?? localSocketPath(dir);
  const text = JSON.stringify(body);
  // Checked here too: the hub breaks the connection off at its limit, and the reason may not get through.
  const tooLarge = Buffer.byteLength(text) > LOCAL_LIMITS.requestBytes;
  if (tooLarge) return Promise.resolve(failure(tooMuch(LOCAL_LIMITS.requestBytes), dir, false));
  const limit = AbortSignal.timeout(options.timeoutMs ?? LOCAL_LIMITS.timeoutMsDefault);
  const signal = options.signal === undefined ? limit : AbortSignal.any([limit, options.signal]);
  return new Promise((resolve) => {
    const fail = (error: unknown): void => resolve(failure(error, dir, limit.aborted));
    const asked = request({ socketPath: path, method: 'POST', path: `/${name}`, signal }, (incoming) => {
      readAll(incoming, LOCAL_LIMITS.answerBytes)
        .then((answered) => resolve(parse(answered) as LocalAnswer))
        .catch(fail);
    });
    // `on`, since a connection that breaks may report twice; the first report settles the answer.
    asked.on('error', fail);
    asked.end(text);
  });
}

function failure(error: unknown, dir: string, timedOut: boolean): LocalAnswer {
  const { code, message } = error as NodeJS.ErrnoException;
  const no = (as: LocalErrorCode, text: string): LocalAnswer => ({ ok: false, code: as, message: text });
  if (timedOut) return no('TIMEOUT', `the hub running on ${dir} gave no answer in time`);
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ECONNREFUSED') {
    return no('NOT_RUNNING', `expected a running hub on ${dir}; none answers: start it with \`cardhub run\``);
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return no(
      'NOT_ALLOWED',
      `the hub running on ${dir} belongs to another user; run this command as that user`,
    );
  }
  if (error instanceof LocalSocketError) return no(error.code, message);
  return no('CUT_OFF', `the hub running on ${dir} broke off its answer: ${message}`);
}

function tooMuch(bytesMax: number): LocalSocketError {
  return new LocalSocketError('TOO_LARGE', `expected at most ${bytesMax} bytes; more came`, 'never');
}

async function readAll(incoming: IncomingMessage, bytesMax: number): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of incoming as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > bytesMax) {
      throw tooMuch(bytesMax);
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    throw new LocalSocketError('NOT_JSON', 'expected JSON; came something else', 'never');
  }
}
