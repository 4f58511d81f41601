import { createPublicKey } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decryptText, encryptText, signFields, verifyFields } from './card-core/crypto.js';
import { startCampus } from './start.js';
import type { Campus, CampusOptions } from './start.js';
import { stamp } from './world/time.js';

/** Helpers for the campus's own tests: a throw-away folder, and a client as plain as can be. */

/** 2026-09-01 10:00 in Shanghai. */
export const NOON = Date.UTC(2026, 8, 1, 2);

export function temporaryFolder(): { dir: string; remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'campus-'));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** A campus of 200 people whose clock stands still. */
export function smallCampus(dir: string, options: Partial<CampusOptions> = {}): Promise<Campus> {
  return startCampus({ dir, seed: 7, people: 200, clock: { now: NOON, rate: 0 }, ...options });
}

export type Reply = Readonly<Record<string, unknown>> & { readonly retcode: string };
export interface CallOptions {
  readonly token?: string;
  /** Changes the fields after they were signed. */
  readonly spoil?: (fields: Record<string, string>) => void;
  readonly timestamp?: string;
}

/** The answer's bytes, as they came. */
export async function post(
  campus: Campus,
  method: string,
  request: object,
  options: CallOptions = {},
): Promise<Buffer> {
  const { core } = campus.credentials;
  const fields: Record<string, string> = {
    ...{ method, timestamp: options.timestamp ?? stamp(campus.clock.now()), format: 'json' },
    ...{ app_key: core.appKey, access_token: options.token ?? '0'.repeat(128), v: '2.0', sign_method: 'rsa' },
    request: encryptText(Buffer.from(core.tripleDesKeyHex, 'hex'), JSON.stringify(request)),
  };
  fields.sign = signFields(core.privateKeyPem, fields);
  options.spoil?.(fields);
  const response = await fetch(`${campus.urls.core}/gateway`, {
    method: 'POST',
    body: new URLSearchParams(fields),
  });
  return Buffer.from(await response.arrayBuffer());
}

export type Opened =
  | { readonly kind: 'payload'; readonly signed: boolean; readonly reply: Reply }
  | { readonly kind: 'error'; readonly errcode: string }
  | { readonly kind: 'text'; readonly text: string };

export function open(campus: Campus, bytes: Buffer): Opened {
  const text = bytes.toString('latin1');
  if (!text.includes('&')) return { kind: 'text', text: new TextDecoder('gb18030').decode(bytes) };
  const { errcode = '', request, sign } = Object.fromEntries(new URLSearchParams(text));
  if (errcode !== '0') return { kind: 'error', errcode };
  if (request === undefined || sign === undefined) return { kind: 'text', text };
  const key = createPublicKey(campus.credentials.core.corePublicKeyPem);
  const signed = verifyFields(key, { errcode, request }, sign);
  const payload = JSON.parse(
    decryptText(Buffer.from(campus.credentials.core.tripleDesKeyHex, 'hex'), request),
  ) as object;
  return { kind: 'payload', signed, reply: Object.values(payload)[0] as Reply };
}

export async function call(
  campus: Campus,
  method: string,
  request: object,
  options: CallOptions = {},
): Promise<Opened> {
  return open(campus, await post(campus, method, request, options));
}

export async function login(campus: Campus): Promise<string> {
  const method = 'synjones.authorize.access_token';
  const opened = await call(campus, method, { app_key: campus.credentials.core.appKey });
  if (opened.kind !== 'payload') throw new Error(`login refused: ${JSON.stringify(opened)}`);
  return String(opened.reply.access_token);
}

/** The reply of a method that is expected to succeed. */
export async function ask(campus: Campus, token: string, method: string, request: object): Promise<Reply> {
  const opened = await call(campus, method, request, { token });
  if (opened.kind !== 'payload' || !opened.signed) throw new Error(`${method}: ${JSON.stringify(opened)}`);
  return opened.reply;
}

export function get(campus: Campus, path: string): Promise<Response> {
  return fetch(campus.urls.access + path, { headers: { 'x-api-key': campus.credentials.access.apiKey } });
}

export async function control(
  campus: Campus,
  path: string,
  body?: object,
  method = 'POST',
): Promise<unknown> {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await fetch(`${campus.urls.control}/control/${path}`, init);
  return response.json();
}
