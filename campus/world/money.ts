import { accountNumber, accountState, holderOfAccount, touchAccount } from './accounts.js';
import type { AccountState } from './accounts.js';
import type { Card } from './cards.js';
import { deviceAt, CASH_MACHINE } from './devices.js';
import type { Device } from './devices.js';
import { hash32 } from './prng.js';
import { compact, compactDate, hourOf } from './time.js';
import type { World } from './world.js';
import { cardOf, cardsOfPerson } from './world.js';

/**
 * What happens to money. A purchase at a POS:
 *
 *   canteen and money pending? ─▶ claimed first (21): pending → chip and ledger
 *   POS online  ─▶ chip, ledger, feed at once
 *   POS offline ─▶ chip at once; ledger and feed when the POS uploads (coldate, coltime, datatype 2)
 *
 * Uploading the same file twice gives the same device numbers with new bookings: only `devphyid` and `devseqno` tell.
 */
export interface Trade {
  readonly seq: number;
  readonly accdate: string;
  readonly termid: string;
  readonly termseqno: string;
  readonly devphyid: string;
  readonly devseqno: string;
  readonly transdate: string;
  readonly transtime: string;
  readonly transcode: string;
  readonly cardno: string;
  readonly account: string;
  readonly cardtype: string;
  readonly cardcnt: string;
  readonly cardbefbal: string;
  readonly cardaftbal: string;
  readonly amount: string;
  readonly offlineflag: '0' | '1';
  readonly coldate: string;
  readonly coltime: string;
  readonly datatype: string;
  readonly status: string;
  readonly revflag: '0' | '1';
  readonly revof: string;
  readonly mercname: string;
}

export interface TopUpStep {
  readonly seq: number;
  readonly orderno: string;
  readonly account: string;
  readonly cardno: string;
  readonly cardtype: string;
  readonly stage: '1' | '2' | '3' | '4' | '5';
  readonly channel: string;
  readonly amount: string;
  readonly time: string;
  readonly termid: string;
  readonly canteenflag: '' | '0' | '1';
}

/** What a device remembers. */
export interface DeviceState {
  readonly counter: number;
  /** No network until then, epoch ms. */
  readonly offlineUntil: number;
}

export type MoneyRefusal =
  'ENDED' | 'LOST' | 'FROZEN' | 'TOO_LITTLE' | 'CLOSED_NOW' | 'OTHER_CARD' | 'NO_SUCH_DEVICE';
export type MoneyOutcome =
  | { readonly ok: true; readonly trades: readonly (Omit<Trade, 'seq'> & { readonly seq: number | null })[] }
  | { readonly ok: false; readonly reason: MoneyRefusal };

const HOUR_MS = 3_600_000;
const no = (reason: MoneyRefusal): MoneyOutcome => ({ ok: false, reason });

const deviceState = (world: World, device: number): DeviceState =>
  world.store.devices.get(device) ?? { counter: 0, offlineUntil: 0 };

/** When what a POS records now reaches the core: at once, or after the outage that it is in. */
function uploadTime(world: World, device: number, now: number): number {
  const { offlineUntil } = deviceState(world, device);
  if (offlineUntil > now) return offlineUntil + 30_000;
  const hour = Math.floor(now / HOUR_MS);
  const value = hash32(hash32(world.base.seed, 90, device), 91, hour);
  return value % 80 === 0 ? (hour + 1) * HOUR_MS + ((value >>> 8) % 600) * 1000 : now;
}

export const isOffline = (world: World, device: number, now: number): boolean =>
  uploadTime(world, device, now) > now;

/** Takes a POS off the network. */
export function takeOffline(world: World, device: number, until: number): void {
  world.store.tx(() => {
    world.store.devices.putSync(device, { ...deviceState(world, device), offlineUntil: until });
  });
}

interface Chip {
  readonly card: Card;
  readonly account: number;
  readonly state: AccountState;
}

/** A draft of a trade at a device, numbered by it. */
function draft(world: World, index: number, device: Device, chip: Chip, time: number, what: Partial<Trade>) {
  const counted = deviceState(world, index);
  const counter = counted.counter + 1;
  world.store.devices.putSync(index, { ...counted, counter });
  const stamp = compact(time);
  return {
    ...{
      accdate: '',
      termid: device.id,
      termseqno: '',
      devphyid: device.id.replace('T-', 'A0B1'),
      devseqno: String(counter),
    },
    ...{ transdate: stamp.slice(0, 8), transtime: stamp.slice(8), transcode: '', cardno: chip.card.no },
    ...{
      account: String(chip.account),
      cardtype: chip.card.kind,
      cardcnt: '',
      cardbefbal: '',
      cardaftbal: '',
    },
    ...{ amount: '0', offlineflag: '0', coldate: '', coltime: '', datatype: '1', status: '3', revflag: '0' },
    ...{ revof: '', mercname: device.name, ...what },
  } as Omit<Trade, 'seq'>;
}

