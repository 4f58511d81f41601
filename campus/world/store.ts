import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import type { Database, RootDatabase } from 'lmdb';
import type { DoorEvent, Grant } from '../access-control/types.js';
import type { ClockState } from '../clock.js';
import type { AccountState, MoneyMeta } from './accounts.js';
import { NO_MONEY } from './accounts.js';
import type { Card } from './cards.js';
import { openDeskTables } from './desk-store.js';
import type { DeskTables } from './desk-store.js';
import type { DormGroup } from './dorms.js';
import type { LoadsMeta } from './loads.js';
import type { MeterMark } from './meters.js';
import type { DeviceLife } from './device-life.js';
import type { BankDebit, DeviceState, TopUpStep, Trade } from './money.js';
import type { Base, Cohort } from './people.js';
import type { PowerOrder, PowerStep } from './power.js';

/**
 * What the campus keeps on disk: the parameters of the base population and everything that differs from it.
 * One LMDB folder; each operation of life is one transaction, so that a killed campus is never half-way.
 */

/** One entry of the core's change feed, with the card as it stood after it. */
export interface Change {
  readonly seq: number;
  /** Card version types (domain.md 1.4): 1 open … 8 swap-old. */
  readonly type: 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;
  readonly time: number;
  readonly channel: string;
  readonly cause: string;
  readonly related: string;
  readonly card: Card;
}

/** A swipe whose controller is cut off; it gets its `seq` when it is uploaded. */
export type PendingEvent = Omit<DoorEvent, 'seq' | 'uploadedAt'>;

export interface Meta {
  readonly format: 1;
  readonly base: Base;
  /** People so far (base and later intakes). */
  people: number;
  temporaries: number;
  extraCards: number;
  addedGrants: number;
  goneCards: number;
  /** Newest change; the feed keeps those after `floor`. */
  seq: number;
  floor: number;
  eventSeq: number;
  eventFloor: number;
  pending: number;
  /** Life has been lived up to (not including) this second, epoch s. 0: not begun. */
  lifeTick: number;
  leaveCursor: number;
  cohorts: readonly Cohort[];
  /** Since when meters count, epoch ms; absent in a world that was made before there were meters. */
  powerFrom?: number;
  powerOrders?: number;
  powerPlans?: number;
  /** Payments for electricity stand in `powerPaid`; absent in a world that was made before there was that table. */
  powerPaid?: true;
  /** Newest step of each group's log. */
  powerSeq?: Readonly<Partial<Record<DormGroup, number>>>;
  money: MoneyMeta;
  /** Absent: the core was never told of loads. */
  loads?: LoadsMeta;
}

export interface Store {
  readonly meta: Meta;
  readonly cards: Database<Card, string>;
  readonly gone: Database<1, string>;
  readonly changes: Database<Change, number>;
  /** Cards opened later, by the person who holds them. */
  readonly byPerson: Database<1, [number, string]>;
  /** `lost:…` and `frozen:…`: which cards are so by life (not in the base population). */
  readonly marks: Database<1, string>;
  readonly events: Database<DoorEvent, number>;
  readonly waiting: Database<PendingEvent, [number, number]>;
  readonly counters: Database<number, number>;
  /** Grants added later or changed, by id. */
  readonly grants: Database<Grant, string>;
  /** Library, bag lockers, classrooms. */
  readonly desk: DeskTables;
  /** What was delivered to a room's meter, by the room's number. */
  readonly meters: Database<readonly MeterMark[], number>;
  readonly powerLog: Database<PowerStep, [DormGroup, number]>;
  /** Payers were debited: steps of `powerLog` by the day in Shanghai (its midnight, epoch ms). */
  readonly powerPaid: Database<1, [number, DormGroup, number]>;
  /** Orders under way, by when they go on. */
  readonly powerDue: Database<PowerOrder, [number, number]>;
  /** Accounts that life has changed, by number. */
  readonly accounts: Database<AccountState, number>;
  /** The account feed: which account changed. */
  readonly accountChanges: Database<number, number>;
  readonly trades: Database<Trade, number>;
  /** Trades of POS without a network, by the time of their upload. */
  readonly waitingTrades: Database<Omit<Trade, 'seq'>, [number, number]>;
  readonly topUps: Database<TopUpStep, number>;
  /** What the banks debited because somebody was asked to load, by the order's number. */
  readonly bankDebits: Database<BankDebit, string>;
  readonly devices: Database<DeviceState, number>;
  /** Devices applied for later, moved or retired, by id. */
  readonly deviceLife: Database<DeviceLife, string>;
  readonly clockState: () => ClockState | null;
  readonly saveClock: (state: ClockState) => void;
  /** Runs `action` in one transaction; `meta` is written with it, or put back when it throws. */
  readonly tx: <T>(action: () => T) => T;
  readonly close: () => Promise<void>;
}

