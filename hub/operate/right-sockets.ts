/**
 * A socket for each right, so that three people can hold the three rights (docs/operations.md): a file of mode 0660 with
 * the group that has the right. Plain Node cannot ask who stands at the other end of a socket, so the file is the proof:
 * the system lets only its group open it, and a command that needs another right is refused on it.
 *
 *   {folder}/operate.sock   group of operators      ─┐
 *   {folder}/approve.sock   group of approvers       ├─▶ reads, and the commands of that right
 *   {folder}/audit.sock     group of auditors       ─┘
 *
 * The hub's own socket in the data folder (mode 0600) still does everything: who runs the hub owns its files anyway.
 */
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LocalSocketError, serveSocket, type LocalHandler, type LocalServer } from './local-socket.js';

export const RIGHTS = ['operate', 'approve', 'audit'] as const;
export type Right = (typeof RIGHTS)[number];

export interface RightSockets {
  /** Absolute. */
  readonly folder: string;
  /** Number of a group, or its name in /etc/group; a right without one has no socket. */
  readonly groups: Readonly<Partial<Record<Right, string | number>>>;
}

export function rightSocketPath(folder: string, right: Right): string {
  return join(folder, `${right}.sock`);
}

/**
 * Listens.
 * @param handlersOf what is answered to who has this right
 * @throws LocalSocketError NOT_ALLOWED for a group that there is not or that this account is not in, and for a folder
 *   that others may write to
 */
export async function serveRights(
  { folder, groups }: RightSockets,
  handlersOf: (right: Right) => Readonly<Record<string, LocalHandler>>,
): Promise<LocalServer[]> {
  makeFolder(folder);
  const servers: LocalServer[] = [];
  try {
    for (const right of RIGHTS) {
      const group = groups[right];
      if (group === undefined) continue;
      const path = rightSocketPath(folder, right);
      const gid = groupId(group);
      servers.push(await serveSocket(path, handlersOf(right), () => giveToGroup(path, gid)));
    }
    return servers;
  } catch (error) {
    for (const server of servers) await server.close();
    throw error;
  }
}

/** Everybody may go through it to the sockets; nobody else may put files there. */
function makeFolder(folder: string): void {
  const made = mkdirSync(folder, { recursive: true, mode: 0o711 });
  if (made !== undefined) chmodSync(folder, 0o711);
  const found = lstatSync(folder);
  const own = process.getuid?.() ?? found.uid;
  if (!found.isDirectory() || found.uid !== own || (found.mode & 0o022) !== 0) {
    const message = `expected ${folder} to be a folder of the hub's own account that nobody else may write to`;
    throw new LocalSocketError('NOT_ALLOWED', message, 'never');
  }
}

/** The group first: between the two nobody but its owner may open it. */
function giveToGroup(path: string, gid: number): void {
  try {
    chownSync(path, process.getuid?.() ?? -1, gid);
  } catch (error) {
    const message = `expected the hub's account to be in group ${gid}; ${(error as NodeJS.ErrnoException).code}`;
    throw new LocalSocketError('NOT_ALLOWED', message, 'never');
  }
  chmodSync(path, 0o660);
}

/** @throws LocalSocketError NOT_ALLOWED */
export function groupId(group: string | number): number {
  if (typeof group === 'number') return group;
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${group}:`));
  const gid = Number(line?.split(':')[2] || NaN);
  if (Number.isInteger(gid)) return gid;
  const message = `there is no group ${group} in /etc/group: give its number (getent group ${group})`;
  throw new LocalSocketError('NOT_ALLOWED', message, 'never');
}
