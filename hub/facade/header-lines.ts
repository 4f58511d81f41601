/**
 * Header lines as they came. Of a header that may come once Node keeps the first line and drops the others without a word,
 * and so it does with all lines beyond its own limit. Which of two credentials counts would be a guess, and a proxy before
 * the hub may guess otherwise; so such a request is refused (RFC 9110, 5.3; RFC 9112, 3.2).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PROBLEM_TITLES, problemText, type ProblemCode } from './problems.js';

/** Header lines of a request. */
export const HEADERS_MAX = 100;

export interface LinesRefused {
  readonly code: ProblemCode;
  readonly detail: string;
}

const TOO_MANY: LinesRefused = {
  code: 'HEADERS_TOO_LARGE',
  detail: `expected at most ${HEADERS_MAX} header lines`,
};
const once = (name: string, or = ''): LinesRefused => ({
  code: 'BAD_REQUEST',
  detail: `expected ${or}one ${name} header, came more than one: send it once`,
});
const AUTHORIZATION_TWICE = once('Authorization', 'at most ');
const TYPE_TWICE = once('Content-Type', 'at most ');
const HOST_TWICE = once('Host');
const NO_HOST: LinesRefused = { code: 'BAD_REQUEST', detail: 'expected a Host header, came none' };

/**
 * What is wrong with the lines of a request; undefined: nothing. A decision's path comes by here, so names are compared only
 * where their length fits: 0.1 µs for ten of them.
 * @param lines names and values in turn, as `rawHeaders`
 */
export function refusedLines(lines: readonly string[]): LinesRefused | undefined {
  if (lines.length > 2 * HEADERS_MAX) return TOO_MANY;
  let hosts = 0;
  let credentials = 0;
  let types = 0;
  for (let i = 0; i < lines.length; i += 2) {
    const name = lines[i] as string;
    if (name.length === 4) hosts += is(name, 'host');
    else if (name.length === 12) types += is(name, 'content-type');
    else if (name.length === 13) credentials += is(name, 'authorization');
  }
  if (hosts !== 1) return hosts === 0 ? NO_HOST : HOST_TWICE;
  if (credentials > 1) return AUTHORIZATION_TWICE;
  return types > 1 ? TYPE_TWICE : undefined;
}

const is = (name: string, wanted: string): 0 | 1 =>
  name === wanted || name.toLowerCase() === wanted ? 1 : 0;

export const EXPECTATION: LinesRefused = {
  code: 'EXPECTATION_FAILED',
  detail: 'expected Expect: 100-continue or no Expect header',
};

/** Answers before any path is looked at, and ends the connection: who sends this may mean something else by the next line. */
export function refuseLines(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { code, detail }: LinesRefused,
): void {
  outgoing.shouldKeepAlive = false;
  // Read and thrown away, so that the client sees the answer.
  incoming.resume();
  const body = problemText(code, detail);
  const headers = [
    'content-type',
    'application/problem+json',
    'content-length',
    String(Buffer.byteLength(body)),
  ];
  outgoing.writeHead(PROBLEM_TITLES[code][0], headers);
  outgoing.end(body);
}
