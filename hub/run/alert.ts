/**
 * Fire, evacuation and lockdown, as operators set them. An alert is one record on `hub.alert`, so every hub that
 * follows the log has it between two decisions, and a restart finds it there.
 *
 *   set ─▶ {state, level, until?} ─▶ clear ─▶ NONE        the record of a clear stays: who ended it, and when
 *                     └──▶ its `until` has passed: in force no longer, the record stays as it is
 */
import type { Alert, Door } from '../../contracts/types.js';
import type { Log } from '../log/log.js';
import type { RecordCodec } from '../sync/rows.js';
import { turns } from '../turns.js';
import { ALERT_STATES, AlertsView } from '../views/alerts.js';
import { DoorsView } from '../views/doors.js';
import type { HubView } from '../views/view.js';
import type { HubParts } from './hub.js';
import type { Journal, JournalRecord } from './journal.js';
import { recordsOf, soonTrue } from './topics.js';

const REASON_MAX = 500;
const ACCOUNT_MAX = 128;

export interface AlertRequest {
  readonly state: 'NONE' | 'LOCKDOWN' | 'FIRE' | 'EVACUATION';
  /** `campus`, `building:{building}` or `door:{door key}`. */
  readonly scope: string;
  /** 1 to 9 of a lockdown; absent otherwise. */
  readonly level?: number;
  /** Epoch ms. */
  readonly until?: number;
  readonly reason?: string;
  /** Account of the operator. */
  readonly by: string;
}

export interface AlertAnswer {
  readonly alert: Alert;
  /** State that the scope had before; null: it never had one. */
  readonly from: Alert['state'] | null;
  /** This hub decides by it already; false: within moments, or at the next start of a hub that does not run. */
  readonly inForce: boolean;
}

export class AlertError extends Error {
  override readonly name = 'AlertError';
  readonly retry = 'never';
  constructor(
    readonly code: 'ALERT_INVALID' | 'ALERT_UNKNOWN_SCOPE' | 'ALERT_GRAVER_IN_FORCE',
    message: string,
  ) {
    super(message);
  }
}

export interface ReadAlerts {
  readonly view: AlertsView;
  /** Newest record of each scope, cleared ones too, with its bytes. */
  readonly newest: ReadonlyMap<string, { readonly alert: Alert; readonly bytes: Uint8Array }>;
}

/** What the log says of the tenant's alerts; nothing where an older version made it and none could be set. */
export async function readAlerts(
  log: Pick<Log, 'read'>,
  codec: Pick<RecordCodec, 'decode'>,
  tenant: string,
): Promise<ReadAlerts> {
  const view = new AlertsView(tenant);
  const newest = new Map<string, { alert: Alert; bytes: Uint8Array }>();
  for await (const { key, value } of recordsOf(log, 'hub.alert')) {
    const alert = value === null ? null : (codec.decode('hub.alert', value) as Alert);
    view.apply(key, alert);
    if (!key.startsWith(`${tenant}:`)) continue;
    const scope = key.slice(tenant.length + 1);
    if (alert === null || value === null) newest.delete(scope);
    else newest.set(scope, { alert, bytes: value });
  }
  return { view, newest };
}

/** Every door of the log, for a command that runs without a hub. */
export async function readDoors(log: Pick<Log, 'read'>, codec: Pick<RecordCodec, 'decode'>) {
  const doors = new DoorsView();
  for await (const batch of log.read({ topic: 'master.door', until: 'end' })) {
    for (const { key, value } of batch.records) {
      doors.apply(key, value === null ? null : (codec.decode('master.door', value) as Door));
    }
  }
  return doors;
}

export interface AlertParts {
  readonly log: Pick<Log, 'read'>;
  readonly codec: RecordCodec;
  readonly tenant: string;
  readonly doors: DoorsView;
}

/**
 * The record of a request, and the alert that it sets. Nobody may set another one of the same scope in between.
 * @throws AlertError
 */
