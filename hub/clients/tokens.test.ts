import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { IssuerConfig } from '../config/types.js';
import type { Identified } from '../facade/gate.js';
import { ClientAccess, IssuerUnreachable } from './access.js';
import { client } from './client.fixture.js';
import { openIssuer } from './issuer.js';
import { Clients } from './registry.js';
import { SigningKeys } from './signing-keys.js';
import { Tokens } from './tokens.js';

const NOW = Date.UTC(2026, 10, 23);
const HUB = 'https://cards.example.edu';
const SCHOOL = 'https://login.example.edu/realms/school';
const AGE = 90 * 86_400_000;
const noCredentials = { secrets: [], keysFile: undefined, issuer: undefined, staticKeys: [] };

const desk = client('desk', { scopes: ['identity', 'explain'] });
const app = client('app', {
  scopes: ['decide', 'search'],
  credentials: { ...noCredentials, issuer: { name: 'school', client: 'school-app' } },
});

/** The school's issuer, on a real socket. */
async function school(change: Partial<IssuerConfig> = {}) {
  const pair = await generateKeyPair('RS256', { extractable: true });
  const state = {
    requests: 0,
    status: 200,
    keys: [{ ...(await exportJWK(pair.publicKey)), kid: 's1', alg: 'RS256' }],
  };
  const server = createServer((_request, response) => {
    state.requests++;
    response.writeHead(state.status, { location: '/elsewhere' }).end(JSON.stringify({ keys: state.keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const clock = { at: 0 };
  const config: IssuerConfig = {
    ...{
      name: 'school',
      issuer: SCHOOL,
      jwksUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
    },
    ...{
      audience: undefined,
      algorithms: ['RS256'],
      type: 'at+jwt',
      clientClaim: 'client_id',
      scopes: 'token',
    },
    ...change,
  };
  const issuer = openIssuer(config, { audience: HUB, clock: () => clock.at });
  return { issuer, pair, state, clock };
}

async function hub(issuers: readonly ReturnType<typeof openIssuer>[] = []) {
  const dir = mkdtempSync(join(tmpdir(), 'cardhub-keys-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const keys = await SigningKeys.open(dir, AGE, NOW);
  const clients = new Clients([desk, app]);
  const tokens = new Tokens({ issuer: HUB, lifetimeMs: 600_000, keys, clients, issuers });
  const own = await keys.current(NOW);
  return { dir, keys, clients, tokens, own };
}

type Claims = Record<string, unknown>;
const times = { iat: NOW / 1_000, exp: NOW / 1_000 + 60 };
const good: Claims = {
  iss: HUB,
  aud: HUB,
  sub: 'desk',
  client_id: 'desk',
  scope: 'identity',
  jti: '1',
  ...times,
};

describe("the hub's own tokens", () => {
  it('are what RFC 9068 asks for, and give what token and agreement both name', async () => {
    const { tokens, clients, keys } = await hub();
    const { token, expiresInS } = await tokens.issue(clients.get('desk')!, ['identity'], NOW);
    expect(expiresInS).toBe(600);
    const [header, payload] = token
      .split('.')
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Claims);
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: (await keys.current(NOW)).kid });
    expect(payload).toEqual({
      ...{ iss: HUB, aud: HUB, sub: 'desk', client_id: 'desk', scope: 'identity' },
      ...{ iat: NOW / 1_000, exp: NOW / 1_000 + 600, jti: expect.any(String) as string },
    });
    expect(await tokens.verify(token, NOW)).toMatchObject({ client: { id: 'desk' }, scopes: ['identity'] });
    const access = new ClientAccess({ clients, open: false, verifier: tokens, now: () => NOW });
    const found = (await access.identify(`Bearer ${token}`, '')) as Identified & { ok: true };
    expect([found.caller.may('identity'), found.caller.may('explain'), found.caller.may('decide')]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('are verified once, then found again, until they end', async () => {
    const { tokens, clients } = await hub();
    let verified = 0;
    let now = NOW;
    const verifier = { verify: (token: string, at: number) => (verified++, tokens.verify(token, at)) };
    const access = new ClientAccess({ clients, open: false, verifier, now: () => now });
    const { token } = await tokens.issue(clients.get('desk')!, ['identity'], NOW);
    const ask = () => access.identify(`Bearer ${token}`, '');
    expect(await Promise.all([ask(), ask(), ask()])).toMatchObject([
      { ok: true },
      { ok: true },
      { ok: true },
    ]);
    expect(ask()).toMatchObject({ ok: true });
    expect(verified).toBe(1);
    clients.switch('desk', true);
    expect(ask()).toMatchObject({ ok: false, code: 'DISABLED' });
    clients.switch('desk', false);
    now += 606_000;
    expect(await ask()).toMatchObject({ ok: false, code: 'CREDENTIAL_INVALID' });
  });

  it('never outlive the agreement', async () => {
    const { tokens } = await hub();
    const clients = new Clients([{ ...desk, untilMs: NOW + 30_000 }]);
    expect((await tokens.issue(clients.get('desk')!, ['identity'], NOW)).expiresInS).toBe(30);
  });

  const wrong: readonly [string, Claims, Claims?][] = [
    ['of another issuer', { iss: SCHOOL }],
    ['for another audience', { aud: 'https://other.example.edu' }],
    ['without an audience', { aud: undefined }],
    ['that has expired', { exp: NOW / 1_000 - 6 }],
    ['without an end', { exp: undefined }],
    ['that is not valid yet', { nbf: NOW / 1_000 + 60 }],
    ['whose end is a text', { exp: String(NOW / 1_000 + 60) }],
    ['without a jti', { jti: undefined }],
    ['of a client that there is not', { sub: 'nobody', client_id: 'nobody' }],
    ['whose subject is another one', { sub: 'app' }],
    ['whose scope is a list', { scope: ['identity'] }],
    ['that is an ID token', {}, { typ: 'JWT' }],
    ['without a type', {}, { typ: undefined }],
    ['of an unknown key', {}, { kid: 'A'.repeat(43) }],
    ['without a key id', {}, { kid: undefined }],
    ['with a critical header that nobody knows', {}, { crit: ['x'], x: true }],
  ];
  it.each(wrong)('%s is none', async (_what, claims, header = {}) => {
    const { tokens, own } = await hub();
    const sign = (payload: Claims, protectedHeader: Claims) =>
      new SignJWT(payload).setProtectedHeader(protectedHeader as never).sign(own.key, { crit: { x: true } });
    const right = { alg: 'ES256', typ: 'at+jwt', kid: own.kid };
    expect(await tokens.verify(await sign(good, right), NOW)).toBeDefined();
    expect(
      await tokens.verify(await sign({ ...good, ...claims }, { ...right, ...header }), NOW),
    ).toBeUndefined();
  });

  it('cannot be made without the private key: no algorithm, HS256 with the public key, keys of their own in the header', async () => {
    const { tokens, keys, own } = await hub();
    const [jwk] = keys.publicSet().keys;
    const publicKey = await keys.verifying(own.kid, NOW);
    const pem = await exportSPKI(publicKey!);
    const other = await generateKeyPair('ES256', { extractable: true });
    const header = { typ: 'at+jwt', kid: own.kid };
    const forged = [
      new UnsecuredJWT(good).encode(),
      `${Buffer.from(JSON.stringify({ ...header, alg: 'none' })).toString('base64url')}.${Buffer.from(JSON.stringify(good)).toString('base64url')}.`,
      ...(await Promise.all(
        [pem, pem.trim(), JSON.stringify(jwk), jwk!.x!].map((secret) =>
          new SignJWT(good)
            .setProtectedHeader({ ...header, alg: 'HS256' })
            .sign(Buffer.from(secret.padEnd(32, ' '))),
        ),
      )),
      await new SignJWT(good).setProtectedHeader({ ...header, alg: 'ES256' }).sign(other.privateKey),
      await new SignJWT(good)
        .setProtectedHeader({
          ...header,
          alg: 'ES256',
          jwk: await exportJWK(other.publicKey),
          jku: 'http://127.0.0.1:1/',
        })
        .sign(other.privateKey),
      'a.b.c',
      '..',
      '.'.repeat(100),
    ];
    for (const token of forged) expect(await tokens.verify(token, NOW)).toBeUndefined();
  });

  it('go on when the key is replaced, and end at once when it is revoked', async () => {
    const { tokens, clients, keys, dir } = await hub();
    const give = async (now: number) => (await tokens.issue(clients.get('desk')!, ['identity'], now)).token;
    const first = await give(NOW);
    await keys.rotate(NOW + 1_000);
    const second = await give(NOW + 1_000);
    expect(keys.publicSet().keys).toHaveLength(2);
    expect(await tokens.verify(first, NOW + 2_000)).toBeDefined();
    expect(await tokens.verify(second, NOW + 2_000)).toBeDefined();
    await keys.rotate(NOW + 3_000, true);
    expect(await tokens.verify(second, NOW + 4_000)).toBeUndefined();
    expect(readdirSync(dir)).toHaveLength(1);
    expect(statSync(join(dir, readdirSync(dir)[0]!)).mode & 0o777).toBe(0o600);
  });

  it('that were used end when their key is revoked, here at once, and by another hub within seconds', async () => {
    const { tokens, clients, keys, dir } = await hub();
    let now = NOW;
    const access = new ClientAccess({ clients, keys, open: false, verifier: tokens, now: () => now });
    const use = async (token: string) => (await access.identify(`Bearer ${token}`, '127.0.0.1')).ok;
    const give = async () => (await tokens.issue(clients.get('desk')!, ['identity'], now)).token;
    const first = await give();
    expect([await use(first), await use(first)]).toEqual([true, true]);
    await keys.rotate((now += 1_000), true);
    expect(await use(first)).toBe(false);
    const second = await give();
    expect(await use(second)).toBe(true);
    const there = await SigningKeys.open(dir, AGE, now);
    await there.rotate((now += 6_000), true);
    await use(second); // looks into the folder, for the next one
    await expect.poll(() => use(second)).toBe(false);
  });

  it('are signed by a new key when the old one is of age; the old one goes when nothing of it can be left', async () => {
    const { keys, own } = await hub();
    const next = await keys.current(NOW + AGE);
    expect(next.kid).not.toBe(own.kid);
    await keys.maintain(NOW + AGE + 3_600_000);
    expect(await keys.verifying(own.kid, NOW + AGE + 3_600_000)).toBeDefined();
    await keys.maintain(NOW + AGE + 3_700_000);
    expect(await keys.verifying(own.kid, NOW + AGE + 3_700_000)).toBeUndefined();
    expect(JSON.stringify(keys.publicSet())).not.toContain('"d"');
  });

  it('of another hub on the same folder are known', async () => {
    const { dir, tokens } = await hub();
    const there = await SigningKeys.open(dir, AGE, NOW);
    await there.rotate(NOW + 1);
    const elsewhere = new Tokens({
      issuer: HUB,
      lifetimeMs: 600_000,
      keys: there,
      clients: new Clients([desk]),
    });
    const { token } = await elsewhere.issue(new Clients([desk]).get('desk')!, ['identity'], NOW + 10_000);
    expect(await tokens.verify(token, NOW + 10_000)).toBeDefined();
  });
});

describe("tokens of the school's issuer", () => {
  const claims: Claims = { ...good, iss: SCHOOL, sub: 'x', client_id: 'school-app', scope: 'openid decide' };
  const sign = (of: Awaited<ReturnType<typeof school>>, change: Claims = {}, header: Claims = {}) =>
    new SignJWT({ ...claims, ...change })
      .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 's1', ...header })
      .sign(of.pair.privateKey);

  it('are those of the client that the agreement names, with the scopes of both', async () => {
    const there = await school();
    const { tokens, clients } = await hub([there.issuer]);
    const token = await sign(there);
    expect(await tokens.verify(token, NOW)).toMatchObject({
      client: { id: 'app' },
      scopes: ['openid', 'decide'],
    });
    const access = new ClientAccess({ clients, open: false, verifier: tokens, now: () => NOW });
    const { caller } = (await access.identify(`Bearer ${token}`, '')) as Identified & { ok: true };
    expect([caller.may('decide'), caller.may('search')]).toEqual([true, false]);
    expect(await tokens.verify(await sign(there, { client_id: 'desk' }), NOW)).toBeUndefined();
    expect(await tokens.verify(await sign(there, {}, { typ: 'JWT' }), NOW)).toBeUndefined();
    expect(await tokens.verify(await sign(there, { aud: 'account' }), NOW)).toBeUndefined();
  });

  it('and keys of one issuer are nothing at another', async () => {
    const there = await school();
    const { tokens, own } = await hub([there.issuer]);
    const ours = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: own.kid })
      .sign(own.key);
    expect(await tokens.verify(ours, NOW)).toBeUndefined();
    expect(
      await tokens.verify(await sign(there, { iss: HUB, sub: 'desk', client_id: 'desk' }), NOW),
    ).toBeUndefined();
    expect(await tokens.verify(await sign(there, { iss: 'https://evil.example' }), NOW)).toBeUndefined();
  });

  it('keys are fetched once, again for an unknown one, and not more often than every half minute', async () => {
    const there = await school();
    const { state, issuer } = there;
    for (let i = 0; i < 3; i++) await issuer.verify(await sign(there), NOW);
    expect(state.requests).toBe(1);
    for (let i = 0; i < 5; i++)
      expect(await issuer.verify(await sign(there, {}, { kid: `u${i}` }), NOW)).toBeUndefined();
    expect(state.requests).toBe(1);
  });

  it('that cannot be checked are not refused: nobody knows. After a failure the issuer is left alone for 5 s', async () => {
    const there = await school();
    const { state, issuer, clock } = there;
    state.status = 302;
    const token = await sign(there);
    await expect(issuer.verify(token, NOW)).rejects.toThrow(IssuerUnreachable);
    await expect(issuer.verify(token, NOW)).rejects.toThrow(IssuerUnreachable);
    expect(state.requests).toBe(1);
    state.status = 200;
    clock.at += 5_000;
    expect(await issuer.verify(token, NOW)).toBeDefined();
    state.status = 500;
    clock.at += 3_600_000;
    expect(await issuer.verify(token, NOW)).toBeDefined();
    state.status = 200;
    state.keys = Array<(typeof state.keys)[0]>(1_000).fill(state.keys[0]!);
    const big = openIssuer(issuer.config, { audience: HUB });
    await expect(big.verify(token, NOW)).rejects.toThrow(IssuerUnreachable);
  });
});
