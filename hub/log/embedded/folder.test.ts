import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeFolder } from './folder.js';

it('makes the folder with those above it, and says what to do where none can be made', () => {
  const dir = mkdtempSync(join(tmpdir(), 'cardhub-folder-'));
  try {
    makeFolder(join(dir, 'a', 'b'));
    makeFolder(join(dir, 'a', 'b'));
    expect(statSync(join(dir, 'a', 'b')).isDirectory()).toBe(true);
    writeFileSync(join(dir, 'file'), '');
    expect(() => makeFolder(join(dir, 'file', 'c'))).toThrow(/choose another/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
