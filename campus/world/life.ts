import type { Grant } from '../access-control/types.js';
import type { Card } from './cards.js';
import * as happen from './changes.js';
import type { Circumstances, Outcome } from './changes.js';
import { DESK_EVENTS, deskDue, deskLife, deskRatesPerHour, deskSequence, isDeskEvent } from './desk-life.js';
import type { DeskRequest, DeskTold } from './desk-life.js';
import { doorIndexOf, doorProfile } from './doors.js';
import type { DormGroup } from './dorms.js';
import { buyPower, settlePower } from './power.js';
import type { PowerOrder, Purchase } from './power.js';
import { applyMoney, isMoneyEvent, liveMoney, MONEY_EVENTS } from './money-life.js';
import type { MoneyEvent } from './money-life.js';
import { settleLoads } from './loads.js';
import { deliverTrades, payingCard } from './money.js';
import type { DeviceStepName } from './device-life.js';
import { createRng, poisson } from './prng.js';
import type { Rng } from './prng.js';
import type { Change } from './store.js';
import { deliver, swipe } from './swipes.js';
import { hourOf, isoShanghai } from './time.js';
import type { World } from './world.js';
import { cardNumberAt, cardOf, cardsOfPerson, cardTotal, doorTotal, personOfNumber } from './world.js';

/**
 * Life on the campus. It can be asked for one event at a time (`applyLife`, the control port), or live by
 * itself (`advance`): each second of campus time has its own random stream, made of the seed and the second,
 * so that the same seed over the same stretch of time gives the same events however the stretch is cut.
 */
export const LIFE_EVENTS = [
  ...(['lose', 'unlose', 'freeze', 'unfreeze', 'replace', 'expire', 'close', 'open', 'swipe'] as const),
  ...(['temporary', 'arrive', 'leave', 'purge', 'grant', 'revoke', 'suspend', 'resume'] as const),
  'buy-power',
  ...DESK_EVENTS,
  ...MONEY_EVENTS,
] as const;
export type LifeEvent = (typeof LIFE_EVENTS)[number];

export interface LifeRequest extends DeskRequest {
  readonly event: LifeEvent;
  /** Card number. */
  readonly card?: string;
  /** School number. */
  readonly person?: string;
  /** How many (random ones where none is named); `arrive` and `leave` default to 8,000. At most 100,000. */
  readonly count?: number;
  readonly door?: string;
  readonly direction?: 'enter' | 'exit' | 'unknown';
  /** Swipe only: what an unknown card makes the reader send. */
  readonly value?: string;
  /** Swipe only: uploaded this much later. */
  readonly lateMs?: number;
  readonly channel?: string;
  readonly cause?: string;
  /** grant: the new right; revoke, suspend, resume: its id in `id`. */
  readonly grant?: Omit<Grant, 'id' | 'state' | 'version'>;
  readonly id?: string;
  /** buy-power: number of the room, its group, the amount in fen, and whether the card pays. */
  readonly dormRoom?: number;
  readonly group?: DormGroup;
  readonly fen?: number;
  readonly wallet?: boolean;
  /** spend: transaction code, 11 to 16 (16: power, from the bank card); by default a meal. */
  readonly usage?: string;
  readonly amountFen?: number;
  /** spend, pos-offline, device: the device's id. pos-offline lasts `lateMs`, a day by default. */
  readonly device?: string;
  /** spend: the card leaves the reader too early, and is frozen for it. */
  readonly pulled?: boolean;
  /** upload-again: the first row comes with another amount. */
  readonly changed?: boolean;
  /** device: the next step of its life. */
  readonly step?: DeviceStepName;
  readonly place?: string;
  readonly name?: string;
}

export interface ToldChange {
  readonly seq: number;
  readonly type: number;
  readonly cardno: string;
  readonly related: string;
  /** Upstream time, ISO 8601. */
  readonly time: string;
}

