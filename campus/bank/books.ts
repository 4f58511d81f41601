import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import iconv from 'iconv-lite';
import { hash32 } from '../world/prng.js';
import { person, schoolNumber } from '../world/people.js';
import { compact, compactDate } from '../world/time.js';
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
  readonly code: '404101' | '404102';
}

const DAY_MS = 86_400_000;
const SHANGHAI_MS = 8 * 3_600_000;
const EPOCH = Date.UTC(2026, 0, 1);

export interface Books {
  /** All that the bank has on file, in order of school number. */
  agreements(): readonly Agreement[];
  agreement(customerNo: string): Agreement | undefined;
  change(customerNo: string, state: Agreement['state']): Agreement;
  /** Loads of a day, `yyyyMMdd`, in order of time. */
  loads(day: string): readonly Load[];
  load(cardReference: string): Load | undefined;
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
    loads: (day) => bookOf(world, day),
    load(cardReference) {
      const day = /^L(\d{8})\d{6}$/.exec(cardReference)?.[1];
      return day === undefined
        ? undefined
        : loadsOf(world, day).find((one) => one.cardReference === cardReference);
    },
  };
}

const accountOf = (seed: number, index: number): string =>
  `6222${String(hash32(seed, 801, index)).padStart(10, '0')}${String(index % 100_000).padStart(5, '0')}`;

/** 85 of 100 have signed, 5 have cancelled, 1 waits; the rest never came. */
function signed(world: World, index: number): Agreement | undefined {
  const { seed } = world.base;
  // Person 11 waits for the bank's decision on the smallest campus too.
  const value = index === 11 ? 90 : hash32(seed, 800, index) % 100;
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

/** Everything that the bank paid on a day, in order of time: loads, and what was debited for electricity. */
function bookOf(world: World, day: string): readonly Load[] {
  const all = [...loadsOf(world, day), ...powerDebits(world, day)];
  return all.sort((a, b) => a.at - b.at || (a.bankReference < b.bankReference ? -1 : 1));
}

/** Orders for electricity whose payers were debited on this day, under the order's number. */
function powerDebits(world: World, day: string): Load[] {
  const { cohorts } = world.store.meta;
  const debits: Load[] = [];
  for (const { value } of world.store.powerLog.getRange()) {
    const { at, order } = value;
    if (order.status !== 'PAID' || order.wallet || compactDate(at) !== day) continue;
    const { sno, name } = person(world.base, cohorts, order.payer);
    debits.push({
      ...{ bankReference: order.bankRef, cardReference: order.no, customerNo: sno, name: name.trim() },
      ...{ account: accountOf(world.base.seed, order.payer), amountFen: order.fen, at, code: '404102' },
    });
  }
  return debits;
}

/** One person in ten loads on a day, between 01:00 and 23:00. */
export function loadsOf(world: World, day: string): readonly Load[] {
  const { seed } = world.base;
  const { people, cohorts } = world.store.meta;
  const start =
    Date.UTC(Number(day.slice(0, 4)), Number(day.slice(4, 6)) - 1, Number(day.slice(6, 8))) - SHANGHAI_MS;
  if (Number.isNaN(start)) return [];
  const number = Math.floor(start / DAY_MS);
  const loads = Array.from({ length: Math.ceil(people / 10) }, (_, i): Load => {
    const dice = hash32(seed, 820, number * 4099 + i);
    const index = dice % people;
    const { sno, name } = person(world.base, cohorts, index);
    return {
      bankReference: `B${day}${String(i).padStart(9, '0')}`,
      cardReference: `L${day}${String(i).padStart(6, '0')}`,
      customerNo: sno,
      name: name.trim(),
      account: accountOf(seed, index),
      amountFen: [2000, 5000, 10_000, 20_000, 1][dice % 5] as number,
      // The first of the day falls within the last second before the window.
      at:
        start +
        (i === 0 ? 23 * 3_600_000 - 1 : 3_600_000 + (hash32(seed, 821, number + i * 7) % (22 * 3_600_000))),
      code: '404101',
    };
  });
  return loads.sort((a, b) => a.at - b.at || (a.bankReference < b.bankReference ? -1 : 1));
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
