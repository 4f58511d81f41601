import { spawn, type ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';

export interface TetherOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdout: 'ignore' | 'pipe' | number;
  readonly stderr: 'ignore' | 'inherit' | number;
}

/** Descriptor of the child's end of the pipe. */
const TETHER_FD = 3;

/**
 * A watcher in the background waits at the pipe: a line means that the child has ended, the end of the pipe that
 * the parent has, by whatever signal. `exec` keeps the process id, so `$$` is the child in both.
 */
const SCRIPT = `{ read -r line <&${TETHER_FD} || kill -KILL $$; } >/dev/null 2>&1 & exec ${TETHER_FD}<&- "$@"`;

/**
 * Starts a process that ends with this one, even after SIGKILL: `/bin/sh` holds a pipe to the parent, which the
 * system closes. The child has a process group of its own, so Ctrl-C in the terminal and the end of the terminal
 * reach it through the parent only. `pid` is that of the command itself.
 */
export function spawnTethered(
  command: string,
  args: readonly string[],
  { env, stdout, stderr }: TetherOptions,
): ChildProcess {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'sh', command, ...args], {
    ...(env === undefined ? {} : { env: { ...env } }),
    stdio: ['ignore', stdout, stderr, 'pipe'],
    detached: true,
  });
  const tether = child.stdio[TETHER_FD] as Writable;
  // The watcher may be gone first.
  tether.on('error', () => undefined);
  child.once('exit', () => tether.end('\n'));
  return child;
}
