/**
 * The books that the matching of banks compares, in memory: the bank's files with their rows, and the payments of the
 * card core and the power vendors that belong to the bank. Filled from the log, bounded by days.
 */
import type { BankEntry, BankFile, PowerPurchase, TopUp } from '../../contracts/types.js';
import type { DayOfBooks } from '../../transforms/bank-match.js';
import type { MatchedDay } from '../../transforms/recon-case.js';
import { matchDay } from '../../transforms/bank-match.js';
import { businessDate } from '../../transforms/time.js';
import type { BankConfig } from '../config/types.js';
import type { Holding } from '../tables/holding.js';
import { DayRows, PaymentTable, type Payment, type Row } from './bank-tables.js';

/**
 * How many days the two books may be apart about a payment. A row finds its payment within so many days, a reversal
 * its load; so what a day has depends on the records near it only, not on how many days are kept.
 */
export const REACH_DAYS = 3;

type Book = 'CORE' | 'VENDOR';

const NOT_BOOKED = new Set<TopUp['stage']>(['REFUSED', 'REVERSED']);
const BOOKED = new Set<TopUp['stage']>(['PENDING_CLAIM', 'CLAIMED']);
const ENDED_TOP_UP = new Set<TopUp['stage']>(['CLAIMED', 'REFUSED', 'REVERSED']);
const ENDED_ORDER = new Set(['DELIVERED', 'FAILED']);

export class BankBooks {
  readonly #files = new Map<number, BankFile>();
  readonly #rows = new Map<number, DayRows>();
  readonly #payments = { CORE: new PaymentTable(), VENDOR: new PaymentTable() };
  /** Days whose books have changed since `takeChanged`. */
  readonly #changed = new Set<number>();
  #from = Number.NEGATIVE_INFINITY;
  constructor(
    readonly bank: BankConfig,
    /** Last day that is wanted; what lies near it is kept too. */
    readonly until = Number.POSITIVE_INFINITY,
  ) {}