export async function alertRecord(
  { log, codec, tenant, doors }: AlertParts,
  body: unknown,
  now: number,
): Promise<{ readonly record: JournalRecord; readonly alert: Alert; readonly from: Alert['state'] | null }> {
  const request = checked(body, now);
  const { scope, state, by } = request;
  const before = (await readAlerts(log, codec, tenant)).newest.get(scope);
  // What was set while its door was there can be cleared when the door is gone.
  if (before === undefined || state !== 'NONE') checkScope(scope, doors);
  if (before !== undefined) checkGravity(before.alert, state, now);
  const key = `${tenant}:${scope}`;
  const version = (before?.alert.version ?? 0) + 1;
  const alert: Alert = {
    ...{ alertKey: key, tenant, scope, version, state, by },
    level: request.level ?? 0,
    since: now,
    until: request.until ?? null,
    reason: request.reason ?? null,
  };
  const record: JournalRecord = {
    topic: 'hub.alert',
    key,
    value: codec.encode('hub.alert', alert),
    headers: codec.headers('hub.alert', key, `${key}@${version}`, now),
    replaces: before?.bytes ?? null,
  };
  return { record, alert, from: before?.alert.state ?? null };
}

/** A scope has one alarm: a lockdown in the place of a fire would close the doors that the fire holds open. */
function checkGravity(before: Alert, state: Alert['state'], now: number): void {
  const gravity = (of: string): number => (ALERT_STATES as readonly string[]).indexOf(of);
  const ended = before.until !== null && before.until <= now;
  if (state === 'NONE' || ended || gravity(state) >= gravity(before.state)) return;
  throw new AlertError(
    'ALERT_GRAVER_IN_FORCE',
    `${before.scope} is in ${before.state}, which counts above ${state}: clear it first; nothing was set`,
  );
}

/** A mistyped door in an emergency must not look like an alarm that is on. */
function checkScope(scope: string, doors: DoorsView): void {
  if (scope === 'campus') return;
  const [, kind, name = ''] = /^(building|door):(.+)$/su.exec(scope) ?? [];
  if (kind === 'door' && doors.get(name) !== undefined) return;
  if (kind === 'building' && doors.buildings().has(name)) return;
  const known =
    kind === 'building' ? `; known: ${[...doors.buildings()].sort().slice(0, 20).join(', ')}` : '';
  throw new AlertError(
    'ALERT_UNKNOWN_SCOPE',
    `expected campus, or a building or door that the hub knows; came ${scope}: nothing was set${known}`,
  );
}

const invalid = (what: string): AlertError =>
  new AlertError('ALERT_INVALID', `expected ${what}; nothing was set`);

function checked(body: unknown, now: number): AlertRequest {
  const { state, scope, level, until, reason, by } = (body ?? {}) as Partial<
    Record<keyof AlertRequest, unknown>
  >;
  if (state !== 'NONE' && state !== 'LOCKDOWN' && state !== 'FIRE' && state !== 'EVACUATION') {
    throw invalid('a state LOCKDOWN, FIRE, EVACUATION or NONE');
  }
  if (typeof scope !== 'string' || scope.length > 256) throw invalid('a scope of at most 256 characters');
  const levelFits =
    state === 'LOCKDOWN'
      ? Number.isInteger(level) && Number(level) >= 1 && Number(level) <= 9
      : level === undefined;
  if (!levelFits) throw invalid('a level of 1 to 9 for a lockdown, and none for any other state');
  const untilFits = until === undefined || (Number.isSafeInteger(until) && Number(until) > now);
  if (!untilFits || (state === 'NONE' && until !== undefined)) {
    throw invalid('an end in the future, and none of a clear');
  }
  if (reason !== undefined && (typeof reason !== 'string' || reason.length > REASON_MAX)) {
    throw invalid(`a reason of at most ${REASON_MAX} characters`);
  }
  if (typeof by !== 'string' || by === '' || by.length > ACCOUNT_MAX) {
    throw invalid(`the operator's account, at most ${ACCOUNT_MAX} characters`);
  }
  return {
    ...{ state, scope, by },
    ...(level !== undefined && { level: Number(level) }),
    ...(until !== undefined && { until: Number(until) }),
    ...(reason !== undefined && { reason }),
  };
}

/** What the running hub does on its local socket: one request after the other. */
export function alertHandler(
  hub: HubParts,
  journal: Journal,
  view: HubView,
): (body: unknown) => Promise<AlertAnswer> {
  const parts = { log: hub.log, codec: hub.codec, tenant: hub.config.tenant, doors: view.doors };
  const turn = turns();
  const set = async (body: unknown): Promise<AlertAnswer> => {
    const { record, alert, from } = await alertRecord(parts, body, hub.now());
    await journal.append([record]);
    const inForce = await soonTrue(() => view.alerts.version(alert.scope) >= alert.version);
    return { alert, from, inForce };
  };
  return (body) => turn(() => set(body));
}
