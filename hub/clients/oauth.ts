/**
 * The hub's own token endpoint (OAuth 2.0, RFC 6749 4.4: client credentials) and what describes it.
 *
 *   POST /oauth2/token                              client_secret_basic │ client_secret_post │ private_key_jwt
 *   GET  /oauth2/jwks                               public keys of the access tokens
 *   GET  /.well-known/oauth-authorization-server    RFC 8414
 *   GET  /.well-known/oauth-protected-resource      RFC 9728
 *
 * A client that is not there, is switched off, has ended, calls from elsewhere or brings a wrong secret gets the same
 * `invalid_client`.
 */
import { Hono } from 'hono';
import type { Context } from 'hono';
import { header, isCharsetUtf8, readBytes, remoteAddress } from '../facade/body.js';
import { SCOPES } from '../facade/caller.js';
import { problem } from '../facade/problems.js';
import type { ClientAccess } from './access.js';
import { ASSERTION_ALGORITHMS, ASSERTION_TYPE, type Assertions } from './assertions.js';
import { Rates } from './rate.js';
import type { Client, Clients } from './registry.js';
import { matches } from './secrets.js';
import type { SigningKeys } from './signing-keys.js';
import type { Tokens } from './tokens.js';

/** Of one address, whatever it brings; a client needs one token every few minutes. */
const ATTEMPTS = { perSecond: 20, burst: 100, addresses: 10_000 };
const ID_CHARACTERS_MAX = 256;
const CACHE = { 'cache-control': 'no-store' };
const METADATA_CACHE = { 'cache-control': 'public, max-age=300' };

/** Told of every request for a token. */
export interface TokenNote {
  readonly client: string | undefined;
  readonly outcome: 'ISSUED' | TokenErrorCode;
}

export interface OAuthOptions {
  readonly publicUrl: string;
  readonly clients: Clients;
  readonly access: Pick<ClientAccess, 'addressOf'>;
  readonly tokens: Tokens;
  readonly keys: SigningKeys;
  readonly assertions: Assertions;
  /** `iss` of the school's issuers. */
  readonly issuers: readonly string[];
  readonly now: () => number;
  readonly clock?: () => number;
  readonly onToken?: (note: TokenNote) => void;
}

type TokenErrorCode =
  | 'invalid_request'
  | 'invalid_client'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'temporarily_unavailable';

class TokenError extends Error {
  constructor(
    readonly code: TokenErrorCode,
    readonly status: 400 | 401 | 429 | 503,
    readonly detail?: string,
    readonly client?: string,
  ) {
    super(code);
  }
}

/** Hono apps by the path that they are mounted at. */
export function oauthApps(options: OAuthOptions): Readonly<Record<string, Hono>> {
  const { publicUrl, issuers, keys } = options;
  const attempts = new Rates(ATTEMPTS.perSecond, ATTEMPTS.burst, ATTEMPTS.addresses);
  const oauth = new Hono();
  oauth.post('/token', (c) => token(c, options, attempts));
  oauth.all('/token', (c) => notAllowed(c, 'POST'));
  oauth.get('/jwks', (c) => c.json(keys.publicSet(), 200, METADATA_CACHE));
  oauth.all('/jwks', (c) => notAllowed(c, 'GET, HEAD'));
  const server = {
    issuer: publicUrl,
    token_endpoint: `${publicUrl}/oauth2/token`,
    jwks_uri: `${publicUrl}/oauth2/jwks`,
    grant_types_supported: ['client_credentials'],
    response_types_supported: [],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    scopes_supported: SCOPES,
  };
  const resource = {
    resource: publicUrl,
    authorization_servers: [publicUrl, ...issuers],
    bearer_methods_supported: ['header'],
    scopes_supported: SCOPES,
  };
  return {
    '/oauth2': oauth,
    '/.well-known/oauth-authorization-server': document(server),
    '/.well-known/oauth-protected-resource': document(resource),
  };
}

function document(value: object): Hono {
  const app = new Hono();
  app.get('/', (c) => c.json(value, 200, METADATA_CACHE));
  app.all('/', (c) => notAllowed(c, 'GET, HEAD'));
  return app;
}

function notAllowed(c: Context, allow: string): Response {
  return problem('METHOD_NOT_ALLOWED', `expected ${allow}, came ${c.req.method}`, { allow });
}

async function token(c: Context, options: OAuthOptions, attempts: Rates): Promise<Response> {
  try {
    const { client, scopes } = await granted(c, options, attempts);
    const { token: signed, expiresInS } = await options.tokens.issue(client, scopes, options.now());
    options.onToken?.({ client: client.id, outcome: 'ISSUED' });
    const body = {
      access_token: signed,
      token_type: 'Bearer',
      expires_in: expiresInS,
      scope: scopes.join(' '),
    };
    return c.json(body, 200, CACHE);
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    const { code, status, detail } = error;
    options.onToken?.({ client: error.client, outcome: code });
    const body = { error: code, ...(detail !== undefined && { error_description: detail }) };
    return c.json(body, status, {
      ...CACHE,
      ...(status === 401 && { 'www-authenticate': 'Basic realm="cardhub"' }),
      ...(status >= 429 && { 'retry-after': '5' }),
    });
  }
}

