/**
 * What a connection may cost. Idle ones are cheap, so many of them are kept; but nobody is turned away for the sake of
 * somebody who says nothing.
 *
 *   connections ── 12,000 ──▶ the idle ones are ended ── 16,000 ──▶ new ones are not taken
 *
 * A client that sends slowly has 5 s for its headers and 10 s for the whole request (Node's own timers, `server.ts`); one
 * that does not read its answers has 30 s. What cannot be a request gets one answer and no further word.
 */
import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ProblemCode } from './problems.js';
import { PROBLEM_TITLES, problemText } from './problems.js';

const CONNECTIONS_MAX = 16_000;
const IDLE_ENDED_FROM = 12_000;
const IDLE_ENDED_EVERY_MS = 1_000;
/** Longer than any handler waits; only a client that does not read, or a dead one, says nothing for so long. */
const SILENT_MS = 30_000;
const ANSWER_READ_MS = 1_000;

export type TurnedAway = 'CONNECTIONS' | 'HEADERS_TOO_LARGE' | 'REQUEST_TIMEOUT' | 'BAD_REQUEST';

export function limitConnections(
  server: Server,
  onTurnedAway: (why: TurnedAway) => void = () => undefined,
): void {
  let open = 0;
  let endedAt = -Infinity;
  server.maxConnections = CONNECTIONS_MAX;
  server.timeout = SILENT_MS;
  server.on('connection', (socket) => {
    open += 1;
    socket.once('close', () => (open -= 1));
    if (open < IDLE_ENDED_FROM || performance.now() - endedAt < IDLE_ENDED_EVERY_MS) return;
    endedAt = performance.now();
    server.closeIdleConnections();
  });
  server.on('drop', () => onTurnedAway('CONNECTIONS'));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const why = WHY[error.code ?? ''] ?? 'BAD_REQUEST';
    onTurnedAway(why);
    turnAway(socket, why, error);
  });
}

const WHY: Readonly<Record<string, Exclude<TurnedAway, 'CONNECTIONS'>>> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'HEADERS_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
};
const DETAILS: Readonly<Partial<Record<ProblemCode, string>>> = {
  HEADERS_TOO_LARGE: 'expected headers of at most 16384 bytes',
  REQUEST_TIMEOUT: 'expected the headers within 5 s and the whole request within 10 s',
};

/** There is no request to answer, so nothing but bytes; in the middle of an answer there is nothing to say at all. */
function turnAway(
  socket: Duplex,
  why: Exclude<TurnedAway, 'CONNECTIONS'>,
  error: NodeJS.ErrnoException,
): void {
  const answering =
    (socket as { _httpMessage?: { headersSent: boolean } | null })._httpMessage?.headersSent === true;
  if (error.code === 'ECONNRESET' || !socket.writable || answering) {
    socket.destroy();
    return;
  }
  const [status, title] = PROBLEM_TITLES[why];
  const body = problemText(why, DETAILS[why] ?? 'expected a request of HTTP/1.1');
  const head =
    `HTTP/1.1 ${status} ${STATUS_TEXTS[why] ?? title}\r\ncontent-type: application/problem+json\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`;
  socket.end(head + body);
  // Cut at once, unread bytes would make the system take the answer back (RST).
  const cut = setTimeout(() => socket.destroy(), ANSWER_READ_MS);
  socket.once('close', () => clearTimeout(cut));
}

const STATUS_TEXTS: Readonly<Partial<Record<ProblemCode, string>>> = {
  BAD_REQUEST: 'Bad Request',
  HEADERS_TOO_LARGE: 'Request Header Fields Too Large',
  REQUEST_TIMEOUT: 'Request Timeout',
};
