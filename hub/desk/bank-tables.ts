/**
 * What the matching of banks keeps of weeks of payments, in tables beside the heap: as objects with their texts they were
 * most of what a hub's heap grew by in its first weeks, and the collector walks objects.
 */
import type { BankEntry } from '../../contracts/types.js';
import type { BookEntry } from '../../transforms/bank-match.js';
import { createColumns } from '../tables/columns.js';
import { HashWindow } from '../tables/hash-window.js';
import type { Holding } from '../tables/holding.js';
import { NameList } from '../tables/name-list.js';
import { TextTable } from '../tables/text-table.js';

/** A payment of the other book, folded from its steps. */
export interface Payment {
  /** `{source}:{reference}` */
  readonly key: string;
  readonly reference: string;
  amountFen: number;
  occurredAt: number;
  businessDate: number;
  booked: boolean;
  /** No step is expected any more. */
  ended: boolean;
  channel: string | null;
}

/** Payments that had not ended when their days were forgotten: so many are known at least, to pass over what follows. */
const UNENDED_MAX = 300_000;
const NONE = -1;
const [BOOKED, ENDED, MOVED] = [1, 2, 4];

/** Payments of one day; a day that is forgotten is let go as a whole. */
class DayPayments {
  readonly #keys = new TextTable();
  readonly #rows = createColumns({ amount: 'f64', at: 'f64', flags: 'u8', channel: 'i32' });
  count = 0;
  constructor(
    readonly day: number,
    readonly channels: NameList,
  ) {}

  get heldBytes(): number {
    return this.#keys.heldBytes + this.#rows.heldBytes;
  }

  get(key: string): Payment | undefined {
    const row = this.#keys.find(key);
    return row < 0 ? undefined : this.#at(row);
  }

  put(payment: Payment): void {
    const size = this.#keys.size;
    const row = this.#keys.intern(payment.key);
    this.#rows.ensure(row);
    const { amount, at, flags, channel } = this.#rows.columns;
    if (row === size || ((flags[row] ?? 0) & MOVED) !== 0) this.count += 1;
    amount[row] = payment.amountFen;
    at[row] = payment.occurredAt;
    flags[row] = (payment.booked ? BOOKED : 0) | (payment.ended ? ENDED : 0);
    channel[row] = payment.channel === null ? NONE : this.channels.intern(payment.channel);
  }

  /** It is another day's from now on. */
  move(key: string): void {
    const row = this.#keys.find(key);
    if (row < 0) return;
    this.#rows.columns.flags[row] = MOVED;
    this.count -= 1;
  }

  *all(): IterableIterator<Payment> {
    for (let row = 0; row < this.#keys.size; row += 1) {
      const payment = this.#at(row);
      if (payment !== undefined) yield payment;
    }
  }

  #at(row: number): Payment | undefined {
    const { amount, at, flags, channel } = this.#rows.columns;
    const [flag, name] = [flags[row] ?? 0, channel[row] ?? NONE];
    if ((flag & MOVED) !== 0) return undefined;
    const key = this.#keys.text(row);
    return {
      key,
      reference: key.slice(key.indexOf(':') + 1),
      amountFen: amount[row] ?? 0,
      occurredAt: at[row] ?? 0,
      businessDate: this.day,
      booked: (flag & BOOKED) !== 0,
      ended: (flag & ENDED) !== 0,
      channel: name === NONE ? null : this.channels.text(name),
    };
  }
}

/** Payments by day and key. */
export class PaymentTable {
  /** Some weeks: a key is looked for in one after the other. */
  readonly #days = new Map<number, DayPayments>();
  readonly #channels = new NameList();
  readonly #unended = new HashWindow(UNENDED_MAX);

