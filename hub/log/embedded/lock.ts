import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LogError } from '../log.js';

/**
 * One process writes a store. Node has no advisory locks, so a file names the owner: its process id and what
 * tells it from a later process with the same id (start time and boot id, where the system shows them).
 * The file of a dead owner is taken over; that of a living one means `LOCKED`.
 *
 *   gone, another incarnation, or a zombie without threads   dead
 *   killed, and not at its end yet                           waited for, DYING_MS at most
 *   anything else                                            alive
 *
 * A process that was killed stays a zombie until its parent asks for it, which a shell or a container's init may never do.
 * Its last threads may still be writing, so it is dead only when they have ended. Where the system does not show that,
 * every owner gets the time.
 */

interface Owner {
  readonly pid: number;
  /** Boot id and start time in clock ticks since boot; empty where /proc is missing. */
  readonly incarnation: string;
  readonly since: string;
}

export interface StoreLock {
  release(): void;
}

const ATTEMPTS = 5;
/** How long a process that is being killed may take; unmapping a large store is what takes time. */
const DYING_MS = 2_000;
const LOOK_EVERY_MS = 20;
const SIGKILL_BIT = 1n << 8n;
/** `PF_EXITING` of the flags in /proc/PID/stat (linux/sched.h). */
const EXITING = 0x4;

/** Throws `LOCKED` when a living process (this one included) holds the store in `dir`. */
export function lockStore(dir: string, now: () => number): StoreLock {
  const file = join(dir, 'writer.lock');
  const mine: Owner = {
    pid: process.pid,
    incarnation: incarnationOf(process.pid),
    since: new Date(now()).toISOString(),
  };
  // A link appears whole or not at all, which a file that is being written does not.
  const draft = join(dir, `writer.lock.${process.pid}`);
  writeDraft(dir, draft, JSON.stringify(mine));
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (linked(draft, file)) return { release: () => release(file, mine) };
      const owner = readOwner(file);
      if (owner && isAlive(owner) && !endsSoon(owner)) throw locked(dir, owner);
      takeAway(file, owner);
    }
    throw new LogError('LOCKED', `${file} changes hands all the time; is another hub starting?`, 'later');
  } finally {
    rmSync(draft, { force: true });
  }
}

/** A folder that this user may not write to is no fault of ours: said plainly, before anything else is tried. */
function writeDraft(dir: string, draft: string, text: string): void {
  try {
    writeFileSync(draft, text);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') throw cause;
    throw new LogError(
      'UNAVAILABLE',
      `${dir}: expected a folder that this user may write to, came one that refuses it (${code}). Give its owner the right, run as that user, or work in another folder: CARDHUB_DATA=<folder>, or \`data:\` in hub.yaml. \`read\`, \`status\` and \`reconcile\` only read.`,
      'never',
      { cause },
    );
  }
}

/** A living process writes the store in `dir` now. */
export function isBeingWritten(dir: string): boolean {
  const owner = readOwner(join(dir, 'writer.lock'));
  return owner !== undefined && isAlive(owner);
}

function locked(dir: string, owner: Owner): LogError {
  const who = owner.pid === process.pid ? `this process (${owner.pid})` : `process ${owner.pid}`;
  const advice =
    'One process writes a store: stop that one, ask it over its socket, or open the store read-only. To work in another folder: CARDHUB_DATA=<folder>, or `data:` in hub.yaml.';
  return new LogError(
    'LOCKED',
    `${dir} is open for writing by ${who} since ${owner.since}. ${advice}`,
    'later',
  );
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Moves the dead owner's file aside; if another starter was faster, its file is put back. */
function takeAway(file: string, dead: Owner | undefined): void {
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  const taken = readOwner(aside);
  if (taken && JSON.stringify(taken) !== JSON.stringify(dead)) linked(aside, file);
  rmSync(aside, { force: true });
}

function release(file: string, mine: Owner): void {
  if (JSON.stringify(readOwner(file)) === JSON.stringify(mine)) rmSync(file, { force: true });
}

function readOwner(file: string): Owner | undefined {
  try {
    const owner = JSON.parse(readFileSync(file, 'utf8')) as Owner;
    return Number.isInteger(owner.pid) ? owner : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(owner: Owner): boolean {
  return lifeOf(owner) !== 'dead';
}

function lifeOf({ pid, incarnation }: Owner): 'alive' | 'dying' | 'dead' | 'unknown' {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 'dead';
  }
  if (incarnation !== incarnationOf(pid)) return 'dead';
  if (incarnation === '') return 'unknown';
  try {
    const [state = '', ...fields] = statOf(pid);
    if (state === 'X' || state === 'Z') return threadsOf(pid) > 1 ? 'dying' : 'dead';
    return (Number(fields[5]) & EXITING) !== 0 || isKilled(pid) ? 'dying' : 'alive';
  } catch {
    return 'dead'; // it went while it was looked at
  }
}

/** Waits for the end of a process that is being killed. This process does nothing else meanwhile: it is opening its store. */
function endsSoon(owner: Owner): boolean {
  if (owner.pid === process.pid) return false;
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (let waited = 0; waited < DYING_MS; waited += LOOK_EVERY_MS) {
    const life = lifeOf(owner);
    if (life === 'dead') return true;
    if (life === 'alive') return false;
    Atomics.wait(sleeper, 0, 0, LOOK_EVERY_MS);
  }
  return false;
}

/** SIGKILL has been sent, and the process has not come to it yet. */
function isKilled(pid: number): boolean {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return [...status.matchAll(/^(?:Sig|Shd)Pnd:\s*([0-9a-f]+)$/gm)].some(
    ([, mask = '0']) => (BigInt(`0x${mask}`) & SIGKILL_BIT) !== 0n,
  );
}

function threadsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).length;
}

/** Fields of /proc/PID/stat from the third, the state, on: the command before it may hold spaces and brackets. */
function statOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Boot id and start time (field 22); empty where the system does not show them. */
export function incarnationOf(pid: number): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}/${statOf(pid)[19]}`;
  } catch {
    return '';
  }
}
