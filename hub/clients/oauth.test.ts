import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Hono } from 'hono';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ClientConfig } from '../config/types.js';
import { ClientAccess } from './access.js';
import { ASSERTION_TYPE, Assertions } from './assertions.js';
import { client } from './client.fixture.js';
import { oauthApps, type TokenNote } from './oauth.js';
import { Clients, ClientsError } from './registry.js';
import { newSecret } from './secrets.js';
import { SigningKeys } from './signing-keys.js';
import { Tokens } from './tokens.js';

const NOW = Date.UTC(2026, 10, 23);
const HUB = 'https://cards.example.edu';
const TOKEN = `${HUB}/oauth2/token`;
const secret = newSecret();
const pair = await generateKeyPair('ES256', { extractable: true });
const none = { secrets: [], keysFile: undefined, issuer: undefined, staticKeys: [] };
const FORM = 'application/x-www-form-urlencoded';

const PUBLIC = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'a' }] };

async function endpoint(change: Partial<ClientConfig> = {}, keys: object = PUBLIC) {
  const dir = mkdtempSync(join(tmpdir(), 'cardhub-oauth-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const keysFile = join(dir, 'app.jwks.json');
  writeFileSync(keysFile, JSON.stringify(keys));
  const clients = new Clients([
    client('desk', {
      scopes: ['identity', 'explain'],
      credentials: { ...none, secrets: [secret.digest] },
      ...change,
    }),
    client('app', { scopes: ['decide'], credentials: { ...none, keysFile } }),
  ]);
  const signing = await SigningKeys.open(join(dir, 'keys'), 86_400_000, NOW);
  const tokens = new Tokens({ issuer: HUB, lifetimeMs: 600_000, keys: signing, clients });
  const access = new ClientAccess({ clients, open: false, verifier: tokens, now: () => NOW });
  const notes: TokenNote[] = [];
  const apps = oauthApps({
    ...{
      publicUrl: HUB,
      clients,
      access,
      tokens,
      keys: signing,
      issuers: [],
      now: () => NOW,
      clock: () => 0,
    },
    assertions: new Assertions(clients, [HUB, TOKEN], NOW - 60_000),
    onToken: (note) => notes.push(note),
  });
  const hono = new Hono();
  for (const [path, app] of Object.entries(apps)) hono.route(path, app);
  const ask = async (form: Record<string, string> | string, headers: Record<string, string> = {}) => {
    const body =
      typeof form === 'string'
        ? form
        : new URLSearchParams({ grant_type: 'client_credentials', ...form }).toString();
    const response = await hono.request('/oauth2/token', {
      method: 'POST',
      headers: { 'content-type': FORM, ...headers },
      body,
    });
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Record<string, unknown>,
    };
  };
  return { ask, hono, tokens, clients, notes };
}

const basic = (id: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${id}:${password}`).toString('base64')}`,
});

