import { DORM_GROUPS, groupOfRoom, personOfRoom, roomCount, roomOfPerson } from './dorms.js';
import type { DormGroup } from './dorms.js';
import { deliverEnergy, whForFen } from './meters.js';
import { classCode } from './people.js';
import { hash32 } from './prng.js';
import type { Rng } from './prng.js';
import { startOfDay } from './time.js';
import type { World } from './world.js';

/**
 * People buy electricity. An order goes its way step by step in campus time, and each step stands in the log of its
 * group's vendor:
 *
 *   NEW ─▶ PAYING ─▶ PAID ─▶ SENT ─▶ ACCEPTED ─▶ DONE            (in order: seconds; DONE: 20 s to 4 min later)
 *     │                │        └▶ UNKNOWN ─▶ ACCEPTED or REFUND ─▶ FAIL     network cut
 *     │                └ waits while the vendor is off, and is sent when it is back
 *     └▶ FAIL   the bank card is not bound or signed (one in forty)
 *
 * What goes wrong is decided by the conditions of the moment of the step.
 */
export type OrderStatus =
  'NEW' | 'PAYING' | 'PAID' | 'SENT' | 'ACCEPTED' | 'DONE' | 'UNKNOWN' | 'REFUND' | 'FAIL';

export interface PowerOrder {
  readonly no: string;
  readonly room: number;
  /** Index of the person who pays. */
  readonly payer: number;
  readonly fen: number;
  readonly wallet: boolean;
  readonly bankRef: string;
  readonly status: OrderStatus;
  /** What the payer was told when the bank was not debited. */
  readonly told?: string;
}

/** A step in the log of a group. */
export interface PowerStep {
  readonly seq: number;
  readonly at: number;
  readonly order: PowerOrder;
}

/** Conditions that change what happens, by group: what `campus/start.ts` reads off the fault switches. */
export type PowerCondition = 'vendor-off' | 'network-cut' | 'no-delivery';

/** In the words, scripts and commas in which the payment page and the bank say it. */
const BANK_SAYS = [
  '未綁定銀行卡,不能進行充值',
  '未签约',
  '未绑定银行卡，不能进行充值',
  '未簽約',
  '未绑定银行卡,不能进行充值',
];
const MINUTE_MS = 60_000;
const AMOUNTS = [1_000, 2_000, 3_000, 5_000, 10_000];
const DUE_MAX = 10_000;

export interface Purchase {
  /** Number of the room; absent: the payer's, or any. */
  readonly room?: number;
  readonly payer?: number;
  readonly group?: DormGroup;
  readonly fen?: number;
  /** Paid from the card, which the rules do not allow. */
  readonly wallet?: boolean;
  readonly time: number;
}

function roomFor(world: World, it: Purchase, rng: Rng): number {
  if (it.room !== undefined) return it.room;
  if (it.payer !== undefined) return roomOfPerson(world.base, it.payer);
  const rooms = roomCount(world.base.people);
  for (let room = rng.below(rooms), tries = 0; tries < rooms; tries += 1, room = (room + 1) % rooms) {
    if (it.group === undefined || groupOfRoom(room) === it.group) return room;
  }
  return 0;
}

function payerOf(world: World, room: number, rng: Rng): number {
  const first = rng.below(6);
  const mates = [0, 1, 2, 3, 4, 5].map((n) => personOfRoom(world.base, room, first + n));
  return mates.find((person) => classCode(world.base, person) === '01') ?? mates[0] ?? 0;
}

/** Somebody starts to buy. @returns the order, or null when there is no such room */
export function buyPower(world: World, it: Purchase, rng: Rng): PowerOrder | null {
  const room = roomFor(world, it, rng);
  if (room < 0 || room >= roomCount(world.base.people)) return null;
  return world.store.tx(() => {
    const { meta } = world.store;
    meta.powerOrders = (meta.powerOrders ?? 0) + 1;
    const no = `P${String(meta.powerOrders).padStart(10, '0')}`;
    const order: PowerOrder = {
      no,
      room,
      payer: it.payer ?? payerOf(world, room, rng),
      fen: it.fen ?? AMOUNTS[rng.below(AMOUNTS.length)] ?? 5_000,
      wallet: it.wallet ?? false,
      bankRef: `${it.time}${String(rng.below(1_000_000)).padStart(6, '0')}`,
      status: 'NEW',
    };
    log(world, order, it.time);
    plan(world, order, it.time + 300);
    return order;
  });
}

