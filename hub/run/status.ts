import type { FacadeServer } from '../facade/server.js';
import type { Follower } from '../views/follow.js';
import type { StandingAlert } from '../views/alerts.js';
import type { HubView } from '../views/view.js';
import type { HubParts } from './hub.js';
import type { Owner } from './owner.js';
import type { Health, StreamHealth } from './health.js';
import type { Position } from '../../contracts/types.js';

/** What `cardhub status` shows of one stream. Trouble is known of the streams that the asked hub pulls itself. */
export interface StreamStatus extends StreamHealth {
  readonly sourcePartition: string;
  /** This hub pulls it; null: asked without a running hub. */
  readonly owned: boolean | null;
  readonly asOf: number;
  readonly ageMs: number;
  /** By how much the upstream's clock is ahead of this one: its ages cannot be told as long as it is. */
  readonly aheadMs: number;
  readonly snapshotNumber: number;
  readonly snapshotCompletedAt: number | null;
  readonly held: { readonly count: number; readonly since: number } | null;
  readonly read: number;
  readonly published: number;
  readonly quarantined: number;
}

export interface HubStatus {
  readonly running: boolean;
  readonly replica: string | null;
  readonly engine: string;
  readonly facade: string | null;
  readonly view: {
    readonly ready: boolean;
    readonly lag: number;
    readonly cards: number;
    readonly people: number;
    readonly grants: number;
    readonly doors: number;
    readonly faults: readonly string[];
  } | null;
  /** Alarms in force, the gravest first. */
  readonly alerts: readonly AlertStatus[];
  readonly streams: readonly StreamStatus[];
}

export type AlertStatus = Pick<StandingAlert, 'scope' | 'state' | 'level' | 'since'> & {
  readonly until: number | null;
};

export function alertStatus({ scope, state, level, since, until }: StandingAlert): AlertStatus {
  return { scope, state, level, since, until: until ?? null };
}

export interface StatusParts {
  readonly hub: HubParts;
  readonly view: HubView;
  readonly follower: Follower;
  readonly facade: FacadeServer;
  readonly owner: Owner;
  readonly replica: string;
  readonly health: Health;
}

export function statusOf({ hub, view, follower, facade, owner, replica, health }: StatusParts): HubStatus {
  const owned = new Set(owner.owned());
  const positions = hub.directory.positions();
  return {
    running: true,
    replica,
    engine: hub.log.engine,
    facade: facade.url,
    view: {
      ready: follower.ready,
      lag: follower.lag,
      cards: view.cards.size,
      people: view.people.size,
      grants: view.grants.size,
      doors: view.doors.size,
      faults: follower.faults,
    },
    alerts: view.alerts.list(hub.now()).map(alertStatus),
    streams: hub.streams.map(({ deps: { id } }) => {
      const isOwned = owned.has(id);
      return streamStatus(id, positions.get(id), isOwned, hub.now(), isOwned ? health.of(id) : undefined);
    }),
  };
}

export function streamStatus(
  sourcePartition: string,
  position: Position | undefined,
  owned: boolean | null,
  now: number,
  { trouble, caughtUpAt }: StreamHealth = { trouble: null, caughtUpAt: null },
): StreamStatus {
  const asOf = position?.asOf ?? 0;
  const total = position?.books.total;
  return {
    sourcePartition,
    owned,
    asOf,
    ageMs: asOf === 0 ? -1 : Math.max(0, now - asOf),
    aheadMs: Math.max(0, asOf - now),
    snapshotNumber: position?.snapshotNumber ?? 0,
    snapshotCompletedAt: position?.snapshotCompletedAt ?? null,
    held: position?.held ?? null,
    read: total?.read ?? 0,
    published: total?.published ?? 0,
    quarantined: Object.values(total?.quarantined ?? {}).reduce((sum, count) => sum + count, 0),
    trouble,
    caughtUpAt,
  };
}
