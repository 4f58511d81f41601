import { isDeepStrictEqual } from 'node:util';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { ConnectorError, type Cursor, type Page, type Stream } from '../../connectors/sdk.js';
import type { Position, Quarantine } from '../../contracts/types.js';
import type { Loss } from '../../transforms/absence.js';
import type { ContractRecord, MapContext, Mapped } from '../../transforms/outcome.js';
import { LogError, type Log, type LogWriter } from '../log/log.js';
import { closeRows, watchAbsence, type AbsenceWatch } from './absence.js';
import { addBooks, emptyBooks, type BookLines } from './books.js';
import { pagesAhead, type PageAhead } from './ahead.js';
import { expiredRows } from './expiry.js';
import { rebuildMemory, type StreamMemory } from './memory.js';
import { firstProgress, readPosition, writePosition, type Progress } from './position.js';
import type { EventFacts, Published } from './published.js';
import type { RowMapper } from './rows.js';
import { type RecordCodec, type RowBatch, type SealedRaw } from './rows.js';
import { nextStep, type StreamTiming } from './schedule.js';
import { spendAllowances, type AbsenceLimit } from './snapshot.js';

/**
 * One source partition from its upstream to the log. The only writer of its keys:
 *
 *   open writer (fence, then read the position) → rebuild what was published → step, step, step …
 *
 * A step pulls one page, maps its rows, and appends records and position in one transaction. The next page
 * is pulled and mapped while the append of the last one is under way; a page is never pulled inside a
 * transaction. After any failed append everything in memory is dropped and rebuilt from the log.
 */

export interface StreamDeps {
  readonly id: string;
  readonly source: string;
  readonly stream: Stream;
  readonly log: Log;
  readonly codec: RecordCodec;
  readonly mapping: (row: unknown, context: MapContext) => Mapped;
  readonly validate: ValidateFunction;
  readonly profile: Readonly<Record<string, unknown>>;
  readonly timing: StreamTiming;
  readonly limit: AbsenceLimit;
  readonly pseudonym: (text: string) => string;
  readonly readerProfile: MapContext['readerProfile'];
  readonly seal: (raw: Uint8Array, id: string) => SealedRaw;
  readonly readEvent: (topic: string, value: Uint8Array) => Omit<EventFacts, 'eventId'>;
  /** The loss that a refused card row reports all the same. */
  readonly lossOf?: (row: unknown) => Loss | null;
  readonly closeAbsent: (topic: string, value: object, asOf: number) => ContractRecord | null;
  /** Other streams' cards, doors and mapped rooms, as recorded; settles once they are applied (rule 8). */
  readonly lookups: () => Promise<Lookups>;
  readonly now: () => number;
  readonly note: (event: StreamNote) => void;
}

export type Lookups = Pick<MapContext, 'cardsByCredential' | 'doorKnown' | 'roomOf'>;

export type StreamNote =
  | { readonly kind: 'batch'; readonly id: string; readonly books: BookLines; readonly asOf: number }
  | { readonly kind: 'listing'; readonly id: string; readonly number: number; readonly rows: number }
  | { readonly kind: 'held'; readonly id: string; readonly count: number; readonly number: number }
  /** The upstream has dropped entries of its feed that were never read, and no listing can bring them back. */
  | { readonly kind: 'gap'; readonly id: string; readonly detail: string }
  | { readonly kind: 'trouble'; readonly id: string; readonly error: Error; readonly retryInMs: number }
  /** All that the upstream had is in the log; said before each wait for the next poll. */
  | { readonly kind: 'idle'; readonly id: string };

/** Absent rows ended in one append. */
const CLOSE_CHUNK = 5_000;

const EXPIRE_EVERY_MS = 3_600_000;

/** Work that an operator's command asks of the owner, done between two steps. */
export type StreamCommand = (run: StreamRun) => Promise<void>;

export class StreamRun {
  readonly progress: Progress;
  readonly published: Published;
  readonly books = emptyBooks();
  #watch: AbsenceWatch | null = null;
  #listingWanted: boolean;
  #feedMore = true;
  #feedPolledAt: number | null = null;
  #listingRows = 0;
  #expireAt = 0;
  #append: Promise<unknown> = Promise.resolve();
  #failure: Error | null = null;
  /** When a listing last came to an end here, and its name: only what this process has read is not read again. */
  #listingPolledAt: number | null = null;
  #listingRead: string | null = null;
  readonly #mapper: RowMapper;
  readonly #feed: PageAhead;
  readonly #listing: PageAhead;