export interface LifeResult {
  readonly event: LifeEvent;
  readonly at: string;
  readonly done: number;
  readonly refused: readonly { readonly card: string; readonly reason: string }[];
  /** The first hundred. */
  readonly changes: readonly ToldChange[];
  readonly seq: number;
  readonly eventSeq: number;
  readonly swipes?: readonly {
    readonly id: string;
    readonly seq: number | null;
    readonly uploadAt: string;
  }[];
  readonly grants?: readonly Grant[];
  readonly orders?: readonly PowerOrder[];
  /** What happened at library, bag lockers and classrooms. */
  readonly desk?: readonly DeskTold[];
  readonly trades?: readonly {
    /** Date, device and its running number: what names the trade however often it is uploaded. */
    readonly id: string;
    /** Null: its POS has no network, and it waits there. */
    readonly seq: number | null;
    readonly code: string;
    readonly amountFen: number;
    readonly device: string;
    readonly offline: boolean;
  }[];
  /** device: the id. */
  readonly device?: string;
}

const TOLD_MAX = 100;
const COUNT_MAX = 100_000;
const CHANNELS = ['hall', 'wechat', 'app', 'counter', 'machine'] as const;
const CARD_EVENTS = {
  lose: happen.lose,
  unlose: happen.unlose,
  freeze: happen.freeze,
  unfreeze: happen.unfreeze,
  replace: happen.replace,
  expire: happen.expire,
  close: happen.close,
  purge: happen.purge,
} as const;
type CardEvent = keyof typeof CARD_EVENTS;

const isCardEvent = (event: LifeEvent): event is CardEvent => event in CARD_EVENTS;
const alive = (card: Card): boolean => card.status !== 2 && card.status !== 6;

const FOUND_AFTER_MS = 15 * 60_000;
const MARKS_SEEN_MAX = 16;

/** A card that is (by life) lost or frozen, found from a random place of the index. */
function marked(
  world: World,
  mark: 'lost' | 'frozen',
  rng: Rng,
  fits: (number: string) => boolean = () => true,
): string | null {
  const from = `${mark}:${cardNumberAt(world, rng.below(cardTotal(world))) ?? ''}`;
  const end = `${mark}:~`;
  for (const start of [from, `${mark}:`]) {
    for (const key of world.store.marks.getKeys({ start, end, limit: MARKS_SEEN_MAX })) {
      const number = key.slice(mark.length + 1);
      if (fits(number)) return number;
    }
  }
  return null;
}

/** Nobody finds a card, or fetches a new one, in the minutes after the loss. */
function lostLong(world: World, time: number, rng: Rng): string | null {
  return marked(
    world,
    'lost',
    rng,
    (number) => time - (cardOf(world, number)?.lostAt ?? time) >= FOUND_AFTER_MS,
  );
}

/** A random card to which the event can happen, or null when none was found in a few tries. */
function candidate(world: World, event: CardEvent | 'swipe', rng: Rng): string | null {
  if (event === 'unlose' || event === 'replace') return marked(world, 'lost', rng);
  if (event === 'unfreeze') return marked(world, 'frozen', rng);
  for (let tries = 0; tries < 16; tries += 1) {
    const number = cardNumberAt(world, rng.below(cardTotal(world)));
    const card = number === null ? null : cardOf(world, number);
    if (card === null || !alive(card)) continue;
    if (event === 'lose' && card.lost) continue;
    if (event === 'freeze' && card.frozen) continue;
    if (event === 'expire' && card.status === 4) continue;
    return card.no;
  }
  return null;
}

function named(world: World, request: LifeRequest): string | null {
  if (request.card !== undefined) return request.card;
  if (request.person === undefined) return null;
  const theirs = cardsOfPerson(world, personOfNumber(world, request.person));
  return (theirs.filter(alive).at(-1) ?? theirs.at(-1))?.no ?? '';
}

interface Tally {
  done: number;
  refused: { card: string; reason: string }[];
  changes: Change[];
  swipes: NonNullable<LifeResult['swipes']>[number][];
  grants: Grant[];
  orders?: PowerOrder[];
  desk: DeskTold[];
  trades: NonNullable<LifeResult['trades']>[number][];
  device?: string;
}

const emptyTally = (): Tally => ({
  ...{ done: 0, refused: [], changes: [], swipes: [], grants: [], desk: [], trades: [] },
});

function note(tally: Tally, card: string, outcome: Outcome): void {
  if (outcome.ok) {
    tally.done += 1;
    tally.changes.push(...outcome.changes);
  } else if (tally.refused.length < TOLD_MAX) tally.refused.push({ card, reason: outcome.reason });
}

