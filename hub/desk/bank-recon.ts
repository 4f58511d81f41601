/**
 * Matches the books of each bank with those of its card core and power vendors by day, and keeps the differences as
 * cases on hub.recon-case.
 *
 *   positions, files, rows, top-ups, orders (from the log) ─▶ BankBooks ─▶ matchDay ─▶ caseRecords ─▶ CaseWriter
 *
 * What is written is a function of the records read; the clock says only when to look. So nothing of what was read
 * needs to be remembered: after a restart all is read again, the same cases come out, and those are published.
 */
import type {
  BankEntry,
  BankFile,
  Command,
  Position,
  PowerPurchase,
  ReconCase,
  TopUp,
} from '../../contracts/types.js';
import { totalsOf, type ReconTotals } from '../../transforms/bank-match.js';
import { caseRecords, type MatchedDay } from '../../transforms/recon-case.js';
import { endOfDay, formatDate } from '../../transforms/time.js';
import type { BankConfig } from '../config/types.js';
import type { Log } from '../log/log.js';
import type { RecordCodec } from '../sync/rows.js';
import type { Holding } from '../tables/holding.js';
import { BankBooks } from './bank-books.js';
import { decisionRecord, orderIn } from './case-decisions.js';
import type { CaseWriter } from './case-writer.js';

/** What became of a bank's day when it was matched. */
export interface DayReport {
  readonly bank: string;
  /** yyyy-MM-dd */
  readonly day: string;
  /** `MATCHED`; or why it cannot be matched yet: a book of another system was not read past the day's end, there is no
   * word of the file, or rows of the file are still being read. */
  readonly outcome: 'MATCHED' | 'BOOK_BEHIND' | 'NO_FILE' | 'FILE_BEING_READ';
  /** BOOK_BEHIND: the stream, `source/stream`. */
  readonly behind?: string;
  readonly file?: MatchedDay['file'];
  readonly totals?: Readonly<Record<'CORE' | 'VENDOR', ReconTotals | undefined>>;
  /** Cases that were opened, changed or closed now. */
  readonly changed: number;
  readonly open: number;
}

export interface BankReconDeps {
  readonly log: Pick<Log, 'read'>;
  readonly codec: Pick<RecordCodec, 'decode'>;
  readonly tenant: string;
  readonly banks: readonly BankConfig[];
  readonly signal?: AbortSignal;
}

/** Source partition of the matching: who owns it is the one writer of cases. */
export const matchingId = (tenant: string): string => `${tenant}/hub/bank-recon/0`;

const OPEN: ReadonlySet<ReconCase['state']> = new Set(['OPEN', 'HELD']);
/** What is not needed any more is forgotten every so many records, so that a long log fits. */
const FORGET_EVERY = 50_000;

/** The books of all banks as read so far; reads on where it stopped. */
export class BankMatching {
  readonly #banks: readonly BankBooks[];
  /** Days that wait to be matched, by bank. */
  readonly #waiting: readonly Set<number>[];
  readonly #next = new Map<string, Map<number, number>>();
  readonly #asOf = new Map<string, number>();
  /** Operators' commands that are not carried out yet, in their order. */
  readonly #commands: { readonly offset: number; readonly command: Command }[] = [];
  /** Rows that a file had on the log when its day was last put off, by `bank day`. */
  readonly #seenRows = new Map<string, number>();
  constructor(
    readonly deps: BankReconDeps,
    /** Only this day; otherwise the newest days of each bank. */
    readonly only?: number,
  ) {
    this.#banks = deps.banks.map((bank) => new BankBooks(bank, only));
    this.#waiting = deps.banks.map(() => new Set(only === undefined ? [] : [only]));
    if (only !== undefined) for (const books of this.#banks) books.keepFrom(only);
  }

  /**
   * Reads what is new, and matches the days that it touches.
   * @param settled no upstream is being read: rows that a file lacks on the log will not come by themselves
   */
  async run(writer: CaseWriter, settled: boolean): Promise<DayReport[]> {
    await this.#read();
    await this.#decide(writer);
    try {
      return await this.#matchAll(writer, settled);
    } finally {
      this.#all((books) => books.rest());
    }
  }

  /** What the books hold in memory. */
  holdings(): Holding[] {
    return this.#banks.flatMap((books) => books.holdings());
  }

  async #matchAll(writer: CaseWriter, settled: boolean): Promise<DayReport[]> {
    const reports: DayReport[] = [];
    for (const [i, books] of this.#banks.entries()) {
      const waiting = this.#waiting[i] as Set<number>;
      for (const day of books.takeChanged()) waiting.add(day);
      for (const day of [...waiting].sort((a, b) => a - b)) {
        // Many days at once are the rule after a start: answers at doors come between them.
        await new Promise((resolve) => setImmediate(resolve));
        const wanted = this.only === undefined ? day >= books.from : day === this.only;
        const report = wanted ? await this.#match(books, day, writer, settled) : null;
        if (report !== null) reports.push(report);
        // A day whose file comes later is touched by it again.
        if (report === null || report.outcome === 'MATCHED' || report.outcome === 'NO_FILE')
          waiting.delete(day);
      }
    }
    return reports;
  }

  /** Carries out what operators have decided, and matches nothing. */
  async decide(writer: CaseWriter): Promise<void> {
    await this.#readCommands();
    await this.#decide(writer);
  }

