import { freeze } from './changes.js';
import type { Card } from './cards.js';
import { deviceIndexOf, posRange } from './devices.js';
import type { Usage } from './devices.js';
import type { LifeRequest, LifeResult } from './life.js';
import * as money from './money.js';
import type { MoneyOutcome } from './money.js';
import { poisson } from './prng.js';
import type { Rng } from './prng.js';
import { hourOf } from './time.js';
import type { World } from './world.js';
import { stepDevice } from './device-life.js';

/**
 * Money by itself and on request: people eat, drink, shop, print, pay for power, top up by phone and pay in cash. Its
 * random streams are its own, so that adding it changed no life that was lived before.
 */
export const MONEY_EVENTS = ['spend', 'topup', 'cash', 'pos-offline', 'upload-again', 'device'] as const;
export type MoneyEvent = (typeof MONEY_EVENTS)[number];
export const isMoneyEvent = (event: string): event is MoneyEvent =>
  (MONEY_EVENTS as readonly string[]).includes(event);

const USAGES: readonly Usage[] = ['11', '12', '13', '14', '15'];
/** Of a hundred purchases: meals, water, supermarket, printing, computer room. */
const SHARES = [62, 14, 16, 5, 3] as const;
/** What is loaded from a bank account lives in `loads.ts`. */
const CHANNELS = ['wechat', 'wechat', 'alipay', 'hall', 'hall'] as const;
const TOP_UPS = [2_000, 5_000, 10_000, 20_000] as const;

/** Amounts in fen that such a purchase costs. */
function price(usage: Usage, rng: Rng): number {
  if (usage === '11') return 300 + rng.below(36) * 50;
  if (usage === '12') return 10 + rng.below(20);
  return usage === '13' ? 150 + rng.below(4_000) : 20 + rng.below(500);
}

export interface MoneyTold {
  readonly done: number;
  readonly refused: readonly { readonly card: string; readonly reason: string }[];
  readonly trades?: NonNullable<LifeResult['trades']>;
  readonly device?: string;
}

/** A POS that sells this; by chance where none is named. */
function posFor(world: World, usage: Usage, named: string | undefined, rng: Rng): number {
  if (named !== undefined) return deviceIndexOf(world.base, named);
  const { from, until } = posRange(world.base, usage);
  return from + rng.below(until - from);
}

/** One purchase, as asked for. */
function buy(world: World, request: LifeRequest, card: string, time: number, rng: Rng): MoneyOutcome {
  if (request.usage === '16') return money.payElectricity(world, card, request.amountFen ?? 5_000, time);
  const usage = USAGES.find((it) => it === request.usage) ?? '11';
  const device = posFor(world, usage, request.device, rng);
  if (device < 0) return { ok: false, reason: 'NO_SUCH_DEVICE' };
  const amount = request.amountFen ?? price(usage, rng);
  const pulled = request.pulled === true;
  const outcome = money.spend(world, { card, device, amount, time, pulled });
  // The core freezes a card whose last transaction it cannot make sense of, and rarely says why.
  if (outcome.ok && pulled) {
    freeze(world, card, {
      time,
      channel: 'core',
      trade: { status: '7', transcode: usage, offlineflag: '0' },
    });
  }
  return outcome;
}

/** Makes something happen to money now. `find` gives the card that is named, or one by chance. */
export function applyMoney(
  world: World,
  request: LifeRequest & { readonly event: MoneyEvent },
  find: () => string | null,
  time: number,
  rng: Rng,
): MoneyTold {
  if (request.event === 'pos-offline') {
    const device = posFor(world, '11', request.device, rng);
    if (device < 0) return { done: 0, refused: [{ card: '', reason: 'NO_SUCH_DEVICE' }] };
    money.takeOffline(world, device, time + (request.lateMs ?? 86_400_000));
    return { done: 1, refused: [] };
  }
  if (request.event === 'upload-again') {
    return { done: money.uploadAgain(world, request.changed === true, time), refused: [] };
  }
  if (request.event === 'device') {
    const { step = 'apply', device: id, place, name } = request;
    const device = stepDevice(
      world,
      { step, ...(id && { id }), ...(place && { place }), ...(name && { name }) },
      time,
    );
    if (device === null) return { done: 0, refused: [{ card: '', reason: 'NO_SUCH_STEP' }] };
    return { done: 1, refused: [], device };
  }
  const card = find();
  if (card === null) return { done: 0, refused: [{ card: '', reason: 'NO_CANDIDATE' }] };
  const outcome = once(world, request, card, time, rng);
  if (!outcome.ok) return { done: 0, refused: [{ card, reason: outcome.reason }] };
  return { done: 1, refused: [], trades: outcome.trades.map(told) };
}

