import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lockStore } from './lock.js';

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
