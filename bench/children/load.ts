/** Clients on raw sockets with keep-alive, one request at a time on each: what door controllers do. */
import { connect, type Socket } from 'node:net';
import { doorKeyOf, DOORS, uidOf } from '../view-log.js';

export interface LoadArgument {
  readonly cards: number;
  readonly connections: number;
}

export interface LoadAsk {
  readonly port: number;
  readonly ms: number;
}

export interface LoadAnswer {
  readonly requests: number;
  readonly ms: number;
  readonly allowed: number;
  readonly wrong: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
}

const { cards, connections } = JSON.parse(process.argv[2] as string) as LoadArgument;
const REQUESTS = 20_000;
const requests = Array.from({ length: REQUESTS }, (_, i) => {
  const n = (i * 7_919) % cards;
  const body = JSON.stringify({
    subject: { type: 'credential', id: uidOf(n), properties: { readerProfile: 'uid-hex' } },
    resource: { type: 'door', id: doorKeyOf(i % DOORS) },
    action: { name: 'enter' },
  });
  return Buffer.from(
    `POST /access/v1/evaluation HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
});
let next = 0;

async function load({ port, ms }: LoadAsk): Promise<LoadAnswer> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
  const times: number[] = [];
  let allowed = 0;
  let wrong = 0;
  const from = performance.now();
  const until = from + ms;
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve, reject) => {
          let sentAt = 0;
          let held = '';
          const send = (): void => {
            sentAt = performance.now();
            socket.write(requests[next++ % REQUESTS] as Buffer);
          };
          socket.on('error', reject);
          socket.on('data', (piece) => {
            held += piece.toString('latin1');
            const body = bodyOf(held);
            if (body === undefined) return;
            if (body === '{"decision":true}') allowed++;
            else if (body !== '{"decision":false}') wrong++;
            held = '';
            const now = performance.now();
            times.push((now - sentAt) * 1_000);
            if (now < until) send();
            else resolve();
          });
          send();
        }),
    ),
  );
  const elapsed = performance.now() - from;
  for (const socket of sockets) socket.destroy();
  times.sort((a, b) => a - b);
  const at = (q: number): number => times[Math.floor(q * (times.length - 1))] ?? NaN;
  return { requests: times.length, ms: elapsed, allowed, wrong, p50: at(0.5), p99: at(0.99) };
}

/** The body of a whole answer, undefined while some of it is on its way. */
function bodyOf(text: string): string | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const length = /content-length: (\d+)/i.exec(text);
  const body = text.slice(end + 4);
  if (length !== null) return body.length >= Number(length[1]) ? body : undefined;
  // Chunked: one chunk and the end.
  if (!body.endsWith('0\r\n\r\n')) return undefined;
  return body.split('\r\n')[1];
}

async function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

process.on('message', (ask: LoadAsk) => {
  void load(ask).then((answer) => process.send?.(answer));
});
process.send?.({ ready: true });
