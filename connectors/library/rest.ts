import {
  ConnectorError,
  type Connector,
  type ConnectorContext,
  type ConnectorFactory,
  type ConnectorSpec,
  type Page,
  type Stream,
  type StreamSpec,
  streamsOf,
} from '../sdk.js';
import { createHttp, expectOk, httpOptionsSchema, type HttpAnswer, type HttpLimits } from '../sdk-http.js';
import { isObject, parseJson } from '../sdk-json.js';
import { expectFields, itemsOf, type Item } from '../sdk-keyset.js';
import { withClientCredentials } from '../sdk-oauth.js';
import { checked, lazyRow, reparseJson } from '../sdk-pages.js';
import { lendsBooks } from './lending.js';
import * as byTime from './by-time.js';
import type { TimeNames, TimePlace } from './by-time.js';
import type { LoanStep } from './rows.js';
import { loansStream, patronsStream } from './spec.js';

export interface LibraryOptions {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly pageRows?: number;
  readonly overlapSeconds?: number;
  readonly loansFrom?: 'retained' | 'now';
  /** Our name of a field → the library's. */
  readonly fields?: Readonly<Record<string, string>>;
  /** The hub may lend and take back through it. */
  readonly lends?: boolean;
  readonly http?: Partial<HttpLimits>;
}

const PAGE_ROWS = 500;
const OVERLAP_S = 10;
const CLOCK_SKEW_MAX_MS = 60_000;
const PATRONS = '/api/v1/patrons';
const CHECKOUTS = '/api/v1/checkouts';
const PATRON: TimeNames = { time: 'updated_on', id: 'patron_id' };
const CHECKOUT: TimeNames = { time: 'timestamp', id: 'checkout_id' };

const streams: readonly [StreamSpec, StreamSpec] = [
  patronsStream({
    listing: { absence: 'point-read' },
    feed: true,
    delivery:
      'Every reader of each listing, and every change in order of updated_on. Changes between two readings are seen as their sum.',
    pollMsDefault: 5_000,
  }),
  loansStream({
    listing: null,
    feed: true,
    delivery:
      'Every check-out, the last renewal seen at each reading, and every return, at least once. Several renewals between two readings show as a jump of renewals.',
    pollMsDefault: 5_000,
  }),
];

/** Specification of `library/rest`. */
export const libraryRestSpec: ConnectorSpec = {
  kind: 'library/rest',
  title: { en: 'Library: Koha-like REST', zh: '图书馆：REST 接口（Koha 式）' },
  summary: 'Reads readers and loans from a library system that speaks `openapi/library.yaml`, as Koha does.',
  options: {
    type: 'object',
    required: ['url', 'clientId', 'clientSecret'],
    additionalProperties: false,
    properties: {
      url: { type: 'string', minLength: 1, description: 'Base address, without /api/v1.' },
      clientId: { type: 'string', minLength: 1, description: 'OAuth 2.0 client.' },
      clientSecret: { type: 'string', minLength: 1, writeOnly: true, description: 'Its secret.' },
      pageRows: {
        type: 'integer',
        minimum: 1,
        maximum: 1000,
        default: PAGE_ROWS,
        description: 'Rows of a page (_per_page).',
      },
      overlapSeconds: {
        type: 'integer',
        minimum: 0,
        maximum: 3600,
        default: OVERLAP_S,
        description:
          'Each reading begins so long before the newest change seen, for rows that were committed late.',
      },
      loansFrom: {
        enum: ['retained', 'now'],
        default: 'retained',
        description:
          'Where a hub without a position begins: at the oldest loan that the library keeps, or now.',
      },
      fields: {
        type: 'object',
        maxProperties: 32,
        additionalProperties: { type: 'string', minLength: 1, maxLength: 64 },
        default: {},
        description: 'Our name of a field → the library’s, where a version of the library has renamed one.',
      },
      lends: {
        type: 'boolean',
        default: false,
        description: 'Whether desks lend and take back through the hub. It needs a client that may write.',
      },
      http: httpOptionsSchema,
    },
  },
  streams,
  quirks: [
    'updated_on has whole seconds and is shared by many readers after a migration: a place is the pair of time and id.',
    'A first page that is still the same (ETag, 304) ends a reading: a poll that finds nothing costs one small answer.',
    'A field that no row of a page has was renamed: the stream stops and names it (PROTOCOL), nothing is guessed. The option fields gives the new name.',
    'A reader who was deleted is gone without a word; a listing finds it, and asking for the reader proves it.',
    'Library and card core agree mostly: patron_card_lost is what the library was told.',
    'Loans that the library has made anonymous keep their steps and lose their reader.',
  ],
};

