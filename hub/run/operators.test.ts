/** Rights on the local sockets: real files with real modes and groups; other accounts where the test may take them. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { askLocal, type LocalAnswer } from '../operate/local-socket.js';
import { groupId, rightSocketPath, serveRights, type Right } from '../operate/right-sockets.js';
import { handlersOfRight } from './audit.js';

const isRoot = process.getuid?.() === 0;
const own = process.getgid?.() ?? 0;

async function serve(groups: Partial<Record<Right, string | number>>) {
  const base = mkdtempSync(join(tmpdir(), 'cardhub-ops-'));
  chmodSync(base, 0o755);
  const folder = join(base, 'run');
  const refused: unknown[][] = [];
  const writer = { command: (...call: unknown[]) => void refused.push(call) };
  const handlers = {
    status: async () => 'up',
    alert: async () => 'set',
    policy: async () => 'switched',
    command: async () => 'given',
    'upstream-page': async () => 'rows',
  };
  const servers = await serveRights({ folder, groups }, (right) => handlersOfRight(handlers, right, writer));
  onTestFinished(async () => {
    for (const server of servers) await server.close();
    rmSync(base, { recursive: true, force: true });
  });
  const ask = (right: Right, name: string, body: unknown = null): Promise<LocalAnswer> =>
    askLocal('none', name, body, { socket: rightSocketPath(folder, right) });
  return { folder, refused, ask };
}
const code = (answer: LocalAnswer): string => (answer.ok ? String(answer.result) : answer.code);

it('each right has a socket of its own, open to its group and to nobody else', async () => {
  const other = isRoot ? 12_345 : own;
  const { folder } = await serve({ operate: own, approve: other });
  expect(statSync(folder).mode & 0o777).toBe(0o711);
  for (const [right, gid] of [['operate', own] as const, ['approve', other] as const]) {
    const { mode, gid: found } = statSync(rightSocketPath(folder, right));
    expect([right, mode & 0o777, found]).toEqual([right, 0o660, gid]);
  }
  expect(() => statSync(rightSocketPath(folder, 'audit'))).toThrow('ENOENT');
});

it('takes the commands of its right, and refuses and records those of another', async () => {
  const { ask, refused } = await serve({ operate: own, approve: own, audit: own });
  for (const right of ['operate', 'approve', 'audit'] as const)
    expect(code(await ask(right, 'status'))).toBe('up');
  expect(code(await ask('operate', 'alert'))).toBe('set');
  expect(code(await ask('approve', 'policy'))).toBe('switched');
  expect(code(await ask('operate', 'command', { kind: 'QUARANTINE_REPLAY' }))).toBe('given');
  expect(code(await ask('approve', 'command', { kind: 'SNAPSHOT_ACCEPT' }))).toBe('given');
  expect(refused).toEqual([]);
  for (const [right, name, body] of [
    ['operate', 'policy', {}],
    ['operate', 'command', { kind: 'SNAPSHOT_ACCEPT' }],
    ['approve', 'alert', {}],
    ['audit', 'alert', {}],
    ['audit', 'policy', {}],
  ] as const) {
    expect(code(await ask(right, name, body)), `${right} ${name}`).toBe('NOT_ALLOWED');
  }
  expect(code(await ask('operate', 'upstream-page')), 'rows of an upstream').toBe('UNKNOWN_REQUEST');
  expect(refused[0]).toEqual(['approve', 'policy', 'socket:operate', 'NOT_ALLOWED', {}]);
  expect(refused).toHaveLength(5);
});

it('refuses a group that there is not, and a folder that others may write to', async () => {
  await expect(serve({ operate: 'no-such-group-here' })).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
  expect(groupId(7)).toBe(7);
  const open = mkdtempSync(join(tmpdir(), 'cardhub-ops-'));
  mkdirSync(join(open, 'run'));
  chmodSync(join(open, 'run'), 0o777);
  const opened = serveRights({ folder: join(open, 'run'), groups: { operate: own } }, () => ({}));
  await expect(opened).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
  rmSync(open, { recursive: true });
});

/** Whether another account may open this socket: what `connect` says. */
async function opens(path: string, uid: number, gid: number): Promise<string> {
  const script = `require('net').connect(${JSON.stringify(path)})
    .on('connect', () => { console.log('open'); process.exit() }).on('error', (e) => console.log(e.code))`;
  const child = spawn(process.execPath, ['-e', script], { uid, gid, cwd: '/', env: { PATH: '/usr/bin' } });
  let text = '';
  child.stdout.on('data', (part: Buffer) => (text += part.toString()));
  await new Promise((resolve) => child.once('close', resolve));
  return text.trim();
}

it.runIf(isRoot)('an account opens the socket of its own group alone', async () => {
  const { folder } = await serve({ operate: 12_345, approve: 12_346 });
  const as = (right: Right, gid: number) => opens(rightSocketPath(folder, right), 65_534, gid);
  expect(await as('operate', 12_345)).toBe('open');
  expect(await as('approve', 12_345)).toBe('EACCES');
  expect(await as('approve', 12_346)).toBe('open');
  expect(await as('operate', 65_534)).toBe('EACCES');
});
