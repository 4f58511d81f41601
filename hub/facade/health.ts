/** Is the process alive; can it answer; and if not, what is missing. */
import { statfs } from 'node:fs/promises';
import type { Handler } from 'hono';
import type { Answerer } from './gate.js';
import { runsOut } from '../decide/calendar.js';
import type { Follower } from '../views/follow.js';
import type { HubView } from '../views/view.js';

/** Below this much free space the intake will stop before long (answers go on). */
const DISK_FREE_MIN_BYTES = 256 * 1024 * 1024;
const DAY_MS = 86_400_000;
const ENDS_SOON_DAYS = 30;
/** The check names the gravest ones. */
const ALERTS_NAMED_MAX = 10;

export interface HealthCheck {
  readonly name: string;
  /** `fails`: not ready. `warns`: ready, but somebody should look. */
  readonly effect: 'fails' | 'warns';
  readonly check: () => Promise<{ readonly ok: boolean; readonly detail: string }>;
}

export function livez(): Handler {
  return (c) => c.text('ok\n');
}

export function readyz(
  follower: Pick<Follower, 'ready' | 'lag' | 'faults'>,
  view: HubView,
  checks: readonly HealthCheck[],
): Answerer {
  const own: HealthCheck[] = [
    {
      name: 'view',
      effect: 'fails',
      check: async () => ({
        ok: follower.ready,
        detail: follower.ready ? `${follower.lag} records behind` : 'the log is still being read',
      }),
    },
    {
      name: 'records',
      effect: 'warns',
      check: async () => ({
        ok: follower.faults.length === 0,
        detail: follower.faults.join('; ') || 'all applied',
      }),
    },
    {
      name: 'policy',
      effect: 'fails',
      check: async () => ({ ok: view.policy().version !== '', detail: view.policy().version }),
    },
  ];
  return async (c) => {
    const results = await Promise.all([...own, ...checks].map(outcome));
    const ready = results.every(({ ok, effect }) => ok || effect === 'warns');
    return c.json({ ready, checks: results }, ready ? 200 : 503, ready ? {} : { 'retry-after': '1' });
  };
}

async function outcome({ name, effect, check }: HealthCheck) {
  try {
    return { name, effect, ...(await check()) };
  } catch (error) {
    return { name, effect, ok: false, detail: error instanceof Error ? error.message : 'failed' };
  }
}

/** The calendar of the policy, before it runs out: what depends on its days is closed from then on. */
export function calendarCheck(view: Pick<HubView, 'policy'>, now: () => number): HealthCheck {
  return {
    name: 'calendar',
    effect: 'warns',
    check: async () => {
      const left = runsOut(view.policy().calendar, now());
      if (left === undefined) return { ok: true, detail: 'goes on' };
      return {
        ok: false,
        detail: left < 0 ? 'the calendar has ended: extend it' : `${left} days left: extend it`,
      };
    },
  };
}

/** Alarms in force: a state in which nobody should forget that doors answer otherwise than on other days. */
export function alertCheck(view: Pick<HubView, 'alerts'>, now: () => number): HealthCheck {
  return {
    name: 'alert',
    effect: 'warns',
    check: async () => {
      const found = view.alerts.list(now());
      const texts = found.slice(0, ALERTS_NAMED_MAX).map(({ state, level, scope, since }) => {
        return `${state}${level > 0 ? ` ${level}` : ''} ${scope} since ${new Date(since).toISOString()}`;
      });
      const more = found.length > texts.length ? `; ${found.length - texts.length} more` : '';
      return { ok: found.length === 0, detail: found.length === 0 ? 'none' : texts.join('; ') + more };
    },
  };
}

/** Free space where the log is kept. A full disk stops the intake, not the answers, so it only warns. */
export function diskCheck(folder: string, freeMinBytes = DISK_FREE_MIN_BYTES): HealthCheck {
  return {
    name: 'disk',
    effect: 'warns',
    check: async () => {
      const { bavail, bsize } = await statfs(folder);
      const free = bavail * bsize;
      return { ok: free >= freeMinBytes, detail: `${Math.floor(free / 1_048_576)} MiB free` };
    },
  };
}

/** The facade's certificate, before it ends: after that no client gets in. */
export function certificateCheck(ends: () => number | undefined, now: () => number): HealthCheck {
  return {
    name: 'certificate',
    effect: 'warns',
    check: async () => {
      const at = ends();
      if (at === undefined) return { ok: true, detail: 'no TLS here' };
      const days = Math.floor((at - now()) / DAY_MS);
      return { ok: days >= ENDS_SOON_DAYS, detail: `ends ${new Date(at).toISOString()}, in ${days} days` };
    },
  };
}

/** Sharing agreements, before they end: a door controller whose agreement ends asks in vain. */
export function agreementsCheck(
  agreements: () => Iterable<{ readonly id: string; readonly untilMs: number | undefined }>,
  now: () => number,
): HealthCheck {
  return {
    name: 'agreements',
    effect: 'warns',
    check: async () => {
      const soon = [...agreements()].filter(
        ({ untilMs }) => untilMs !== undefined && untilMs - now() < ENDS_SOON_DAYS * DAY_MS,
      );
      const names = soon.slice(0, ALERTS_NAMED_MAX).map(({ id }) => id);
      const detail = `${soon.length} end within ${ENDS_SOON_DAYS} days: ${names.join(', ')}`;
      return soon.length === 0 ? { ok: true, detail: 'none ends soon' } : { ok: false, detail };
    },
  };
}

/** For whoever is not known: ready or not, and nothing of what is behind it. */
export function bare(detailed: Answerer): Answerer {
  return async (c) => {
    const { status, headers } = await detailed(c);
    const more = headers.get('retry-after');
    return new Response(JSON.stringify({ ready: status === 200, checks: [] }), {
      status,
      headers: { 'content-type': 'application/json', ...(more !== null && { 'retry-after': more }) },
    });
  };
}