/** Books a trade: it gets its place in the feed. */
function book(world: World, trade: Omit<Trade, 'seq'>, collectedAt: number): Trade {
  const { store } = world;
  const seq = store.meta.money.tradeSeq + 1;
  const stamp = compact(collectedAt);
  const booked = { accdate: stamp.slice(0, 8), coldate: stamp.slice(0, 8), coltime: stamp.slice(8) };
  const stored: Trade = { ...trade, ...booked, termseqno: String(seq), seq };
  store.trades.putSync(seq, stored);
  let floor = store.meta.money.tradeFloor;
  for (; seq - floor > world.eventRetention; floor += 1) store.trades.removeSync(floor + 1);
  store.meta.money = { ...store.meta.money, tradeSeq: seq, tradeFloor: floor };
  return stored;
}

function step(world: World, made: Omit<TopUpStep, 'seq'>): void {
  const { store } = world;
  const seq = store.meta.money.topUpSeq + 1;
  store.topUps.putSync(seq, { ...made, seq });
  let floor = store.meta.money.topUpFloor;
  for (; seq - floor > world.eventRetention; floor += 1) store.topUps.removeSync(floor + 1);
  store.meta.money = { ...store.meta.money, topUpSeq: seq, topUpFloor: floor };
}

function keep(world: World, account: number, state: AccountState, changedAt: number): AccountState {
  const kept = { ...state, changedAt };
  world.store.accounts.putSync(account, kept);
  touchAccount(world.store, account, world.feedRetention);
  return kept;
}

/** The card that a person pays with: the newest that still works. */
export function payingCard(world: World, person: number): Card | null {
  return (
    cardsOfPerson(world, person)
      .filter((card) => card.status !== 2 && card.status !== 6)
      .at(-1) ?? null
  );
}

function chipOf(world: World, number: string): Chip | MoneyRefusal {
  const card = cardOf(world, number);
  if (card === null || card.status === 2 || card.status === 6) return 'ENDED';
  if (card.lost) return 'LOST';
  if (card.frozen) return 'FROZEN';
  if (card.kind === '800' && payingCard(world, card.holder)?.no !== number) return 'OTHER_CARD';
  const account = accountNumber(card);
  return { card, account, state: accountState(world.base, world.store, account) };
}

const spentWith = (state: AccountState, amount: number, day: string) =>
  state.spentOn === day ? { spent: state.spent + amount, spentOn: day } : { spent: amount, spentOn: day };

/** Adds to the chip: what a claim and the cash machine do. */
function load(state: AccountState, amount: number) {
  const wallet = state.wallet + amount;
  const counter = state.counter + 1;
  return { ...state, wallet, seen: wallet, ledger: state.ledger + amount, counter, seenCounter: counter };
}

const chipFields = (before: AccountState, after: AccountState, amount: number) => ({
  ...{ cardcnt: String(after.counter), cardbefbal: String(before.wallet), cardaftbal: String(after.wallet) },
  amount: String(amount),
});

/** Pending money enters the card, one step of each top-up with it. */
function claim(
  world: World,
  index: number,
  device: Device,
  chip: Chip,
  time: number,
): { chip: Chip; trade: Trade } {
  const { state, account, card } = chip;
  const loaded = { ...load(state, state.pending), pending: 0, orders: [] };
  const what = { transcode: '21', ...chipFields(state, loaded, state.pending) };
  const trade = book(world, draft(world, index, device, chip, time, what), time);
  for (const { order, amount, channel } of state.orders) {
    step(world, {
      ...{ orderno: order, account: String(account), cardno: card.no, cardtype: card.kind, stage: '3' },
      ...{ channel, amount: String(amount), time: compact(time), termid: device.id, canteenflag: '1' },
    });
  }
  return { chip: { ...chip, state: keep(world, account, loaded, time) }, trade };
}