  private constructor(
    readonly deps: StreamDeps,
    readonly writer: LogWriter,
    progress: Progress,
    memory: StreamMemory,
    wantListing: boolean,
  ) {
    this.progress = progress;
    this.published = memory.published;
    this.#mapper = memory.mapper;
    this.#feed = pagesAhead((cursor, signal) => deps.stream.changes(cursor, signal));
    this.#listing = pagesAhead((cursor, signal) => deps.stream.snapshotPage(cursor, signal));
    this.#listingWanted = wantListing && deps.stream.spec.listing !== null;
  }

  static async open(deps: StreamDeps, options: { wantListing: boolean }): Promise<StreamRun> {
    const writer = await deps.log.openWriter(deps.id);
    try {
      const stored = writer.position?.value;
      const progress =
        stored === null || stored === undefined
          ? firstProgress()
          : readPosition(deps.codec.decode('hub.positions', stored) as Position);
      const memory = await rebuildMemory(deps, progress);
      return new StreamRun(deps, writer, progress, memory, options.wantListing);
    } catch (error) {
      await writer.close();
      throw error;
    }
  }

  /** One step. @returns how long to wait before the next one, 0 when there is more to do now. */
  async step(signal: AbortSignal): Promise<number> {
    const { spec } = this.deps.stream;
    const now = this.deps.now();
    const next = nextStep(
      {
        hasListing: spec.listing !== null,
        hasFeed: spec.feed,
        listing: this.progress.listing,
        listingCompletedAt: this.#listingPolledAt ?? this.progress.snapshotCompletedAt,
        listingWanted: this.#listingWanted,
        feedMore: this.#feedMore,
        feedPolledAt: this.#feedPolledAt,
      },
      this.deps.timing,
      now,
    );
    if (next.kind === 'wait') {
      await this.#expireQuarantine(now);
      await this.settle();
      this.deps.note({ kind: 'idle', id: this.deps.id });
      return Math.max(1, next.until - now);
    }
    if (next.kind === 'feed') await this.#feedStep(signal);
    else if (!next.start || !(await this.#isListingRead(signal))) {
      await this.#listingStep(next.start, signal);
    }
    return 0;
  }

  /** Asks for a new listing at the next step. */
  wantListing(): void {
    this.#listingWanted = this.deps.stream.spec.listing !== null;
  }

  /** True once the listing that was wanted is complete and the feed is drained. */
  isDone(): boolean {
    return !this.#listingWanted && !this.progress.listing && !(this.deps.stream.spec.feed && this.#feedMore);
  }

  /** Settles when everything that was mapped is in the log; throws what the append threw. */
  async settle(): Promise<void> {
    await this.#append;
    if (this.#failure !== null) throw this.#failure;
  }

  async close(): Promise<void> {
    await this.#append.catch(() => undefined);
    await this.writer.close();
  }

  /** Commits a change of the progress alone, or with records that an operator's command gave. */
  async commit(batch: RowBatch, mode: 'SNAPSHOT' | 'CHANGES'): Promise<void> {
    await this.#hand(batch, mode);
    await this.settle();
  }

  /** Maps rows outside of a page (replay) into a batch. */
  async map(rows: Page['rows'], place: string, asOf: number): Promise<RowBatch> {
    const batch: RowBatch = { records: [], books: emptyBooks() };
    const context = await this.#context(asOf);
    for (const row of rows) this.#mapper.enter(row, { place, context }, batch);
    return batch;
  }

  /** Ends the stay of rows in quarantine without publishing them. */
  discardQuarantined(rows: readonly Quarantine[]): RowBatch {
    const batch: RowBatch = { records: [], books: emptyBooks() };
    for (const row of rows) this.#mapper.discard(row, batch);
    return batch;
  }

  /** Refused rows are kept no longer than their contract says; looked at once an hour, when there is time. */
  async #expireQuarantine(now: number): Promise<void> {
    if (now < this.#expireAt) return;
    this.#expireAt = now + EXPIRE_EVERY_MS;
    const batch: RowBatch = { records: [], books: emptyBooks() };
    for (const row of expiredRows(this.published, this.deps.codec, now)) this.#mapper.expire(row, batch);
    if (batch.records.length > 0) await this.#hand(batch, 'CHANGES');
  }

  async #feedStep(signal: AbortSignal): Promise<void> {
    if (this.progress.sequence === 0 && this.deps.stream.beginsNow === true) return this.#beginNow(signal);
    const page = await this.#changes(signal);
    if (page === null) return;
    const batch = await this.map(page.rows, '', page.asOf);
    this.progress.feedCursor = page.next;
    // While the feed has a backlog the data are not yet as young as the page says.
    if (page.state === 'end') this.#advanceAsOf(page.asOf);
    this.#feedMore = page.state === 'more';
    this.#feedPolledAt = this.deps.now();
    await this.#hand(batch, 'CHANGES');
  }

  /** Recorded before anything is read: a restart must not begin at a later now. */
  async #beginNow(signal: AbortSignal): Promise<void> {
    this.progress.feedCursor = await this.deps.stream.feedStart(signal);
    await this.commit({ records: [], books: emptyBooks() }, 'CHANGES');
  }

