/**
 * A client that sends whatever it is told to, byte for byte, over one socket that it opens again when it must. Ordinary
 * clients refuse to send most of what a hostile one does.
 */
import { connect, type Socket } from 'node:net';

export interface WireAnswer {
  readonly status: number;
  /** Lower case; of a repeated one the last. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

const ANSWER_MS_MAX = 15_000;

export class Wire {
  #socket: Socket | undefined;

  constructor(private readonly port: number) {}

  /**
   * One request, one answer.
   * @param hasBody false for HEAD: its answer has none whatever its headers say
   * @returns null: the other end closed without a word
   */
  async ask(bytes: Buffer, hasBody = true): Promise<WireAnswer | null> {
    const socket = (this.#socket ??= await open(this.port));
    return new Promise((resolve, reject) => {
      let held: Buffer = Buffer.alloc(0);
      const done = (answer: WireAnswer | null, isOver: boolean): void => {
        clearTimeout(late);
        socket.removeAllListeners('data').removeAllListeners('close').removeAllListeners('error');
        socket.on('error', () => undefined);
        if (isOver) this.close();
        resolve(answer);
      };
      const late = setTimeout(() => {
        this.close();
        reject(
          new Error(`no answer within ${ANSWER_MS_MAX} ms to ${bytes.subarray(0, 200).toString('latin1')}`),
        );
      }, ANSWER_MS_MAX);
      socket.on('data', (piece: Buffer) => {
        held = held.length === 0 ? piece : Buffer.concat([held, piece]);
        const answer = parse(held, hasBody);
        if (answer !== undefined) done(answer, answer.headers.get('connection') === 'close');
      });
      // A broken pipe: the answer may have come before it.
      socket.on('error', () => undefined);
      socket.on('close', () => done(parse(held, hasBody) ?? null, true));
      socket.write(bytes);
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }
}

async function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => {
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

/** Undefined: some of it is on its way. */
function parse(bytes: Buffer, hasBody: boolean): WireAnswer | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? NaN);
  if (Number.isNaN(status)) throw new Error(`no answer of HTTP/1.1: ${first.slice(0, 100)}`);
  if (status === 100) return parse(bytes.subarray(end + 4), hasBody);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const at = line.indexOf(':');
    headers.set(line.slice(0, at).toLowerCase(), line.slice(at + 1).trim());
  }
  const rest = bytes.subarray(end + 4);
  if (!hasBody || status === 204 || status === 304) return { status, headers, body: Buffer.alloc(0) };
  if (headers.get('transfer-encoding') === 'chunked') {
    const body = unchunked(rest);
    return body === undefined ? undefined : { status, headers, body };
  }
  const length = Number(headers.get('content-length') ?? 0);
  return rest.length < length ? undefined : { status, headers, body: rest.subarray(0, length) };
}

function unchunked(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return undefined;
    const length = Number.parseInt(bytes.subarray(at, end).toString('latin1'), 16);
    const next = end + 2 + length + 2;
    if (bytes.length < next) return undefined;
    if (length === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(end + 2, end + 2 + length));
    at = next;
  }
}
