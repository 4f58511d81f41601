import { expect, it, onTestFinished } from 'vitest';
import { ClientAccess } from './access.js';
import { client } from './client.fixture.js';
import { Clients } from './registry.js';
import { newSecret } from './secrets.js';
import type { ClientConfig } from '../config/types.js';
import { createMetrics } from '../operate/metrics.js';
import { searchable } from '../search/campus.js';
import { door, fixtureView, NOW } from '../views/view.fixture.js';
import { createFacade } from '../facade/app.js';
import { OPEN, SCOPES } from '../facade/caller.js';
import { DecisionLog } from '../facade/decision-log.js';

const key = newSecret();

function facade(change: Partial<ClientConfig>, kind: 'guarded' | 'open' | 'without clients' = 'guarded') {
  const decisions = new DecisionLog({
    sink: { encode: (record) => record, append: async () => undefined },
    ...{ replica: 'r1', pseudonym: (text: string) => text, now: () => NOW },
  });
  onTestFinished(() => decisions.close());
  const { view, candidates } = searchable(fixtureView());
  for (const doorKey of ['gate:d1', 'gate:d2']) view.apply('master.door', doorKey, door({ doorKey }));
  const credentials = { secrets: [], keysFile: undefined, issuer: undefined, staticKeys: [key.digest] };
  const clients = new Clients(
    [client('desk', { credentials, ...change })],
    (of) => view.door(of)?.groups ?? [],
  );
  const metrics = createMetrics();
  const app = createFacade({
    ...{ view, decisions, metrics, follower: { ready: true, lag: 0, faults: [] }, now: () => NOW },
    candidates,
    ...(kind !== 'without clients' && {
      access: new ClientAccess({ clients, open: kind === 'open', now: () => NOW }),
    }),
  });
  const ask = async (path: string, body?: unknown, token: string | null = key.secret) => {
    const response = await app.request(path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token !== null && { authorization: `Bearer ${token}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  return { ask, metrics };
}

const EVALUATION = '/access/v1/evaluation';
const at = (id: string) => ({
  subject: { type: 'card', id: 'core:1' },
  resource: { type: 'door', id },
  action: { name: 'enter' },
});

it('asks for a credential, and says no more than that, whatever was wrong', async () => {
  const off = facade({ scopes: [...SCOPES], enabled: false });
  const elsewhere = facade({ scopes: [...SCOPES], networks: ['10.0.0.0/8'] });
  const { ask, metrics } = facade({ scopes: [...SCOPES] });
  const answers = [
    await ask(EVALUATION, at('gate:d1'), 'wrong'),
    await ask(EVALUATION, at('gate:d1'), 'ey.ey.ey'),
    await off.ask(EVALUATION, at('gate:d1')),
    await elsewhere.ask(EVALUATION, at('gate:d1')),
  ];
  for (const { status, headers, text } of answers) {
    expect([status, text]).toEqual([401, 'expected a bearer token that is valid here']);
    expect(headers.get('www-authenticate')).toBe('Bearer realm="cardhub", error="invalid_token"');
  }
  const missing = await ask(EVALUATION, at('gate:d1'), null);
  expect(missing.headers.get('www-authenticate')).toBe('Bearer realm="cardhub"');
  expect(metrics.text()).toContain('cardhub_refused_total{code="CREDENTIAL_INVALID"} 2');
  expect(off.metrics.text()).toContain('cardhub_refused_total{code="DISABLED",client="desk"} 1');
});

it.each([
  [EVALUATION, 'decide', at('gate:d1')],
  ['/access/v1/evaluations', 'decide', at('gate:d1')],
  ['/access/v1/search/resource', 'search', { ...at('gate:d1'), resource: { type: 'door' } }],
  ['/v1/identity/check', 'identity', { card: 'core:1' }],
  ['/metrics', 'operate', undefined],
] as const)('%s asks for the scope %s', async (path, scope, body) => {
  const others = facade({ scopes: SCOPES.filter((one) => one !== scope), purposes: ['door'], doors: 'all' });
  const refused = await others.ask(path, body);
  expect(refused.status).toBe(403);
  expect(refused.headers.get('www-authenticate')).toContain(`error="insufficient_scope", scope="${scope}"`);
  const granted = facade({ scopes: [scope], purposes: ['door', 'identity'], doors: 'all' });
  expect((await granted.ask(path, body)).status).toBe(200);
});

it('money and bank signing need a scope of their own, which no open facade has', async () => {
  const body = { card: 'core:1', include: ['balance', 'bankSigning'] };
  const rights = { purposes: ['identity'], fields: ['totalFen'] } as const;
  const one = facade({ ...rights, scopes: ['identity', 'balance'] });
  const refused = await one.ask('/v1/identity/check', body);
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
    403,
    'Bearer realm="cardhub", error="insufficient_scope", scope="identity bank-signing"',
  ]);
  const both = facade({ ...rights, scopes: ['identity', 'balance', 'bank-signing'] });
  expect(JSON.parse((await both.ask('/v1/identity/check', body)).text)).toMatchObject({
    balance: { certainty: 'UNKNOWN', currency: 'CNY', unit: 'fen', asOf: null, ageMs: null },
    bankSigning: { state: 'UNKNOWN', ageMs: null },
  });
  expect(OPEN.may('balance') || OPEN.may('bank-signing')).toBe(false);
});

it.each(['open', 'without clients'] as const)(
  'a facade that is %s decides for whoever asks, and keeps the lists of controllers for those who say who they are',
  async (kind) => {
    const { ask } = facade({ scopes: ['decide', 'controller'], purposes: ['door'], doors: 'all' }, kind);
    expect((await ask(EVALUATION, at('gate:d1'), null)).status).toBe(200);
    for (const what of ['allow-list', 'events']) {
      const refused = await ask(`/v1/controllers/east/${what}`, undefined, null);
      expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
        401,
        'Bearer realm="cardhub"',
      ]);
    }
    // Its handlers are asked: there are no controllers here.
    if (kind === 'open') {
      expect(JSON.parse((await ask('/v1/controllers/east/allow-list')).text)).toMatchObject({
        code: 'NOT_CONFIGURED',
      });
    }
  },
);

it('a purpose or a door outside the agreement is 403, in the same words for a door that there is not', async () => {
  const { ask } = facade({ scopes: ['decide'], purposes: ['door'], doors: ['gate:d1'] });
  expect(await ask(EVALUATION, at('gate:d1'))).toMatchObject({ status: 200, text: '{"decision":true}' });
  const there = await ask(EVALUATION, at('gate:d2'));
  expect(there.status).toBe(403);
  expect(await ask(EVALUATION, at('gate:none'))).toMatchObject({ status: 403, text: there.text });
  const library = { ...at('x'), resource: { type: 'library', id: 'main' }, action: { name: 'borrow' } };
  expect(await ask(EVALUATION, library)).toMatchObject({ status: 403 });
});

it('in a batch such an item is a deny of its own, and the others are answered', async () => {
  const { ask } = facade({ scopes: ['decide'], purposes: ['door'], doors: ['gate:d1'] });
  const { subject, action } = at('');
  const evaluations = ['gate:d1', 'gate:d2'].map((id) => ({ resource: { type: 'door', id } }));
  const answer = await ask('/access/v1/evaluations', {
    subject,
    action,
    evaluations,
    options: { reasons: true },
  });
  expect(JSON.parse(answer.text)).toMatchObject({
    evaluations: [{ decision: true }, { decision: false, context: { error: { status: 403 } } }],
  });
});

it('a search neither finds nor counts doors outside the agreement', async () => {
  const search = { ...at(''), resource: { type: 'door' }, action: { name: 'exit' }, page: { limit: 1 } };
  const all = facade({ scopes: ['search'], purposes: ['door'], doors: 'all' });
  const one = facade({ scopes: ['search'], purposes: ['door'], doors: ['gate:d2'] });
  const found = async ({ ask }: typeof all) => {
    const { results } = JSON.parse((await ask('/access/v1/search/resource', search)).text) as {
      results: unknown;
    };
    return results;
  };
  expect(await found(all)).toEqual([{ type: 'door', id: 'gate:d1' }]);
  expect(await found(one)).toEqual([{ type: 'door', id: 'gate:d2' }]);
  const subjects = {
    subject: { type: 'card' },
    resource: { type: 'door', id: 'gate:d1' },
    action: { name: 'enter' },
  };
  expect((await one.ask('/access/v1/search/subject', subjects)).status).toBe(403);
});

it('each answer tells a client how much of its rate is left', async () => {
  const { ask } = facade({ scopes: ['operate'], rate: { perSecond: 0.5, burst: 3 } });
  for (const [left, seconds] of [
    [2, 2],
    [1, 4],
  ]) {
    const { status, headers } = await ask('/metrics');
    expect([status, headers.get('ratelimit-policy')]).toEqual([200, '"client";q=3;w=6']);
    expect(headers.get('ratelimit')).toBe(`"client";r=${left};t=${seconds}`);
  }
});

it('where no controllers are configured their paths say so, to those who may ask there', async () => {
  const path = '/v1/controllers/east/allow-list';
  const { ask } = facade({ scopes: ['controller'] });
  const answer = await ask(path);
  expect([answer.status, JSON.parse(answer.text)]).toMatchObject([404, { code: 'NOT_CONFIGURED' }]);
  expect((await ask(path, undefined, null)).status).toBe(401);
  expect((await ask('/v1/controllers')).status).toBe(403);
  expect((await ask(path, {})).headers.get('allow')).toBe('GET, HEAD');
});

it('beyond its rate a client gets 429 with the time to wait', async () => {
  const { ask } = facade({ scopes: ['operate'], rate: { perSecond: 0.5, burst: 1 } });
  expect((await ask('/metrics')).status).toBe(200);
  const { status, headers, text } = await ask('/metrics');
  expect([status, headers.get('retry-after')]).toEqual([429, '2']);
  expect(headers.get('ratelimit-policy')).toBe('"client";q=1;w=2');
  expect(headers.get('ratelimit')).toBe('"client";r=0;t=2');
  expect(JSON.parse(text)).toMatchObject({ code: 'RATE_LIMITED' });
});
