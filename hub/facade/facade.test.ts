import { request as httpRequest } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Decision as DecisionRecord } from '../../contracts/types.js';
import { card, door, fixtureView, NOW, outOfScopeCard } from '../views/view.fixture.js';
import { createFacade } from './app.js';
import type { FacadeOptions } from './app.js';
import { DecisionLog } from './decision-log.js';
import { startFacade } from './server.js';

function facade(change: Partial<FacadeOptions> = {}, bufferMax = 100) {
  const written: DecisionRecord[] = [];
  const decisions = new DecisionLog({
    sink: { encode: (record) => record, append: async (records) => void written.push(...records) },
    replica: 'r1',
    pseudonym: (text) => `hmac-sha256:${text.length}`,
    now: () => NOW,
    bufferMax,
    flushMs: 60_000,
  });
  onTestFinished(() => decisions.close());
  const view = change.view ?? fixtureView();
  const follower = { ready: true, lag: 0, faults: [] };
  const app = createFacade({ view, follower, decisions, now: () => NOW, ...change });
  return { app, view, decisions, written };
}

const subject = { type: 'card', id: 'core:1' };
const resource = { type: 'door', id: 'gate:d1' };
const action = { name: 'enter' };
const good = { subject, resource, action };

async function post(
  app: ReturnType<typeof facade>['app'],
  body: unknown,
  headers: Record<string, string> = {},
) {
  const response = await app.request('/access/v1/evaluation', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

describe('POST /access/v1/evaluation', () => {
  it('answers an allow and a deny with 200 and the decision alone', async () => {
    const { app, view } = facade();
    expect(await post(app, good)).toMatchObject({ status: 200, text: '{"decision":true}' });
    view.apply('master.card', 'core:1', card({ lost: true, version: 2 }));
    const denied = await post(app, good);
    expect(denied).toMatchObject({ status: 200, text: '{"decision":false}' });
    expect(denied.headers.get('content-type')).toBe('application/json');
  });

  it('gives reasons where the request or the client asks for them', async () => {
    const { app } = facade();
    for (const ask of [{ options: { reasons: true } }, { context: { reasons: true } }]) {
      expect(JSON.parse((await post(app, { ...good, ...ask })).text)).toMatchObject({
        decision: true,
        context: { reason: 'ALLOW', policyVersion: 'default-1', dataAgeMs: 1_000, ttlMs: 1_000 },
      });
    }
    const always = facade({ alwaysReasons: true });
    expect((await post(always.app, good)).text).toContain('"reason":"ALLOW"');
  });

  it('reads a credential with its reader profile, and a person by any card', async () => {
    const { app } = facade({ alwaysReasons: true });
    const reason = async (subject: unknown) =>
      (JSON.parse((await post(app, { ...good, subject })).text) as { context: { reason: string } }).context
        .reason;
    const properties = { readerProfile: 'dec10-le' };
    expect(await reason({ type: 'credential', id: '0166735958', properties })).toBe('ALLOW');
    expect(await reason({ type: 'credential', id: '0166735958', properties: { readerProfile: '?' } })).toBe(
      'DENY_READER_PROFILE',
    );
    expect(await reason({ type: 'person', id: 'core:20260001' })).toBe('ALLOW');
    expect(await reason({ type: 'robot', id: 'core:1' })).toBe('DENY_UNSUPPORTED');
  });

  it.each([
    ['no JSON', '{', 400],
    ['an empty body', '', 400],
    ['a string', '""', 400],
    ['an array at the top', [good], 400],
    ['no subject', { resource, action }, 400],
    ['a subject that is a string', { ...good, subject: 'alice' }, 400],
    ['no subject type', { ...good, subject: { id: 'core:1' } }, 400],
    ['no subject id', { ...good, subject: { type: 'card' } }, 400],
    ['no resource', { subject, action }, 400],
    ['no resource id', { ...good, resource: { type: 'door' } }, 400],
    ['no action', { subject, resource }, 400],
    ['no action name', { ...good, action: {} }, 400],
    ['a number as the action name', { ...good, action: { name: 123 } }, 400],
    ['a number as the id', { ...good, subject: { type: 'card', id: 1 } }, 400],
    ['properties that are a list', { ...good, subject: { ...subject, properties: [] } }, 400],
    ['a context that is a string', { ...good, context: 'x' }, 400],
    ['a body over the limit', { ...good, foo: 'x'.repeat(70_000) }, 413],
    ['a JSON bomb', `{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`, 400],
    ['fields nobody knows', { ...good, foo: 'bar', subject: { ...subject, x: [1] } }, 200],
    ['an unknown action', { ...good, action: { name: '__proto__' } }, 200],
    ['an unknown resource type', { ...good, resource: { type: 'record', id: 'r' } }, 200],
  ])('with %s', async (_name, body, status) => {
    const answer = await post(facade().app, body);
    expect(answer.status).toBe(status);
    if (status !== 200) expect(answer.text).toMatch(/expected/);
  });

  it.each([
    ['application/json; charset=utf-8', 200],
    ['Application/JSON', 200],
    ['application/json;charset="UTF-8"', 200],
    ['application/json; charset=gbk', 400],
    ['application/json; charset=utf-8; charset=gbk', 400],
    ['text/plain', 400],
    ['application/jsonp', 400],
  ])('with content type %s', async (type, status) => {
    expect((await post(facade().app, good, { 'content-type': type })).status).toBe(status);
  });

  it('echoes X-Request-ID where it was sent, on errors too', async () => {
    const { app } = facade();
    const id = { 'x-request-id': 'abc-1' };
    expect((await post(app, good, id)).headers.get('x-request-id')).toBe('abc-1');
    expect((await post(app, '{', id)).headers.get('x-request-id')).toBe('abc-1');
    expect((await post(app, good)).headers.get('x-request-id')).toBeNull();
  });

  it.each(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'QUERY'])('%s is 405 with Allow', async (method) => {
    const response = await facade().app.request('/access/v1/evaluation', { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('decides nothing before the view has caught up', async () => {
    const { app } = facade({ follower: { ready: false, lag: 5, faults: [] } });
    const answer = await post(app, good);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    expect((await app.request('/readyz')).status).toBe(503);
    expect((await app.request('/livez')).status).toBe(200);
  });

  it('logs what was decided without a number or a name, and answers 503 at audited doors when it cannot', async () => {
    const { app, view, decisions, written } = facade({}, 2);
    await post(app, { ...good, subject: { type: 'credential', id: 'A1B2C3D4' } });
    await post(app, good);
    await post(app, good); // no room any more
    view.apply('master.door', 'gate:d1', door({ auditRequired: true, version: 2 }));
    expect((await post(app, good)).status).toBe(503);
    await decisions.flush();
    expect((await post(app, good)).status).toBe(200);
    expect(written.map(({ kind, reason, gapCount }) => [kind, reason, gapCount])).toEqual([
      ['DECISION', 'DENY_UNKNOWN_CARD', null],
      ['DECISION', 'ALLOW', null],
      ['GAP', '', 1],
    ]);
    expect(written[0]).toMatchObject({ subjectRef: 'hmac-sha256:19', resourceKey: 'gate:d1' });
    expect(written[1]).toMatchObject({ subjectRef: 'core:1', policyVersion: 'default-1', decidedAt: NOW });
    expect(JSON.stringify(written)).not.toMatch(/A1B2C3D4|20260001|张/);
  });
});

describe('POST /v1/identity/check', () => {
  const check = async (body: unknown, view = fixtureView()) => {
    const response = await facade({ view }).app.request('/v1/identity/check', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  it('matches a card with its number and name, and shows the name masked', async () => {
    const { body } = await check({ card: 'core:1', schoolNumber: '20260001', name: ' 张小三 ' });
    expect(body).toMatchObject({ match: true, state: 'NORMAL', personClass: 'STUDENT', maskedName: '张*三' });
    expect(JSON.stringify(body)).not.toContain('张小三');
    const byNumber = { credential: '5630F009', readerProfile: 'uid-hex' };
    expect((await check(byNumber)).body).toMatchObject({ match: true });
  });

  it('takes JSON in UTF-8 alone, and says so', async () => {
    const { app } = facade();
    const typed = (type: string) =>
      app.request('/v1/identity/check', {
        method: 'POST',
        headers: { 'content-type': type },
        body: '{"card":"core:1"}',
      });
    expect((await typed('application/json; Charset=UTF-8')).status).toBe(200);
    const refused = await typed('application/json; charset=gbk');
    expect(refused.status).toBe(415);
    expect(await refused.json()).toMatchObject({
      code: 'UNSUPPORTED_MEDIA_TYPE',
      detail: expect.stringMatching(/send the body in UTF-8/) as unknown,
    });
    const coded = (coding: string) =>
      app.request('/v1/identity/check', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-encoding': coding },
        body: '{"card":"core:1"}',
      });
    expect([(await coded('identity')).status, (await coded('gzip')).status]).toEqual([200, 415]);
  });

  it.each([
    ['an unknown card', { card: 'core:9' }],
    ['another number', { card: 'core:1', schoolNumber: '20260002' }],
    ['another name', { card: 'core:1', name: '李四' }],
    ['an unknown profile', { credential: '5630F009', readerProfile: '?' }],
  ])('gives one and the same answer for %s', async (_name, body) => {
    expect(await check(body)).toEqual({ status: 200, body: { match: false } });
  });

  it.each([
    ['lost', card({ lost: true }), { match: false, state: 'LOST' }],
    ['frozen', card({ frozen: true }), { match: true, state: 'FROZEN', warning: 'DENY_FROZEN' }],
    ['closed', card({ state: 'CLOSED' }), { match: false, state: 'CLOSED' }],
  ])('tells the holder that the card is %s', async (_name, value, expected) => {
    const view = fixtureView();
    view.apply('master.card', 'core:1', value);
    expect((await check({ card: 'core:1', schoolNumber: '20260001' }, view)).body).toMatchObject(expected);
  });

  it('says that a temporary card is out of scope', async () => {
    const view = fixtureView();
    view.apply('hub.out-of-scope-card', 'core:7', outOfScopeCard({ cardKey: 'core:7', credentials: [] }));
    expect((await check({ card: 'core:7' }, view)).body).toMatchObject({
      match: false,
      state: 'OUT_OF_SCOPE',
    });
  });

  it.each([
    [{}, /either card or credential/],
    [{ card: 'core:1', credential: '1' }, /either/],
    [{ credential: '1' }, /readerProfile/],
    [{ card: 'core:1', purpose: 'pay' }, /purpose/],
    [{ card: 5 }, /card: expected a string/],
    [[], /object/],
  ])('refuses %j with a problem document', async (body, detail) => {
    const answer = await check(body);
    expect(answer).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST', status: 400 } });
    expect(answer.body.detail).toMatch(detail);
  });
});

describe('the facade', () => {
  it('shows its numbers in the Prometheus format', async () => {
    const { app } = facade();
    await post(app, good);
    const text = await (await app.request('/metrics')).text();
    expect(text).toContain('cardhub_decisions_total{reason="ALLOW"} 1\n');
    expect(text).toContain('cardhub_data_age_seconds{source_partition="qau/core/cards/0"} 1\n');
    expect((await app.request('/nowhere')).status).toBe(404);
  });

  it('refuses any address but the loopback while clients cannot authenticate', async () => {
    await expect(startFacade(facade().app, { host: '0.0.0.0', port: 0 })).rejects.toMatchObject({
      code: 'NOT_LOOPBACK',
    });
  });

  it('answers over a socket, refuses a chunked body without end, and says that a port is in use', async () => {
    const server = await startFacade(facade().app, { host: '127.0.0.1', port: 0 });
    onTestFinished(() => server.close());
    const url = `${server.url}/access/v1/evaluation`;
    const headers = { 'content-type': 'application/json', 'x-request-id': 'r-7' };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(good) });
    expect(await response.json()).toEqual({ decision: true });
    expect(response.headers.get('x-request-id')).toBe('r-7');
    await expect(startFacade(facade().app, server)).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    const { host, port } = server;
    const other = await startFacade(facade().app, { host, port, elseAnyPort: true });
    expect(other.port).not.toBe(port);
    expect((await fetch(`${other.url}/livez`)).status).toBe(200);
    await other.close();
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const sent = httpRequest(url, { method: 'POST', headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      sent.on('error', reject);
      for (let i = 0; i < 10; i++) sent.write('x'.repeat(10_000));
      sent.end();
    });
    expect(status).toBe(413);
    const traced = await new Promise<number | undefined>((resolve, reject) => {
      const sent = httpRequest(url, { method: 'TRACE' }, (answer) => resolve(answer.resume().statusCode));
      sent.on('error', reject).end();
    });
    expect(traced).toBe(405);
  });
});