  /** The next page of the feed; null when it no longer reaches back to where we stand. */
  async #changes(signal: AbortSignal): Promise<Page | null> {
    const { stream, now } = this.deps;
    try {
      // While a listing is under way its pages come in between: the feed's must not be older than they are.
      const ahead = !this.progress.listing && !this.#listingWanted;
      return await this.#feed.pull(this.progress.feedCursor, signal, ahead);
    } catch (error) {
      if (!(error instanceof ConnectorError) || error.code !== 'CURSOR') throw error;
      const start = await stream.feedStart(signal);
      // Behind the oldest entry that the upstream keeps there is nothing to wait for.
      if (isDeepStrictEqual(start, this.progress.feedCursor)) throw error;
      this.progress.feedCursor = start;
      this.#feedPolledAt = now();
      // A new listing closes the gap where there is one; events that the upstream has dropped are lost.
      if (stream.spec.listing !== null) this.#listingWanted = true;
      else this.deps.note({ kind: 'gap', id: this.deps.id, detail: error.message });
      return null;
    }
  }

  /** A poll that finds the listing that was read last: it succeeded, and there is nothing to read (rule 10). */
  async #isListingRead(signal: AbortSignal): Promise<boolean> {
    const { stream, now } = this.deps;
    if (this.#listingWanted || this.#listingRead === null || stream.listing === undefined) return false;
    const { name, asOf } = await stream.listing(signal);
    if (name !== this.#listingRead) return false;
    this.#listingPolledAt = now();
    if (!stream.spec.feed) this.#advanceAsOf(asOf);
    await this.#hand({ records: [], books: emptyBooks() }, 'SNAPSHOT');
    return true;
  }

  async #listingStep(start: boolean, signal: AbortSignal): Promise<void> {
    if (start) await this.#startListing(signal);
    this.#watch ??= watchAbsence(this.#absenceDeps(), this.progress, !start);
    const { spec } = this.deps.stream;
    const page = await this.#listing.pull(this.progress.listingCursor, signal, !spec.feed);
    const place = `s${this.progress.snapshotNumber}/`;
    const batch = await this.map(page.rows, place, page.asOf);
    this.#watch.page(
      page.rows.map((row) => row.id),
      this.progress,
    );
    this.#listingRows += page.rows.length;
    this.progress.listingAsOf ??= page.asOf;
    if (page.state === 'end') await this.#endListing(page, batch, signal);
    else this.progress.listingCursor = page.next;
    await this.#hand(batch, 'SNAPSHOT');
  }

  async #startListing(signal: AbortSignal): Promise<void> {
    if (this.deps.stream.spec.feed && this.progress.snapshotCompletedAt === null) {
      // Noted before the listing starts: what changes while we list is in the feed behind this place.
      this.progress.feedCursor = await this.deps.stream.feedStart(signal);
    }
    this.progress.listing = true;
    this.progress.listingAsOf = null;
    this.progress.listingCursor = null;
    this.progress.lastId = null;
    this.progress.absent = [];
    this.progress.absentCount = 0;
    this.progress.snapshotNumber += 1;
    this.#listingWanted = false;
    this.#listingRows = 0;
    this.#watch = null;
  }

  async #endListing(page: Page, batch: RowBatch, signal: AbortSignal): Promise<void> {
    const { progress, deps } = this;
    const name = page.listing ?? null;
    const end = { usable: page.absenceUsable !== false, name, now: deps.now() };
    const verdict = await (this.#watch as AbsenceWatch).judge(progress, end, signal);
    // A listing whose absences may not be believed says nothing of those that are held.
    if (end.usable) progress.held = null;
    if (verdict.kind === 'close') {
      const close = (topic: string, value: object): ContractRecord | null =>
        deps.closeAbsent(topic, value, page.asOf);
      const ends = closeRows(this.#absenceDeps(), verdict.ids, close);
      await this.#close(ends, batch);
      progress.allowances = spendAllowances(progress.allowances, verdict.ids.length, deps.now());
    } else if (verdict.kind === 'hold') {
      progress.held = { snapshotNumber: progress.snapshotNumber, count: verdict.count, since: page.asOf };
      deps.note({ kind: 'held', id: deps.id, count: verdict.count, number: progress.snapshotNumber });
    }
    progress.listing = false;
    progress.listingCursor = null;
    progress.lastId = null;
    progress.absent = [];
    progress.absentCount = 0;
    progress.snapshotCompletedAt = page.asOf;
    // As of its first page: what was listed early may have changed while the listing went on.
    if (!deps.stream.spec.feed) this.#advanceAsOf(progress.listingAsOf ?? page.asOf);
    progress.listingAsOf = null;
    this.#feedMore = true;
    this.#watch = null;
    this.#listingPolledAt = end.now;
    this.#listingRead = name;
    deps.note({ kind: 'listing', id: deps.id, number: progress.snapshotNumber, rows: this.#listingRows });
  }

  /**
   * Ends the absent rows. More than one batch holds are appended ahead of the last page: a kill in between
   * leaves the listing open, and the next one finds the rest.
   */
  async #close(ends: readonly ContractRecord[], last: RowBatch): Promise<void> {
    const place = `s${this.progress.snapshotNumber}/absent#`;
    for (let i = 0; i < ends.length; i += CLOSE_CHUNK) {
      const chunk = ends.slice(i, i + CLOSE_CHUNK);
      const isLast = i + CLOSE_CHUNK >= ends.length;
      const batch = isLast ? last : { records: [], books: emptyBooks() };
      chunk.forEach((record, n) => this.#mapper.add(record, `${place}${i + n}`, batch));
      if (!isLast) await this.#hand(batch, 'SNAPSHOT');
    }
  }

  /** Hands a batch to the writer, once the one before it is in. */
  async #hand(batch: RowBatch, mode: 'SNAPSHOT' | 'CHANGES'): Promise<void> {
    this.progress.sequence += 1;
    addBooks(this.progress.total, batch.books);
    const position = writePosition(this.deps.id, this.progress, mode, batch.books);
    const { asOf } = this.progress;
    const id = `${this.deps.id}@${this.progress.sequence}`;
    await this.settle();
    this.#append = this.writer
      .append({
        records: batch.records,
        position: (written) => ({
          topic: 'hub.positions',
          key: this.deps.id,
          value: this.deps.codec.encode('hub.positions', position(written)),
          headers: this.deps.codec.headers('hub.positions', this.deps.id, id, asOf),
        }),
      })
      .then(
        () => {
          addBooks(this.books, batch.books);
          this.deps.note({ kind: 'batch', id: this.deps.id, books: batch.books, asOf });
        },
        (error: unknown) => {
          this.#failure = error instanceof Error ? error : new LogError('UNAVAILABLE', String(error), 'now');
        },
      );
  }

  async #context(asOf: number): Promise<MapContext> {
    const lookups = await this.deps.lookups();
    return {
      source: this.deps.source,
      asOf,
      profile: this.deps.profile,
      pseudonym: this.deps.pseudonym,
      ...lookups,
      seenBefore: (tuple, rowId) => this.published.repeats(tuple, rowId),
      readerProfile: this.deps.readerProfile,
    };
  }

  #absenceDeps(): Parameters<typeof watchAbsence>[0] {
    const { spec } = this.deps.stream;
    return {
      source: this.deps.source,
      maps: spec.maps,
      proof: spec.listing?.absence ?? 'none',
      stream: this.deps.stream,
      codec: this.deps.codec,
      published: this.published,
      limit: this.deps.limit,
    };
  }

  /** Late pages never make the data look younger than an earlier poll did, nor older. */
  #advanceAsOf(asOf: number): void {
    this.progress.asOf = Math.max(this.progress.asOf, asOf);
  }
}

export type { Cursor };
