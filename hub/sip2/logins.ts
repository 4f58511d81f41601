/** Desks that may log in (93), from `sip2.logins` of hub.yaml. */
import type { Sip2Config, Sip2Institution, Sip2Login } from '../config/types.js';
import type { Terminal } from './desk.js';
import { passwordMatches } from './password.js';

/** Checks that run at once: each takes 16 MB and a thread for about 50 ms. */
const CHECKS_MAX = 4;
/** Checks that wait; beyond it a login is refused at once. */
const WAITING_MAX = 256;
/** Nobody's password. A name that does not exist takes as long to refuse as a wrong password. */
const NOBODY = `scrypt:16384:8:1:${'A'.repeat(22)}:${'A'.repeat(43)}`;

export type LogIn = (user: string, password: string, location: string) => Promise<Terminal | undefined>;

export function createLogins({ logins, institutions }: Pick<Sip2Config, 'logins' | 'institutions'>): LogIn {
  const limit = createLimit(CHECKS_MAX, WAITING_MAX);
  return async (user, password, location) => {
    const login = Object.hasOwn(logins, user) ? logins[user] : undefined;
    const right = await limit(() => passwordMatches(password, login?.passwordHash.reveal() ?? NOBODY));
    if (right !== true || login === undefined) return undefined;
    if (login.locations.length > 0 && !login.locations.includes(location)) return undefined;
    return terminalOf(user, login, institutions, location);
  };
}

function terminalOf(
  user: string,
  login: Sip2Login,
  all: Readonly<Record<string, Sip2Institution>>,
  location: string,
): Terminal {
  const own = new Map<string, Sip2Institution>();
  for (const name of login.institutions) {
    const institution = Object.hasOwn(all, name) ? all[name] : undefined;
    if (institution !== undefined) own.set(name, institution);
  }
  return { login: user, institutions: own, location, offlineUploads: login.offlineUploads };
}

/** Runs at most so many at once; undefined: too many wait already. */
function createLimit(atOnce: number, waitingMax: number) {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    if (running >= atOnce) {
      if (waiting.length >= waitingMax) return undefined;
      await new Promise<void>((resolve) => waiting.push(resolve)); // the place is handed over, so `running` stays
    } else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
