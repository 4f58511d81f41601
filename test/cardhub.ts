import { services } from '../hub/cli/services.js';
import { runCli } from '../hub/cli/program.js';
import { packagePath } from '../hub/package-root.js';

export interface Answer {
  readonly exit: number;
  /** What stood on stdout. */
  readonly document: unknown;
  readonly stderr: string;
}

/** Runs a command with `--json`, as the terminal would. */
export async function cardhub(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Answer> {
  const { exit, stdout, stderr } = await terminal(env, ...args);
  return { exit, document: JSON.parse(stdout), stderr };
}

/** The same for a command that prints a document a line. */
export async function cardhubLines(
  env: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<unknown[]> {
  const { stdout } = await terminal(env, ...args);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as unknown);
}

async function terminal(env: Readonly<Record<string, string>>, ...args: string[]) {
  let stdout = '';
  let stderr = '';
  const frame = {
    env,
    cwd: packagePath(),
    stdin: (async function* () {})(),
    stdout: { write: (part: string) => (stdout += part) },
    stderr: { write: (part: string) => (stderr += part) },
    now: Date.now,
    random: Math.random,
    signal: new AbortController().signal,
    services,
  };
  const exit = await runCli([...args, '--json'], frame, 'test');
  return { exit, stdout, stderr };
}

/** What `reconcile --json` says of one topic. */
export interface ReconciledTopic {
  readonly topic: string;
  readonly kind: 'state' | 'event';
  readonly count: number;
  readonly digest: string;
  readonly outcome: string;
}