function once(world: World, request: LifeRequest, card: string, time: number, rng: Rng): MoneyOutcome {
  const amount = request.amountFen ?? TOP_UPS[rng.below(TOP_UPS.length)] ?? 5_000;
  if (request.event === 'topup') return money.topUp(world, card, amount, request.channel ?? 'wechat', time);
  if (request.event === 'cash') return money.payInCash(world, card, amount, time);
  return buy(world, request, card, time, rng);
}

const told = (trade: Extract<MoneyOutcome, { ok: true }>['trades'][number]) => ({
  ...{ id: `${trade.transdate}-${trade.devphyid}-${trade.devseqno}`, seq: trade.seq, code: trade.transcode },
  ...{ amountFen: Number(trade.amount), device: trade.termid, offline: trade.offlineflag === '1' },
});

/** How often things happen to money in an hour, by the hour of the day. */
export function moneyPerHour(
  people: number,
  hour: number,
): Readonly<Record<'spend' | 'topup' | 'cash' | 'pull', number>> {
  const meal = [7, 8, 11, 12, 17, 18].includes(hour) ? 2.5 : hour >= 23 || hour < 6 ? 0.03 : 0.6;
  const awake = hour >= 1 && hour < 23 ? 1 : 0;
  return {
    spend: (60 + 0.25 * people) * meal,
    topup: (3 + 0.008 * people) * awake,
    cash: (0.5 + 0.002 * people) * (hour >= 5 && hour < 16 ? 1 : 0),
    pull: (0.2 + 0.0001 * people) * awake,
  };
}

/** Money's share of one second. @returns how much happened */
export function liveMoney(
  world: World,
  second: number,
  factor: number,
  rng: Rng,
  anybody: () => Card | null,
): number {
  const rates = moneyPerHour(world.store.meta.people, hourOf(second * 1000));
  let total = 0;
  for (const event of ['spend', 'topup', 'cash', 'pull'] as const) {
    const count = poisson(rng, (rates[event] * factor) / 3600);
    for (let i = 0; i < count; i += 1) {
      const time = second * 1000 + Math.floor(((i + rng.unit()) * 1000) / count);
      const card = anybody();
      if (card === null) continue;
      const usage = event === 'pull' ? '11' : usageOf(rng.below(100));
      const channel = CHANNELS[rng.below(CHANNELS.length)] ?? 'wechat';
      const asked = { ...{ usage, channel }, ...(event === 'pull' && { pulled: true }) };
      once(world, { event: event === 'pull' ? 'spend' : event, ...asked }, card.no, time, rng);
    }
    total += count;
  }
  return total;
}

function usageOf(percent: number): string {
  // One purchase in a hundred is power, paid from the bank card.
  if (percent === 99) return '16';
  let left = percent;
  for (const [i, share] of SHARES.entries()) {
    if (left < share) return USAGES[i] ?? '11';
    left -= share;
  }
  return '11';
}

/** What the summary of the world tells of money. */
export function moneySummary(world: World) {
  const { tradeSeq, topUpSeq, accountSeq, tradeFloor, topUpFloor, accountFloor } = world.store.meta.money;
  return {
    ...{ tradeSeq, topUpSeq, accountSeq, tradeFloor, topUpFloor, accountFloor },
    waitingTrades: world.store.waitingTrades.getCount(),
  };
}