function swipeOnce(world: World, request: LifeRequest, time: number, rng: Rng, tally: Tally): void {
  const door =
    request.door === undefined ? rng.below(doorTotal(world)) : doorIndexOf(world.base.people, request.door);
  if (door < 0) {
    tally.refused.push({ card: request.card ?? '', reason: 'NO_SUCH_DOOR' });
    return;
  }
  const number =
    request.value === undefined ? (named(world, request) ?? candidate(world, 'swipe', rng)) : null;
  const card = number === null ? null : cardOf(world, number);
  if (number !== null && card === null) {
    tally.refused.push({ card: number, reason: 'NO_SUCH_CARD' });
    return;
  }
  const { value, lateMs } = request;
  const direction = request.direction ?? (rng.below(2) === 0 ? 'enter' : 'exit');
  const extras = { ...(value !== undefined && { value }), ...(lateMs !== undefined && { lateMs }) };
  const { id, event, uploadAt } = swipe(world, { door, card, direction, time, ...extras });
  tally.done += 1;
  if (tally.swipes.length < TOLD_MAX)
    tally.swipes.push({ id, seq: event?.seq ?? null, uploadAt: isoShanghai(uploadAt) });
}

function buy(world: World, request: LifeRequest, time: number, rng: Rng, tally: Tally): void {
  const { dormRoom: room, group, fen, wallet, person } = request;
  const payer = person === undefined ? undefined : personOfNumber(world, person);
  const given = { room, group, fen, wallet, payer };
  const wanted = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const order = payer === -1 ? null : buyPower(world, { ...(wanted as Omit<Purchase, 'time'>), time }, rng);
  if (order === null) tally.refused.push({ card: '', reason: 'NO_SUCH_ROOM' });
  else (tally.orders ??= []).push(order);
  tally.done += order === null ? 0 : 1;
}

function changeGrant(world: World, request: LifeRequest, tally: Tally): void {
  const states = { revoke: 'revoked', suspend: 'suspended', resume: 'active' } as const;
  let grant: Grant | null = null;
  if (request.event === 'grant')
    grant = request.grant === undefined ? null : happen.addGrant(world, request.grant);
  else if (request.event in states) {
    grant = happen.setGrantState(world, request.id ?? '', states[request.event as keyof typeof states]);
  }
  if (grant === null) tally.refused.push({ card: '', reason: 'NO_SUCH_GRANT' });
  else tally.grants.push(grant);
  tally.done += grant === null ? 0 : 1;
}

/** A working card of somebody, the one that he pays with. */
function anybody(world: World, rng: Rng): Card | null {
  const number = candidate(world, 'swipe', rng);
  const card = number === null ? null : cardOf(world, number);
  return card?.kind === '800' ? payingCard(world, card.holder) : card;
}

function moneyOnce(
  world: World,
  request: LifeRequest & { readonly event: MoneyEvent },
  how: Circumstances,
  rng: Rng,
  tally: Tally,
): void {
  const find = (): string | null => named(world, request) ?? anybody(world, rng)?.no ?? null;
  const told = applyMoney(world, request, find, how.time, rng);
  tally.done += told.done;
  tally.refused.push(...told.refused.slice(0, TOLD_MAX - tally.refused.length));
  tally.trades.push(...(told.trades ?? []).slice(0, TOLD_MAX - tally.trades.length));
  if (told.device !== undefined) tally.device = told.device;
}

function once(world: World, request: LifeRequest, how: Circumstances, rng: Rng, tally: Tally): void {
  const { event } = request;
  if (isMoneyEvent(event)) return moneyOnce(world, { ...request, event }, how, rng, tally);
  if (isCardEvent(event)) {
    const number = named(world, request) ?? candidate(world, event, rng);
    if (number === null) tally.refused.push({ card: '', reason: 'NO_CANDIDATE' });
    else note(tally, number, CARD_EVENTS[event](world, number, how));
  } else if (isDeskEvent(event)) {
    const number = named(world, request) ?? candidate(world, 'swipe', rng);
    const card = number === null ? null : cardOf(world, number);
    const outcome = deskLife(world, event, request, card, how.time, rng);
    if (!outcome.ok) tally.refused.push({ card: number ?? '', reason: outcome.reason });
    else if (tally.desk.length < TOLD_MAX) tally.desk.push(outcome.told);
    tally.done += outcome.ok ? 1 : 0;
  } else if (event === 'buy-power') buy(world, request, how.time, rng, tally);
  else if (event === 'swipe') swipeOnce(world, request, how.time, rng, tally);
  else if (event === 'temporary') {
    const opened = happen.openTemporary(world, how);
    note(tally, '', opened);
    if (opened.grant !== undefined) tally.grants.push(opened.grant);
  } else if (event === 'open') {
    const { meta } = world.store;
    const person =
      request.person === undefined ? rng.below(meta.people) : personOfNumber(world, request.person);
    note(tally, request.person ?? '', happen.openCard(world, person, how));
  } else changeGrant(world, request, tally);
}

