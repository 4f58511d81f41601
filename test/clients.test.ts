import { execFile, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { packagePath } from '../hub/package-root.js';
import { startUnderFire, type HubUnderFire } from './hostile/hub.js';

/** The pages of the examples, block by block as they stand, against a hub on the campus of the demo (seed 7). */
let hub: HubUnderFire;

beforeAll(async () => {
  hub = await startUnderFire(50, 7, 'doors', 'demo');
});
afterAll(() => hub.stop());

interface Ended {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: string, ...args: string[]): Promise<Ended> {
  const env = { ...process.env, CARDHUB_DATA: '' };
  return new Promise((resolve) => {
    execFile(command, args, { cwd: packagePath(), timeout: 30_000, env }, (error, stdout, stderr) =>
      resolve({ exit: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
  });
}

/** A block of the page: of what it says only the addresses, the folder and how the command is found are others. */
function scriptOf(page: string, n: number): string {
  const blocks = [...readFileSync(packagePath(page), 'utf8').matchAll(/^```sh\n([\s\S]*?)^```/gm)];
  return (blocks[n]?.[1] ?? 'exit 9')
    .replaceAll('http://127.0.0.1:8080', hub.ready.url)
    .replaceAll('127.0.0.1:60001', '127.0.0.1:0')
    .replaceAll('data/demo', hub.dir)
    .replaceAll('npx cardhub', `${process.execPath} dist/hub/cli/main.js`);
}

async function block(page: string, n: number): Promise<string> {
  const script = scriptOf(page, n);
  const { stdout, stderr } = await run(
    'sh',
    '-c',
    script.replaceAll(/(curl\.sh|cardhub\.py|client\.js)$/gm, `$1 ${hub.ready.url}`),
  );
  expect(stderr, script).toBe('');
  return stdout;
}

describe('examples/clients/README.md', () => {
  const page = 'examples/clients/README.md';

  it('asks without a credential, with curl, Python and TypeScript', async () => {
    const answers = await block(page, 0);
    expect(answers).toMatch(/"decision":(true|false),"context":\{"reason":"[A-Z_]+"/);
    expect(answers).toContain('"match":true,"state":"NORMAL"');
    expect(answers).toContain('"maskedName":"李*静"');
    expect(answers.match(/"reason":"LIBRARY_NOT_AVAILABLE"/g)).toHaveLength(2);
    expect(answers.match(/^door: (True|False|true|false) [A-Z_]+ /gm)).toHaveLength(2);
    expect(answers).toMatch(/^doors that it opens: \d+$/m);
    expect(answers).toContain("another number: {'match': False}");
    expect(answers).toMatch(/^explained: resource passes, subject passes, card-state passes/m);
    expect(answers.match(/^refused: BAD_REQUEST$/gm)).toHaveLength(2);
  });

  it('takes a token for a secret, and is told a balance', async () => {
    const answers = await block(page, 1);
    expect(answers).toMatch(/"match":true,.*"balance":\{"certainty":"[A-Z]+".*"spendableOnCardFen":\d+/);
    expect(answers).toMatch(/door: (True|False) [A-Z_]+ /);
  });

  it('takes one for a signature, and is refused what is not in its agreement', async () => {
    const answers = await block(page, 2);
    expect(answers).toMatch(/"bankSigning":\{"state":"[A-Z_]+"/);
    expect(answers).toContain('"code":"FORBIDDEN"');
  });

  it('switches a client off, and on again', async () => {
    const answers = await block(page, 3);
    expect(answers).toContain('ENABLED → DISABLED');
    expect(answers).toContain('{"error":"invalid_client"}');
    expect(answers).toContain('DISABLED → ENABLED');
  });
});

describe('examples/controller/README.md', () => {
  const page = 'examples/controller/README.md';

  it('takes the list, shows it, decides by it, and uploads what happened', async () => {
    expect(await block(page, 0)).toMatch(
      /^version \d+, \d+ cards, good until \S+Z\n([0-9A-F]{8,14} \S+\n){3}open\n$/,
    );
    expect(await block(page, 1)).toMatch(/^\{"controller":"east","version":\d+/);
    const told = await block(page, 2);
    expect(told).toContain('{"published":1,"other":0,"refused":[],"last":1,"gaps":[]}');
    expect(told).toMatch(/^east +v\d+ +\d+ +v\d+ /m);
  });

  it('drives the UHPPOTE controller by its bridge, each swipe decided by the hub', async () => {
    const { exit, stdout, stderr } = await runUntil(scriptOf(page, 3), /door \d: opened/);
    expect(exit, stderr).toBe(0);
    expect(stdout).toMatch(/^Bridge runs.* 1 controllers/);
    expect(stderr).toMatch(/"kind":"decided","msg":"door \d: opened"/);
    expect(stderr).not.toMatch(/trouble|lost-events|events-begin-again/);
    expect((await run('sh', '-c', scriptOf(page, 4))).stdout).toMatch(/^west +v\d+ +\d+ +v\d+ /m);
  });
});

/** Until it says so on stderr, then SIGTERM. */
function runUntil(script: string, said: RegExp): Promise<Ended> {
  const env = { ...process.env, CARDHUB_DATA: '' };
  // `exec` in front of the command: the signal is for it, not for the shell.
  const child = spawn('sh', ['-c', script.replace(process.execPath, `exec ${process.execPath}`)], {
    ...{ cwd: packagePath(), timeout: 30_000, env },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (part) => (stdout += String(part)));
  child.stderr.on('data', (part) => {
    stderr += String(part);
    if (said.test(stderr)) child.kill('SIGTERM');
  });
  return new Promise((resolve) => {
    child.on('close', (exit) => resolve({ exit: exit ?? -1, stdout, stderr }));
  });
}

describe('allow_list.py', () => {
  const list = (...args: string[]): Promise<Ended> =>
    run('python3', 'examples/controller/allow_list.py', ...args);
  const own = (name: string): string => join(hub.dir, name);
  const key = (): string[] => ['--token-file', own('clients/gate-east.key')];

  /** The hub's own list by another hand: one character of the signature is another one. */
  async function forger(): Promise<string> {
    const server = createServer((request, answer) => {
      const token = { headers: { authorization: request.headers.authorization ?? '' } };
      void fetch(`${hub.ready.url}${request.url ?? ''}`, token)
        .then((genuine) => genuine.text())
        .then((text) =>
          answer.end(
            text.replace(
              /("statement":"[^"]*\.[^".]{40})(.)/,
              (_all, head: string, one: string) => `${head}${one === 'A' ? 'B' : 'A'}`,
            ),
          ),
        );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('says in one line what is wrong and what to do, and keeps the list that it has', async () => {
    const state = own('held.json');
    const asked = (url: string, ...more: string[]) => list(url, 'east', '--state', state, ...more);
    expect(await asked(hub.ready.url, ...key())).toMatchObject({ exit: 0, stderr: '' });
    const held = readFileSync(state, 'utf8');
    writeFileSync(own('damaged.json'), '{"claims":');
    writeFileSync(own('wrong.key'), 'x\n');
    const later = String(Date.now() / 1_000 + 90_000);
    const hand = await forger();
    const cases: [Promise<Ended>, number, RegExp][] = [
      [asked('http://127.0.0.1:1', ...key()), 3, /no answer from .* try again$/],
      [
        asked(hub.ready.url, '--token-file', own('wrong.key')),
        4,
        /refuses \(401 UNAUTHORISED.*--token-file$/,
      ],
      [list(hub.ready.url, 'west', '--state', own('none.json'), ...key()), 4, /refuses \(404 /],
      [
        list(hand, 'east', '--state', own('none.json'), ...key()),
        5,
        /the signature is wrong.*nothing was taken/,
      ],
      [
        list(hub.ready.url, 'east', '--state', own('none.json'), ...key(), '--at', later),
        5,
        /list ended at .*clock/,
      ],
      [
        list(hub.ready.url, 'east', '--state', own('damaged.json'), ...key()),
        5,
        /remove it and fetch again$/,
      ],
      [
        list('--state', state, '--card', '037399A4', '--door', '1', '--at', later),
        1,
        /ended at .* fetch a new one$/,
      ],
      [list('--state', own('none.json'), '--card', '037399A4', '--door', '1'), 1, /fetch one first$/],
      [list(hub.ready.url), 2, /expected the URL/],
    ];
    for (const [ended, exit, says] of cases) {
      const { stderr, ...rest } = await ended;
      expect({ stderr, ...rest }).toMatchObject({
        exit,
        stderr: expect.stringMatching(says.source.replace(/\$$/, '\n$')) as string,
      });
      expect(stderr).not.toContain('Traceback');
    }
    expect(readFileSync(state, 'utf8')).toBe(held);
  });
});
