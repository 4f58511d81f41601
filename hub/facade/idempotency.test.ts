import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { createIdempotencyStore, idempotent, KEPT_MS } from './idempotency.js';

/** An app whose one route counts how often it was run, and answers what `answers` gives in turn. */
function counting(
  answers: (body: unknown) => Response | Promise<Response> = () => Response.json({ done: true }),
) {
  const clock = { now: 1_000 };
  let runs = 0;
  const app = new Hono();
  const store = createIdempotencyStore(() => clock.now);
  const handler = idempotent(store, (_c, body) => {
    runs += 1;
    return answers(body);
  });
  app.post('/lend', handler).post('/take-back', handler);
  const post = async (body: unknown, key?: string, path = '/lend') => {
    const response = await app.request(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key !== undefined && { 'idempotency-key': key }) },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    return { status: response.status, replayed: response.headers.get('idempotency-replayed'), ...answer };
  };
  return { post, clock, store, runs: () => runs };
}

it('does it once, however often the same comes with its key', async () => {
  const { post, runs } = counting();
  expect(await post({ item: 1 }, 'a')).toMatchObject({ status: 200, done: true, replayed: null });
  expect(await post({ item: 1 }, 'a')).toMatchObject({ status: 200, done: true, replayed: 'true' });
  expect(await post({ item: 1 }, 'b')).toMatchObject({ status: 200, replayed: null });
  expect(runs()).toBe(2);
});

it('refuses a key with another body, and a request without one', async () => {
  const { post, runs } = counting();
  await post({ item: 1 }, 'a');
  expect(await post({ item: 2 }, 'a')).toMatchObject({ status: 422, code: 'IDEMPOTENCY_KEY_REUSED' });
  expect(await post({ item: 2 })).toMatchObject({ status: 400, code: 'IDEMPOTENCY_KEY' });
  expect(await post({ item: 2 }, 'x'.repeat(256))).toMatchObject({ status: 400 });
  expect(runs()).toBe(1);
});

it('refuses a key that came with another path before', async () => {
  const { post, runs } = counting();
  await post({ item: 1 }, 'a');
  expect(await post({ item: 1 }, 'a', '/take-back')).toMatchObject({
    status: 422,
    code: 'IDEMPOTENCY_KEY_REUSED',
  });
  expect(await post({ item: 1 }, 'b', '/take-back')).toMatchObject({ status: 200 });
  expect(runs()).toBe(2);
});

it('needs no key where what is written tells it apart, and heeds one all the same', async () => {
  let runs = 0;
  const store = createIdempotencyStore(() => 1_000);
  const app = new Hono().put(
    '/held',
    idempotent(store, () => Response.json({ runs: ++runs }), 'done'),
  );
  const put = async (version: number, key?: string) => {
    const headers = {
      'content-type': 'application/json',
      ...(key !== undefined && { 'idempotency-key': key }),
    };
    return app.request('/held', { method: 'PUT', headers, body: JSON.stringify({ version }) });
  };
  await put(1);
  await put(1);
  expect(runs).toBe(2);
  await put(1, 'a');
  expect((await put(1, 'a')).headers.get('idempotency-replayed')).toBe('true');
  expect((await put(2, 'a')).status).toBe(422);
  expect((await put(2, '')).status).toBe(400);
  expect(runs).toBe(3);
});

it('says that the first one is under way', async () => {
  let finish = (): void => undefined;
  const { post } = counting(
    () => new Promise((resolve) => (finish = () => resolve(Response.json({ done: true })))),
  );
  const first = post({}, 'a');
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(await post({}, 'a')).toMatchObject({ status: 409, code: 'CONFLICT' });
  finish();
  expect(await first).toMatchObject({ status: 200 });
});

it.each([503, 500, 429, 400])(
  'keeps no %i, by which nothing was done or nothing is known',
  async (failed) => {
    let status = failed;
    const { post, runs, store } = counting(() => Response.json({}, { status }));
    expect(await post({}, 'a')).toMatchObject({ status: failed });
    expect(store.kept.size).toBe(0);
    status = 200;
    expect(await post({}, 'a')).toMatchObject({ status: 200, replayed: null });
    expect(runs()).toBe(2);
  },
);

it('forgets after a day, and holds no more than its limit', async () => {
  const { post, clock, store, runs } = counting();
  await post({}, 'a');
  clock.now += KEPT_MS;
  await post({}, 'a');
  expect(runs()).toBe(2);
  for (let i = 0; i < 5_000; i++) await post({}, `k${i}`);
  expect(store.kept.size).toBe(5_000);
  expect(await post({}, 'one-more')).toMatchObject({ status: 503, code: 'OVERLOADED' });
  clock.now += KEPT_MS;
  expect(await post({}, 'one-more')).toMatchObject({ status: 200 });
  expect(store.kept.size).toBe(1);
});
