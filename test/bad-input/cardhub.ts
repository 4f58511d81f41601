import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { packagePath } from '../../hub/package-root.js';

/** The command line as its users run it. */

export interface Said {
  readonly exit: number;
  /** Both streams. */
  readonly text: string;
  /** Standard output, a JSON document a line. */
  readonly lines: readonly unknown[];
  /** The last of them. */
  readonly document: unknown;
}

const MAIN = packagePath('dist', 'hub', 'cli', 'main.js');
let everything = '';

/** All that was printed so far. */
export const printed = (): string => everything;

function start(dir: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], {
    cwd: dir,
    env: { PATH: process.env['PATH'], NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

export async function cardhub(dir: string, ...args: string[]): Promise<Said> {
  const child = start(dir, [...args, '-c', 'hub.yaml']);
  let stdout = '';
  let text = '';
  child.stdout?.on('data', (part: Buffer) => (stdout += part.toString('utf8')));
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (part: Buffer) => (text += part.toString('utf8')));
  const [exit] = (await once(child, 'close')) as [number | null];
  everything += text;
  const lines = stdout.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as unknown];
    } catch {
      return [];
    }
  });
  return { exit: exit ?? -1, text, lines, document: lines.at(-1) };
}

/** `cardhub run`, until it answers. */
export async function runHub(dir: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const child = start(dir, ['run', '-c', 'hub.yaml']);
  const ended = once(child, 'close');
  let text = '';
  const url = await new Promise<string>((resolve, reject) => {
    const hear = (part: Buffer): void => {
      text += part.toString('utf8');
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(text);
      if (found !== null) resolve(found[0]);
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    void ended.then(() => reject(new Error(`cardhub run ended: ${text}`)));
  });
  const deadline = Date.now() + 20_000;
  while (!(await fetch(`${url}/readyz`)).ok) {
    if (Date.now() > deadline) throw new Error(`not ready within 20 s: ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    url,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      everything += text;
    },
  };
}