/** A page as it came, before it is made into rows. */
interface Fetched {
  readonly items: readonly Item[];
  readonly asOf: number;
  readonly total: number | undefined;
  readonly etag: string | undefined;
  readonly unchanged: boolean;
  /** As many rows as were asked for. */
  readonly isFull: boolean;
}

const header = (answer: HttpAnswer, name: string): string | undefined => {
  const value = answer.headers[name];
  return typeof value === 'string' ? value : undefined;
};

function asOfDate(answer: HttpAnswer, what: string): number {
  const at = Date.parse(header(answer, 'date') ?? '');
  if (!Number.isNaN(at)) return at;
  throw new ConnectorError('PROTOCOL', `${what}: no Date header in the answer`, 'later');
}

function renamer(fields: Readonly<Record<string, string>>): (item: Item) => Item {
  const pairs = Object.entries(fields);
  if (pairs.length === 0) return (item) => item;
  return (item) => {
    const row: Record<string, unknown> = { ...item };
    for (const [ours, theirs] of pairs) {
      row[ours] = item[theirs];
      if (theirs !== ours && !(theirs in fields)) delete row[theirs];
    }
    return row;
  };
}

type Get = (
  path: string,
  query: string,
  required: readonly string[],
  signal: AbortSignal,
  etag?: string,
) => Promise<Fetched>;

/** `library/rest` */
export const libraryRest: ConnectorFactory = {
  spec: libraryRestSpec,
  open(given: Record<string, unknown>, context: ConnectorContext): Connector {
    const options = given as unknown as LibraryOptions;
    const pool = createHttp(options.url, options.http ?? {}, context);
    const client = { ...options, tokenPath: '/api/v1/oauth/token' };
    const http = withClientCredentials(pool, client, context);
    const get = getter(http, options);
    // A write is tried once: after a cut nobody knows whether it was done.
    const once =
      options.lends === true ? createHttp(options.url, { ...options.http, ...ONCE }, context) : null;
    const has = (id: string, signal: AbortSignal): Promise<boolean> =>
      http.read(
        { method: 'GET', path: `${PATRONS}/${encodeURIComponent(id)}`, headers: JSON_ONLY },
        (answer) => {
          expectOk(answer, `${PATRONS}/{id}`, [404]);
          return answer.status === 200;
        },
        signal,
      );
    const overlapMs = (options.overlapSeconds ?? OVERLAP_S) * 1000;
    const patrons = patronStream(get, has, overlapMs);
    const loans = loanStream(get, overlapMs, options.loansFrom ?? 'retained');
    const skew = async (signal: AbortSignal): Promise<number> => {
      const before = context.now();
      const { asOf } = await get(PATRONS, '_order_by=patron_id', [], signal);
      // The Date header has whole seconds.
      return asOf + 500 - (before + context.now()) / 2;
    };
    return {
      spec: libraryRestSpec,
      check: async (signal) => [
        await checked('login and clock', signal, async () => {
          const ms = Math.round(await skew(signal));
          const ok = Math.abs(ms) <= CLOCK_SKEW_MAX_MS;
          return { ok, detail: `logged in; the library’s clock is ${ms} ms from ours` };
        }),
        await checked('patrons', signal, async () => ({
          ok: true,
          detail: `the library counts ${String(await patrons.count?.(signal))} readers`,
        })),
        await checked('loans', signal, async () => {
          const page = await loans.changes(null, signal);
          return { ok: true, detail: `${page.rows.length} loans on the first page` };
        }),
      ],
      stream: streamsOf(libraryRestSpec.kind, [patrons, loans]),
      clockSkewMs: skew,
      ...(once !== null && { lends: lendsBooks(withClientCredentials(once, client, context)) }),
      close: async () => {
        await Promise.all([pool.close(), once?.close()]);
      },
    };
  },
};

