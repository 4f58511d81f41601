import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { TlsFiles, TlsFilesError } from './tls-files.js';

let dir: string;
const paths = (name: string) => ({ certFile: join(dir, `${name}.crt`), keyFile: join(dir, `${name}.key`) });

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-tls-'));
  make('first.test', 'used');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function make(commonName: string, file: string): void {
  const { certFile, keyFile } = paths(file);
  execFileSync(
    'openssl',
    [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-subj', `/CN=${commonName}`, '-keyout', keyFile, '-out', certFile],
    ],
    { stdio: 'ignore' },
  );
}

const nameServed = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.once('error', reject);
  });

it('serves a renewed certificate without a restart, and keeps the old one while the files do not fit together', async () => {
  const files = new TlsFiles(paths('used'));
  const server = createServer(files.pem).listen(0, '127.0.0.1');
  const problems: unknown[] = [];
  const stop = files.watch(
    (pem) => server.setSecureContext(pem),
    (error) => problems.push(error),
    20,
  );
  onTestFinished(() => {
    stop();
    server.close();
  });
  await vi.waitFor(() => expect(server.listening).toBe(true));
  const { port } = server.address() as AddressInfo;
  expect(await nameServed(port)).toBe('first.test');

  make('second.test', 'next');
  writeFileSync(paths('used').certFile, readFileSync(paths('next').certFile));
  await vi.waitFor(() => expect(problems).toHaveLength(1), 5_000);
  expect(problems[0]).toBeInstanceOf(TlsFilesError);
  expect(await nameServed(port)).toBe('first.test');

  writeFileSync(paths('used').keyFile, readFileSync(paths('next').keyFile));
  await vi.waitFor(async () => expect(await nameServed(port)).toBe('second.test'), 5_000);
  expect(files.expiresAt).toBeGreaterThan(Date.now());
});

it('refuses files that are none, and says which', () => {
  expect(() => new TlsFiles(paths('none'))).toThrow(/none\.crt.*ENOENT/);
});
