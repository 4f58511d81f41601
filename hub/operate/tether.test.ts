import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packagePath } from '../package-root.js';
import { endLeftOver, findProcess, fromProc, fromPs, noteProcess, processOf } from './left-over.js';
import { spawnTethered } from './tether.js';

let dir: string;
let path: string;
const started: ChildProcess[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cardhub-tether-'));
  path = join(dir, 'child.pid');
});
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

/** Prints `up`, then lives a minute. It stands for the broker: `deaf` ignores SIGTERM, as a busy one does. */
const STAND_IN = (deaf: boolean): string =>
  `${deaf ? "process.on('SIGTERM', () => {});" : ''} console.log('up ' + process.pid); setTimeout(() => {}, 60000)`;

async function firstLine(child: ChildProcess): Promise<string> {
  started.push(child);
  const [line] = (await once(createInterface({ input: child.stdout as Readable }), 'line')) as [string];
  return line;
}

async function gone(pid: number, mark: string): Promise<boolean> {
  for (let tries = 0; tries < 100; tries++) {
    if (processOf(pid)?.command.includes(mark) !== true) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

describe('a tethered process', () => {
  it('has the id that spawn gave, and ends as it is told', async () => {
    const child = spawnTethered(process.execPath, ['-e', STAND_IN(false), dir], {
      stdout: 'pipe',
      stderr: 'inherit',
    });
    expect(await firstLine(child)).toBe(`up ${child.pid}`);
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exit).toEqual([null, 'SIGTERM']);
  });

  it.each(['SIGKILL', 'SIGHUP'] as const)(
    'ends when its parent ends by %s, deaf as it is',
    async (signal) => {
      const parent = await parentOf(STAND_IN(true));
      const { noted } = (await endLeftOver(path, dir)) as { noted: { pid: number; parent: number } };
      expect(noted).toMatchObject({ pid: parent.child, parent: parent.process.pid });
      parent.process.kill(signal);
      expect(await gone(parent.child, dir)).toBe(true);
    },
  );
});

describe('a process that was left over', () => {
  it('is none without a note, with a damaged one, and when another process has the number by now', async () => {
    expect(await endLeftOver(path, dir)).toEqual({ state: 'none' });
    writeFileSync(path, '{"pid":');
    expect(await endLeftOver(path, dir)).toEqual({ state: 'none' });
    noteProcess(path, process.pid);
    expect(await endLeftOver(path, join(dir, 'server.properties'))).toEqual({ state: 'none' });
    expect(existsSync(path)).toBe(false);
  });

  it('is let be while its parent lives', async () => {
    const parent = await parentOf(STAND_IN(false));
    expect(await endLeftOver(path, dir)).toMatchObject({ state: 'in-use', noted: { pid: parent.child } });
    expect(processOf(parent.child)).not.toBeNull();
  });

  it.each([
    { deaf: false, by: 'SIGTERM' },
    { deaf: true, by: 'SIGKILL' },
  ])('is ended by $by (deaf to SIGTERM: $deaf)', async ({ deaf, by }) => {
    const child = spawn(process.execPath, ['-e', STAND_IN(deaf), dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await firstLine(child);
    // The note says another parent than it has: that one is gone.
    const parent = 2 ** 30;
    writeFileSync(path, JSON.stringify({ pid: child.pid, parent, started: '2026-09-01T00:00:00Z' }));
    expect(await endLeftOver(path, dir, 300)).toMatchObject({
      state: 'ended',
      by,
      noted: { pid: child.pid },
    });
    expect(child.signalCode ?? (await once(child, 'exit'))[1]).toBe(by);
    expect(existsSync(path)).toBe(false);
  });

  it('is found by its command line without a note', async () => {
    const child = spawn(process.execPath, ['-e', STAND_IN(false), dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await firstLine(child);
    expect(findProcess((command) => command.endsWith(` ${dir}`))).toBe(child.pid);
    expect(findProcess((command) => command.endsWith(` ${dir}/other`))).toBeNull();
  });

  it.runIf(process.platform === 'linux' && spawnSync('ps').status === 0)(
    'is seen by ps as it is in /proc',
    () => {
      expect(fromPs(process.pid)).toEqual(fromProc(process.pid));
      expect(fromPs(process.pid)?.parent).toBe(process.ppid);
    },
  );
});

/** Another process with a tethered stand-in; `child` is the id of that. */
async function parentOf(script: string): Promise<{ process: ChildProcess; child: number }> {
  const hook = packagePath('hub', 'log', 'child-hook.mjs');
  const main = packagePath('test', 'children', 'tether-parent.ts');
  const parent = spawn(
    process.execPath,
    ['--import', hook, main, path, process.execPath, '-e', script, dir],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const [, child] = (await firstLine(parent)).split(' ');
  return { process: parent, child: Number(child) };
}
