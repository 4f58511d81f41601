import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { incarnationOf, isBeingWritten, lockStore } from './lock.js';

describe('the lock of a store', () => {
  let dir: string;
  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'cardhub-lock-'))));
  afterEach(() => rmSync(dir, { recursive: true, force: true }));
  const owner = (pid: number, incarnation: string) =>
    writeFileSync(
      join(dir, 'writer.lock'),
      JSON.stringify({ pid, incarnation, since: '2026-01-01T00:00:00Z' }),
    );

  test('of a living process names that process', () => {
    const lock = lockStore(dir, Date.now);
    expect(() => lockStore(dir, Date.now)).toThrow(expect.objectContaining({ code: 'LOCKED' }));
    expect(() => lockStore(dir, Date.now)).toThrow(String(process.pid));
    lock.release();
    lockStore(dir, Date.now).release();
    expect(existsSync(join(dir, 'writer.lock'))).toBe(false);
  });

  test('of a dead process is taken over', () => {
    owner(2 ** 22 + 1, 'gone');
    lockStore(dir, Date.now).release();
  });

  test.skipIf(!existsSync('/proc/self/stat'))(
    'of a process that was just killed, and is a zombie since nobody has asked for it, is taken over',
    async () => {
      const child = spawn('sleep', ['60']);
      await once(child, 'spawn');
      const { pid = 0 } = child;
      owner(pid, incarnationOf(pid));
      expect(isBeingWritten(dir)).toBe(true);
      expect(() => lockStore(dir, Date.now)).toThrow(String(pid));
      child.kill('SIGKILL'); // this process does not come to ask for it until the test has ended
      lockStore(dir, Date.now).release();
      process.kill(pid, 0); // it is still there
      expect(isBeingWritten(dir)).toBe(false);
    },
  );

  test('of a dead process is taken over even when another process has its id by now', () => {
    owner(process.pid, 'another boot/1');
    lockStore(dir, Date.now).release();
  });

  test('that is no lock at all is taken over', () => {
    writeFileSync(join(dir, 'writer.lock'), '{"pid":');
    lockStore(dir, Date.now).release();
  });

  test('that another has taken over is not removed on release', () => {
    const lock = lockStore(dir, Date.now);
    owner(1, 'another');
    lock.release();
    expect(existsSync(join(dir, 'writer.lock'))).toBe(true);
  });
});
