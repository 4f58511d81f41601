import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { packagePath } from '../../hub/package-root.js';

export interface Child {
  readonly process: ChildProcess;
  /** Settles with the exit code, null when it was killed. */
  readonly ended: Promise<number | null>;
  /** The end of what it wrote to stderr. */
  stderr(): string;
}

/**
 * As it was compiled, where it was: `npm test` does that first, and a process of sources takes seconds to start. Of
 * sources that are newer than that, the sources.
 */
function scriptOf(name: string): { script: string; compiled: boolean } {
  const own = fileURLToPath(new URL(`./${name}`, import.meta.url));
  if (import.meta.url.endsWith('.js')) return { script: `${own}.js`, compiled: true };
  const built = packagePath('dist', 'test', 'crash', `${name}.js`);
  const isFresh = existsSync(built) && statSync(built).mtimeMs >= statSync(`${own}.ts`).mtimeMs;
  return isFresh ? { script: built, compiled: true } : { script: `${own}.ts`, compiled: false };
}

/** Starts a script of this folder, and hands over its lines. */
export function startScript(
  name: string,
  args: readonly string[],
  onLine: (line: string) => void,
  limitMs = 300_000,
): Child {
  const { script, compiled } = scriptOf(name);
  const loader = compiled ? [] : ['--import', packagePath('hub', 'log', 'child-hook.mjs')];
  const child = spawn(process.execPath, [...loader, script, ...args], {
    cwd: packagePath(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-4_000)));
  createInterface({ input: child.stdout }).on('line', onLine);
  const ended = new Promise<number | null>((resolve, reject) => {
    const hangs = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${name} did not end within ${limitMs} ms:\n${stderr}`));
    }, limitMs);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(hangs);
      resolve(code);
    });
  });
  ended.catch(() => undefined);
  return { process: child, ended, stderr: () => stderr };
}
