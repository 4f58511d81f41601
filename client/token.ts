/** OAuth 2.0 client credentials: an access token, asked for again before it ends. */
import { errorOf, waitMsOf } from './errors.js';

export interface CredentialOptions {
  /** Base address of the facade, or the whole address of another issuer's token endpoint in `tokenUrl`. */
  readonly url: string;
  readonly tokenUrl?: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope?: string;
  readonly fetch?: typeof globalThis.fetch;
  readonly now?: () => number;
}

/** A new one is asked for so long before the old one ends. */
const EARLY_MS = 30_000;
const TIMEOUT_MS = 5_000;

/** For `createClient({ token })`. One request at a time, however many wait for it. */
export function clientCredentials(options: CredentialOptions): () => Promise<string> {
  const { now = Date.now } = options;
  let held: { readonly token: string; readonly until: number } | undefined;
  let asking: Promise<string> | undefined;
  return () => {
    if (held !== undefined && now() < held.until) return Promise.resolve(held.token);
    asking ??= ask(options)
      .then(({ token, seconds }) => {
        held = { token, until: now() + Math.max(1_000, seconds * 1_000 - EARLY_MS) };
        return token;
      })
      .finally(() => (asking = undefined));
    return asking;
  };
}

async function ask(options: CredentialOptions): Promise<{ token: string; seconds: number }> {
  const { url, clientId, clientSecret, scope, fetch = globalThis.fetch } = options;
  const response = await fetch(options.tokenUrl ?? new URL('/oauth2/token', url), {
    method: 'POST',
    headers: {
      authorization: `Basic ${btoa(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`)}`,
    },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...(scope !== undefined && { scope }) }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const value = (await response.json()) as { access_token?: unknown; expires_in?: unknown };
  if (!response.ok || typeof value.access_token !== 'string') {
    throw errorOf(response.status, value, waitMsOf(response.headers.get('retry-after')));
  }
  return { token: value.access_token, seconds: Number(value.expires_in ?? 60) };
}
