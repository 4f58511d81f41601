/** Desks on sockets, one message at a time on each, with error detection: patron status (23), every reader another one. */
import { connect, type Socket } from 'node:net';
import { checksumOf } from '../../hub/sip2/checksum.js';
import { uidOf } from '../view-log.js';
import { DESK } from '../sip2-desk.js';
import type { LoadAnswer, LoadArgument, LoadAsk } from './load.js';

const { cards, connections } = JSON.parse(process.argv[2] as string) as LoadArgument;
const REQUESTS = 20_000;
const requests = Array.from({ length: REQUESTS }, (_, i) => {
  const reader = uidOf((i * 7_919) % cards);
  const head = Buffer.from(`2300120261123    100000AO${DESK.institution}|AA${reader}|AC|AY${i % 10}AZ`);
  return Buffer.concat([head, Buffer.from(`${checksumOf(head)}\r`)]);
});
const LOGIN = `9300CN${DESK.user}|CO${DESK.password}|CP${DESK.location}|\r`;
let next = 0;

async function load({ port, ms }: LoadAsk): Promise<LoadAnswer> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => logIn(port)));
  const times: number[] = [];
  let allowed = 0;
  let wrong = 0;
  const from = performance.now();
  const until = from + ms;
  const run = (socket: Socket): Promise<void> =>
    new Promise((resolve, reject) => {
      let sentAt = 0;
      let held = '';
      const send = (): void => {
        sentAt = performance.now();
        socket.write(requests[next++ % REQUESTS] as Buffer);
      };
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('the server ended a connection')));
      socket.on('data', (piece) => {
        held += piece.toString('latin1');
        if (!held.endsWith('\r')) return;
        if (held.includes('|BLY|')) allowed++;
        else if (!held.startsWith('24')) wrong++;
        held = '';
        const now = performance.now();
        times.push((now - sentAt) * 1_000);
        if (now < until) send();
        else resolve();
      });
      send();
    });
  await Promise.all(sockets.map(run));
  const elapsed = performance.now() - from;
  for (const socket of sockets) socket.removeAllListeners('close').destroy();
  times.sort((a, b) => a - b);
  const at = (q: number): number => times[Math.floor(q * (times.length - 1))] ?? NaN;
  return { requests: times.length, ms: elapsed, allowed, wrong, p50: at(0.5), p99: at(0.99) };
}

async function logIn(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const answer = await new Promise<Buffer>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('data', resolve);
    socket.write(LOGIN);
  });
  if (!answer.toString().startsWith('941')) throw new Error(`login answered ${answer.toString()}`);
  return socket;
}

process.on('message', (ask: LoadAsk) => {
  void load(ask).then((answer) => process.send?.(answer));
});
process.send?.({ ready: true });
