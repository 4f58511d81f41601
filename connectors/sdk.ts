/**
 * The shape that all connectors have. A connector pulls pages of source rows from one upstream system; it
 * knows nothing of records, topics or the log. Everything time-bound (timeouts, retries, rate limit, body
 * and page limits) comes from `sdk-*.ts` beside this file, not from each connector.
 *
 * The sync loop drives a stream like this:
 *
 *   snapshot mode   feedStart() → snapshotPage(null) → … → snapshotPage(cursor) with `complete`
 *   change mode     changes(cursor) → changes(next) → …   (from the feed's position noted before the snapshot;
 *                   without a listing from null, the oldest, or from feedStart() where the stream `beginsNow`)
 *
 * Cursors are opaque JSON values of the connector, kept in the position. Calls are repeatable: the same
 * cursor may be asked again after a crash.
 */

/** JSON Schema (draft 2020-12) as data. */
export type JsonSchema = Readonly<Record<string, unknown>>;
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
/** Opaque to everyone but the connector. */
export type Cursor = Json;

/** One thing that an upstream said. */
export interface SourceRow {
  /** Natural id in the upstream, e.g. the card account; stable across pages and runs. */
  readonly id: string;
  /**
   * Where the row stands in its source; unique within the stream and the same after a crash: feed sequence,
   * file digest and row number, or natural id within a listing (the loop adds the snapshot's number).
   */
  readonly at: string;
  /** Parsed, not cleaned; checked against the stream's row schema by the loop. */
  readonly data: unknown;
  /** The bytes as they came (of this row), for quarantine. */
  readonly raw: Uint8Array;
  /**
   * The id that bytes in this place have while no row can be made of them (`line-12`): a refused row of that id is
   * this one, and its stay in quarantine ends with this one's.
   */
  readonly lineId?: string;
  /** The connector could not make a row of these bytes; the loop quarantines it with this. */
  readonly damage?: RowDamage;
}

export interface RowDamage {
  readonly code:
    | 'TORN_LINE'
    | 'COLUMN_COUNT'
    | 'ENCODING'
    | 'NOT_JSON'
    | 'TOO_LARGE'
    | 'TOO_DEEP'
    /** Tables: a column of the key is NULL, or several rows have one key. */
    | 'NO_KEY'
    | 'DUPLICATE_KEY';
  readonly path: string;
  readonly detail: string;
}

export interface Page {
  readonly rows: readonly SourceRow[];
  /** Where to go on; kept in the position once every record of this page is appended. */
  readonly next: Cursor;
  /**
   * `more`: ask again at once. `end`: a listing is complete, or a feed is drained; ask again after the
   * stream's poll interval.
   */
  readonly state: 'more' | 'end';
  /** Upstream's own time (epoch ms) as of which the page is true; the hub's clock where it gives none. */
  readonly asOf: number;
  /**
   * Listings only, on the last page: whether absence from this listing may be believed at all. False when a
   * line was torn, a control total did not match, or rows were refused.
   */
  readonly absenceUsable?: boolean;
  /** Listings only: the upstream's own count of rows, where it gives one. */
  readonly total?: number;
  /**
   * Listings only: which listing this page belongs to, where that has a name of its own (a file's digest).
   * Two complete readings with the same name are one listing: they prove an absence once, not twice.
   */
  readonly listing?: string;
  /**
   * The upstream did not answer, and the rows are what the connector itself found by that (the health of a vendor):
   * they are published, but nothing can be compared with them.
   */
  readonly unanswered?: boolean;
}

/** What proves that a row is really gone (rule 9). */
export type AbsenceProof =
  /** Pages are cut by key (`id > after`, ordered): rows cannot move between pages. */
  | 'keyset'
  /** `lookup` asks for each absent id. */
  | 'point-read'
  /** Absent from two complete listings in a row. */
  | 'second-listing'
  /** Absence means nothing (a partial listing). */
  | 'none';

export interface StreamSpec {
  readonly name: string;
  readonly title: { readonly en: string; readonly zh: string };
  /** Streams whose recorded position must exist before this stream runs (rule 8): `cards`. */
  readonly after: readonly string[];
  /** `state`: rows are things with a natural id. `event`: rows happen once. */
  readonly kind: 'state' | 'event';
  /** What the transform is: `card`, `door`, `grant`, `swipe`. Chooses the mapping. */
  readonly maps: string;
  readonly rowSchema: JsonSchema;
  readonly listing: { readonly absence: AbsenceProof } | null;
  readonly feed: boolean;
  /** In words, for the reference page: what may be lost or repeated upstream. */
  readonly delivery: string;
  readonly pollMsDefault: number;
}

