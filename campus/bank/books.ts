import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import iconv from 'iconv-lite';
import { hash32 } from '../world/prng.js';
import { holderOfAccount } from '../world/accounts.js';
import { hasLoads, loadsOfDay, signingOf, type LoadBank, type PlannedLoad } from '../world/loads.js';
import { powerPaidOn } from '../world/power.js';
import { person, schoolNumber } from '../world/people.js';
import { compact, compactDate, startOfDay } from '../world/time.js';
import type { World } from '../world/world.js';

/**
 * The books of the simulated banks. Who has signed and what was loaded on a day are functions of the seed; what has
 * been changed since (by the control port) is kept beside them, on disk.
 */
export interface Agreement {
  readonly customerNo: string;
  readonly account: string;
  readonly state: 'signed' | 'cancelled' | 'undecided';
  readonly limitFen: number;
  readonly frequency: string;
  /** Epoch ms. */
  readonly signedAt: number;
  readonly changedAt: number;
  readonly reference: string;
}

export interface Load {
  readonly bankReference: string;
  /** The card system's order number. */
  readonly cardReference: string;
  readonly customerNo: string;
  readonly name: string;
  readonly account: string;
  readonly amountFen: number;
  readonly at: number;
  readonly bank: LoadBank;
  /** Load, electricity, a load taken back. */
  readonly code: '404101' | '404102' | '404401';
}

/** What a bank says of a load when it is asked. */
export interface LoadState {
  readonly state: 'done' | 'undecided' | 'reversed';
  readonly load: Load;
}

const DAY_MS = 86_400_000;
const REVERSED_AFTER_MS = 60_000;
const EPOCH = Date.UTC(2026, 0, 1);

export interface Books {
  /** All that the bank has on file, in order of school number. */
  agreements(): readonly Agreement[];
  agreement(customerNo: string): Agreement | undefined;
  change(customerNo: string, state: Agreement['state']): Agreement;
  /** What stands in the file of a day, `yyyyMMdd`, in order of time; of all banks where none is named. */
  loads(day: string, bank?: LoadBank): readonly Load[];
  /** Undefined: this bank knows of no such load (yet). */
  load(cardReference: string, bank: LoadBank): LoadState | undefined;
}

export function openBooks(dir: string, world: World): Books {
  const file = join(dir, 'bank-agreements.json');
  const changed = new Map<string, Agreement>(
    existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as [string, Agreement][]) : [],
  );
  const base = world.base;
  let people = -1;
  let first: ReadonlyMap<string, Agreement> = new Map();
  const original = (): ReadonlyMap<string, Agreement> => {
    const { meta } = world.store;
    if (people === meta.people) return first;
    people = meta.people;
    const all = Array.from({ length: people }, (_, i) => signed(world, i)).flatMap((one) => one ?? []);
    first = new Map(all.map((one) => [one.customerNo, one]));
    return first;
  };
  return {
    agreements() {
      const all = new Map([...original(), ...changed]);
      return [...all.values()].sort((a, b) => (a.customerNo < b.customerNo ? -1 : 1));
    },
    agreement: (customerNo) => changed.get(customerNo) ?? original().get(customerNo),
    change(customerNo, state) {
      const now = world.clock.now();
      const before = changed.get(customerNo) ?? original().get(customerNo);
      // The bank writes seconds: two changes within one must not look like one.
      const at = Math.max(Math.floor(now / 1000) * 1000, (before?.changedAt ?? 0) + 1000);
      const after: Agreement = {
        ...{ account: accountOf(base.seed, hash32(base.seed, 811, Number(customerNo.slice(-7)))) },
        ...{ limitFen: 50_000, frequency: 'D001', signedAt: at },
        ...before,
        ...{ customerNo, state, changedAt: at, reference: `S${compact(at)}${customerNo.slice(-4)}` },
      };
      changed.set(customerNo, after);
      writeFileSync(`${file}.new`, JSON.stringify([...changed]));
      renameSync(`${file}.new`, file);
      return after;
    },
    loads: (day, bank) => bookOf(world, day).filter((row) => bank === undefined || row.bank === bank),
    load: (cardReference, bank) => stateOf(world, cardReference, bank),
  };
}