/** A desk waits for it, so it is tried once and not for long. */
const ONCE = { attempts: 1, connectMs: 2_000, headersMs: 4_000, bodyMs: 4_000, totalMs: 4_500 };
const JSON_ONLY = { accept: 'application/json' } as const;

function getter(http: Pick<ReturnType<typeof createHttp>, 'read'>, options: LibraryOptions): Get {
  const renamed = renamer(options.fields ?? {});
  const perPage = options.pageRows ?? PAGE_ROWS;
  return (path, query, required, signal, etag) => {
    const headers = etag === undefined ? JSON_ONLY : { ...JSON_ONLY, 'if-none-match': etag };
    return http.read(
      { method: 'GET', path: `${path}?${query}&_per_page=${perPage}`, headers },
      (answer) => {
        expectOk(answer, path, etag === undefined ? [] : [304]);
        const unchanged = answer.status === 304;
        const items = unchanged ? [] : itemsOf(parseJson(answer.body, path), path).map(renamed);
        expectFields(items, required, path, 'Name the new one in the option fields.');
        const total = Number(header(answer, 'x-base-total-count') ?? NaN);
        return {
          isFull: items.length >= perPage,
          ...{ items, unchanged, asOf: asOfDate(answer, path), etag: header(answer, 'etag') },
          total: Number.isSafeInteger(total) ? total : undefined,
        };
      },
      signal,
    );
  };
}

const PATRON_FIELDS = ['patron_id', 'patron_card_lost', 'updated_on'];

function patronListing(get: Get): Stream['snapshotPage'] {
  return async (cursor, signal) => {
    const after = isObject(cursor) ? Number(cursor['after']) : 0;
    const before = isObject(cursor) ? Number(cursor['rows']) : 0;
    const q = encodeURIComponent(JSON.stringify({ patron_id: { '>': after } }));
    const query = `_order_by=patron_id${after === 0 ? '' : `&q=${q}`}`;
    const { items, asOf, total } = await get(PATRONS, query, PATRON_FIELDS, signal);
    let last = after;
    for (const item of items) {
      const id = byTime.numberOf(item['patron_id'], `${PATRONS} patron_id`);
      if (id <= last)
        throw new ConnectorError('PROTOCOL', `${PATRONS}: patron_id ${id} does not follow ${last}`, 'later');
      last = id;
    }
    const rows = before + items.length;
    // A server may give fewer rows than were asked for: only its own count, or an empty page, is the end.
    const end = items.length === 0 || (total !== undefined && rows >= total);
    return {
      rows: items.map((item) => lazyRow(String(item['patron_id']), String(item['patron_id']), item)),
      next: { after: last, rows },
      state: end ? 'end' : 'more',
      asOf,
      ...(total === undefined ? {} : { total }),
      ...(end ? { absenceUsable: rows > 0 && (total === undefined || rows >= total) } : {}),
    };
  };
}

function patronStream(
  get: Get,
  has: (id: string, signal: AbortSignal) => Promise<boolean>,
  overlapMs: number,
): Stream {
  return {
    spec: streams[0],
    reparse: reparseJson,
    async feedStart(signal) {
      // The library's own clock, so that a change of this second is not missed.
      const { asOf } = await get(PATRONS, '_order_by=patron_id', [], signal);
      return byTime.placeAt(new Date(asOf - overlapMs).toISOString());
    },
    snapshotPage: patronListing(get),
    async changes(cursor, signal) {
      const place = byTime.placeOf(cursor);
      const query = byTime.queryOf(place, PATRON);
      const page = await get(
        PATRONS,
        query,
        PATRON_FIELDS,
        signal,
        byTime.isStart(place) ? place.etag : undefined,
      );
      const read = step(place, page, PATRON, PATRONS, overlapMs);
      const rows = page.items.map((item) => {
        const id = String(item['patron_id']);
        return lazyRow(id, `${String(item['updated_on'])}/${id}`, item);
      });
      return { rows, next: read.next, state: read.end ? 'end' : 'more', asOf: page.asOf };
    },
    async lookup(ids, signal) {
      const found = new Set<string>();
      for (const id of ids) if (await has(id, signal)) found.add(id);
      return found;
    },
    async count(signal) {
      const { total } = await get(PATRONS, '_order_by=patron_id', [], signal);
      if (total !== undefined) return total;
      throw new ConnectorError('PROTOCOL', `${PATRONS}: no x-base-total-count in the answer`, 'later');
    },
  };
}

