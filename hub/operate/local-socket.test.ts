import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import {
  askLocal,
  localSocketPath,
  serveLocal,
  type LocalHandler,
  type LocalServer,
} from './local-socket.js';

const open: LocalServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

const folder = (): string => mkdtempSync(join(tmpdir(), 'cardhub-sock-'));

async function serve(dir: string, handlers: Record<string, LocalHandler>): Promise<LocalServer> {
  const server = await serveLocal(dir, handlers);
  open.push(server);
  return server;
}

test('the running hub answers, its owner only', async () => {
  const dir = folder();
  const server = await serve(dir, { echo: async (body) => ({ body }) });
  expect(statSync(server.path).mode & 0o777).toBe(0o600);
  expect(await askLocal(dir, 'echo', { 卡: '0012' })).toEqual({ ok: true, result: { body: { 卡: '0012' } } });
});

test("a handler's error comes back with its code", async () => {
  const dir = folder();
  await serve(dir, {
    refuse: async () => Promise.reject(Object.assign(new Error('held by another'), { code: 'FENCED' })),
  });
  expect(await askLocal(dir, 'refuse')).toEqual({ ok: false, code: 'FENCED', message: 'held by another' });
  expect(await askLocal(dir, 'nothing')).toMatchObject({ ok: false, code: 'UNKNOWN_REQUEST' });
  expect(await askLocal(dir, 'refuse', 'x'.repeat(1024 * 1024))).toMatchObject({
    ok: false,
    code: 'TOO_LARGE',
  });
});

test('no hub, and a hub that is slow, are told apart', async () => {
  const dir = folder();
  expect(await askLocal(dir, 'echo')).toMatchObject({ ok: false, code: 'NOT_RUNNING' });
  let stopped = false;
  await serve(dir, {
    slow: (_, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          stopped = true;
          resolve(null);
        });
      }),
  });
  expect(await askLocal(dir, 'slow', null, { timeoutMs: 50 })).toMatchObject({ ok: false, code: 'TIMEOUT' });
  await expect.poll(() => stopped).toBe(true);
});

test('a socket left by a killed hub is taken over; that of a running one is not', async () => {
  const dir = folder();
  const path = join(dir, 'hub.sock');
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
  expect(existsSync(path)).toBe(true);
  expect(await askLocal(dir, 'echo')).toMatchObject({ code: 'NOT_RUNNING' });
  await serve(dir, { echo: async () => 1 });
  expect(await askLocal(dir, 'echo')).toEqual({ ok: true, result: 1 });
  await expect(serveLocal(dir, {})).rejects.toMatchObject({ code: 'IN_USE' });
  expect(await askLocal(dir, 'echo')).toEqual({ ok: true, result: 1 });
});

test('a data folder with a very long name works too', async () => {
  const dir = join(folder(), '校'.repeat(60), 'data');
  mkdirSync(dir, { recursive: true });
  const server = await serve(dir, { echo: async () => 'here' });
  expect(server.path.length).toBeLessThan(104);
  expect(localSocketPath(dir)).toBe(server.path);
  expect(await askLocal(dir, 'echo')).toEqual({ ok: true, result: 'here' });
  await server.close();
  expect(await askLocal(dir, 'echo')).toMatchObject({ code: 'NOT_RUNNING' });
});
