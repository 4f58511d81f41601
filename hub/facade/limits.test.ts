/** What the facade remembers of its clients has a limit, whatever they send. Each is tried with more than fits. */
import { Hono } from 'hono';
import { expect, it, onTestFinished } from 'vitest';
import { createMetrics } from '../operate/metrics.js';
import { OPEN, setCaller } from './caller.js';
import { DecisionLog } from './decision-log.js';
import { createEnumerationWatch } from './enumeration.js';
import { createIdempotencyStore, idempotent, KEPT_MS } from './idempotency.js';

it('keys of all clients together: new ones wait once 20,000 are kept, and those kept are answered all the same', async () => {
  let now = 0;
  const store = createIdempotencyStore(() => now);
  const handler = idempotent(store, () => Response.json({ done: true }));
  const app = new Hono().post('/:client', (c) => {
    setCaller(c, { ...OPEN, client: c.req.param('client') });
    return handler(c);
  });
  const post = async (name: string, key: string): Promise<number> => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': key };
    return (await app.request(`/${name}`, { method: 'POST', headers, body: '{}' })).status;
  };
  expect(await post('desk', 'first')).toBe(200);
  const [first] = store.kept.values();
  if (first === undefined) throw new Error('the first key was not kept');
  for (let i = 1; i < 30_000 && store.kept.size < 20_000; i++) {
    store.kept.set(`other ${i}`, { ...first, client: `client ${i % 5}` });
  }
  expect(await post('another', 'new')).toBe(503);
  expect(await post('desk', 'first')).toBe(200);
  expect(store.kept.size).toBe(20_000);
  now = KEPT_MS;
  expect(await post('another', 'new')).toBe(200);
  expect([store.kept.size, store.ofClient.size]).toEqual([1, 1]);
});

it('clients of the enumeration watch: those that are quiet go, one with an alarm stays', async () => {
  let now = 0;
  const alarmed: string[] = [];
  const watch = createEnumerationWatch(
    () => now,
    (name) => alarmed.push(name),
  );
  for (let i = 0; i < 31; i++) watch.note('seeker', false);
  for (let i = 0; i < 5_000; i++) {
    now += 100;
    watch.note(`client ${i}`, true);
    expect(watch.clients).toBeLessThanOrEqual(1_000);
  }
  expect(alarmed).toEqual(['seeker']);
  expect((await watch.check.check()).detail).toContain('seeker');
  for (let i = 0; i < 5_000; i++) watch.note(`at once ${i}`, true);
  expect(watch.clients).toBe(1_000);
});

it('pseudonyms of people: after 50,000 they are made anew', async () => {
  let made = 0;
  const log = new DecisionLog({
    sink: { encode: (record) => record.subjectRef, append: async () => undefined },
    ...{ replica: 'r1', now: () => 0, flushMs: 60_000 },
    pseudonym: (text) => {
      made += 1;
      return `hmac-sha256:${text.length}`;
    },
  });
  onTestFinished(() => log.close());
  const pass = (i: number): void => {
    const person = { kind: 'person' as const, key: `core:${i}`, version: 1, source: 'core' };
    log.add({
      ...{ decidedAt: 1, purpose: 'door', action: 'enter', subject: { type: 'card', id: 'core:1' } },
      decision: {
        ...{ decision: true, reason: 'ALLOW', policyVersion: 'p', ttlMs: 0, cardKey: 'core:1' },
        facts: [person],
      },
    });
  };
  for (let i = 0; i < 52_000; i++) {
    pass(i);
    if (i % 4_000 === 3_999) await log.flush();
  }
  expect([made, log.droppedCount]).toEqual([52_000, 0]);
  pass(51_999);
  await log.flush();
  expect(made).toBe(52_000);
  pass(0);
  await log.flush();
  expect(made).toBe(52_001);
});

it('labels of a metric: beyond 1,000 they are counted together', () => {
  const metrics = createMetrics();
  const counter = metrics.counter('tried_total', 'Labels that strangers choose.');
  for (let i = 0; i < 5_000; i++) counter.inc({ label: `${i}` });
  expect(metrics.text().match(/^tried_total\{/gm)).toHaveLength(1_001);
  expect(metrics.text()).toContain('tried_total{other="true"} 4000');
});
