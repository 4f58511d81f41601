/**
 * Matching of two books of one day: the bank's against the card core's (loads) or a power vendor's (electricity).
 * Pure: what comes in is what the books say, what comes out is one result for each payment, and each difference with
 * what to do. It credits nobody: money is moved by people.
 *
 *   =  both have it, same amount             EQUAL
 *   X  both have it, other amounts           DIFFERENT
 *   N  the bank has it, the other has not    MISSING_LOCALLY
 *   U  the other has it, but not booked      NOT_BOOKED_LOCALLY
 *   B  the other has it, the bank has not    MISSING_AT_BANK
 *   I  cannot be said yet                    WAITING
 *
 * A day's payments near the window may stand in the next day's file: the bank closes its books at 23:00 while the core
 * goes by midnight. So the other book's neighbouring days are looked at before a payment counts as missing there, and
 * what was booked in the last hour of the day waits for the next file before it counts as missing at the bank.
 */
import type { CodeOf } from '../contracts/codes.js';
import { endOfDay } from './time.js';

export type ReconResult = CodeOf<'recon-results'>;
export type ReconAdvice = CodeOf<'recon-advice'>;

/** A payment as one book has it. */
export interface BookEntry {
  /** The key of its record. */
  readonly key: string;
  /** By which books know each other's payments: the card system's order number. */
  readonly reference: string;
  readonly amountFen: number;
  /** Epoch ms. */
  readonly occurredAt: number;
  /** Days since 1970-01-01 in Shanghai. */
  readonly businessDate: number;
  /** Of the other book: false while it has not booked it (pending, undecided, refused). */
  readonly booked: boolean;
  /** Of the bank's book: its own reference. */
  readonly bankReference?: string;
  /** Of the bank's book: the row has no order number of the card system, `reference` is the bank's own. */
  readonly unreferenced?: true;
  readonly personKey?: string | null;
}

export interface DayOfBooks {
  /** The day of the bank's file. */
  readonly day: number;
  readonly counterpart: 'CORE' | 'VENDOR';
  /** Rows of the newest issue of the day's file. */
  readonly bank: readonly BookEntry[];
  /** The other book's payments of this day and of the days beside it. */
  readonly local: readonly BookEntry[];
  /** What the bank's files of the days beside this one have: references only. */
  readonly bankBeside: ReadonlySet<string>;
  readonly file: 'RECEIVED' | 'EMPTY' | 'MISSING' | 'FAULTY';
  /** The file of the next day is there: nothing waits for it any more. */
  readonly nextFileThere: boolean;
}

export interface Matched {
  readonly result: ReconResult;
  /** Null where the result is EQUAL or needs nobody. */
  readonly advice: ReconAdvice | null;
  readonly reference: string;
  readonly bank: BookEntry | null;
  readonly local: BookEntry | null;
}

/** Before the day's end: payments of this last stretch may be in the next file. The bank's window begins at 23:00. */
const NEAR_END_MS = 3_600_000 + 60_000;

/** One result for each payment of the day; the order of the books does not matter. */
export function matchDay(books: DayOfBooks): readonly Matched[] {
  const { day } = books;
  const locals = byReference(books.local);
  const results: Matched[] = [];
  const taken = new Set<string>();
  for (const [reference, entries] of byReference(books.bank)) {
    const own = locals.get(reference) ?? [];
    entries.forEach((bank, i) => {
      const local = own[i] ?? null;
      results.push({ reference, bank, local, ...judgeBank(bank, local, books.counterpart) });
    });
    // The other book has it more often than the bank: the surplus is judged by itself.
    for (const local of own.slice(entries.length)) {
      if (local.businessDate === day)
        results.push({ reference, bank: null, local, ...judgeLocal(local, books) });
    }
    taken.add(reference);
  }
  for (const [reference, entries] of locals) {
    if (taken.has(reference)) continue;
    for (const local of entries) {
      // A payment of a day beside this one is that day's to judge, and one that the bank has there is no difference.
      if (local.businessDate !== day || books.bankBeside.has(reference)) continue;
      results.push({ reference, bank: null, local, ...judgeLocal(local, books) });
    }
  }
  return results.sort(byKey);
}

type Judgement = Pick<Matched, 'result' | 'advice'>;

function judgeBank(bank: BookEntry, local: BookEntry | null, counterpart: 'CORE' | 'VENDOR'): Judgement {
  if (local === null) return { result: 'MISSING_LOCALLY', advice: unpaid(counterpart) };
  if (local.amountFen !== bank.amountFen) return { result: 'DIFFERENT', advice: 'CHECK_AMOUNT' };
  if (!local.booked) return { result: 'NOT_BOOKED_LOCALLY', advice: unpaid(counterpart) };
  return { result: 'EQUAL', advice: null };
}

/** The bank was paid and the other side delivered nothing. */
const unpaid = (counterpart: 'CORE' | 'VENDOR'): ReconAdvice =>
  counterpart === 'VENDOR' ? 'CALL_DORM_OFFICE' : 'QUERY_THEN_OPEN_CASE';

function judgeLocal(local: BookEntry, books: DayOfBooks): Judgement {
  if (books.file === 'MISSING') return { result: 'WAITING', advice: 'FETCH_FILE' };
  // What a file lacks that is not whole may have happened.
  if (books.file === 'FAULTY') return { result: 'WAITING', advice: 'ASK_FOR_NEW_FILE' };
  const nearEnd = local.occurredAt >= endOfDay(books.day) - NEAR_END_MS;
  if (nearEnd && !books.nextFileThere) return { result: 'WAITING', advice: 'WAIT_FOR_NEXT_DAY' };
  // Neither was paid: the one that was not booked and that the bank does not have is no difference.
  if (!local.booked) return { result: 'EQUAL', advice: null };
  return { result: 'MISSING_AT_BANK', advice: 'REVIEW_REVERSAL' };
}

function byReference(entries: readonly BookEntry[]): Map<string, BookEntry[]> {
  const found = new Map<string, BookEntry[]>();
  for (const entry of [...entries].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))) {
    const same = found.get(entry.reference);
    if (same === undefined) found.set(entry.reference, [entry]);
    else same.push(entry);
  }
  return found;
}

const sortKey = (one: Matched): string => `${one.reference} ${one.bank?.key ?? ''} ${one.local?.key ?? ''}`;
const byKey = (a: Matched, b: Matched): number => (sortKey(a) < sortKey(b) ? -1 : 1);

export interface ReconTotals {
  readonly counts: Readonly<Record<ReconResult, number>>;
  /** Sums of the payments judged here, fen. */
  readonly bankFen: number;
  readonly localFen: number;
}

export function totalsOf(results: readonly Matched[]): ReconTotals {
  const counts: Record<ReconResult, number> = {
    ...{ EQUAL: 0, DIFFERENT: 0, MISSING_LOCALLY: 0 },
    ...{ NOT_BOOKED_LOCALLY: 0, MISSING_AT_BANK: 0, WAITING: 0 },
  };
  let bankFen = 0;
  let localFen = 0;
  for (const { result, bank, local } of results) {
    counts[result] += 1;
    bankFen += bank?.amountFen ?? 0;
    localFen += local?.booked === true ? local.amountFen : 0;
  }
  return { counts, bankFen, localFen };
}