function plan(world: World, order: PowerOrder, at: number): void {
  world.store.meta.powerPlans = (world.store.meta.powerPlans ?? 0) + 1;
  world.store.powerDue.putSync([at, world.store.meta.powerPlans], order);
}

function log(world: World, order: PowerOrder, at: number): void {
  const group = groupOfRoom(order.room);
  const seqs = world.store.meta.powerSeq ?? {};
  const seq = (seqs[group] ?? 0) + 1;
  world.store.meta.powerSeq = { ...seqs, [group]: seq };
  world.store.powerLog.putSync([group, seq], { seq, at, order });
  if (order.status === 'PAID') world.store.powerPaid.putSync([startOfDay(at), group, seq], 1);
}

/** Steps at which payers were debited on the day that begins at `midnight` (in Shanghai, epoch ms). */
export function powerPaidOn(world: World, midnight: number): PowerStep[] {
  const { meta, powerLog, powerPaid, tx } = world.store;
  if (meta.powerPaid !== true) {
    tx(() => {
      for (const { key, value } of powerLog.getRange()) {
        if (value.order.status === 'PAID') powerPaid.putSync([startOfDay(value.at), ...key], 1);
      }
      meta.powerPaid = true;
    });
  }
  const steps = powerPaid.getKeys({
    start: [midnight, '', 0],
    end: [midnight + 1, '', 0],
  });
  return [...steps].flatMap(([, group, seq]) => powerLog.get([group, seq]) ?? []);
}

/** Steps whose time has come, in order of it. @returns how many were looked at */
export function settlePower(world: World, now: number): number {
  const { powerDue, tx } = world.store;
  const due = [...powerDue.getRange({ end: [now, Number.MAX_SAFE_INTEGER], limit: DUE_MAX })];
  if (due.length === 0) return 0;
  return tx(() => {
    for (const { key, value } of due) {
      powerDue.removeSync(key);
      step(world, value, key[0]);
    }
    return due.length;
  });
}

/** One step of an order: to a status, then again after a while; without a status it only waits. */
function step(world: World, order: PowerOrder, at: number): void {
  const group = groupOfRoom(order.room);
  const is = (condition: PowerCondition): boolean => world.conditions.power(group, condition);
  const go = (status: OrderStatus, againMs: number | null, told?: string): void => {
    const next = told === undefined ? { ...order, status } : { ...order, status, told };
    log(world, next, at);
    if (againMs !== null) plan(world, next, at + againMs);
  };
  const chance = hash32(world.base.seed, 114, Number(order.no.slice(1)));
  switch (order.status) {
    case 'NEW':
      if (chance % 40 !== 0 || order.wallet) return go('PAYING', 1_200);
      return go('FAIL', null, BANK_SAYS[chance % BANK_SAYS.length]);
    case 'PAYING':
      return go('PAID', 500);
    case 'PAID':
      return is('vendor-off') ? plan(world, order, at + MINUTE_MS) : go('SENT', 1_000);
    case 'SENT':
      return is('network-cut') ? go('UNKNOWN', MINUTE_MS) : go('ACCEPTED', 20_000 + (chance % 220_000));
    case 'UNKNOWN':
      if (is('network-cut')) return plan(world, order, at + MINUTE_MS);
      return chance % 2 === 0 ? go('ACCEPTED', 20_000) : go('REFUND', 60 * MINUTE_MS);
    case 'ACCEPTED':
      if (is('no-delivery') || is('vendor-off') || is('network-cut'))
        return plan(world, order, at + MINUTE_MS / 2);
      deliverEnergy(world, order.room, whForFen(order.fen), at);
      return go('DONE', null);
    case 'REFUND':
      return go('FAIL', null);
    default:
      return undefined;
  }
}

/** Steps of a group after `after`, at most `limit`. */
export function powerSteps(world: World, group: DormGroup, after: number, limit: number): PowerStep[] {
  const range = world.store.powerLog.getRange({
    start: [group, after + 1],
    end: [group, Number.MAX_SAFE_INTEGER],
    limit,
  });
  return [...range].map((entry) => entry.value);
}

export const powerHead = (world: World, group: DormGroup): number => world.store.meta.powerSeq?.[group] ?? 0;

/** Newest numbers of the logs, for the control port. */
export const powerSummary = (world: World) => ({
  rooms: roomCount(world.base.people),
  orders: world.store.meta.powerOrders ?? 0,
  steps: Object.fromEntries(DORM_GROUPS.map((group) => [group, powerHead(world, group)])),
});
