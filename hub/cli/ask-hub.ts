import type { Config } from '../config/types.js';
import type { LocalAnswer } from '../operate/local-socket.js';

/**
 * Asks the hub that runs on this data folder: on its own socket, or where that belongs to another account, on the
 * socket of the right that is needed (`operators` in hub.yaml). What only reads is asked on any that this account may open.
 */
export async function askHub(
  config: Config,
  name: string,
  body: unknown = null,
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<LocalAnswer> {
  const { askLocal } = await import('../operate/local-socket.js');
  const own = await askLocal(config.dataDir, name, body, options);
  const { operators } = config;
  if (operators === undefined || own.ok || own.code !== 'NOT_ALLOWED') return own;
  const { RIGHTS, rightSocketPath } = await import('../operate/right-sockets.js');
  const { isRead, rightFor } = await import('../run/audit.js');
  const rights = isRead(name) ? RIGHTS : [rightFor(name, body)];
  for (const right of rights.filter((one) => operators.groups[one] !== undefined)) {
    const answer = await askLocal(config.dataDir, name, body, {
      ...options,
      socket: rightSocketPath(operators.folder, right),
    });
    if (answer.ok || answer.code !== 'NOT_ALLOWED') return answer;
  }
  const needed = rights.map((right) => `${right} (group ${operators.groups[right] ?? 'none'})`).join(' or ');
  const message = `expected an account with the right ${needed}; nothing was done 本账号没有所需权限`;
  return { ok: false, code: 'NOT_ALLOWED', message };
}
