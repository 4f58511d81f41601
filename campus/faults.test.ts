import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { FaultSwitch } from './faults.js';
import type { Campus } from './start.js';
import { ask, call, control, get, login, open, post, smallCampus, temporaryFolder } from './testing.js';
import type { CardRow } from './world/cards.js';

const folder = temporaryFolder();
let campus: Campus;
let token: string;
beforeAll(async () => {
  campus = await smallCampus(folder.dir);
  token = await login(campus);
  campus.life({ event: 'lose', count: 20 });
  campus.life({ event: 'swipe', count: 20 });
});
afterEach(async () => {
  await control(campus, 'faults', undefined, 'DELETE');
});
afterAll(async () => {
  await campus.close();
  folder.remove();
});

const LIST = 'cardhub.card.list';
const first = { limit: '50', order: 'keyset', after: '' };
const second = { ...first, after: '1000000400' };
const fault = (it: FaultSwitch) => control(campus, 'faults', it);
const numbers = (reply: Readonly<Record<string, unknown>>): string[] =>
  (reply.card as CardRow[]).map((row) => row.cardno);
const page = (number: number) =>
  ask(campus, token, LIST, { limit: '50', order: 'page', page: String(number) });

describe('faults of both upstreams', () => {
  it('timeout: no answer comes, then the connection ends', async () => {
    await fault({ target: 'core', fault: 'timeout', times: 1, ms: 50 });
    await fault({ target: 'access', fault: 'timeout', times: 1, ms: 50 });
    await expect(post(campus, LIST, first, { token })).rejects.toThrow();
    await expect(get(campus, '/v1/doors')).rejects.toThrow();
    expect((await get(campus, '/v1/doors')).status).toBe(200);
  });

  it('status-5xx: 503 as often as was asked, only where it matches', async () => {
    await fault({ target: 'access', fault: 'status-5xx', times: 2, match: 'grants' });
    const statuses = [];
    for (const path of ['doors', 'grants', 'grants', 'grants'])
      statuses.push((await get(campus, `/v1/${path}`)).status);
    expect(statuses).toEqual([200, 503, 503, 200]);
    await fault({ target: 'core', fault: 'status-5xx', times: 1 });
    expect((await post(campus, LIST, first, { token })).toString()).toBe('Service Unavailable');
  });

  it('cut: the body ends before its length', async () => {
    await fault({ target: 'core', fault: 'cut', times: 1 });
    await fault({ target: 'access', fault: 'cut', times: 1 });
    await expect(post(campus, LIST, first, { token })).rejects.toThrow();
    await expect(get(campus, '/v1/doors').then((response) => response.text())).rejects.toThrow();
  });

  it('half-page: a page of rows ends in the middle, and nothing on the connection tells', async () => {
    await fault({ target: 'core', fault: 'half-page', times: 1 });
    await fault({ target: 'access', fault: 'half-page', times: 1 });
    token = await login(campus); // not a page: the switch waits for one
    const whole = await ask(campus, token, LIST, second).catch((error: unknown) => error);
    expect(whole).toBeInstanceOf(Error);
    const response = await get(campus, '/v1/doors');
    expect(response.status).toBe(200);
    const text = await response.text();
    expect(() => JSON.parse(text) as unknown).toThrow();
  });

  it('duplicate-page: the page before comes again, with its own end', async () => {
    const one = await ask(campus, token, LIST, first);
    await fault({ target: 'core', fault: 'duplicate-page', times: 1 });
    expect(numbers(await ask(campus, token, LIST, second))).toEqual(numbers(one));
    expect(numbers(await ask(campus, token, LIST, second))[0]).toBe('1000000410');
    const events: unknown = await (await get(campus, '/v1/events?after=0&limit=5')).json();
    await fault({ target: 'access', fault: 'duplicate-page', times: 1 });
    expect(await (await get(campus, '/v1/events?after=5&limit=5')).json()).toEqual(events);
  });

  it('rows-move: by page some rows come twice and some not at all; by key never', async () => {
    await fault({ target: 'core', fault: 'rows-move' });
    const pages = [await page(1), await page(2), await page(3), await page(4), await page(5)].map(numbers);
    const seen = pages.flat();
    expect(new Set(seen).size).toBeLessThan(seen.length);
    expect(new Set(seen).size).toBeLessThan(214);
    const next = numbers(await ask(campus, token, LIST, { ...first, after: pages[0]?.at(-1) ?? '' }));
    expect(next[0]! > (pages[0]?.at(-1) ?? '')).toBe(true);
    await control(campus, 'faults', undefined, 'DELETE');
    expect(new Set([...next, ...(pages[0] ?? [])]).size).toBe(100);
  });

  it('token-killed: 40014 until the next login; access control answers 401', async () => {
    await fault({ target: 'core', fault: 'token-killed', times: 1 });
    for (let tries = 0; tries < 2; tries += 1) {
      expect(await call(campus, LIST, first, { token })).toEqual({ kind: 'error', errcode: '40014' });
    }
    token = await login(campus);
    expect(await call(campus, LIST, first, { token })).toMatchObject({ kind: 'payload' });
    await fault({ target: 'access', fault: 'token-killed', times: 1 });
    expect((await get(campus, '/v1/doors')).status).toBe(401);
  });

  it('wrong-signature: the payload opens, but its signature is not that of these fields', async () => {
    await fault({ target: 'core', fault: 'wrong-signature', times: 1 });
    expect(await call(campus, LIST, first, { token })).toMatchObject({ kind: 'payload', signed: false });
    expect(await call(campus, LIST, first, { token })).toMatchObject({ kind: 'payload', signed: true });
  });

  it('gbk-garbage: bare text in GBK bytes with status 200', async () => {
    await fault({ target: 'core', fault: 'gbk-garbage', times: 1 });
    const bytes = await post(campus, LIST, first, { token });
    expect(bytes.subarray(0, 8).toString('hex')).toBe('cfb5cdb3b7b1c3a6'); // 系统繁忙
    expect(open(campus, bytes)).toMatchObject({ kind: 'text' });
    await fault({ target: 'access', fault: 'gbk-garbage', times: 1 });
    const response = await get(campus, '/v1/doors');
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html']);
  });

  it('rows-gone-40: two rows of five are gone, everywhere and always the same', async () => {
    const all = { ...first, limit: '1000' };
    const before = numbers(await ask(campus, token, LIST, all));
    await fault({ target: 'core', fault: 'rows-gone-40' });
    await fault({ target: 'access', fault: 'rows-gone-40' });
    const after = numbers(await ask(campus, token, LIST, all));
    expect(after.length / before.length).toBeGreaterThan(0.45);
    expect(after.length / before.length).toBeLessThan(0.75);
    expect(numbers(await ask(campus, token, LIST, all))).toEqual(after);
    // The core has lost rows and does not know it: it counts what it has.
    expect((await ask(campus, token, LIST, all)).total).toBe(String(after.length));
    const lost = before.find((no) => !after.includes(no)) ?? '';
    expect(numbers(await ask(campus, token, 'cardhub.card.lookup', { cardnos: lost }))).toEqual([]);
    const grants = await get(campus, '/v1/grants?limit=5000');
    const { items, total } = (await grants.json()) as { items: unknown[]; total: number };
    expect(items.length).toBeLessThan(campus.summary().grants * 0.8);
    expect(total).toBe(items.length);
  });

  it('busy and rate-limited: the upstream says when to come again', async () => {
    await fault({ target: 'core', fault: 'busy', times: 1 });
    await fault({ target: 'core', fault: 'rate-limited', times: 1 });
    const codes = [await call(campus, LIST, first, { token }), await call(campus, LIST, first, { token })];
    expect(codes).toEqual([
      { kind: 'error', errcode: '-1' },
      { kind: 'error', errcode: '40017' },
    ]);
    await fault({ target: 'access', fault: 'rate-limited', times: 1 });
    const response = await get(campus, '/v1/doors');
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '1']);
  });

  it('clock-skew: the upstream lives in another time', async () => {
    await fault({ target: 'access', fault: 'clock-skew', offsetMs: 172_800_000 });
    expect(await (await get(campus, '/v1/clock')).json()).toEqual({ now: '2026-09-03T10:00:00.000+08:00' });
    await fault({ target: 'core', fault: 'clock-skew', offsetMs: 172_800_000 });
    expect(await call(campus, LIST, first, { token })).toEqual({ kind: 'error', errcode: '40018' });
  });

  it('slow: the answer comes whole, after one that was asked for later', async () => {
    await fault({ target: 'access', fault: 'slow', times: 1, ms: 400, match: 'doors' });
    const order: string[] = [];
    const ended = (name: string) => (response: Response) => order.push(`${name} ${response.status}`);
    await Promise.all([
      get(campus, '/v1/doors').then(ended('slow')),
      get(campus, '/v1/head').then(ended('quick')),
    ]);
    expect(order).toEqual(['quick 200', 'slow 200']);
  });

  it('a rate strikes some requests and not others', async () => {
    await fault({ target: 'access', fault: 'status-5xx', rate: 0.5 });
    const statuses = new Set<number>();
    for (let i = 0; i < 40; i += 1) statuses.add((await get(campus, '/v1/head')).status);
    expect(statuses).toEqual(new Set([200, 503]));
  });
});
