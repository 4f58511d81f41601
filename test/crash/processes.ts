import { spawn, type ChildProcess } from 'node:child_process';
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

/** Starts a script of this folder, compiled or as it stands, and hands over its lines. */
export function startScript(
  name: string,
  args: readonly string[],
  onLine: (line: string) => void,
  limitMs = 300_000,
): Child {
  const compiled = import.meta.url.endsWith('.js');
  const script = fileURLToPath(new URL(`./${name}${compiled ? '.js' : '.ts'}`, import.meta.url));
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
