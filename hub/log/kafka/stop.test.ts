import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { Stop } from './stop.js';

test('waits for the first of them, or until either signal', async () => {
  const [own, log] = [new AbortController(), new AbortController()];
  const stop = new Stop([own.signal, log.signal]);
  expect(await stop.first([new Promise(() => undefined), Promise.resolve(7)])).toBe(7);
  await expect(stop.first([Promise.reject(new Error('gone'))])).rejects.toThrow('gone');
  const waiting = stop.first([new Promise(() => undefined)]);
  log.abort();
  expect(await waiting).toBeUndefined();
  expect(stop.isStopped).toBe(true);
  expect(await stop.first([new Promise(() => undefined)])).toBeUndefined();
  expect(new Stop([undefined, log.signal]).isStopped).toBe(true);
});

test('leaves nothing in the signals that live on', () => {
  const log = new AbortController();
  for (let read = 0; read < 100; read += 1) new Stop([undefined, log.signal]).end();
  expect(getEventListeners(log.signal, 'abort')).toHaveLength(0);
});