/** Makes something happen now. Throws RangeError when `count` is out of bounds. */
export function applyLife(world: World, request: LifeRequest): LifeResult {
  const { event } = request;
  const big = event === 'arrive' || event === 'leave';
  const count = request.count ?? (big ? 8000 : 1);
  if (!Number.isInteger(count) || count < 1 || count > COUNT_MAX) {
    throw new RangeError(`count must be 1 to ${COUNT_MAX}, got ${count}`);
  }
  const { meta, tx } = world.store;
  const time = world.clock.now();
  const { tradeSeq, topUpSeq } = meta.money;
  const lived = meta.seq * 31 + meta.eventSeq + 17 * tradeSeq + 13 * topUpSeq;
  const beside = 7 * deskSequence(world) + 11 * (meta.powerOrders ?? 0);
  const rng = createRng(world.base.seed, 2000, lived + beside);
  const tally = emptyTally();
  const how = { time, channel: request.channel ?? 'counter', cause: request.cause ?? '' };
  tx(() => {
    if (big) note(tally, '', (event === 'arrive' ? happen.arrive : happen.leave)(world, count, how));
    else for (let i = 0; i < count; i += 1) once(world, request, how, rng, tally);
  });
  const told = tally.changes.slice(0, TOLD_MAX).map((change) => ({
    ...{ seq: change.seq, type: change.type, cardno: change.card.no, related: change.related },
    time: isoShanghai(change.time),
  }));
  return {
    ...{
      event,
      at: isoShanghai(time),
      done: big ? tally.changes.length : tally.done,
      refused: tally.refused,
    },
    ...{ changes: told, seq: meta.seq, eventSeq: meta.eventSeq },
    ...(tally.swipes.length > 0 && { swipes: tally.swipes }),
    ...(tally.grants.length > 0 && { grants: tally.grants.slice(0, TOLD_MAX) }),
    ...(tally.orders !== undefined && { orders: tally.orders.slice(0, TOLD_MAX) }),
    ...(tally.desk.length > 0 && { desk: tally.desk }),
    ...(tally.trades.length > 0 && { trades: tally.trades }),
    ...(tally.device !== undefined && { device: tally.device }),
  };
}

/** Events per hour on a campus of this size; the constants keep a campus of 200 people alive. */
export function ratesPerHour(people: number): Readonly<Record<LivedEvent, number>> {
  return {
    swipe: 120 + 0.6 * people,
    lose: 6 + 0.0004 * people,
    unlose: 3 + 0.0002 * people,
    replace: 2 + 0.00015 * people,
    freeze: 2 + 0.0001 * people,
    unfreeze: 2 + 0.0001 * people,
    expire: 0.2 + 0.00003 * people,
    close: 0.2 + 0.00002 * people,
    open: 0.3 + 0.00003 * people,
    temporary: 0.5 + 0.00005 * people,
    ...deskRatesPerHour(people),
    // A room buys about once a week.
    'buy-power': 6 + 0.001 * people,
  };
}
type LivedEvent = Exclude<
  LifeEvent,
  MoneyEvent | 'arrive' | 'leave' | 'purge' | 'grant' | 'revoke' | 'suspend' | 'resume'
>;

/** Night is quiet at the doors. */
const doorFactor = (ms: number): number => ([23, 0, 1, 2, 3, 4, 5].includes(hourOf(ms)) ? 0.1 : 1);