function transactions(root: RootDatabase, settings: Database<unknown, string>, meta: Meta) {
  let inside = false;
  return <T>(action: () => T): T => {
    if (inside) return action();
    const before = { ...meta };
    inside = true;
    try {
      return root.transactionSync(() => {
        const result = action();
        settings.putSync('meta', { ...meta });
        return result;
      });
    } catch (error) {
      Object.assign(meta, before);
      throw error;
    } finally {
      inside = false;
    }
  };
}

/** Opens the folder's world, or makes one with `fresh` when the folder has none. */
export function openStore(dir: string, fresh: () => Meta): Store {
  mkdirSync(dir, { recursive: true });
  const root = open({ path: join(dir, 'world'), maxDbs: 64, compression: false });
  const settings = root.openDB<unknown, string>({ name: 'settings' });
  const stored = settings.get('meta') as (Omit<Meta, 'money'> & Partial<Pick<Meta, 'money'>>) | undefined;
  if (stored !== undefined && stored.format !== 1) {
    throw new Error(`campus folder ${dir}: format ${String(stored.format)} is not known; expected 1`);
  }
  // A world that was made before there was money begins without any.
  const meta = { ...(stored === undefined ? fresh() : { ...stored, money: stored.money ?? NO_MONEY }) };
  const tx = transactions(root, settings, meta);
  if (stored === undefined) tx(() => undefined);
  return {
    meta,
    cards: root.openDB<Card, string>({ name: 'cards' }),
    gone: root.openDB<1, string>({ name: 'gone' }),
    changes: root.openDB<Change, number>({ name: 'changes' }),
    byPerson: root.openDB<1, [number, string]>({ name: 'by-person' }),
    marks: root.openDB<1, string>({ name: 'marks' }),
    events: root.openDB<DoorEvent, number>({ name: 'events' }),
    waiting: root.openDB<PendingEvent, [number, number]>({ name: 'waiting' }),
    counters: root.openDB<number, number>({ name: 'counters' }),
    grants: root.openDB<Grant, string>({ name: 'grants' }),
    meters: root.openDB<readonly MeterMark[], number>({ name: 'meters' }),
    powerLog: root.openDB<PowerStep, [DormGroup, number]>({ name: 'power-log' }),
    powerPaid: root.openDB<1, [number, DormGroup, number]>({ name: 'power-paid' }),
    powerDue: root.openDB<PowerOrder, [number, number]>({ name: 'power-due' }),
    desk: openDeskTables(root),
    accounts: root.openDB<AccountState, number>({ name: 'accounts' }),
    accountChanges: root.openDB<number, number>({ name: 'account-changes' }),
    trades: root.openDB<Trade, number>({ name: 'trades' }),
    waitingTrades: root.openDB<Omit<Trade, 'seq'>, [number, number]>({ name: 'waiting-trades' }),
    topUps: root.openDB<TopUpStep, number>({ name: 'top-ups' }),
    bankDebits: root.openDB<BankDebit, string>({ name: 'bank-debits' }),
    devices: root.openDB<DeviceState, number>({ name: 'devices' }),
    deviceLife: root.openDB<DeviceLife, string>({ name: 'device-life' }),
    clockState: () => (settings.get('clock') as ClockState | undefined) ?? null,
    saveClock: (state) => {
      settings.putSync('clock', state);
    },
    tx,
    close: async () => {
      await root.flushed;
      await root.close();
    },
  };
}
