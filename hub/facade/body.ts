/** A JSON body within limits: 64 KB of UTF-8, 32 levels deep. The listener has read it before the app is asked. */
import { isUtf8 } from 'node:buffer';
import type { ServerResponse } from 'node:http';
import type { Context } from 'hono';
import { findDuplicateKey } from './json-text.js';
import type { ReadRequest } from './listener.js';

export const BODY_BYTES_MAX = 65_536;
export const DEPTH_MAX = 32;
/** A text no longer than this cannot be deeper. */
const SCAN_FROM = 2 * DEPTH_MAX;

export type Body =
  | { readonly ok: true; readonly value: unknown }
  | {
      readonly ok: false;
      readonly code: 'UNSUPPORTED_MEDIA_TYPE' | 'BODY_TOO_LARGE' | 'BAD_REQUEST';
      readonly detail: string;
    };

/** What the Node adapter gives beside the request; absent in tests with `app.request`. */
interface NodeBindings {
  readonly incoming?: ReadRequest;
  readonly outgoing?: Pick<ServerResponse, 'setHeader'>;
}

const TOO_LARGE: Body = {
  ok: false,
  code: 'BODY_TOO_LARGE',
  detail: `expected at most ${BODY_BYTES_MAX} bytes`,
};

/** A request header; from Node's own object where there is one, which saves building a Headers. */
export function header(c: Context, name: string): string | undefined {
  const incoming = (c.env as NodeBindings | undefined)?.incoming;
  if (incoming === undefined) return c.req.header(name);
  const value = incoming.headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

/** Of the socket; undefined in tests with `app.request`. */
export function remoteAddress(c: Context): string | undefined {
  return (c.env as NodeBindings | undefined)?.incoming?.socket.remoteAddress;
}

/** Node's own answer; undefined in tests with `app.request`. */
export function outgoingOf(c: Context): NodeBindings['outgoing'] {
  return (c.env as NodeBindings | undefined)?.outgoing;
}

/** Reads, checks and parses; without a promise where the listener has read the body already. */
export function readJson(c: Context): Body | Promise<Body> {
  const type = header(c, 'content-type');
  const fault = type === 'application/json' ? undefined : faultOfType(type);
  if (fault !== undefined) return { ok: false, code: 'UNSUPPORTED_MEDIA_TYPE', detail: fault };
  if (isCoded(c)) return { ok: false, code: 'UNSUPPORTED_MEDIA_TYPE', detail: CODED };
  const incoming = (c.env as NodeBindings | undefined)?.incoming;
  if (incoming?.bodyTooLarge === true) return TOO_LARGE;
  if (incoming?.rawBody !== undefined) return parse(incoming.rawBody);
  return readBounded(c.req.raw.body).then((bytes) => (bytes === undefined ? TOO_LARGE : parse(bytes)));
}

export const CODED = 'expected a body as it is, without Content-Encoding';

/** A body that says it is compressed is not read as if it were not (RFC 9110, 8.4). */
export function isCoded(c: Context): boolean {
  const coding = header(c, 'content-encoding');
  return coding !== undefined && coding.toLowerCase() !== 'identity';
}

/** The body's bytes within the same limit; undefined: it is larger. */
export async function readBytes(c: Context): Promise<Buffer | undefined> {
  const incoming = (c.env as NodeBindings | undefined)?.incoming;
  if (incoming?.bodyTooLarge === true) return undefined;
  return incoming?.rawBody ?? readBounded(c.req.raw.body);
}

function parse(bytes: Buffer): Body {
  // Replaced bytes would make one credential look like another.
  if (!isUtf8(bytes)) return bad('expected a body in UTF-8, came bytes that are none');
  const text = bytes.toString('utf8');
  if (text.length > SCAN_FROM && tooDeep(text)) return bad(`expected at most ${DEPTH_MAX} levels of nesting`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return bad('expected a JSON body, came something that is none');
  }
  const repeated = findDuplicateKey(text);
  return repeated === null
    ? { ok: true, value }
    : bad(`expected each key once in an object, came ${repeated} twice`);
}

function bad(detail: string): Body {
  return { ok: false, code: 'BAD_REQUEST', detail };
}

/** JSON is UTF-8 (RFC 8259, 8.1), and text in GBK would be read as other names, so a charset that says so is refused. */
function faultOfType(type: string | undefined): string | undefined {
  if (type === undefined || !/^application\/json\s*(;.*)?$/i.test(type)) {
    return 'expected Content-Type application/json';
  }
  return isCharsetUtf8(type)
    ? undefined
    : 'expected Content-Type application/json in UTF-8, came another charset: send the body in UTF-8';
}

/** No charset, or one that is UTF-8; of a Content-Type. */
export function isCharsetUtf8(type: string): boolean {
  return [...type.matchAll(/;\s*charset\s*=\s*"?([^\s";]*)/gi)].every(([, name = '']) =>
    /^utf-?8$/i.test(name),
  );
}

async function readBounded(body: ReadableStream<Uint8Array> | null): Promise<Buffer | undefined> {
  if (body === null) return Buffer.alloc(0);
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks);
    length += value.byteLength;
    if (length > BODY_BYTES_MAX) {
      await reader.cancel();
      return undefined;
    }
    chunks.push(value);
  }
}

function tooDeep(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22) inString = !inString;
    else if (inString) {
      if (code === 0x5c) i++;
    } else if (code === 0x7b || code === 0x5b) {
      if (++depth > DEPTH_MAX) return true;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return false;
}