export interface ConnectorSpec {
  /** `card-core/gateway`, `card-core/files`, `access-control/rest`, `access-control/files`. */
  readonly kind: string;
  readonly title: { readonly en: string; readonly zh: string };
  readonly summary: string;
  /** JSON Schema of `options` in hub.yaml. Secrets are options whose schema has `writeOnly: true`. */
  readonly options: JsonSchema;
  readonly streams: readonly StreamSpec[];
  /** The streams that these options configure, by name; absent: all. The others are off and nobody waits for them. */
  readonly configured?: (options: Readonly<Record<string, unknown>>) => readonly string[];
  /** What a newcomer would trip over, one sentence each. */
  readonly quirks: readonly string[];
}

export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  /** What was expected, what came, what to do. */
  readonly detail: string;
}

export interface Stream {
  readonly spec: StreamSpec;
  /**
   * A hub without a position begins at `feedStart()`, and what happened before is not wanted: the option `from: now` of
   * a feed without a listing. Absent: it begins at `changes(null)`, the oldest that the upstream keeps. Streams with a
   * listing have no use for it: what was before comes with that.
   */
  readonly beginsNow?: true;
  /** The feed's position now, noted before a snapshot starts. Streams without a feed: null. */
  feedStart(signal: AbortSignal): Promise<Cursor>;
  snapshotPage(cursor: Cursor, signal: AbortSignal): Promise<Page>;
  /**
   * Name (as `Page.listing`) and time of the listing that a snapshot begun now would read. When the name is
   * that of the last complete one, there is nothing to read again: the poll succeeded, as of `asOf`.
   * Absent: every snapshot is a listing of its own.
   */
  listing?(signal: AbortSignal): Promise<{ readonly name: string; readonly asOf: number }>;
  changes(cursor: Cursor, signal: AbortSignal): Promise<Page>;
  /** Point read for absence proof: the ids among these that the upstream still has. */
  lookup?(ids: readonly string[], signal: AbortSignal): Promise<ReadonlySet<string>>;
  /** The `data` of a row from its `raw` bytes, for a replay from quarantine; undefined: not possible. */
  reparse?(raw: Uint8Array): Promise<unknown>;
  /** Upstream's own counts for `reconcile` (rows in a complete listing); undefined: it gives none. */
  count?(signal: AbortSignal): Promise<number>;
}

/** What an upstream sent by itself (a bank's notice), verified: rows for one of the connector's streams. */
export interface Pushed {
  readonly kind: 'rows';
  readonly stream: string;
  readonly rows: readonly SourceRow[];
  readonly asOf: number;
  /**
   * The answer, once it is known what became of the rows. `done`: durable. `refused`: durable in quarantine; the
   * same again would be refused again. `later`: not known to be durable; the upstream must send it again.
   */
  readonly answer: (outcome: 'done' | 'refused' | 'later') => PushAnswer;
}

export interface PushAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** Not believed, so nothing follows from it; `reason` is the connector's closed code. */
export interface PushRefused {
  readonly kind: 'refused';
  readonly reason: string;
  readonly answer: PushAnswer;
}

/** A reader by the numbers that the library has; one of them at least. */
export interface ReaderAsked {
  readonly cardNumber?: string | undefined;
  readonly schoolNumber?: string | undefined;
}
export interface ItemAsked {
  /** Where the desk stands. */
  readonly location: string;
  /** The item's number as the desk read it. */
  readonly item: string;
}
/** The library's no, in its own words. */
export interface LendingRefused {
  readonly ok: false;
  readonly says: string;
}

/**
 * What only a library system may do. Nothing is sent twice by itself; a rejection (ConnectorError, or an ended wait)
 * means that nobody knows, and the same may be asked again: it is not done twice.
 */
