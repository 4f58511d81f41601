import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LogError } from '../log.js';

/**
 * One process writes a store. Node has no advisory locks, so a file names the owner: its process id and what
 * tells it from a later process with the same id (start time and boot id, where the system shows them).
 * The file of a dead owner is taken over; that of a living one means `LOCKED`.
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
      if (owner && isAlive(owner)) throw locked(dir, owner);
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
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return owner.incarnation === incarnationOf(owner.pid);
}

function incarnationOf(pid: number): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command may hold spaces and brackets; start time is field 22, the 20th after it.
    return `${boot}/${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return '';
  }
}