describe('POST /oauth2/token', () => {
  it('gives a token that the hub takes, to a secret in the header or in the form', async () => {
    const { ask, tokens, notes } = await endpoint();
    for (const answer of [
      await ask({}, basic('desk', secret.secret)),
      await ask({ client_id: 'desk', client_secret: secret.secret }),
    ]) {
      expect(answer).toMatchObject({
        status: 200,
        body: { token_type: 'Bearer', expires_in: 600, scope: 'identity explain' },
      });
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(await tokens.verify(answer.body['access_token'] as string, NOW)).toMatchObject({
        client: { id: 'desk' },
      });
    }
    expect(await ask({ scope: 'explain' }, basic('desk', secret.secret))).toMatchObject({
      body: { scope: 'explain' },
    });
    expect(notes[0]).toEqual({ client: 'desk', outcome: 'ISSUED' });
  });

  it('reads Basic behind several spaces, and no form in another charset', async () => {
    const { ask } = await endpoint();
    const { authorization } = basic('desk', secret.secret);
    expect((await ask({}, { authorization: authorization.replace(' ', '   ') })).status).toBe(200);
    const typed = { authorization, 'content-type': `${FORM}; charset=gbk` };
    expect(await ask({}, typed)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  it('takes both secrets while one is being replaced', async () => {
    const next = newSecret();
    const { ask } = await endpoint({ credentials: { ...none, secrets: [secret.digest, next.digest] } });
    for (const one of [secret, next]) expect((await ask({}, basic('desk', one.secret))).status).toBe(200);
  });

  it('says the same to whoever is not admitted, for whatever reason', async () => {
    const { ask } = await endpoint();
    const off = await endpoint({ enabled: false });
    const ended = await endpoint({ untilMs: NOW });
    const elsewhere = await endpoint({ networks: ['10.0.0.0/8'] });
    const answers = [
      await ask({}, basic('desk', 'wrong')),
      await ask({}, basic('desk', '')),
      await ask({}, basic('desk', secret.digest)),
      await ask({}, basic('nobody', secret.secret)),
      await ask({}, basic('app', '')),
      await ask({}, { authorization: 'Basic !' }),
      await ask({}, { authorization: `Bearer ${secret.secret}` }),
      await ask({}),
      await off.ask({}, basic('desk', secret.secret)),
      await ended.ask({}, basic('desk', secret.secret)),
      await elsewhere.ask({}, basic('desk', secret.secret)),
    ];
    for (const { status, body, headers } of answers) {
      expect([status, body]).toEqual([401, { error: 'invalid_client' }]);
      expect(headers.get('www-authenticate')).toBe('Basic realm="cardhub"');
    }
  });

  it.each([
    ['another grant', { grant_type: 'password' }, 'unsupported_grant_type'],
    ['a scope outside the agreement', { scope: 'identity decide' }, 'invalid_scope'],
    ['a scope of blanks', { scope: '  ' }, 'invalid_scope'],
    ['another resource', { resource: 'https://other.example.edu' }, 'invalid_target'],
    ['two ways to authenticate', { client_secret: 'x' }, 'invalid_request'],
  ])('refuses %s', async (_what, form, error) => {
    const { ask } = await endpoint();
    expect(await ask(form as Record<string, string>, basic('desk', secret.secret))).toMatchObject({
      status: 400,
      body: { error },
    });
  });

  it('refuses a parameter that comes twice, and a body that is no form', async () => {
    const { ask } = await endpoint();
    expect(await ask('grant_type=client_credentials&client_id=desk&client_id=app')).toMatchObject({
      body: { error: 'invalid_request' },
    });
    const json = { 'content-type': 'application/json', ...basic('desk', secret.secret) };
    expect(await ask('{}', json)).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  it('is not for trying secrets out: a hundred at once from an address, then 20 a second', async () => {
    const { ask } = await endpoint();
    const answers: number[] = [];
    for (let i = 0; i < 102; i++) answers.push((await ask({}, basic('desk', `${i}`))).status);
    expect(answers.slice(99)).toEqual([401, 429, 429]);
  });
});

describe('private_key_jwt', () => {
  const claims = { iss: 'app', sub: 'app', aud: TOKEN, jti: 'j1', iat: NOW / 1_000, exp: NOW / 1_000 + 60 };
  const signed = (change: object = {}, header: object = {}, key = pair.privateKey) =>
    new SignJWT({ ...claims, ...change }).setProtectedHeader({ alg: 'ES256', kid: 'a', ...header }).sign(key);
  const form = (client_assertion: string, more = {}) => ({
    client_assertion,
    client_assertion_type: ASSERTION_TYPE,
    ...more,
  });

  it('is good once', async () => {
    const { ask } = await endpoint();
    const assertion = await signed();
    expect(await ask(form(assertion))).toMatchObject({ status: 200, body: { scope: 'decide' } });
    expect(await ask(form(assertion))).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    expect(
      (await ask(form(await signed({ jti: 'j2', aud: HUB }, { typ: 'client-authentication+jwt' })))).status,
    ).toBe(200);
    expect((await ask(form(await signed({ jti: 'j3' }), { client_id: 'app' }))).status).toBe(200);
  });

  it.each([
    ['for another audience', { aud: 'https://other.example.edu' }, {}],
    ['for several audiences', { aud: [TOKEN, 'https://other.example.edu'] }, {}],
    ['of another issuer', { iss: 'desk' }, {}],
    ['of a client without keys', { iss: 'desk', sub: 'desk' }, {}],
    ['that has expired', { iat: NOW / 1_000 - 120, exp: NOW / 1_000 - 60 }, {}],
    ['that lives too long', { exp: NOW / 1_000 + 3_600 }, {}],
    ['made before the hub started', { iat: NOW / 1_000 - 61 }, {}],
    ['without a jti', { jti: undefined }, {}],
    ['that is an access token', {}, { typ: 'at+jwt' }],
    ['of an unknown key', {}, { kid: 'b' }],
  ])('is refused %s', async (_what, change, header) => {
    const { ask } = await endpoint();
    expect((await ask(form(await signed(change, header)))).status).toBe(401);
    expect((await ask(form(await signed()))).status).toBe(200);
  });

  it('is refused with the key of somebody else, and in the name of somebody else', async () => {
    const { ask } = await endpoint();
    const other = await generateKeyPair('ES256');
    expect((await ask(form(await signed({}, {}, other.privateKey)))).status).toBe(401);
    expect((await ask(form(await signed(), { client_id: 'desk' }))).status).toBe(401);
    expect((await ask({ client_assertion: await signed(), client_assertion_type: 'x' })).status).toBe(400);
  });

  it.each([
    ['a private key', async () => ({ keys: [await exportJWK(pair.privateKey)] })],
    ['a symmetric key', async () => ({ keys: [{ kty: 'oct', k: 'AAAA' }] })],
    ['nothing', async () => ({ keys: [] })],
  ])('a key file with %s is refused at the start', async (_what, keys) => {
    await expect(endpoint({}, await keys())).rejects.toThrow(ClientsError);
  });
});

it('the descriptions name the public address and no private part of a key', async () => {
  const { hono } = await endpoint();
  const read = async (path: string) => (await (await hono.request(path)).json()) as Record<string, unknown>;
  expect(await read('/.well-known/oauth-authorization-server')).toMatchObject({
    issuer: HUB,
    token_endpoint: TOKEN,
  });
  expect(await read('/.well-known/oauth-protected-resource')).toMatchObject({ resource: HUB });
  const { keys } = (await read('/oauth2/jwks')) as { keys: object[] };
  expect(Object.keys(keys[0]!).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  expect((await hono.request('/oauth2/token')).status).toBe(405);
});