/** An alien number, in the form that the door's reader writes. */
function foreign(world: World, door: number, rng: Rng): string {
  const value = 0xc0000000 + rng.below(0x3fffffff);
  const profile = doorProfile(world.base.seed, door);
  if (profile.startsWith('uid-hex')) return value.toString(16).toUpperCase();
  if (profile.startsWith('wg26'))
    return `${200 + rng.below(56)}${String(rng.below(65_536)).padStart(5, '0')}`;
  return String(value).padStart(10, '0');
}

function livedSwipe(world: World, time: number, rng: Rng): void {
  const door = rng.below(doorTotal(world));
  const direction = rng.below(30) === 0 ? 'unknown' : rng.below(2) === 0 ? 'enter' : 'exit';
  const number = rng.below(10) === 0 ? null : candidate(world, 'swipe', rng);
  const card = number === null ? null : cardOf(world, number);
  swipe(world, { door, card, direction, time, ...(card === null && { value: foreign(world, door, rng) }) });
}

function liveSecond(world: World, second: number, rates: readonly (readonly [LivedEvent, number])[]): number {
  const rng = createRng(world.base.seed, 1000, second);
  const day = doorFactor(second * 1000);
  let total = 0;
  for (const [event, perHour] of rates) {
    const count = poisson(rng, (perHour * (event === 'swipe' ? day : 1)) / 3600);
    for (let i = 0; i < count; i += 1) {
      const time = second * 1000 + Math.floor(((i + rng.unit()) * 1000) / count);
      if (event === 'swipe') livedSwipe(world, time, rng);
      else {
        const cause = event === 'freeze' ? String(1 + rng.below(3)) : '';
        const channel = CHANNELS[rng.below(CHANNELS.length)] ?? 'hall';
        const tally = emptyTally();
        const card = event === 'unlose' || event === 'replace' ? lostLong(world, time, rng) : undefined;
        if (card === null) continue;
        once(world, { event, ...(card !== undefined && { card }) }, { time, channel, cause }, rng, tally);
      }
    }
    total += count;
  }
  return total;
}

/** Late uploads and what else was due by now. */
const arrived = (world: World, now: number): number =>
  deliver(world, now) +
  deskDue(world, now) +
  settlePower(world, now) +
  deliverTrades(world, now) +
  settleLoads(world, now);

/** Seconds lived in one transaction, seconds and events at most in one call. */
const CHUNK_SECONDS = 120;
const CATCH_UP_SECONDS_MAX = 7 * 86_400;
const CATCH_UP_EVENTS_MAX = 100_000;

/**
 * Lives up to the campus clock's now. What is more than a week or 100,000 events behind is skipped, so that
 * setting the clock far ahead does not hang the campus. `factor` scales all rates; with 0 only late uploads
 * arrive.
 */
export function advance(world: World, factor: number): { events: number; skippedSeconds: number } {
  const { meta, tx } = world.store;
  const until = Math.floor(world.clock.now() / 1000);
  if (meta.lifeTick === 0) tx(() => (meta.lifeTick = until));
  const rates = Object.entries(ratesPerHour(meta.people)).map(
    ([event, rate]) => [event as LivedEvent, rate * factor] as const,
  );
  let skippedSeconds = Math.max(0, until - meta.lifeTick - CATCH_UP_SECONDS_MAX);
  if (skippedSeconds > 0) tx(() => (meta.lifeTick += skippedSeconds));
  let events = 0;
  if (factor === 0) {
    tx(() => (meta.lifeTick = Math.max(until, meta.lifeTick)));
    for (let some = 1; some > 0; events += some) some = arrived(world, until * 1000 + 999);
  }
  while (meta.lifeTick < until && events < CATCH_UP_EVENTS_MAX) {
    events += tx(() => {
      let lived = 0;
      const end = Math.min(until, meta.lifeTick + CHUNK_SECONDS);
      for (; meta.lifeTick < end; meta.lifeTick += 1) {
        lived += liveSecond(world, meta.lifeTick, rates);
        const rng = createRng(world.base.seed, 1100, meta.lifeTick);
        lived += liveMoney(world, meta.lifeTick, factor, rng, () => anybody(world, rng));
        lived += arrived(world, meta.lifeTick * 1000 + 999);
      }
      return lived;
    });
  }
  if (meta.lifeTick < until) {
    skippedSeconds += until - meta.lifeTick;
    tx(() => (meta.lifeTick = until));
  }
  return { events, skippedSeconds };
}