const accountOf = (seed: number, index: number): string =>
  `6222${String(hash32(seed, 801, index)).padStart(10, '0')}${String(index % 100_000).padStart(5, '0')}`;

/** 85 of 100 have signed, 5 have cancelled, 1 waits; the rest never came. */
function signed(world: World, index: number): Agreement | undefined {
  const { seed } = world.base;
  // Person 11 waits for the bank's decision on the smallest campus too.
  const value = index === 11 ? 90 : signingOf(world.base, index);
  if (value >= 91) return undefined;
  const signedAt = EPOCH - (hash32(seed, 802, index) % 300) * DAY_MS;
  const changedAt = value < 85 ? signedAt : signedAt + 30 * DAY_MS;
  return {
    customerNo: schoolNumber(world.base, world.store.meta.cohorts, index),
    account: accountOf(seed, index),
    state: value < 85 ? 'signed' : value < 90 ? 'cancelled' : 'undecided',
    limitFen: 50_000,
    frequency: ['D001', 'W003', 'M002'][value % 3] ?? 'D001',
    signedAt,
    changedAt,
    reference: `S${compact(changedAt)}${String(index).padStart(7, '0')}`,
  };
}

/** Midnight in Shanghai of a day `yyyyMMdd`, epoch ms; NaN: there is no such day. */
const midnight = (day: string): number =>
  startOfDay(Date.UTC(Number(day.slice(0, 4)), Number(day.slice(4, 6)) - 1, Number(day.slice(6, 8))));

/** Everything that the banks paid on a day, in order of time: loads, and what was debited for electricity. */
function bookOf(world: World, day: string): readonly Load[] {
  const start = midnight(day);
  if (Number.isNaN(start)) return [];
  const all = [...loadRows(world, start), ...askedLoads(world, day), ...powerDebits(world, start)];
  return all.sort((a, b) => a.at - b.at || (a.bankReference < b.bankReference ? -1 : 1));
}

/** Loads and what was taken back of them: of this day, and of the one before what came too late for its file. */
function loadRows(world: World, start: number): Load[] {
  const of = (from: number): readonly PlannedLoad[] =>
    hasLoads(world, from) ? loadsOfDay(world.base, from) : [];
  return [
    ...of(start - DAY_MS).filter(({ kind }) => kind === 'LATE'),
    ...of(start).filter(({ kind }) => kind !== 'LATE' && kind !== 'MISSING_AT_BANK'),
  ].flatMap((planned) => {
    const row = rowOf(world, planned);
    if (planned.kind !== 'REVERSED') return [row];
    const back = { bankReference: `R${row.bankReference.slice(1)}`, code: '404401' as const };
    return [row, { ...row, ...back, at: row.at + REVERSED_AFTER_MS }];
  });
}

function rowOf(world: World, planned: PlannedLoad): Load {
  const { sno, name } = person(world.base, world.store.meta.cohorts, planned.payer);
  return {
    ...{ bankReference: planned.bankReference, cardReference: planned.reference, customerNo: sno },
    ...{ name: name.trim(), account: accountOf(world.base.seed, planned.payer), amountFen: planned.fen },
    ...{ at: planned.bankAt, bank: planned.bank, code: '404101' },
  };
}

/** Loads that somebody was asked to make, all by the app of `wss`. */
function askedLoads(world: World, day?: string): Load[] {
  const { base, store } = world;
  return [...store.bankDebits.getRange()].flatMap(({ value }) => {
    if (day !== undefined && compactDate(value.at) !== day) return [];
    const { holder } = holderOfAccount(value.account);
    const { sno, name } = person(base, store.meta.cohorts, holder);
    return {
      ...{ bankReference: `B${value.order.slice(1)}`, cardReference: value.order, customerNo: sno },
      ...{ name: name.trim(), account: accountOf(base.seed, holder), amountFen: value.amount },
      ...{ at: value.at, bank: 'wss' as const, code: '404101' as const },
    };
  });
}

