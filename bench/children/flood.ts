/**
 * Clients that ask at a rate of their own, whether or not the answers keep up (an open loop), over raw sockets in a
 * process of their own. A connection has one request on its way; what finds none free waits here, and its wait counts.
 *
 * They are bad clients: who is told 503 asks again at once, and Retry-After is not looked at.
 */
import { connect, type Socket } from 'node:net';
import { doorKeyOf, DOORS, uidOf } from '../view-log.js';

export interface FloodArgument {
  readonly cards: number;
  readonly connections: number;
}

export interface FloodAsk {
  readonly port: number;
  readonly ms: number;
  /** Requests a second. */
  readonly rate: number;
}

export interface FloodAnswer {
  readonly ms: number;
  readonly admitted: number;
  readonly shed: number;
  /** 503 without Retry-After, or anything that is neither a decision nor a 503. */
  readonly wrong: number;
  /** Due, but never sent: no connection was free until the end. */
  readonly unsent: number;
  /** Of those admitted, milliseconds from the sending to the whole answer. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Of those shed. */
  readonly shedP99: number;
}

interface Line {
  readonly socket: Socket;
  sentAt: number;
  held: string;
}

const { cards, connections } = JSON.parse(process.argv[2] as string) as FloodArgument;
const REQUESTS = 20_000;
const TICK_MS = 1;
const requests = Array.from({ length: REQUESTS }, (_, i) => {
  const body = JSON.stringify({
    subject: { type: 'credential', id: uidOf((i * 7_919) % cards), properties: { readerProfile: 'uid-hex' } },
    resource: { type: 'door', id: doorKeyOf(i % DOORS) },
    action: { name: 'enter' },
  });
  return Buffer.from(
    `POST /access/v1/evaluation HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
});

async function flood({ port, ms, rate }: FloodAsk): Promise<FloodAnswer> {
  const free: Line[] = [];
  const admitted: number[] = [];
  const shed: number[] = [];
  let wrong = 0;
  let underWay = 0;
  let next = 0;
  const lines = await Promise.all(Array.from({ length: connections }, () => open(port)));
  const finished = (line: Line): void => {
    const took = performance.now() - line.sentAt;
    const { held } = line;
    line.held = '';
    underWay -= 1;
    if (held.startsWith('HTTP/1.1 200') && held.includes('{"decision":')) admitted.push(took);
    else if (held.startsWith('HTTP/1.1 503') && /\nretry-after: \d/i.test(held)) shed.push(took);
    else wrong += 1;
    free.push(line);
  };
  for (const line of lines) {
    free.push(line);
    line.socket.on('data', (piece) => {
      line.held += piece.toString('latin1');
      if (isWhole(line.held)) finished(line);
    });
    line.socket.on('error', () => (wrong += 1));
  }
  const from = performance.now();
  let sent = 0;
  let due = 0;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const passed = performance.now() - from;
      due = Math.floor((Math.min(passed, ms) * rate) / 1_000);
      for (; sent < due; sent++) {
        const line = free.pop();
        if (line === undefined) break;
        line.sentAt = performance.now();
        underWay += 1;
        line.socket.write(requests[next++ % REQUESTS] as Buffer);
      }
      if (passed < ms || underWay > 0) return;
      clearInterval(timer);
      resolve();
    }, TICK_MS);
  });
  for (const { socket } of lines) socket.destroy();
  const at = (times: number[], q: number): number => {
    times.sort((a, b) => a - b);
    return times[Math.floor(q * (times.length - 1))] ?? NaN;
  };
  return {
    ...{ ms, admitted: admitted.length, shed: shed.length, wrong, unsent: due - sent },
    ...{ p50: at(admitted, 0.5), p99: at(admitted, 0.99), max: at(admitted, 1), shedP99: at(shed, 0.99) },
  };
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /content-length: (\d+)/i.exec(text.slice(0, end));
  return length !== null && text.length - end - 4 >= Number(length[1]);
}

async function open(port: number): Promise<Line> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () =>
      resolve({ socket, sentAt: 0, held: '' }),
    );
    socket.once('error', reject);
  });
}

process.on('message', (ask: FloodAsk) => {
  void flood(ask).then((answer) => process.send?.(answer));
});
process.send?.({ ready: true });