  /** Once each: the number of the last one is in the position. */
  async #decide(writer: CaseWriter): Promise<void> {
    for (let next = this.#commands[0]; next !== undefined; next = this.#commands[0]) {
      const { offset, command } = next;
      const order = offset > writer.commandOffset() ? orderIn(command) : null;
      if (order !== null) {
        await writer.decide(
          decisionRecord(order, command, (key) => writer.caseOf(key)),
          offset,
        );
      }
      this.#commands.shift();
    }
  }

  async #match(
    books: BankBooks,
    day: number,
    writer: CaseWriter,
    settled: boolean,
  ): Promise<DayReport | null> {
    const { source } = books.bank;
    const told = { bank: source, day: formatDate(day), changed: 0, open: openCases(writer, source, day) };
    const file = books.file(day);
    if (file === undefined) return { ...told, outcome: 'NO_FILE' };
    const behind = this.#behind(books.bank, day);
    if (behind !== null) return { ...told, outcome: 'BOOK_BEHIND', behind };
    const isWhole = hasAllRows(file, books.rowCount(day));
    if (!isWhole && !settled && !this.#isQuiet(source, day, books.rowCount(day))) {
      return { ...told, outcome: 'FILE_BEING_READ' };
    }
    const matched = books.match(day, isWhole);
    const records = caseRecords(matched, writer.casesOf(source, day));
    const changed = await writer.append(records, this.#readUntil(books.bank));
    const totals = Object.fromEntries(
      matched.books.map(({ counterpart, results }) => [counterpart, totalsOf(results)]),
    ) as DayReport['totals'] & object;
    const open = openCases(writer, source, day);
    return { ...told, outcome: 'MATCHED', file: matched.file, totals, changed, open };
  }

  /** The first stream that was not read past the day's end: what it lacks may be on its way. */
  #behind(bank: BankConfig, day: number): string | null {
    const read = (stream: string): boolean => (this.#asOf.get(stream) ?? 0) >= endOfDay(day);
    return streamsOf(bank).find((stream) => !read(stream)) ?? null;
  }

  #readUntil(bank: BankConfig): number {
    return Math.max(0, ...streamsOf(bank).map((stream) => this.#asOf.get(stream) ?? 0));
  }

  /** No row of the file has come since the day was last put off. */
  #isQuiet(source: string, day: number, rows: number): boolean {
    const name = `${source} ${day}`;
    const isQuiet = this.#seenRows.get(name) === rows;
    if (isQuiet) this.#seenRows.delete(name);
    else this.#seenRows.set(name, rows);
    return isQuiet;
  }

  /**
   * Positions come first: what they say was read is on the log then. Files come before their rows, and before the
   * payments, so that the days that are kept are known.
   */
  async #read(): Promise<void> {
    const { tenant } = this.deps;
    await this.#each<Position>('hub.positions', ({ sourcePartition, asOf }) => {
      const [owner, source, stream] = sourcePartition.split('/');
      if (owner === tenant) this.#asOf.set(`${source}/${stream}`, asOf);
    });
    await this.#readCommands();
    await this.#each<BankFile>('hub.bank-file', (file) => this.#all((books) => books.addFile(file)));
    this.#forget();
    await this.#each<BankEntry>('hub.bank-entry', (row) => this.#all((books) => books.addRow(row)));
    await this.#each<TopUp>('master.top-up', (step) => this.#all((books) => books.addTopUp(step)));
    const add = (step: PowerPurchase): void => this.#all((books) => books.addPurchase(step));
    await this.#each<PowerPurchase>('master.power-purchase', add);
    this.#forget();
  }

  async #readCommands(): Promise<void> {
    const id = matchingId(this.deps.tenant);
    await this.#each<Command>('hub.command', (command, offset) => {
      if (command.sourcePartition === id) this.#commands.push({ offset, command });
    });
  }

  #all(use: (books: BankBooks) => void): void {
    for (const books of this.#banks) use(books);
  }

  #forget(): void {
    this.#all((books) => {
      const newest = books.newestDay();
      if (this.only !== undefined) books.keepFrom(this.only);
      else if (newest !== null) books.keepFrom(newest - books.bank.days + 1);
    });
  }

  /** Every record since the last time. */
  async #each<T>(topic: string, use: (value: T, offset: number) => void): Promise<void> {
    const { log, codec, signal } = this.deps;
    const from = this.#next.get(topic) ?? new Map<number, number>();
    this.#next.set(topic, from);
    let read = 0;
    const options = { topic, from: new Map(from), until: 'end' as const };
    for await (const batch of log.read(signal === undefined ? options : { ...options, signal })) {
      for (const { value, offset } of batch.records) {
        if (value !== null) use(codec.decode(topic, value) as T, offset);
        read += 1;
        if (read % FORGET_EVERY === 0) this.#forget();
      }
      from.set(batch.partition, batch.next);
    }
    signal?.throwIfAborted();
  }
}

/** The streams with the books that the bank's is matched with; names as in `topUpsStream` and the power connectors. */
function streamsOf({ loads, power }: BankConfig): string[] {
  const core = loads === undefined ? [] : [`${loads.source}/top-ups`];
  return [...core, ...power.map(({ source }) => `${source}/purchases`)];
}

/** A reference that stands twice in a file is one row on the log. */
function hasAllRows({ rowCount, faults, state }: BankFile, rows: number): boolean {
  if (state === 'MISSING' || state === 'EMPTY') return true;
  return rows >= rowCount || faults.includes('DUPLICATE_REFERENCE');
}

function openCases(writer: CaseWriter, source: string, day: number): number {
  return [...writer.casesOf(source, day).values()].filter(({ state }) => OPEN.has(state)).length;
}