export interface Purchase {
  readonly card: string;
  /** Index of the POS. */
  readonly device: number;
  readonly amount: number;
  readonly time: number;
  /** The chip leaves the reader before the end: debited, and the POS does not know it. */
  readonly pulled?: boolean;
}

/** A purchase at a POS; see the head of this file. */
export function spend(world: World, it: Purchase): MoneyOutcome {
  return world.store.tx(() => {
    const device = deviceAt(world.base, it.device);
    if (device === null || device.usage === '') return no('NO_SUCH_DEVICE');
    let chip = chipOf(world, it.card);
    if (typeof chip === 'string') return no(chip);
    const uploadAt = uploadTime(world, it.device, it.time);
    const trades: (Omit<Trade, 'seq'> & { seq: number | null })[] = [];
    if (device.usage === '11' && chip.state.pending > 0 && uploadAt <= it.time) {
      const claimed = claim(world, it.device, device, chip, it.time);
      chip = claimed.chip;
      trades.push(claimed.trade);
    }
    const { state, account } = chip;
    if (state.wallet < it.amount) return trades.length > 0 ? { ok: true, trades } : no('TOO_LITTLE');
    const paid = { ...state, wallet: state.wallet - it.amount, counter: state.counter + 1 };
    const pulled = it.pulled === true ? { status: '7', cardaftbal: String(state.wallet) } : {};
    const what = { transcode: device.usage, ...chipFields(state, paid, it.amount), ...pulled };
    if (uploadAt > it.time) {
      const offline = { ...what, offlineflag: '1', datatype: '2' } as const;
      const waiting = draft(world, it.device, device, chip, it.time, offline);
      const { store } = world;
      store.meta.money = { ...store.meta.money, waiting: store.meta.money.waiting + 1 };
      store.waitingTrades.putSync([uploadAt, store.meta.money.waiting], waiting);
      // Only the chip knows.
      store.accounts.putSync(account, paid);
      return { ok: true, trades: [...trades, { ...waiting, seq: null }] };
    }
    trades.push(book(world, draft(world, it.device, device, chip, it.time, what), it.time));
    const booked = it.pulled === true ? paid : bookedState(paid, it.amount, compactDate(it.time));
    keep(world, account, booked, it.time);
    return { ok: true, trades };
  });
}

const bookedState = (state: AccountState, amount: number, day: string): AccountState => ({
  ...state,
  ...{ seen: state.wallet, seenCounter: state.counter, ledger: state.ledger - amount },
  ...spentWith(state, amount, day),
});

/** Paid from the linked bank card: no chip, no ledger of the card. */
export function payElectricity(world: World, number: string, amount: number, time: number): MoneyOutcome {
  return world.store.tx(() => {
    const chip = chipOf(world, number);
    if (typeof chip === 'string') return no(chip);
    const hall = { id: 'HALL', name: '一卡通服务大厅' } as Device;
    const what = { transcode: '16', amount: String(amount) };
    return { ok: true, trades: [book(world, draft(world, -1, hall, chip, time, what), time)] };
  });
}

/** No transfer from 23:00 to 01:00. */
export const isBankWindow = (time: number): boolean => [23, 0].includes(hourOf(time));

/** Money on its way to an account. */
export interface Order {
  readonly order: string;
  /** Fen. */
  readonly amount: number;
  readonly channel: string;
  /** Epoch ms. */
  readonly time: number;
}

/** What a bank paid because it was asked to, and not by itself. */
export interface BankDebit {
  readonly order: string;
  readonly account: number;
  readonly amount: number;
  readonly at: number;
}

/** A step of an order that moves nothing on the card: accepted, refused, reversed. */
export function bookOrder(world: World, account: number, it: Order, stage: TopUpStep['stage']): void {
  step(world, {
    ...{ orderno: it.order, account: String(account), cardno: '', cardtype: holderOfAccount(account).kind },
    ...{ channel: it.channel, amount: String(it.amount), time: compact(it.time), termid: '', stage },
    canteenflag: '',
  });
}

/** Accepted, and waiting at the account until a canteen POS claims it. */
export function payIn(world: World, account: number, it: Order): void {
  const state = accountState(world.base, world.store, account);
  bookOrder(world, account, it, '1');
  bookOrder(world, account, it, '2');
  const { order, amount, channel } = it;
  const orders = [...state.orders, { order, amount, channel }];
  keep(world, account, { ...state, pending: state.pending + amount, orders }, it.time);
}