  holdings(): Holding[] {
    return [...Object.values(this.#payments), ...this.#rows.values()].map((table) => table.holding());
  }

  /** Nothing is being matched: what was made for it is let go. */
  rest(): void {
    for (const rows of this.#rows.values()) rows.rest();
  }

  get from(): number {
    return this.#from;
  }

  /** Forgets what no day from here on can need, and takes no more of it. */
  keepFrom(day: number): void {
    this.#from = Math.max(this.#from, day);
    const first = this.#from - REACH_DAYS;
    for (const kept of [this.#files, this.#rows]) {
      for (const old of kept.keys()) if (old < first) kept.delete(old);
    }
    for (const payments of Object.values(this.#payments)) payments.forgetBefore(first);
  }

  #wanted(day: number): boolean {
    return day >= this.#from - REACH_DAYS && day <= this.until + REACH_DAYS;
  }

  /** Newest day of which there is a file, or word that there is none; null: no word at all. */
  newestDay(): number | null {
    return this.#files.size === 0 ? null : Math.max(...this.#files.keys());
  }

  file(day: number): BankFile | undefined {
    return this.#files.get(day);
  }

  addFile(file: BankFile): void {
    if (file.source !== this.bank.source || !this.#wanted(file.settleDate)) return;
    this.#files.set(file.settleDate, file);
    this.#touch(file.settleDate);
  }

  addRow(row: BankEntry): void {
    if (row.source !== this.bank.source || !this.#wanted(row.settleDate)) return;
    const day = this.#rows.get(row.settleDate) ?? new DayRows();
    this.#rows.set(row.settleDate, day);
    day.put(row);
    this.#touch(row.settleDate);
  }

  addTopUp(step: TopUp): void {
    const { loads } = this.bank;
    if (step.source !== loads?.source) return;
    const at = step.occurredAt;
    this.#fold('CORE', step.topUpKey, step.source, at, (payment) => {
      payment.amountFen = step.amountFen;
      payment.channel = step.channel ?? payment.channel;
      if (NOT_BOOKED.has(step.stage)) payment.booked = false;
      else if (BOOKED.has(step.stage) && !payment.ended) payment.booked = true;
      if (ENDED_TOP_UP.has(step.stage)) payment.ended = true;
    });
  }

  addPurchase(step: PowerPurchase): void {
    if (!this.bank.power.some(({ source }) => source === step.source)) return;
    this.#fold('VENDOR', step.orderKey, step.source, step.debitedAt ?? step.occurredAt, (payment) => {
      payment.amountFen = step.amountFen;
      payment.channel = step.paySource ?? payment.channel;
      payment.booked = step.orderState === 'DELIVERED';
      payment.ended = ENDED_ORDER.has(step.orderState);
    });
  }

  /** Days whose books have changed since this was last called, and the days near them. */
  takeChanged(): ReadonlySet<number> {
    const days = new Set<number>();
    for (const day of this.#changed) {
      for (let near = day - REACH_DAYS; near <= day + REACH_DAYS; near += 1) days.add(near);
    }
    this.#changed.clear();
    return days;
  }

  /** Rows of the newest issue of the day's file that are on the log. */
  rowCount(day: number): number {
    const digest = this.#files.get(day)?.digest ?? null;
    return digest === null ? 0 : (this.#rows.get(day)?.count(digest) ?? 0);
  }

  /** @param isWhole false: rows of the file are not on the log, so what it lacks proves nothing */
  match(day: number, isWhole: boolean): MatchedDay {
    const stated = this.#files.get(day)?.state;
    const file = stated === 'RECEIVED' || stated === 'EMPTY' ? (isWhole ? stated : 'FAULTY') : stated;
    const known = file === 'RECEIVED' || file === 'EMPTY' || file === 'FAULTY' ? file : 'MISSING';
    const books: Book[] = [];
    if (this.bank.loads !== undefined) books.push('CORE');
    if (this.bank.power.length > 0) books.push('VENDOR');
    return {
      source: this.bank.source,
      day,
      file: known,
      books: books.map((counterpart) => ({
        counterpart,
        results: matchDay(this.#dayOf(day, counterpart, known)),
      })),
    };
  }

  #dayOf(day: number, counterpart: Book, file: DayOfBooks['file']): DayOfBooks {
    const bank: Row[] = [];
    const beside = new Map<string, number>();
    const bankBeside = new Set<string>();
    for (const row of this.#standing(day, counterpart)) {
      if (row.day === day) bank.push(row.row);
      else bankBeside.add(row.row.reference);
      // A payment belongs to the first day that has it: a second debit on the next day has no payment.
      if (row.day < day) beside.set(row.row.reference, (beside.get(row.row.reference) ?? 0) + 1);
    }
    const named = new Set([...bankBeside, ...bank.map(({ reference }) => reference)]);
    const local: Payment[] = [];
    for (const payment of this.#payments[counterpart].between(day - REACH_DAYS, day + REACH_DAYS)) {
      if (!this.#belongs(payment, counterpart) && !named.has(payment.reference)) continue;
      const taken = beside.get(payment.reference) ?? 0;
      if (taken > 0) beside.set(payment.reference, taken - 1);
      else local.push(payment);
    }
    const next = this.#files.get(day + 1)?.state;
    const nextFileThere = next === 'RECEIVED' || next === 'EMPTY';
    return { day, counterpart, bank, local, bankBeside, file, nextFileThere };
  }

  /** Rows of this book near the day, without those that a reversal takes back. */
  #standing(day: number, book: Book): { readonly day: number; readonly row: Row }[] {
    const rows: { day: number; row: Row }[] = [];
    const reversed = new Map<string, number>();
    const name = ({ reference, amountFen }: Row): string => `${reference} ${amountFen}`;
    for (let near = day - REACH_DAYS; near <= day + REACH_DAYS; near += 1) {
      for (const row of this.#newestIssue(near)) {
        if (row.book === 'REVERSAL') reversed.set(name(row), (reversed.get(name(row)) ?? 0) + 1);
        else if (row.book === book) rows.push({ day: near, row });
      }
    }
    return rows.filter(({ row }) => {
      const left = reversed.get(name(row)) ?? 0;
      if (left > 0) reversed.set(name(row), left - 1);
      return left === 0;
    });
  }

  #newestIssue(day: number): readonly Row[] {
    const digest = this.#files.get(day)?.digest ?? null;
    return digest === null ? [] : (this.#rows.get(day)?.issue(digest) ?? []);
  }

  #belongs({ key, channel }: Payment, book: Book): boolean {
    if (book === 'CORE') return this.bank.loads?.channels.includes(channel ?? '') ?? false;
    const vendor = this.bank.power.find(({ source }) => key.startsWith(`${source}:`));
    return vendor?.paySources.includes(channel ?? '') ?? false;
  }

  #fold(book: Book, key: string, source: string, at: number, apply: (payment: Payment) => void): void {
    const payments = this.#payments[book];
    const reference = key.slice(source.length + 1);
    // A payment after the last day wanted cannot become older.
    const known = payments.get(key);
    if (known === undefined && (payments.isForgotten(key) || businessDate(at) > this.until + REACH_DAYS))
      return;
    const payment = known ?? newPayment(key, reference, at);
    const before = { ...payment };
    apply(payment);
    payment.occurredAt = Math.min(payment.occurredAt, at);
    payment.businessDate = businessDate(payment.occurredAt);
    payments.put(payment, before.businessDate);
    const same =
      before.booked === payment.booked &&
      before.amountFen === payment.amountFen &&
      before.channel === payment.channel &&
      before.businessDate === payment.businessDate;
    if (same) return;
    this.#touch(payment.businessDate);
    this.#touch(before.businessDate);
  }

  #touch(day: number): void {
    this.#changed.add(day);
  }
}

/** An amount that no step has said: the first step of a payment is always a change. */
const newPayment = (key: string, reference: string, at: number): Payment => ({
  ...{ key, reference, amountFen: -1, occurredAt: at, businessDate: businessDate(at) },
  ...{ booked: false, ended: false, channel: null },
});
