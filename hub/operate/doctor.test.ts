import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  checkBroker,
  checkDataFolder,
  checkDisk,
  checkPemFile,
  findPemFiles,
  judgeDates,
  judgeDisk,
  judgeSkew,
} from './doctor.js';

const folder = (): string => mkdtempSync(join(tmpdir(), 'cardhub-doctor-'));
const NOW = Date.UTC(2026, 2, 1);

test('a clock may be off by a minute, and fails at ten', () => {
  expect([0, -59_000, 60_000, 599_000, -600_000].map((skew) => judgeSkew('core', skew).state)).toEqual([
    'ok',
    'ok',
    'warn',
    'warn',
    'fail',
  ]);
});

test('a certificate warns for thirty days before it expires', () => {
  const judge = (validTo: string, validFrom = '2025-01-01T00:00:00Z') =>
    judgeDates('core', { validFrom, validTo }, NOW).state;
  expect(judge('2027-01-01T00:00:00Z')).toBe('ok');
  expect(judge('2026-03-20T00:00:00Z')).toBe('warn');
  expect(judge('2026-03-01T00:00:00Z')).toBe('fail');
  expect(judge('2027-01-01T00:00:00Z', '2026-04-01T00:00:00Z')).toBe('fail');
});

test('a private key that others can read is a warning; rubbish is told from a key', async () => {
  const dir = folder();
  const { privateKey } = generateKeyPairSync('ed25519');
  const path = join(dir, 'a.key');
  writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const look = (file: string) => checkPemFile({ subject: 'core.key', path: file }, NOW);
  expect(await look(path)).toMatchObject({ check: 'key', state: 'ok' });
  chmodSync(path, 0o644);
  expect(await look(path)).toMatchObject({ state: 'warn' });
  writeFileSync(join(dir, 'b.pem'), 'hello');
  expect(await look(join(dir, 'b.pem'))).toMatchObject({ state: 'warn' });
  expect(await look(join(dir, 'c.pem'))).toMatchObject({
    state: 'fail',
    detail: expect.stringContaining('ENOENT') as string,
  });
});

test('files are found in options however deep, inline PEM is not taken for a path', () => {
  const options = {
    auth: { privateKeyFile: 'keys/us', cert: 'a.crt', pem: '-----BEGIN KEY-----.pem' },
    url: 'x',
  };
  expect(findPemFiles(options, 'core', '/srv')).toEqual([
    { subject: 'core.auth.privateKeyFile', path: '/srv/keys/us' },
    { subject: 'core.auth.cert', path: '/srv/a.crt' },
  ]);
});

test('the data folder may be absent, is ours alone, and is no file', async () => {
  const dir = folder();
  expect(await checkDataFolder(join(dir, 'a', 'b'))).toMatchObject({ state: 'ok' });
  mkdirSync(join(dir, 'open'));
  chmodSync(join(dir, 'open'), 0o755);
  expect(await checkDataFolder(join(dir, 'open'))).toMatchObject({ state: 'warn' });
  writeFileSync(join(dir, 'file'), '');
  expect(await checkDataFolder(join(dir, 'file'))).toMatchObject({ state: 'fail' });
  expect((await checkDisk(join(dir, 'a', 'b'))).detail).toContain('GiB free');
  expect(judgeDisk('d', 100, 1e12).state).toBe('fail');
});

test('a broker that listens is told from one that does not', async () => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  expect(await checkBroker(`127.0.0.1:${port}`)).toMatchObject({ state: 'ok' });
  await new Promise((done) => server.close(done));
  expect(await checkBroker(`127.0.0.1:${port}`)).toMatchObject({ state: 'fail' });
});