/** Paid in by phone or bank: the money waits at the account until a canteen POS claims it. */
export function topUp(
  world: World,
  number: string,
  amount: number,
  channel: string,
  time: number,
): MoneyOutcome {
  return world.store.tx(() => {
    const card = cardOf(world, number);
    if (card === null) return no('ENDED');
    if (isBankWindow(time)) return no('CLOSED_NOW');
    const account = accountNumber(card);
    const order = orderNumber(world, time);
    if (channel === 'bank') world.store.bankDebits.putSync(order, { order, account, amount, at: time });
    payIn(world, account, { order, amount, channel, time });
    return { ok: true, trades: [] };
  });
}

function orderNumber(world: World, time: number): string {
  const orders = world.store.meta.money.orders + 1;
  world.store.meta.money = { ...world.store.meta.money, orders };
  return `T${compactDate(time)}${String(orders).padStart(8, '0')}`;
}

/** Straight onto the chip, as only a machine with the card in it can. */
function ontoChip(world: World, index: number, device: Device, chip: Chip, it: Order): Trade {
  const { state, account, card } = chip;
  const { order, amount, channel, time } = it;
  const loaded = load(state, amount);
  const what = { transcode: '22', ...chipFields(state, loaded, amount) };
  const trade = book(world, draft(world, index, device, chip, time, what), time);
  step(world, {
    ...{ orderno: order, account: String(account), cardno: card.no, cardtype: card.kind, stage: '3' },
    ...{ channel, amount: String(amount), time: compact(time), termid: device.id, canteenflag: '0' },
  });
  keep(world, account, loaded, time);
  return trade;
}

/** Banknotes at the cash machine, 05:00–16:30: straight onto the chip. */
export function payInCash(world: World, number: string, amount: number, time: number): MoneyOutcome {
  return world.store.tx(() => {
    const device = deviceAt(world.base, CASH_MACHINE);
    const clock = compact(time).slice(8, 12);
    if (device === null || clock < '0500' || clock >= '1630') return no('CLOSED_NOW');
    const chip = chipOf(world, number);
    if (typeof chip === 'string') return no(chip);
    const order = { order: orderNumber(world, time), amount, channel: 'cash', time };
    return { ok: true, trades: [ontoChip(world, CASH_MACHINE, device, chip, order)] };
  });
}

/** From the bank account onto the chip, at a load machine. @returns false: the core does not let the chip be written */
export function loadAtMachine(world: World, index: number, number: string, it: Order): boolean {
  const device = deviceAt(world.base, index);
  const chip = chipOf(world, number);
  if (device === null || typeof chip === 'string') return false;
  ontoChip(world, index, device, chip, it);
  return true;
}

/** Uploads whose time has come, in order of it. */
export function deliverTrades(world: World, now: number): number {
  const { waitingTrades, tx } = world.store;
  const due = [...waitingTrades.getRange({ end: [now, Number.MAX_SAFE_INTEGER], limit: 10_000 })];
  if (due.length === 0) return 0;
  return tx(() => {
    for (const { key, value } of due) {
      const account = Number(value.account);
      const state = accountState(world.base, world.store, account);
      const count = Number(value.cardcnt);
      const seen = count > state.seenCounter ? { seen: Number(value.cardaftbal), seenCounter: count } : {};
      const amount = Number(value.amount);
      const day = value.transdate === state.spentOn ? spentWith(state, amount, value.transdate) : {};
      book(world, value, key[0]);
      keep(world, account, { ...state, ...seen, ...day, ledger: state.ledger - amount }, key[0]);
      waitingTrades.removeSync(key);
    }
    return due.length;
  });
}

const UPLOAD_ROWS_MAX = 20;

/**
 * The last offline upload comes again, as when a file is imported twice: the same device numbers, booked anew. With
 * `changed`, its first row has another amount: that cannot both be true.
 */
export function uploadAgain(world: World, changed: boolean, time: number): number {
  const { trades, tx } = world.store;
  const last = [...trades.getRange({ reverse: true, limit: 5_000 })].map(({ value }) => value);
  const device = last.find(({ datatype }) => datatype === '2')?.termid;
  const rows = last.filter((it) => it.datatype === '2' && it.termid === device).slice(0, UPLOAD_ROWS_MAX);
  return tx(() => {
    for (const [i, { seq: _, ...row }] of rows.reverse().entries()) {
      const other = changed && i === 0 ? { amount: String(Number(row.amount) + 1) } : {};
      book(world, { ...row, ...other, datatype: '4' }, time);
    }
    return rows.length;
  });
}
