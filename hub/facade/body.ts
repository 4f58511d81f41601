/**
 * Reading a JSON body within limits: 64 KB, 32 levels deep. A body with a declared length is read in one go;
 * one without is counted while it comes, so that nobody fills the memory.
 */
import type { Context } from 'hono';

export const BODY_BYTES_MAX = 65_536;
export const DEPTH_MAX = 32;
/** A text shorter than this cannot be deep enough to hurt, so it is not scanned. */
const SCAN_FROM = 2_048;

export type Body =
  | { readonly ok: true; readonly value: unknown }
  | {
      readonly ok: false;
      readonly code: 'UNSUPPORTED_MEDIA_TYPE' | 'BODY_TOO_LARGE' | 'BAD_REQUEST';
      readonly detail: string;
    };

/** What the Node adapter gives beside the request; absent in tests with `app.request`. */
interface NodeBindings {
  readonly incoming?: { readonly headers: Readonly<Record<string, string | string[] | undefined>> };
}

/** A request header; from Node's own object where there is one, which saves building a Headers. */
export function header(c: Context, name: string): string | undefined {
  const incoming = (c.env as NodeBindings | undefined)?.incoming;
  if (incoming === undefined) return c.req.header(name);
  const value = incoming.headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

export async function readJson(c: Context): Promise<Body> {
  const type = header(c, 'content-type');
  if (type !== 'application/json' && !isJson(type)) {
    return { ok: false, code: 'UNSUPPORTED_MEDIA_TYPE', detail: 'expected Content-Type application/json' };
  }
  const declared = header(c, 'content-length');
  let text: string | undefined;
  if (declared === undefined) text = await readBounded(c.req.raw.body);
  else if (Number(declared) <= BODY_BYTES_MAX) text = await c.req.text();
  if (text === undefined) {
    return { ok: false, code: 'BODY_TOO_LARGE', detail: `expected at most ${BODY_BYTES_MAX} bytes` };
  }
  if (text.length > SCAN_FROM && tooDeep(text)) {
    return { ok: false, code: 'BAD_REQUEST', detail: `expected at most ${DEPTH_MAX} levels of nesting` };
  }
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return { ok: false, code: 'BAD_REQUEST', detail: 'expected a JSON body, came something that is none' };
  }
}

function isJson(type: string | undefined): boolean {
  return type !== undefined && /^application\/json\s*(;.*)?$/i.test(type);
}

async function readBounded(body: ReadableStream<Uint8Array> | null): Promise<string | undefined> {
  if (body === null) return '';
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks).toString('utf8');
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
