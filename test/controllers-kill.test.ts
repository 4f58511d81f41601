import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { newSecret } from '../hub/clients/secrets.js';
import { packagePath } from '../hub/package-root.js';
import { cardhubLines } from './cardhub.js';

/*
 * A hub that is killed while a controller uploads: what was acknowledged is there, what was not is sent again, and in
 * the end each event stands once.
 */

const BATCH = 25;
const KILLS = 2;
const gate = newSecret();
let dir: string;
let path: string;
let base: string;
let child: ChildProcess | undefined;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-kill-'));
  path = join(dir, 'hub.yaml');
  const port = await freePort();
  base = `http://127.0.0.1:${port}`;
  const config = {
    ...{ version: 1, tenant: 'demo', data: './hub', logging: { level: 'error' } },
    facade: { host: '127.0.0.1', port },
    sources: {
      school: {
        connector: 'reference-data/file',
        options: { file: packagePath('examples', 'qau', 'service-points.json') },
      },
    },
    clients: {
      gate: {
        credentials: { staticKeys: [gate.digest] },
        ...{ scopes: ['controller'], purposes: ['door'], doors: ['gate:d1'], networks: ['127.0.0.1'] },
      },
    },
    controllers: { east: { doors: { 1: 'gate:d1' }, readerProfile: 'dec10-le' } },
  };
  writeFileSync(path, stringify(config));
});
afterAll(() => {
  child?.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** As built where it is (`npm test` builds first): compiling three times costs more than the test. */
function startHub(): ChildProcess {
  const built = packagePath('dist', 'hub', 'cli', 'main.js');
  const source = [
    '--import',
    packagePath('hub', 'log', 'child-hook.mjs'),
    packagePath('hub', 'cli', 'main.ts'),
  ];
  const main = existsSync(built) ? [built] : source;
  return spawn(process.execPath, [...main, 'run', '-c', path], { stdio: 'ignore' });
}

/** @returns the answer's status; 0: none */
async function upload(first: number): Promise<number> {
  const events = Array.from({ length: BATCH }, (_, i) => ({
    ...{ index: first + i, door: 1, card: String(1_000_000_000 + first + i), granted: false },
    occurredAt: new Date(1_763_942_400_000 + (first + i) * 1_000).toISOString(),
  }));
  try {
    const answer = await fetch(`${base}/v1/controllers/east/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${gate.secret}` },
      body: JSON.stringify({ events }),
      signal: AbortSignal.timeout(5_000),
    });
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return 0;
  }
}

it('loses nothing and has nothing twice, killed between two acknowledgements and in the middle of one', async () => {
  let acknowledged = 0;
  for (let kill = 0; kill <= KILLS; kill++) {
    child = startHub();
    const ended = new Promise((resolve) => child!.once('close', resolve));
    const goal = acknowledged + 6 * BATCH;
    const deadline = Date.now() + 60_000;
    while (acknowledged < goal && Date.now() < deadline) {
      if ((await upload(acknowledged + 1)) === 200) acknowledged += BATCH;
      else await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(acknowledged).toBe(goal);
    if (kill === KILLS) child.kill('SIGTERM');
    else {
      const under = upload(acknowledged + 1); // may be written, may be not: its answer does not come
      await new Promise((resolve) => setTimeout(resolve, 5 * kill));
      child.kill('SIGKILL');
      await under;
    }
    await ended;
  }
  const lines = (await cardhubLines({}, 'read', 'master.door-event', '-c', path)) as {
    value: { deviceIndex: string };
  }[];
  const indexes = lines.map(({ value }) => Number(value.deviceIndex)).sort((a, b) => a - b);
  expect(indexes).toEqual(Array.from({ length: acknowledged }, (_, i) => i + 1));
});
