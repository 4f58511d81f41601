/**
 * The process that a folder belongs to, in a file of the folder, so that the next start finds one that outlived
 * its parent. A process id alone proves nothing, since the system gives it out again: the command line must name
 * what it names in no other process.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

/** A process, as it is noted. */
export interface Noted {
  readonly pid: number;
  /** Who started it, and ends it. */
  readonly parent: number;
  /** ISO 8601, for people. */
  readonly started: string;
}

export interface Seen {
  readonly parent: number;
  readonly command: string;
}

export type LeftOver =
  | { readonly state: 'none' }
  /** Its parent lives. */
  | { readonly state: 'in-use'; readonly noted: Noted }
  /** It outlived its parent and has been ended; `by` is the signal that did it. */
  | { readonly state: 'ended'; readonly noted: Noted; readonly by: 'SIGTERM' | 'SIGKILL' }
  /** It outlived its parent and cannot be ended. */
  | { readonly state: 'stays'; readonly noted: Noted };

/** How long a process may take to end, after SIGTERM and again after SIGKILL. */
export const END_WAIT_MS = 5_000;
const LOOK_EVERY_MS = 50;
const PS_TIMEOUT_MS = 5_000;
const PS_BYTES_MAX = 32 * 1024 * 1024;

export function noteProcess(path: string, pid: number, now: () => number = Date.now): void {
  const noted: Noted = { pid, parent: process.pid, started: new Date(now()).toISOString() };
  writeFileSync(path, `${JSON.stringify(noted)}\n`);
}

export function forgetProcess(path: string): void {
  rmSync(path, { force: true });
}

/**
 * Looks for the noted process and ends it if it has outlived its parent.
 * @param mark what stands in its command line and in no other
 */
export async function endLeftOver(path: string, mark: string, waitMs = END_WAIT_MS): Promise<LeftOver> {
  const noted = readNote(path);
  if (noted === null) return { state: 'none' };
  const seen = processOf(noted.pid);
  if (seen?.command.includes(mark) !== true) {
    forgetProcess(path);
    return { state: 'none' };
  }
  if (seen.parent === noted.parent) return { state: 'in-use', noted };
  for (const by of ['SIGTERM', 'SIGKILL'] as const) {
    if (await ended(noted.pid, by, mark, waitMs)) {
      forgetProcess(path);
      return { state: 'ended', noted, by };
    }
  }
  return { state: 'stays', noted };
}

async function ended(pid: number, signal: NodeJS.Signals, mark: string, waitMs: number): Promise<boolean> {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone by itself, or of another user: the look below tells which.
  }
  const deadline = Date.now() + waitMs;
  for (;;) {
    if (processOf(pid)?.command.includes(mark) !== true) return true;
    if (Date.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

function readNote(path: string): Noted | null {
  try {
    const { pid, parent, started } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    if (!Number.isSafeInteger(pid) || (pid as number) < 2 || !Number.isSafeInteger(parent)) return null;
    return { pid: pid as number, parent: parent as number, started: String(started) };
  } catch {
    return null;
  }
}

/** The first process whose command line fits: one that nobody noted. */
export function findProcess(fits: (command: string) => boolean): number | null {
  if (process.platform === 'linux') {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return pids.map(Number).find((pid) => fits(fromProc(pid)?.command ?? '')) ?? null;
  }
  for (const line of run('ps', ['-A', '-ww', '-o', 'pid=', '-o', 'args=']).split('\n')) {
    const [, pid, command] = /^\s*(\d+)\s+(.*\S)\s*$/.exec(line) ?? [];
    if (command !== undefined && fits(command)) return Number(pid);
  }
  return null;
}

/** Null: no such process. */
export function processOf(pid: number): Seen | null {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
}

/** Small images of Linux have no `ps`. */
export function fromProc(pid: number): Seen | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name before it stands in parentheses and may hold anything.
    const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
    return { parent: Number(parent), command };
  } catch {
    return null;
  }
}

export function fromPs(pid: number): Seen | null {
  const line = /^\s*(\d+)\s+(.*\S)\s*$/s.exec(
    run('ps', ['-ww', '-o', 'ppid=', '-o', 'args=', '-p', String(pid)]),
  );
  return line === null ? null : { parent: Number(line[1]), command: line[2] as string };
}

/** What it prints; nothing if it cannot run. */
function run(command: string, args: readonly string[]): string {
  const { stdout } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: PS_TIMEOUT_MS,
    maxBuffer: PS_BYTES_MAX,
  });
  return stdout ?? '';
}
