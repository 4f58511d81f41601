import { describe, expect, it } from 'vitest';
import type { Identified } from '../facade/gate.js';
import { ClientAccess } from './access.js';
import { client } from './client.fixture.js';
import { callersAddress, Networks } from './networks.js';
import { Clients, ClientsError } from './registry.js';
import { newSecret } from './secrets.js';

const NOW = Date.UTC(2026, 10, 23);
const key = newSecret();
const gate = client('gate-7', {
  credentials: { secrets: [], keysFile: undefined, issuer: undefined, staticKeys: [key.digest] },
  scopes: ['decide'],
  purposes: ['door'],
  doors: ['gate:d1'],
  doorGroups: ['labs'],
  networks: ['10.7.0.0/24', 'fd00::/8'],
  untilMs: NOW + 1_000,
});

function access(configs = [gate]) {
  const clients = new Clients(configs, (door) => (door === 'gate:d9' ? ['labs'] : []));
  let now = NOW;
  const by = new ClientAccess({ clients, open: false, now: () => now, clock: () => now });
  const ask = (token: string | undefined, address = '10.7.0.5') =>
    by.identify(token === undefined ? undefined : `Bearer ${token}`, address) as Identified;
  const header = (authorization: string) => by.identify(authorization, '10.7.0.5') as Identified;
  return { clients, ask, header, pass: (ms: number) => (now += ms) };
}

describe('a static key', () => {
  it('is good from its networks alone, and gives the rights of the agreement and no others', () => {
    const { ask } = access();
    const found = ask(key.secret);
    if (!found.ok) throw new Error(found.code);
    const { caller } = found;
    expect([caller.client, caller.tenant]).toEqual(['gate-7', null]);
    expect([caller.may('decide'), caller.may('search')]).toEqual([true, false]);
    expect([caller.mayFor('door'), caller.mayFor('identity')]).toEqual([true, false]);
    expect(['gate:d1', 'gate:d2', 'gate:d9', 'labs'].map((door) => caller.seesDoor(door))).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect(caller.seesField('name')).toBe(false);
    expect(ask(key.secret, 'fd00::7')).toMatchObject({ ok: true });
    for (const address of ['10.8.0.5', '::1', '', 'unknown']) {
      expect(ask(key.secret, address)).toEqual({ ok: false, code: 'NETWORK', client: 'gate-7' });
    }
  });

  it('may stand behind any number of spaces, and its scheme in any case', () => {
    const { header } = access();
    for (const scheme of ['Bearer ', 'bearer  ', 'BEARER    ']) {
      expect(header(`${scheme}${key.secret}`)).toMatchObject({ ok: true });
    }
    for (const other of [
      `Bearer${key.secret}`,
      `Bearer\t${key.secret}`,
      `Bearer ${key.secret} ${key.secret}`,
    ]) {
      expect(header(other)).toEqual({ ok: false, code: 'CREDENTIAL_INVALID' });
    }
  });

  it('that is wrong, cut, longer or in another scheme is refused', () => {
    const { ask } = access();
    for (const token of [`${key.secret}x`, key.secret.slice(1), '', key.digest, 'x'.repeat(9_000)]) {
      expect(ask(token)).toEqual({ ok: false, code: 'CREDENTIAL_INVALID' });
    }
    expect(ask(undefined)).toEqual({ ok: false, code: 'CREDENTIAL_MISSING' });
  });

  it('ends with its agreement, at once', () => {
    const { ask, pass } = access();
    expect(ask(key.secret)).toMatchObject({ ok: true });
    pass(1_000);
    expect(ask(key.secret)).toMatchObject({ ok: false, code: 'ENDED' });
  });

  it('of a client that is switched off is refused at once, and good again when it is switched on', () => {
    const { ask, clients } = access();
    clients.switch('gate-7', true);
    expect(ask(key.secret)).toMatchObject({ ok: false, code: 'DISABLED' });
    clients.replace([gate]);
    expect(ask(key.secret)).toMatchObject({ code: 'DISABLED' });
    clients.switch('gate-7', false);
    expect(ask(key.secret)).toMatchObject({ ok: true });
  });

  it('is replaced without a gap: both are good while both are listed, then the new one alone', () => {
    const { ask, clients } = access();
    const next = newSecret();
    const listing = (...staticKeys: string[]) =>
      clients.replace([{ ...gate, credentials: { ...gate.credentials, staticKeys } }]);
    listing(key.digest, next.digest);
    expect([ask(key.secret).ok, ask(next.secret).ok]).toEqual([true, true]);
    listing(next.digest);
    expect([ask(key.secret).ok, ask(next.secret).ok]).toEqual([false, true]);
  });

  it('is asked no more often than the agreement says; a reload forgives nothing', () => {
    const slow = { ...gate, rate: { perSecond: 2, burst: 2 } };
    const { ask, clients, pass } = access([slow]);
    expect([ask(key.secret).ok, ask(key.secret).ok]).toEqual([true, true]);
    clients.replace([slow]);
    expect(ask(key.secret)).toMatchObject({ ok: false, code: 'RATE_LIMITED', retryMs: 500 });
    pass(500);
    expect(ask(key.secret)).toMatchObject({ ok: true });
  });
});

it('two clients with one key are refused, and what was there stays', () => {
  const { ask, clients } = access();
  expect(() => clients.replace([gate, { ...gate, id: 'other' }])).toThrow(ClientsError);
  expect(ask(key.secret)).toMatchObject({ ok: true });
});

it('behind a proxy the address is what the last believed proxy saw; what a client invents is not believed', () => {
  const proxies = new Networks(['10.0.0.1', '10.0.0.2']);
  const address = (socket: string, forwarded?: string) => callersAddress(socket, forwarded, proxies);
  expect(address('::ffff:192.0.2.1', '10.7.0.5')).toBe('192.0.2.1');
  expect(address('10.0.0.1', '10.7.0.5')).toBe('10.7.0.5');
  expect(address('10.0.0.1', '10.7.0.5, 192.0.2.9')).toBe('192.0.2.9');
  expect(address('10.0.0.1', '10.7.0.5, 10.0.0.2')).toBe('10.7.0.5');
  expect(address('10.0.0.1')).toBe('10.0.0.1');
  expect(address('10.0.0.1', Array(20).fill('10.0.0.2').join())).toBe('10.0.0.1');
});

it('of tokens that were verified the oldest of 10,000 go and are verified again', async () => {
  const clients = new Clients([client('desk')]);
  const desk = clients.get('desk');
  let now = 0;
  let verified = 0;
  const verifier = {
    verify: async () => {
      verified += 1;
      return desk && { client: desk, expiresAt: Infinity };
    },
  };
  const access = new ClientAccess({ clients, open: false, verifier, now: () => now, clock: () => now });
  const ask = (i: number) => access.identify(`Bearer a.b.${i}`, '10.0.0.1');
  for (let i = 0; i < 10_500; i++) {
    now += 20;
    expect(await ask(i)).toMatchObject({ ok: true });
  }
  verified = 0;
  for (const i of [10_499, 500]) expect(await ask(i)).toMatchObject({ ok: true });
  expect(verified).toBe(0);
  now += 20;
  await ask(499);
  expect(verified).toBe(1);
});
