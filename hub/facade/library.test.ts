import { expect, it, onTestFinished } from 'vitest';
import { memoryLibrary } from '../sip2/desk.test-support.js';
import type { LibraryDesk } from '../sip2/library-desk.js';
import { card, fixtureView, NOW } from '../views/view.fixture.js';
import { createFacade } from './app.js';
import { DecisionLog } from './decision-log.js';

function desk(library?: LibraryDesk, change: Parameters<typeof card>[0] = {}) {
  const written: { purpose: string; action: string; reason: string }[] = [];
  const decisions = new DecisionLog({
    sink: {
      encode: (record) => record,
      append: async (records) => void written.push(...(records as never[])),
    },
    replica: 'r1',
    pseudonym: (text) => `hmac-sha256:${text.length}`,
    now: () => NOW,
    flushMs: 60_000,
  });
  onTestFinished(() => decisions.close());
  const view = fixtureView();
  view.apply('master.card', 'core:1', card({ version: 2, ...change }));
  const follower = { ready: true, lag: 0, faults: [] };
  const alarms: string[] = [];
  const app = createFacade({
    ...{ view, follower, decisions, now: () => NOW },
    institutions: new Set(['main']),
    ...(library !== undefined && { library }),
    onEnumeration: (client) => alarms.push(client),
  });
  let keys = 0;
  const post = async (path: string, body: object, key = `k${++keys}`) => {
    const response = await app.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(body),
    });
    return { status: response.status, ...((await response.json()) as Record<string, unknown>) };
  };
  return { post, app, written, decisions, alarms };
}

const READER = { card: 'core:1', institution: 'main' };
const BOOK = { item: '0000000077', location: 'lobby' };

it('refuses a library that there is not, and says nothing of the reader', async () => {
  const { post } = desk();
  const elsewhere = { ...READER, ...BOOK, institution: 'mian' };
  for (const path of ['authenticate', 'checkout', 'checkin']) {
    const answer = await post(`/v1/library/${path}`, elsewhere);
    expect(answer).toMatchObject({ status: 400, code: 'UNKNOWN_INSTITUTION' });
    expect(answer).not.toHaveProperty('match');
  }
});

it('says who the reader is and that they may borrow, with a masked name and nothing else', async () => {
  const { post } = desk();
  const known = {
    match: true,
    mayBorrow: true,
    reason: 'ALLOW',
    maskedName: '张*三',
    personClass: 'STUDENT',
  };
  expect(await post('/v1/library/authenticate', READER)).toMatchObject(known);
  const byNumber = { schoolNumber: '20260001', source: 'core' };
  const answer = await post('/v1/library/authenticate', byNumber);
  expect(answer).toMatchObject(known);
  expect(JSON.stringify(answer)).not.toMatch(/20260001|张小三/);
});

it('answers a reader that nobody is with one and the same answer', async () => {
  const { post } = desk();
  const nobody = { status: 200, match: false, mayBorrow: false };
  for (const body of [
    { card: 'core:9' },
    { schoolNumber: '1', source: 'core' },
    { credential: '5630F009', readerProfile: '?' },
    { credential: 'zz', readerProfile: 'uid-hex' },
  ]) {
    expect(await post('/v1/library/authenticate', body)).toEqual(nobody);
  }
});

it('lends and takes back by the same decision as SIP2, and once for a key', async () => {
  const library = memoryLibrary();
  const { post, written, decisions } = desk(library);
  const lent = { done: true, reason: 'ALLOW', title: '红楼梦', renewed: false };
  expect(await post('/v1/library/checkout', { ...READER, ...BOOK }, 'a')).toMatchObject(lent);
  library.lent.clear();
  expect(await post('/v1/library/checkout', { ...READER, ...BOOK }, 'a')).toMatchObject(lent);
  expect(library.lent.size).toBe(0);
  await post('/v1/library/checkout', { ...READER, ...BOOK });
  expect(await post('/v1/library/checkin', BOOK)).toMatchObject({ done: true, shelf: 'A-3' });
  expect(await post('/v1/library/checkin', BOOK)).toMatchObject({ done: false, reason: 'LIBRARY_REFUSED' });
  await decisions.flush();
  expect(written.map(({ action }) => action)).toEqual(['borrow', 'borrow', 'return']);
});

it.each([
  [{ lost: true }, 'DENY_LOST'],
  [{ damaged: true }, 'DENY_DAMAGED'],
])('lends nothing on a card that is %j, and takes its books back', async (change, reason) => {
  const library = memoryLibrary();
  const { post } = desk(library, change);
  expect(await post('/v1/library/checkout', { ...READER, ...BOOK })).toMatchObject({ done: false, reason });
  expect(library.lent.size).toBe(0);
  library.lent.set(BOOK.item, 'core:1');
  expect(await post('/v1/library/checkin', BOOK)).toMatchObject({ done: true });
});

it('says truthfully that no library is connected, or that it gave no answer', async () => {
  expect(await desk().post('/v1/library/checkout', { ...READER, ...BOOK })).toMatchObject({
    status: 200,
    done: false,
    reason: 'LIBRARY_NOT_AVAILABLE',
  });
  const silent = memoryLibrary({ checkout: () => Promise.reject(new Error('cut')) });
  const { post } = desk(silent);
  expect(await post('/v1/library/checkout', { ...READER, ...BOOK })).toMatchObject({
    status: 503,
    code: 'LIBRARY_UNREACHABLE',
  });
});

it('throttles who tries numbers out, says so, and leaves others alone', async () => {
  const { post, app, alarms } = desk();
  for (let i = 0; i < 31; i++) await post('/v1/identity/check', { card: `core:x${i}` });
  expect(alarms).toEqual(['anonymous']);
  expect(await post('/v1/library/authenticate', READER)).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
  expect(await (await app.request('/readyz')).text()).toContain('tried many unknown cards');
  expect(await (await app.request('/metrics')).text()).toContain(
    'cardhub_enumeration_total{client="anonymous"} 1',
  );
  const honest = desk();
  for (let i = 0; i < 60; i++) {
    await honest.post('/v1/identity/check', READER);
    expect((await honest.post('/v1/identity/check', { card: `core:x${i % 7}` })).status).toBe(200);
  }
});
