/**
 * `Idempotency-Key` on what changes something (draft-ietf-httpapi-idempotency-key-header): a client whose answer was lost
 * sends the same again, and gets the same answer without the thing being done twice.
 *
 *   no key ─▶ 400, or done where the thing itself is told apart by what it says     new key ─▶ done, and the answer kept for 24 h
 *   known key ─┬─ same request, done ────────▶ the kept answer, `Idempotency-Replayed: true`
 *              ├─ same request, under way ───▶ 409, Retry-After
 *              └─ another request ───────────▶ 422: another body, path or method
 *
 * Keys belong to their client. An answer of 400 and more is not kept: nothing was done, or nobody knows what was, and the
 * same key may ask again; a 429 that was kept would be told for a day. The store is this process's own: it ends with it,
 * and other hubs do not see it. Within a client's share nothing is forgotten before its time; beyond it 503.
 */
import { createHash } from 'node:crypto';
import type { Context } from 'hono';
import { header, readJson } from './body.js';
import { callerOf } from './caller.js';
import { problem } from './problems.js';

export const KEPT_MS = 24 * 3_600_000;
const KEYS_MAX = 20_000;
/** A client cannot use up what the others need. */
const KEYS_OF_CLIENT_MAX = 5_000;
const KEY_LENGTH_MAX = 255;

interface Kept {
  readonly client: string;
  readonly digest: string;
  readonly since: number;
  /** Undefined: under way. */
  answer?: { readonly status: number; readonly type: string; readonly body: string };
}

export interface IdempotencyStore {
  /** In the order in which they came, so that the oldest stand first. */
  readonly kept: Map<string, Kept>;
  readonly ofClient: Map<string, number>;
  readonly now: () => number;
}

export function createIdempotencyStore(now: () => number): IdempotencyStore {
  return { kept: new Map(), ofClient: new Map(), now };
}

/**
 * Runs the handler once for each key; it gets the body parsed.
 * @param without `refused`: a request without a key; `done`: what it does twice is done once anyhow (door events by their
 *   index, a confirmation by its version), so a controller need not send one
 */
export function idempotent(
  store: IdempotencyStore,
  handler: (c: Context, body: unknown) => Response | Promise<Response>,
  without: 'refused' | 'done' = 'refused',
): (c: Context) => Promise<Response> {
  return async (c) => {
    const body = await readJson(c);
    if (!body.ok) return problem(body.code, body.detail);
    const sent = header(c, 'idempotency-key');
    if (sent === undefined && without === 'done') return handler(c, body.value);
    const key = sent ?? '';
    if (!/^[\x21-\x7e]+$/.test(key) || key.length > KEY_LENGTH_MAX) {
      const expected = `expected an Idempotency-Key of 1 to ${KEY_LENGTH_MAX} visible ASCII characters`;
      return problem('IDEMPOTENCY_KEY', key === '' ? `${expected}, came none` : expected);
    }
    const { client } = callerOf(c);
    const place = JSON.stringify([client, key]);
    const fingerprint = JSON.stringify([c.req.method, c.req.path, body.value]);
    const digest = createHash('sha256').update(fingerprint).digest('base64url');
    const earlier = keptOf(store, place);
    if (earlier !== undefined) return answerAgain(earlier, digest);
    if (!keep(store, place, { client, digest, since: store.now() })) {
      return problem('OVERLOADED', 'too many Idempotency-Keys are kept', { 'retry-after': '60' });
    }
    return answerFirst(store, place, () => handler(c, body.value));
  };
}

function answerAgain({ digest, answer }: Kept, came: string): Response {
  if (digest !== came) {
    return problem(
      'IDEMPOTENCY_KEY_REUSED',
      'expected the path and body that came with this key before, or a new key',
    );
  }
  if (answer === undefined) {
    return problem('CONFLICT', 'the request of this key is under way', { 'retry-after': '1' });
  }
  const headers = { 'content-type': answer.type, 'idempotency-replayed': 'true' };
  return new Response(answer.body, { status: answer.status, headers });
}

async function answerFirst(
  store: IdempotencyStore,
  place: string,
  run: () => Response | Promise<Response>,
): Promise<Response> {
  try {
    const response = await run();
    const kept = store.kept.get(place);
    if (response.status >= 400 || kept === undefined) {
      forget(store, place);
      return response;
    }
    const answer = {
      status: response.status,
      type: response.headers.get('content-type') ?? 'application/json',
      body: await response.text(),
    };
    kept.answer = answer;
    return new Response(answer.body, { status: answer.status, headers: response.headers });
  } catch (error) {
    forget(store, place);
    throw error;
  }
}

function keptOf(store: IdempotencyStore, place: string): Kept | undefined {
  const over = store.now() - KEPT_MS;
  for (const [old, { since }] of store.kept) {
    if (since > over) break;
    forget(store, old);
  }
  return store.kept.get(place);
}

function keep(store: IdempotencyStore, place: string, kept: Kept): boolean {
  const own = store.ofClient.get(kept.client) ?? 0;
  if (store.kept.size >= KEYS_MAX || own >= KEYS_OF_CLIENT_MAX) return false;
  store.kept.set(place, kept);
  store.ofClient.set(kept.client, own + 1);
  return true;
}

function forget(store: IdempotencyStore, place: string): void {
  const kept = store.kept.get(place);
  if (kept === undefined) return;
  store.kept.delete(place);
  const left = (store.ofClient.get(kept.client) ?? 1) - 1;
  if (left > 0) store.ofClient.set(kept.client, left);
  else store.ofClient.delete(kept.client);
}
