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
  return { exit, document: JSON.parse(stdout), stderr };
}

/** What `reconcile --json` says of one topic. */
export interface ReconciledTopic {
  readonly topic: string;
  readonly kind: 'state' | 'event';
  readonly count: number;
  readonly digest: string;
  readonly outcome: string;
}
