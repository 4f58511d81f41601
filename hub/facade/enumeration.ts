/**
 * An eye on who tries numbers out. Whoever serves people asks about cards that exist; whoever looks for some asks mostly
 * about cards that do not. Both must hold: many misses in a minute, and more misses than matches.
 *
 *   watched ── 30 misses in a minute, and more than matched ──▶ alarm, and 429 until the minute is over
 *
 * A client whose readers misread now and then stays far below. Of more than 1,000 clients those go first about whom there is
 * nothing to tell.
 */
import type { HealthCheck } from './health.js';

const MISSES_MAX = 30;
const WINDOW_MS = 60_000;
/** The check tells of an alarm so long. */
const TOLD_MS = 15 * 60_000;
const CLIENTS_MAX = 1_000;

interface Window {
  since: number;
  misses: number;
  matches: number;
  alarmedAt: number;
}

export interface EnumerationWatch {
  /** Clients that are looked at. */
  readonly clients: number;
  /** How long this client is not answered, ms; 0: it is. */
  throttledMs(client: string): number;
  note(client: string, matched: boolean): void;
  readonly check: HealthCheck;
}

/** Takes out those whose minute is over and that no check tells of any more; where there is none the oldest. */
function makeRoom(windows: Map<string, Window>, at: number): void {
  const [oldest = ''] = windows.keys();
  for (const [client, { since, alarmedAt }] of windows) {
    if (at - since >= WINDOW_MS && alarmedAt < at - TOLD_MS) windows.delete(client);
  }
  if (windows.size >= CLIENTS_MAX) windows.delete(oldest);
}

export function createEnumerationWatch(
  now: () => number,
  onAlarm: (client: string) => void = () => undefined,
): EnumerationWatch {
  const windows = new Map<string, Window>();
  const windowOf = (client: string): Window => {
    const at = now();
    let window = windows.get(client);
    if (window === undefined) {
      if (windows.size >= CLIENTS_MAX) makeRoom(windows, at);
      windows.set(client, (window = { since: at, misses: 0, matches: 0, alarmedAt: -Infinity }));
    } else if (at - window.since >= WINDOW_MS) Object.assign(window, { since: at, misses: 0, matches: 0 });
    return window;
  };
  return {
    get clients() {
      return windows.size;
    },
    throttledMs(client) {
      const { since, alarmedAt } = windowOf(client);
      return alarmedAt >= since ? since + WINDOW_MS - now() : 0;
    },
    note(client, matched) {
      const window = windowOf(client);
      if (matched) window.matches += 1;
      else window.misses += 1;
      if (window.misses <= MISSES_MAX || window.misses <= window.matches || window.alarmedAt >= window.since)
        return;
      window.alarmedAt = now();
      onAlarm(client);
    },
    check: {
      name: 'enumeration',
      effect: 'warns',
      check: async () => {
        const since = now() - TOLD_MS;
        const clients = [...windows]
          .filter(([, { alarmedAt }]) => alarmedAt >= since)
          .map(([client]) => client);
        return clients.length === 0
          ? { ok: true, detail: 'nobody tries numbers out' }
          : {
              ok: false,
              detail: `tried many unknown cards in the last 15 minutes: ${clients.sort().join(', ')}`,
            };
      },
    },
  };
}