  holding(): Holding {
    let [entries, bytes] = [this.#unended.count, this.#unended.heldBytes];
    for (const day of this.#days.values()) {
      entries += day.count;
      bytes += day.heldBytes;
    }
    return { what: 'bank-payments', entries, bytes };
  }

  /** A copy: `put` changes what is kept. */
  get(key: string): Payment | undefined {
    for (const day of this.#days.values()) {
      const payment = day.get(key);
      if (payment !== undefined) return payment;
    }
    return undefined;
  }

  /** It belongs to a day that is forgotten, and had not ended then. */
  isForgotten(key: string): boolean {
    return this.#unended.get(key) !== undefined;
  }

  /** @param dayBefore of the same payment, as it was kept */
  put(payment: Payment, dayBefore: number): void {
    const { businessDate } = payment;
    if (dayBefore !== businessDate) this.#days.get(dayBefore)?.move(payment.key);
    const day = this.#days.get(businessDate) ?? new DayPayments(businessDate, this.#channels);
    this.#days.set(businessDate, day);
    day.put(payment);
  }

  /** Of these days, in order of time: which of two with one reference is the first does not depend on the log's order. */
  between(first: number, last: number): Payment[] {
    const found: Payment[] = [];
    for (let day = first; day <= last; day += 1) found.push(...(this.#days.get(day)?.all() ?? []));
    return found.sort((a, b) => a.occurredAt - b.occurredAt || (a.key < b.key ? -1 : 1));
  }

  /** Of one that has not ended the key stays known: its next step would look like a payment of that step's day. */
  forgetBefore(first: number): void {
    for (const [day, payments] of this.#days) {
      if (day >= first) continue;
      for (const { key, ended } of payments.all()) if (!ended) this.#unended.set(key, 1);
      this.#days.delete(day);
    }
  }
}

/** Which book a row of the bank's file is matched with. */
export type RowBook = 'CORE' | 'VENDOR' | 'REVERSAL' | null;

export interface Row extends BookEntry {
  readonly book: RowBook;
}

const BOOKS: readonly RowBook[] = [null, 'CORE', 'VENDOR', 'REVERSAL'];
const BOOK_OF: Readonly<Record<string, RowBook>> = { LOAD: 'CORE', POWER: 'VENDOR', REVERSAL: 'REVERSAL' };

/** The rows of all issues of one day's file. */
export class DayRows {
  readonly #events = new TextTable();
  /** References and person keys: a person, and a reference that both systems share, stand in several rows. */
  readonly #texts = new TextTable();
  readonly #digests = new NameList();
  readonly #rows = createColumns({
    ...({ amount: 'f64', at: 'f64', day: 'i32', book: 'u8', digest: 'i32' } as const),
    ...({ card: 'i32', bank: 'i32', person: 'i32' } as const),
  });
  #sorted: { readonly digest: string; readonly rows: readonly Row[] } | null = null;

  holding(): Holding {
    const bytes = this.#events.heldBytes + this.#texts.heldBytes + this.#rows.heldBytes;
    return { what: 'bank-rows', entries: this.#events.size, bytes };
  }

  put(entry: BankEntry): void {
    const row = this.#events.intern(entry.eventId);
    this.#rows.ensure(row);
    const { amount, at, day, book, digest, card, bank, person } = this.#rows.columns;
    const text = (of: string | null): number => (of === null ? NONE : this.#texts.intern(of));
    amount[row] = entry.amountFen;
    at[row] = entry.occurredAt;
    day[row] = entry.businessDate;
    book[row] = BOOKS.indexOf(BOOK_OF[entry.kind] ?? null);
    digest[row] = this.#digests.intern(entry.fileDigest);
    card[row] = text(entry.cardReference);
    bank[row] = text(entry.bankReference);
    person[row] = text(entry.personKey);
    this.#sorted = null;
  }

  /** Rows of one issue. */
  count(digest: string): number {
    const column = this.#rows.columns.digest;
    let count = 0;
    for (let row = 0; row < this.#events.size; row += 1) {
      if (this.#digests.text(column[row] ?? NONE) === digest) count += 1;
    }
    return count;
  }

  /** Rows of one issue by key; held until `rest` is called or a row comes. */
  issue(digest: string): readonly Row[] {
    if (this.#sorted?.digest === digest) return this.#sorted.rows;
    const rows: Row[] = [];
    for (let row = 0; row < this.#events.size; row += 1) {
      if (this.#digests.text(this.#rows.columns.digest[row] ?? NONE) === digest) rows.push(this.#at(row));
    }
    rows.sort((a, b) => (a.key < b.key ? -1 : 1));
    this.#sorted = { digest, rows };
    return rows;
  }

  /** Nothing is being matched: the rows as objects are not needed. */
  rest(): void {
    this.#sorted = null;
  }

  #at(row: number): Row {
    const { amount, at, day, book, card, bank, person } = this.#rows.columns;
    const text = (id = NONE): string | null => (id === NONE ? null : this.#texts.text(id));
    const bankReference = text(bank[row]) ?? '';
    const cardReference = text(card[row]);
    return {
      key: this.#events.text(row),
      reference: cardReference ?? bankReference,
      ...(cardReference === null ? { unreferenced: true as const } : {}),
      amountFen: amount[row] ?? 0,
      occurredAt: at[row] ?? 0,
      businessDate: day[row] ?? 0,
      booked: true,
      bankReference,
      personKey: text(person[row]),
      book: BOOKS[book[row] ?? 0] ?? null,
    };
  }
}
