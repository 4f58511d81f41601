/**
 * Between a Node server and the app: a request's body is read here, whole and within its limit, before the app
 * sees the request. A handler then answers at once, without a promise for each step: at ten thousand decisions
 * a second these cost more than the decision (docs/benchmarks.md).
 *
 *   headers ─┬─ more comes than can be decided ─▶ 503, Retry-After (admission.ts)
 *            ├─ too many, or one twice ─────────▶ 431, 400 (header-lines.ts)
 *            ├─ no body ────────────────────────▶ app
 *            ├─ declared longer than the limit ─▶ app, `bodyTooLarge` (413), and the connection ends
 *            └─ collect ─┬─ whole ──────────────▶ app, `rawBody`
 *                        └─ past the limit ─────▶ app, `bodyTooLarge`
 *
 * Those that are whole are answered together at the end of the turn of the event loop (decisions/0019).
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { kindOf } from './admission.js';
import type { Admission, RequestKind } from './admission.js';
import { echoed } from './authzen.js';
import { BODY_BYTES_MAX } from './body.js';
import { refuseLines, refusedLines } from './header-lines.js';
import { problem, problemText } from './problems.js';

/** A request whose body has been read. `rawBody` is also where the adapter of Hono looks for one. */
export interface ReadRequest extends IncomingMessage {
  rawBody?: Buffer;
  bodyTooLarge?: boolean;
}

const NO_BODY = Buffer.alloc(0);

export function createListener(fetch: Hono['fetch'], admission: Admission): RequestListener {
  const answer = getRequestListener((request, env) => fetch(request, env), {
    autoCleanupIncoming: false,
    // Asked only for what is no request: a Host or an address that cannot be one.
    errorHandler: () => problem('BAD_REQUEST', 'expected a Host and a path that can be an address'),
  });
  const answerLater = together(answer);
  return (incoming: ReadRequest, outgoing) => {
    const { method, headers, url = '' } = incoming;
    const kind = kindOf(url);
    const verdict = admission.admit(kind, incoming.socket);
    if (verdict !== 'answer') {
      if (verdict === 'shed') shed(incoming, outgoing, kind);
      else incoming.socket.destroy();
      return;
    }
    if (kind === 'other') outgoing.once('close', () => admission.ended());
    const refused = refusedLines(incoming.rawHeaders);
    if (refused !== undefined) {
      refuseLines(incoming, outgoing, refused);
      return;
    }
    if (method === 'GET' || method === 'HEAD') {
      void answer(incoming, outgoing);
      return;
    }
    const declared = headers['content-length'];
    if (declared === undefined && headers['transfer-encoding'] === undefined) {
      incoming.rawBody = NO_BODY;
      void answer(incoming, outgoing);
    } else if (Number(declared ?? 0) > BODY_BYTES_MAX) {
      refuse(incoming, outgoing, answer);
    } else collect(incoming, outgoing, { answer, answerLater }, Number(declared ?? -1));
  };
}

type Answer = ReturnType<typeof getRequestListener>;

/** So many at most: what has been read waits for those before it, which the admission's clock does not see. */
const TOGETHER_MAX = 32;

/**
 * Reading all that has come, then deciding it all, then writing all the answers keeps the code of each of the three in the
 * processor's caches. One by one, a decision took a third more of CPU time (docs/benchmarks.md).
 */
function together(answer: Answer): (incoming: ReadRequest, outgoing: ServerResponse) => void {
  let whole: (readonly [ReadRequest, ServerResponse])[] = [];
  const answerAll = (): void => {
    const now = whole;
    whole = [];
    for (const [incoming, outgoing] of now) void answer(incoming, outgoing);
  };
  return (incoming, outgoing) => {
    const count = whole.push([incoming, outgoing]);
    if (count === 1) setImmediate(answerAll);
    else if (count === TOGETHER_MAX) answerAll();
  };
}

function collect(
  incoming: ReadRequest,
  outgoing: ServerResponse,
  { answer, answerLater }: { readonly answer: Answer; readonly answerLater: ReturnType<typeof together> },
  declared: number,
): void {
  let body: Buffer | undefined;
  let done = false;
  const finish = (): void => {
    done = true;
    incoming.rawBody = body ?? NO_BODY;
    answerLater(incoming, outgoing);
  };
  incoming.on('data', (chunk: Buffer) => {
    if (done) return;
    body = body === undefined ? chunk : Buffer.concat([body, chunk]);
    if (body.length > BODY_BYTES_MAX) {
      done = true;
      refuse(incoming, outgoing, answer);
    } else if (body.length === declared) finish(); // no need to wait for the parser's end
  });
  incoming.on('end', () => {
    if (!done) finish();
  });
  // A client that goes away in the middle of its body is told nothing; Node closes the socket.
  incoming.on('error', () => (done = true));
}

/** The rest is read and thrown away (Node's request timeout ends it), so that the client sees the answer. */
function refuse(incoming: ReadRequest, outgoing: ServerResponse, answer: Answer): void {
  incoming.bodyTooLarge = true;
  outgoing.shouldKeepAlive = false;
  incoming.resume();
  void answer(incoming, outgoing);
}

const SHED_TEXT = 'more requests come than can be decided: try again';
const SHED_PROBLEM = problemText('OVERLOADED', 'more requests come than can be answered');
const shedHeaders = (type: string, body: string): string[] => [
  ...['content-type', type, 'content-length', String(Buffer.byteLength(body)), 'retry-after', '1'],
];
const SHED_TEXT_HEADERS = shedHeaders('text/plain; charset=utf-8', SHED_TEXT);
const SHED_PROBLEM_HEADERS = shedHeaders('application/problem+json', SHED_PROBLEM);

/** As little as can be: each of these is time that no decision gets. */
function shed(incoming: IncomingMessage, outgoing: ServerResponse, kind: RequestKind): void {
  outgoing.sendDate = false;
  if (kind !== 'decision' && incoming.url?.includes('/access/') !== true) {
    outgoing.writeHead(503, SHED_PROBLEM_HEADERS);
    outgoing.end(SHED_PROBLEM);
    return;
  }
  const requestId = echoed(incoming.headers['x-request-id'] as string | undefined);
  outgoing.writeHead(
    503,
    requestId === undefined ? SHED_TEXT_HEADERS : [...SHED_TEXT_HEADERS, 'x-request-id', requestId],
  );
  outgoing.end(SHED_TEXT);
}
