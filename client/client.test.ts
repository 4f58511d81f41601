import { expect, it } from 'vitest';
import { clientCredentials, createClient } from './index.js';

/** A `fetch` that gives these answers in turn and notes what was asked. */
function answering(...answers: (() => Response)[]) {
  const asked: { url: string; headers: Headers; body: unknown }[] = [];
  const fetch = async (url: URL, init?: RequestInit): Promise<Response> => {
    asked.push({ url: url.href, headers: new Headers(init?.headers), body: init?.body });
    const answer = answers[Math.min(asked.length, answers.length) - 1];
    if (answer === undefined) throw new TypeError('fetch failed');
    return answer();
  };
  return { fetch: fetch as typeof globalThis.fetch, asked };
}

const url = 'http://hub';
const busy = (): Response =>
  Response.json(
    { code: 'OVERLOADED', title: 'Busy', detail: 'try again' },
    { status: 503, headers: { 'retry-after': '0', 'content-type': 'application/problem+json' } },
  );

it('asks again when the hub says so, with the same Idempotency-Key', async () => {
  const { fetch, asked } = answering(busy, () => Response.json({ done: true }));
  const cardhub = createClient({ url, fetch, token: 'secret' });
  const { done } = await cardhub.post('/v1/library/checkin', { item: '77' });
  expect(done).toBe(true);
  const keys = asked.map(({ headers }) => headers.get('idempotency-key'));
  expect(keys).toHaveLength(2);
  expect(new Set(keys).size).toBe(1);
  expect(asked[0]?.headers.get('authorization')).toBe('Bearer secret');
});

it('gives a refusal with its closed code, at once', async () => {
  const { fetch, asked } = answering(() =>
    Response.json({ code: 'FORBIDDEN', title: 'No', detail: 'scope' }, { status: 403 }),
  );
  const refused = createClient({ url, fetch }).post('/v1/identity/check', { card: 'core:1' });
  await expect(refused).rejects.toMatchObject({ name: 'CardhubError', status: 403, code: 'FORBIDDEN' });
  expect(asked).toHaveLength(1);
});

it('gives up after three attempts without an answer', async () => {
  const { fetch, asked } = answering();
  const cardhub = createClient({ url, fetch });
  await expect(cardhub.get('/v1/decisions/{id}', { id: 'a/b' })).rejects.toMatchObject({
    status: 0,
    code: 'NO_ANSWER',
  });
  expect(asked.map((one) => one.url)).toEqual(Array(3).fill('http://hub/v1/decisions/a%2Fb'));
});

it('asks for a token once for all who wait, and again before it ends', async () => {
  let now = 0;
  let n = 0;
  const { fetch, asked } = answering(() => Response.json({ access_token: `t${++n}`, expires_in: 60 }));
  const token = clientCredentials({ url, clientId: 'gate', clientSecret: 'x', fetch, now: () => now });
  expect(await Promise.all([token(), token()])).toEqual(['t1', 't1']);
  now = 29_000;
  expect(await token()).toBe('t1');
  now = 30_000;
  expect(await token()).toBe('t2');
  expect(asked).toHaveLength(2);
});