/** One page of a round: where to go on, and whether the round has ended. */
function step(
  place: TimePlace,
  { items, etag, unchanged, isFull }: Fetched,
  names: TimeNames,
  what: string,
  overlapMs: number,
): { readonly next: TimePlace; readonly end: boolean } {
  if (unchanged) return { next: place, end: true };
  const read = byTime.behind(place, items, names, what);
  if (items.length === 0) return { next: byTime.nextRound(read, overlapMs, place.etag), end: true };
  // Behind a full page there may be rows that the page's tag does not tell of.
  const isWhole = byTime.isStart(place) && !isFull && etag !== undefined;
  return { next: isWhole ? { ...read, etag } : read, end: false };
}

type LoanCursor = {
  readonly list: 'out' | 'in';
  readonly out: TimePlace;
  readonly in: TimePlace;
  /** Where the open loans' reading of this round began: what happened since then may be news. */
  readonly since: string;
};

function loanCursor(value: unknown): LoanCursor {
  if (isObject(value) && isObject(value['out'])) return value as unknown as LoanCursor;
  return { list: 'out', out: byTime.placeAt(''), in: byTime.placeAt(''), since: '' };
}

const LOAN_FIELDS = ['checkout_id', 'item_id', 'checkout_date', 'timestamp', 'patron_id'];

/** Steps that earlier rounds cannot have told: of a loan that was out and back between two readings, all of them. */
function stepsOf(item: Item, cursor: LoanCursor): LoanStep[] {
  const steps: LoanStep[] = [];
  if (byTime.isNew(item['checkout_date'], cursor.since)) steps.push('out');
  const isRenewed = Number(item['renewals_count'] ?? 0) > 0;
  if (isRenewed && byTime.isNew(item['last_renewed_date'], cursor.since)) steps.push('renewed');
  if (cursor.list === 'in' && byTime.isNew(item['checkin_date'], cursor.in.since)) steps.push('in');
  return steps;
}

/** Open loans first, then closed ones: a loan that is closed in between is in the second list, and is not missed. */
function loanStream(get: Get, overlapMs: number, from: 'retained' | 'now'): Stream {
  const spec = streams[1];
  return {
    spec,
    ...(from === 'now' && { beginsNow: true }),
    reparse: reparseJson,
    async feedStart(signal) {
      if (from === 'retained') return loanCursor(null);
      const { asOf } = await get(PATRONS, '_order_by=patron_id', [], signal);
      const since = new Date(asOf - overlapMs).toISOString();
      return { list: 'out', out: byTime.placeAt(since), in: byTime.placeAt(since), since };
    },
    snapshotPage: async () => {
      throw new ConnectorError('CONFIG', `stream ${spec.name} has no listing`, 'never');
    },
    async changes(given, signal): Promise<Page> {
      const cursor = loanCursor(given);
      const { list } = cursor;
      const place = cursor[list];
      const what = `${CHECKOUTS}?checked_in=${list === 'in' ? 1 : 0}`;
      const query = `checked_in=${list === 'in' ? 1 : 0}&${byTime.queryOf(place, CHECKOUT)}`;
      const required = list === 'in' ? [...LOAN_FIELDS, 'checkin_date'] : LOAN_FIELDS;
      const page = await get(
        CHECKOUTS,
        query,
        required,
        signal,
        byTime.isStart(place) ? place.etag : undefined,
      );
      const read = step(place, page, CHECKOUT, what, overlapMs);
      const rows = page.items.map((item) => {
        const id = String(item['checkout_id']);
        const at = `${list}/${String(item['timestamp'])}/${id}`;
        return lazyRow(id, at, { ...item, tells: stepsOf(item, cursor) });
      });
      const next: LoanCursor = { ...cursor, [list]: read.next };
      const last = list === 'in' && read.end;
      const turned: LoanCursor = read.end ? { ...next, list: list === 'in' ? 'out' : 'in' } : next;
      const begun = last ? { ...turned, since: turned.out.since } : turned;
      return { rows, next: begun, state: last ? 'end' : 'more', asOf: page.asOf };
    },
  };
}
