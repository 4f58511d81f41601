import { accountNumber } from './accounts.js';
import { LOAD_MACHINE } from './devices.js';
import { bookOrder, loadAtMachine, payIn, payingCard } from './money.js';
import type { TopUpStep } from './money.js';
import type { Base } from './people.js';
import { hash32 } from './prng.js';
import { compactDate, startOfDay } from './time.js';
import type { World } from './world.js';

/**
 * Loads (圈存): money that goes from a bank account to a card. Who loads what on a day is a function of the seed; the
 * bank's book and the core's are two tellings of it, which agree but for a few:
 *
 *   EQUAL            debited                          booked
 *   DIFFERENT        debited                          booked with one yuan more
 *   MISSING_LOCALLY  debited                          not known: the line broke before the core had heard
 *   NOT_BOOKED       debited                          accepted, and nothing after it
 *   MISSING_AT_BANK  not known                        booked
 *   REVERSED         debited, and taken back          accepted, and reversed
 *   LATE             in the file of the next day      booked in the last minute before the window
 *
 * Of the first two of a bank's loads of a day one is planted, another kind each day, and one is late; of the others one
 * in 300 is planted. Half of the people load by the app of the bank `wss`, half at the load machines of `concat`.
 */
export type LoadKind =
  'EQUAL' | 'DIFFERENT' | 'MISSING_LOCALLY' | 'NOT_BOOKED' | 'MISSING_AT_BANK' | 'REVERSED' | 'LATE';
export type LoadBank = 'wss' | 'concat';

export interface PlannedLoad {
  /** The card system's order number. */
  readonly reference: string;
  readonly bankReference: string;
  readonly bank: LoadBank;
  /** Index of the person. */
  readonly payer: number;
  readonly fen: number;
  /** When the person asks for it, epoch ms; both books have this time, but for a late one. */
  readonly at: number;
  /** When the bank books it. */
  readonly bankAt: number;
  readonly kind: LoadKind;
}

/** What has been told to the core. Replaced as a whole, so that a failed transaction puts it back. */
export interface LoadsMeta {
  /** First midnight of which there are loads, epoch ms. */
  readonly from: number;
  /** The core has heard of all that happened up to then. */
  readonly told: number;
  /** When there is something to tell again. */
  readonly next: number;
}

const [SECOND_MS, HOUR_MS, DAY_MS] = [1_000, 3_600_000, 86_400_000];
/** One person in ten on a day, at most so many. */
const LOADS_MAX = 2_000;
/** Days before its first start of which a campus has loads: as far back as a hub without a position reads files. */
const DAYS_BEFORE = 8;
const PLANTED = ['MISSING_LOCALLY', 'DIFFERENT', 'NOT_BOOKED', 'MISSING_AT_BANK', 'REVERSED'] as const;
const PLANTED_ONE_IN = 300;
const REVERSED_AFTER_MS = 40 * SECOND_MS;

/** 85 of 100 have signed with the banks. */
export const signingOf = (base: Base, person: number): number => hash32(base.seed, 800, person) % 100;

/** A payer who has signed, if there is one among a few. */
function payerOf(base: Base, dice: number): number {
  const tried = [0, 1, 2, 3].map((n) => (dice + n * 101) % base.people);
  return tried.find((person) => signingOf(base, person) < 85) ?? dice % base.people;
}

/** All loads of a day, in the order of their numbers. @param start its midnight in Shanghai, epoch ms */
export function loadsOfDay(base: Base, start: number): readonly PlannedLoad[] {
  const { seed } = base;
  const number = Math.floor(start / DAY_MS);
  const day = compactDate(start);
  const seen = { wss: 0, concat: 0 };
  return Array.from({ length: Math.min(LOADS_MAX, Math.ceil(base.people / 10)) }, (_, i): PlannedLoad => {
    const dice = hash32(seed, 820, number * 4099 + i);
    const payer = payerOf(base, dice);
    const bank: LoadBank = payer % 2 === 0 ? 'wss' : 'concat';
    // The first of the day falls within the last millisecond before the window.
    const kind = i === 0 ? 'EQUAL' : kindOf(base, number, bank, i, (seen[bank] += 1));
    const time = HOUR_MS + (hash32(seed, 821, number + i * 7) % (22 * HOUR_MS));
    const last = 23 * HOUR_MS - (i === 0 ? 1 : 2 * SECOND_MS);
    const at = start + (i === 0 || kind === 'LATE' ? last : time);
    return {
      reference: `L${day}${String(i).padStart(6, '0')}`,
      bankReference: `B${day}${String(i).padStart(9, '0')}`,
      ...{ bank, payer, at, kind },
      fen: [2_000, 5_000, 10_000, 20_000, 1][dice % 5] as number,
      // The bank's books of the day are closed; it takes it up when it opens again.
      bankAt: kind === 'LATE' ? start + DAY_MS + HOUR_MS + 5 * SECOND_MS : at,
    };
  });
}

