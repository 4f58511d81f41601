/**
 * Clients that hold connections and say nothing, or say it slowly, or do not listen: what a hub must bear while doors go
 * on being answered.
 *
 *   idle       one request, answered, and then silence with the connection kept
 *   slow       headers that come a byte at a time and never end
 *   half-open  half a body, and then nothing more, as when the client's machine is gone without a word
 *   deaf       many requests, and not one answer is read
 */
import { connect, type Socket } from 'node:net';
import { Wire } from './wire.js';

export interface SocketsReport {
  readonly idle: number;
  /** Of those, still open after all others were at it. */
  readonly idleKept: number;
  /** How many the hub had ended by itself. */
  readonly ended: Readonly<Record<'slow' | 'half-open', { readonly of: number; readonly ended: number }>>;
  /** Decisions asked one after the other meanwhile, and the slowest, ms. */
  readonly decisions: number;
  readonly slowestMs: number;
  readonly p99Ms: number;
}

const BODY =
  '{"subject":{"type":"card","id":"core:1"},"resource":{"type":"door","id":"gate:D-00000"},"action":{"name":"enter"}}';
const POST = `POST /access/v1/evaluation HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n`;
const ASK = Buffer.from(POST + BODY);
const LIVE = Buffer.from('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n');
const OPENED_AT_ONCE = 100;
/** The hub ends half requests after 10 s, and looks each second. */
const ENDED_MS = 12_500;
/** Each sends at once what a client that waits for its answers needs minutes for. */
const DEAF = 10;
const DEAF_REQUESTS = 2_000;

export async function holdSockets(port: number, count: number): Promise<SocketsReport> {
  const few = Math.max(10, Math.floor(count / 50));
  const idle: Wire[] = [];
  for (let at = 0; at < count; at += OPENED_AT_ONCE) {
    const more = Array.from({ length: Math.min(OPENED_AT_ONCE, count - at) }, () => new Wire(port));
    await Promise.all(more.map((wire) => wire.ask(LIVE)));
    idle.push(...more);
  }
  const slow = await openAll(port, few, (socket) => drip(socket));
  const half = await openAll(port, few, (socket) => socket.resume().write(POST + BODY.slice(0, 20)));
  const deaf = await openAll(port, DEAF, (socket) => {
    socket.pause();
    for (let i = 0; i < DEAF_REQUESTS; i++) socket.write(ASK);
  });
  const times = await askFor(port, ENDED_MS);
  const ended = (held: readonly Held[]) => ({
    of: held.length,
    ended: held.filter((one) => one.isEnded()).length,
  });
  const found = { slow: ended(slow), 'half-open': ended(half) };
  const answered = await Promise.all(
    idle.map((wire) =>
      wire.ask(LIVE).then(
        (one) => one?.status === 200,
        () => false,
      ),
    ),
  );
  for (const wire of idle) wire.close();
  for (const { socket } of [...slow, ...half, ...deaf]) socket.destroy();
  times.sort((a, b) => a - b);
  return {
    ...{ idle: count, idleKept: answered.filter(Boolean).length, ended: found, decisions: times.length },
    slowestMs: times.at(-1) ?? NaN,
    p99Ms: times[Math.floor(0.99 * (times.length - 1))] ?? NaN,
  };
}

interface Held {
  readonly socket: Socket;
  readonly isEnded: () => boolean;
}

async function openAll(port: number, count: number, begin: (socket: Socket) => unknown): Promise<Held[]> {
  return Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<Held>((resolve, reject) => {
          const socket = connect(port, '127.0.0.1', () => {
            begin(socket);
            resolve({ socket, isEnded: () => over });
          });
          let over = false;
          socket.on('close', () => (over = true));
          socket.on('error', (error) => {
            over = true;
            reject(error); // nobody looks any more once it was open
          });
        }),
    ),
  );
}

function drip(socket: Socket): void {
  const text = 'GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: ';
  let at = 0;
  const timer = setInterval(() => {
    if (socket.destroyed || socket.writableEnded) clearInterval(timer);
    else socket.write(text[at++] ?? 'a');
  }, 200);
  socket.resume();
}

/** Decisions one after the other on a connection of its own; how long each took, ms. */
async function askFor(port: number, ms: number): Promise<number[]> {
  const wire = new Wire(port);
  const times: number[] = [];
  const until = performance.now() + ms;
  while (performance.now() < until) {
    const from = performance.now();
    const answer = await wire.ask(ASK);
    if (answer?.status !== 200)
      throw new Error(`a decision was answered with ${answer?.status ?? 'silence'}`);
    times.push(performance.now() - from);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  wire.close();
  return times;
}