async function granted(
  c: Context,
  options: OAuthOptions,
  attempts: Rates,
): Promise<{ readonly client: Client; readonly scopes: readonly string[] }> {
  const address = options.access.addressOf(remoteAddress(c), header(c, 'x-forwarded-for'));
  const clock = options.clock ?? (() => performance.now());
  if (attempts.take(address, clock()) > 0) throw new TokenError('temporarily_unavailable', 429);
  const form = await readForm(c);
  const client = await authenticate(c, form, options, address);
  if (form.get('grant_type') !== 'client_credentials') {
    throw new TokenError('unsupported_grant_type', 400, 'expected client_credentials', client.id);
  }
  const target = form.get('resource');
  if (target !== undefined && target !== options.publicUrl) {
    throw new TokenError('invalid_target', 400, undefined, client.id);
  }
  const asked = form.get('scope')?.split(' ').filter(Boolean);
  const scopes = asked ?? client.config.scopes;
  if (scopes.length === 0 || scopes.some((scope) => !client.config.scopes.includes(scope))) {
    throw new TokenError('invalid_scope', 400, 'expected scopes of the sharing agreement', client.id);
  }
  return { client, scopes: [...new Set(scopes)] };
}

async function authenticate(
  c: Context,
  form: ReadonlyMap<string, string>,
  options: OAuthOptions,
  address: string,
): Promise<Client> {
  const { clients, assertions, now } = options;
  const basic = header(c, 'authorization');
  const assertion = form.get('client_assertion');
  const posted = form.get('client_secret');
  if ([basic, assertion, posted].filter((one) => one !== undefined).length > 1) {
    throw new TokenError('invalid_request', 400, 'expected one way to authenticate');
  }
  let client: Client | undefined;
  let named = form.get('client_id');
  if (assertion !== undefined) {
    if (form.get('client_assertion_type') !== ASSERTION_TYPE) {
      throw new TokenError('invalid_request', 400, `expected client_assertion_type ${ASSERTION_TYPE}`);
    }
    const found = await assertions.verify(assertion, now());
    if (found === 'full') throw new TokenError('temporarily_unavailable', 503);
    client = named === undefined || found?.id === named ? found : undefined;
  } else {
    const [id, secret] = basic === undefined ? [named ?? '', posted ?? ''] : basicOf(basic);
    named = id;
    const there = clients.get(id);
    if (matches(secret, there?.config.credentials.secrets ?? [])) client = there;
  }
  const elsewhere = client !== undefined && !client.networks.empty && !client.networks.has(address);
  if (client === undefined || clients.barred(client, now()) !== undefined || elsewhere) {
    // The name is told to the audit trail only where it is a client's: else it is a stranger's text.
    throw new TokenError('invalid_client', 401, undefined, clients.get(named ?? '')?.id);
  }
  return client;
}

/** RFC 6749 2.3.1: both are form-encoded before they are put together. */
function basicOf(authorization: string): [id: string, secret: string] {
  const encoded = /^Basic +([A-Za-z0-9+/=]{1,4096})$/i.exec(authorization)?.[1] ?? '';
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 1 || colon > ID_CHARACTERS_MAX) return ['', ''];
  try {
    const decoded = (part: string): string => decodeURIComponent(part.replaceAll('+', ' '));
    return [decoded(text.slice(0, colon)), decoded(text.slice(colon + 1))];
  } catch {
    return ['', ''];
  }
}

/** Parameters of the form; one that comes twice is refused (RFC 6749 3.2), an empty one has not come. */
async function readForm(c: Context): Promise<ReadonlyMap<string, string>> {
  const type = header(c, 'content-type') ?? '';
  if (!/^application\/x-www-form-urlencoded\s*(;.*)?$/i.test(type)) {
    throw new TokenError('invalid_request', 400, 'expected Content-Type application/x-www-form-urlencoded');
  }
  if (!isCharsetUtf8(type)) throw new TokenError('invalid_request', 400, 'expected the form in UTF-8');
  const bytes = await readBytes(c);
  if (bytes === undefined) throw new TokenError('invalid_request', 400, 'expected a smaller body');
  const form = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(bytes.toString('utf8'))) {
    if (form.has(name)) throw new TokenError('invalid_request', 400, 'expected each parameter once');
    if (value !== '') form.set(name, value);
  }
  return form;
}
