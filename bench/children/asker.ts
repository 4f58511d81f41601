/**
 * Clients on raw sockets with keep-alive, one request at a time on each; what they ask is told beforehand.
 *
 *   {prepare: {name, path, bodies}}     ▶ {}
 *   {run: {name, port, ms}}             ▶ what was found, once it has run so long
 *   {begin: {name, port}} … {end: true} ▶ {}, and what was found until then
 */
import { connect, type Socket } from 'node:net';

export interface AskerArgument {
  readonly connections: number;
}

export interface Prepared {
  readonly name: string;
  readonly path: string;
  readonly bodies: readonly string[];
  /** Headers beside those that every request has; a list: its values in turn. */
  readonly headers?: Readonly<Record<string, readonly string[]>>;
}

export interface Asking {
  readonly name: string;
  readonly port: number;
  /** From an answer to the next request on the same connection; 0: at once. */
  readonly pauseMs?: number;
  /** Fewer connections than there could be. */
  readonly connections?: number;
}

export type AskerMessage =
  | { readonly prepare: Prepared }
  | { readonly run: Asking & { readonly ms: number } }
  | { readonly begin: Asking }
  | { readonly end: true };

export interface AskerAnswer {
  readonly requests: number;
  readonly ms: number;
  /** Decisions in the answers. */
  readonly permits: number;
  readonly denies: number;
  /** Told to come again (503): none of `requests`, and not in the times. */
  readonly shed: number;
  /** Any other status than 200. */
  readonly wrong: number;
  /** Milliseconds from the sending to the whole answer. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const { connections: most } = JSON.parse(process.argv[2] as string) as AskerArgument;
const prepared = new Map<string, readonly Buffer[]>();
let running: Run | undefined;

function prepare({ name, path, bodies, headers = {} }: Prepared): void {
  const lines = (i: number): string =>
    Object.entries(headers)
      .map(([header, values]) => `${header}: ${values[i % values.length]}\r\n`)
      .join('');
  prepared.set(
    name,
    bodies.map((body, i) =>
      Buffer.from(
        `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n${lines(i)}` +
          `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      ),
    ),
  );
}

class Run {
  readonly finished: Promise<void>;
  private readonly times: number[] = [];
  private readonly from = performance.now();
  private readonly counts = { permits: 0, denies: 0, shed: 0, wrong: 0 };
  private next = 0;
  private ended = false;

  constructor(
    private readonly sockets: readonly Socket[],
    private readonly requests: readonly Buffer[],
    private readonly pauseMs: number,
  ) {
    this.finished = Promise.all(sockets.map((socket) => this.use(socket))).then(() => undefined);
    this.finished.catch(() => undefined); // told to whoever ends it
  }

  async end(): Promise<AskerAnswer> {
    this.ended = true;
    await this.finished;
    const ms = performance.now() - this.from;
    for (const socket of this.sockets) socket.removeAllListeners('close').destroy();
    const sorted = this.times.sort((a, b) => a - b);
    const at = (q: number): number => sorted[Math.floor(q * (sorted.length - 1))] ?? NaN;
    return { requests: sorted.length, ms, ...this.counts, p50: at(0.5), p99: at(0.99), max: at(1) };
  }

  private use(socket: Socket): Promise<void> {
    return new Promise((resolve, reject) => {
      let sentAt = 0;
      let held = '';
      const send = (): void => {
        if (this.ended) return resolve();
        sentAt = performance.now();
        socket.write(this.requests[this.next++ % this.requests.length] as Buffer);
      };
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('the server ended a connection')));
      socket.on('data', (piece) => {
        held += piece.toString('latin1');
        if (!isWhole(held)) return;
        if (held.startsWith('HTTP/1.1 503')) this.counts.shed++;
        else this.times.push(performance.now() - sentAt);
        if (!/^HTTP\/1\.1 (?:200|503)/.test(held)) this.counts.wrong++;
        this.counts.permits += occurrences(held, '"decision":true');
        this.counts.denies += occurrences(held, '"decision":false');
        held = '';
        if (this.pauseMs > 0) setTimeout(send, this.pauseMs);
        else send();
      });
      // Not all at the same moment, where there is a pause between them.
      setTimeout(send, Math.random() * this.pauseMs);
    });
  }
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /content-length: (\d+)/i.exec(text.slice(0, end));
  return length === null ? text.endsWith('\r\n0\r\n\r\n') : text.length - end - 4 >= Number(length[1]);
}

function occurrences(text: string, what: string): number {
  let count = 0;
  for (let at = text.indexOf(what); at >= 0; at = text.indexOf(what, at + what.length)) count++;
  return count;
}

async function begin({ name, port, pauseMs = 0, connections = most }: Asking): Promise<Run> {
  const requests = prepared.get(name);
  if (requests === undefined) throw new Error(`nothing is prepared as ${name}`);
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
  return new Run(sockets, requests, pauseMs);
}

async function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

async function answer(message: AskerMessage): Promise<object> {
  if ('prepare' in message) {
    prepare(message.prepare);
    return {};
  }
  if ('begin' in message) {
    running = await begin(message.begin);
    return {};
  }
  if ('run' in message) {
    const run = await begin(message.run);
    await new Promise((resolve) => setTimeout(resolve, message.run.ms));
    return run.end();
  }
  if (running === undefined) throw new Error('nothing runs');
  return running.end();
}

process.on('message', (message: AskerMessage) => {
  void answer(message).then((said) => process.send?.(said));
});
process.send?.({ ready: true });