function stateOf(world: World, reference: string, bank: LoadBank): LoadState | undefined {
  const day = /^L(\d{8})\d{6}$/.exec(reference)?.[1];
  if (day === undefined) {
    const load = askedLoads(world).find(({ cardReference }) => cardReference === reference);
    return load === undefined || bank !== load.bank ? undefined : { state: 'done', load };
  }
  const start = midnight(day);
  const now = world.clock.now();
  if (Number.isNaN(start) || !hasLoads(world, start)) return undefined;
  const planned = loadsOfDay(world.base, start).find((one) => one.reference === reference);
  if (planned === undefined || planned.bank !== bank || planned.at > now) return undefined;
  if (planned.kind === 'MISSING_AT_BANK') return undefined;
  const load = rowOf(world, planned);
  if (planned.kind === 'REVERSED' && load.at + REVERSED_AFTER_MS <= now) return { state: 'reversed', load };
  return { state: load.at > now ? 'undecided' : 'done', load };
}

/** Orders for electricity whose payers were debited on this day, under the order's number. */
function powerDebits(world: World, start: number): Load[] {
  const { cohorts } = world.store.meta;
  const banks = powerPaidOn(world, start).filter(({ order }) => !order.wallet);
  return banks.map(({ at, order }) => {
    const { sno, name } = person(world.base, cohorts, order.payer);
    return {
      ...{ bankReference: order.bankRef, cardReference: order.no, customerNo: sno, name: name.trim() },
      ...{ account: accountOf(world.base.seed, order.payer), amountFen: order.fen },
      ...{ at, bank: 'wss', code: '404102' },
    };
  });
}

const WIDTHS = [20, 20, 8, 14, 21, 21, 16, 12, 30, 6, 5] as const;

function fixedRow(load: Load): Buffer {
  const cells = [
    ...[load.bankReference, load.cardReference, compactDate(load.at), compact(load.at), load.account, ''],
    ...[load.customerNo, String(load.amountFen).padStart(12, '0'), load.name, load.code, '00001'],
  ];
  const row = cells.map((text, i) => {
    const width = WIDTHS[i] as number;
    const cell = Buffer.alloc(width, 0x20);
    const bytes = iconv.encode(text, 'gb18030');
    // A name that is too long is cut between characters: half of one would be no text.
    for (let cut = bytes.length; cut >= 0; cut -= 1) {
      const fits = cut <= width && !iconv.decode(bytes.subarray(0, cut), 'gb18030').includes('\ufffd');
      if (fits && bytes.copy(cell, 0, 0, cut) >= 0) break;
    }
    return cell;
  });
  return Buffer.concat([...row, Buffer.from('\r\n')]);
}

const pipeRow = (load: Load): string =>
  [
    ...[load.code, '301452', compactDate(load.at), compact(load.at).slice(8), load.bankReference],
    ...[load.cardReference, '0000', load.customerNo, String(load.amountFen)],
  ].join('|');

export type FileLayout = 'fixed' | 'pipe' | 'total';

/** The reconciliation file of a day. */
export function reconFile(loads: readonly Load[], day: string, layout: FileLayout): Buffer {
  if (layout === 'pipe') {
    const lines = [`301452|${day}|${loads.length}`, ...loads.map(pipeRow)];
    return iconv.encode(lines.map((line) => `${line}\r\n`).join(''), 'gb18030');
  }
  const sum = loads.reduce((total, { amountFen }) => total + amountFen, 0);
  const head = layout === 'total' ? [Buffer.from(`${loads.length}|${sum}\r\n`)] : [];
  return Buffer.concat([...head, ...loads.map(fixedRow)]);
}