function kindOf(base: Base, number: number, bank: LoadBank, i: number, nth: number): LoadKind {
  const { length } = PLANTED;
  if (nth === 1) return PLANTED[(number + (bank === 'wss' ? 0 : 2)) % length] as LoadKind;
  if (nth === 2) return 'LATE';
  const dice = hash32(base.seed, 823, number * 4099 + i);
  return dice % PLANTED_ONE_IN === 0 ? (PLANTED[(dice >>> 9) % length] as LoadKind) : 'EQUAL';
}

/** From now on the core hears of what is loaded, and of the days before. A second call changes nothing. */
export function beginLoads(world: World): void {
  const { store, clock } = world;
  if (store.meta.loads === undefined) {
    const from = startOfDay(clock.now()) - DAYS_BEFORE * DAY_MS;
    store.tx(() => (store.meta.loads = { from, told: from - 1, next: from }));
  }
  for (let some = 1; some > 0;) some = settleLoads(world, clock.now());
}

/** Days of which the books of banks and core have loads; a campus that never began has them at its banks alone. */
export const hasLoads = (world: World, start: number): boolean =>
  start >= (world.store.meta.loads?.from ?? 0);

interface Told {
  readonly at: number;
  readonly load: PlannedLoad;
  readonly stages: readonly TopUpStep['stage'][];
}

/** What the core hears of a day, in order of time. */
function toldOn(base: Base, start: number): Told[] {
  const told = loadsOfDay(base, start).flatMap((load): Told[] => {
    const { at, kind } = load;
    if (kind === 'MISSING_LOCALLY') return [];
    if (kind === 'NOT_BOOKED') return [{ at, load, stages: ['1'] }];
    if (kind !== 'REVERSED') return [{ at, load, stages: ['1', '2'] }];
    return [
      { at, load, stages: ['1'] },
      { at: at + REVERSED_AFTER_MS, load, stages: ['5'] },
    ];
  });
  return told.sort((a, b) => a.at - b.at || (a.load.reference < b.load.reference ? -1 : 1));
}

/** Tells the core what was loaded since it was last told, of one day at most. @returns how much; 0: it knows all */
export function settleLoads(world: World, now: number): number {
  const { base, store } = world;
  const { loads } = store.meta;
  if (loads === undefined || now < loads.next) return 0;
  return store.tx(() => {
    const start = startOfDay(loads.told + 1);
    const until = Math.min(now, start + DAY_MS - 1);
    const day = toldOn(base, start);
    for (const one of day) if (one.at > loads.told && one.at <= until) tell(world, one);
    const next = day.find(({ at }) => at > until)?.at ?? start + DAY_MS;
    store.meta.loads = { ...loads, told: until, next };
    return 1;
  });
}

function tell(world: World, { at, load, stages }: Told): void {
  const { reference: order, bank, payer, kind } = load;
  const amount = load.fen + (kind === 'DIFFERENT' ? 100 : 0);
  const channel = bank === 'wss' ? 'bank' : 'load';
  const it = { order, amount, channel, time: at };
  const account = accountNumber({ kind: '800', holder: payer });
  const isBooked = stages.includes('2');
  if (!isBooked) {
    for (const stage of stages) bookOrder(world, account, it, stage);
    return;
  }
  const card = bank === 'concat' ? payingCard(world, payer) : null;
  // A chip that the machine may not write, such as a lost card's: the money waits like any other.
  if (card !== null && loadAtMachine(world, LOAD_MACHINE, card.no, it)) return;
  payIn(world, account, it);
}