export interface LendsBooks {
  checkout(
    asked: ReaderAsked & ItemAsked,
    signal: AbortSignal,
  ): Promise<
    | { readonly ok: true; readonly title: string; readonly dueAt: number; readonly renewed: boolean }
    | LendingRefused
  >;
  checkin(
    asked: ItemAsked,
    signal: AbortSignal,
  ): Promise<{ readonly ok: true; readonly title: string } | LendingRefused>;
  /** Who has the item; undefined: nobody. */
  borrower(asked: ItemAsked, signal: AbortSignal): Promise<ReaderAsked | undefined>;
}

/** What a bank answers when it is asked what became of a load. Codes of `codes/load-states.json`. */
export interface LoadTold {
  readonly says: 'DONE' | 'FAILED' | 'UNDECIDED' | 'REVERSED' | 'NO_SUCH_LOAD' | 'UNKNOWN';
  readonly fen: number | null;
  /** By the bank's clock, or the hub's where the answer has no time; epoch ms. */
  readonly at: number;
}

/** What a bank alone knows. Nothing but questions: they may be repeated. */
export interface KnowsLoads {
  /** @param reference the card system's order number. @throws ConnectorError */
  load(reference: string, signal: AbortSignal): Promise<LoadTold>;
  /** Until when the bank answers no such question, epoch ms; null: it does now. */
  closedUntil(now: number): number | null;
}

export interface Connector {
  readonly spec: ConnectorSpec;
  /** Says what became of a load, where the upstream is a bank. */
  readonly loads?: KnowsLoads;
  /** Lends and takes back, where the upstream is a library and its options say so. */
  readonly lends?: LendsBooks;
  /** The streams that this instance's options configure, where that is not all of `spec.streams`. */
  readonly streams?: readonly string[];
  check(signal: AbortSignal): Promise<readonly CheckResult[]>;
  stream(name: string): Stream;
  /** Takes what the upstream sends by itself, where it does. Never throws for what was sent. */
  receive?(body: Uint8Array): Promise<Pushed | PushRefused>;
  /** The upstream's clock minus ours in ms, where it can be known (doctor). */
  clockSkewMs?(signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
}

/** `Connector.stream` of a connector with these streams. */
export function streamsOf(kind: string, streams: Iterable<Stream>): Connector['stream'] {
  const byName = new Map([...streams].map((stream) => [stream.spec.name, stream]));
  return (name) => {
    const stream = byName.get(name);
    if (stream !== undefined) return stream;
    const known = [...byName.keys()].join(', ');
    throw new ConnectorError('CONFIG', `${kind} has no stream "${name}"; it has: ${known}`, 'never');
  };
}

/** Everything that comes in from outside, injected. */
export interface ConnectorContext {
  /** The instance's name in hub.yaml, e.g. `core`. */
  readonly source: string;
  readonly now: () => number;
  readonly random: () => number;
  /** Folder that relative file options are resolved against (the folder of hub.yaml). */
  readonly baseDir: string;
  /** `sync --once`: nobody waits for a dropped file to settle, so what lies in the folder counts as whole. */
  readonly once?: boolean;
  readonly note: (event: ConnectorNote) => void;
}

/** Progress and troubles for logs and metrics; never holds secrets or row contents. */
export interface ConnectorNote {
  readonly kind: 'retry' | 'slow' | 'token' | 'skipped' | 'clock' | 'certificate';
  readonly detail: string;
}

export interface ConnectorFactory {
  readonly spec: ConnectorSpec;
  open(options: Record<string, unknown>, context: ConnectorContext): Connector;
}

export type ConnectorErrorCode =
  | 'TIMEOUT'
  | 'CONNECTION'
  | 'HTTP_STATUS'
  | 'RATE_LIMITED'
  | 'AUTH'
  | 'SIGNATURE'
  | 'PROTOCOL' // not the shape that the upstream promised
  | 'TOO_LARGE'
  | 'BUSINESS' // the upstream's own refusal; `upstreamCode` has its code
  | 'CONFIG'
  | 'FILE'
  | 'CURSOR'; // the upstream no longer knows the cursor: take a new snapshot

export class ConnectorError extends Error {
  override readonly name = 'ConnectorError';
  constructor(
    readonly code: ConnectorErrorCode,
    message: string,
    readonly retry: 'now' | 'later' | 'never',
    readonly details: {
      /** The upstream's own code, as it came. */
      upstreamCode?: string;
      /** What that code means, from the connector's closed table. */
      reason?: string;
      retryAfterMs?: number;
      cause?: unknown;
    } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
  }
}
