import { Hono } from 'hono';
import { expect, it } from 'vitest';
import type { ControllerDesk } from '../doors/desk.js';
import { controllerRoutes } from './controllers.js';
import { createIdempotencyStore } from './idempotency.js';

const ETAG = '"7.1790000000000"';

/** The routes before a desk that has one list; what it was asked is noted. */
function controllers() {
  const asked: unknown[] = [];
  const desk = {
    controller: (id: string) => (id === 'east' ? { id, doors: [] } : undefined),
    async list(_id: string, { since, isHeld }: Parameters<ControllerDesk['list']>[1]) {
      asked.push(since);
      return isHeld?.(ETAG) === true ? { etag: ETAG } : { etag: ETAG, list: { version: 7 } };
    },
    revocations(card?: string) {
      asked.push(card);
      return [];
    },
  } as unknown as ControllerDesk;
  const app = new Hono();
  const parts = { desk, upload: () => Promise.reject(new Error('not asked')) };
  for (const [method, path, , handler] of controllerRoutes(parts, createIdempotencyStore(Date.now))) {
    app.on(method, path, handler);
  }
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const response = await app.request(path, { headers });
    return { status: response.status, etag: response.headers.get('etag'), text: await response.text() };
  };
  return { get, asked };
}

const LIST = '/v1/controllers/east/allow-list';

it('a list that the controller holds by any tag of its own is not sent again', async () => {
  const { get } = controllers();
  for (const held of [ETAG, `W/${ETAG}`, `"6.1", ${ETAG}`, '*']) {
    expect(await get(LIST, { 'if-none-match': held })).toEqual({ status: 304, etag: ETAG, text: '' });
  }
  expect(await get(LIST, { 'if-none-match': '"6.1"' })).toMatchObject({ status: 200, etag: ETAG });
  expect(await get(LIST)).toMatchObject({ status: 200 });
});

it('a parameter that comes twice is refused, and one that nobody knows is not looked at', async () => {
  const { get, asked } = controllers();
  for (const path of [`${LIST}?since=1&since=2`, '/v1/revocations?card=a&card=a']) {
    const answer = await get(path);
    expect(answer.status, path).toBe(400);
    expect(JSON.parse(answer.text)).toMatchObject({
      code: 'BAD_REQUEST',
      detail: expect.stringMatching(/more than once/) as unknown,
    });
  }
  expect(asked).toEqual([]);
  expect((await get(`${LIST}?since=3&sinse=1&sinse=2`)).status).toBe(200);
  expect((await get('/v1/revocations?card=core%3A1')).status).toBe(200);
  expect(asked).toEqual([3, 'core:1']);
  expect((await get(`${LIST}?since=one`)).status).toBe(400);
});
