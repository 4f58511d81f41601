import {
  ConnectorError,
  type Cursor,
  type Page,
  type SourceRow,
  type Stream,
  type StreamSpec,
} from '../sdk.js';
import { isObject } from '../sdk-json.js';
import { assertAscending, lazyRow, reparseJson } from '../sdk-pages.js';
import { parseShanghai, type Payload, type Tsm } from './tsm.js';

/**
 * Streams over the gateway's families of methods `cardhub.{noun}.list`, `.head`, `.changes`, `.lookup`: one shape for
 * cards, accounts and devices (a listing, most with a feed), and for transactions and top-ups (a feed).
 */
export type Order = 'keyset' | 'page';

export interface Noun {
  /** As in the methods' names and in their answers. */
  readonly noun: 'card' | 'account' | 'device' | 'trade' | 'topup';
  /** The field that is the row's natural id; events: absent. */
  readonly id: string;
  /** The look-up's field. */
  readonly lookup?: string;
  /** The listing is in order of the number, not of the text. */
  readonly numeric?: boolean;
  /** A feed entry → its row. */
  readonly entry: EntryRow;
}

/** Rows of the feed carry the thing under its noun, and what happened beside it. */
const thingWithChange =
  (noun: string, id: string): EntryRow =>
  (entry, seq) => {
    const { [noun]: thing, ...change } = entry;
    if (!isObject(thing)) return lazyRow(`seq-${seq}`, seq, entry);
    const natural = thing[id];
    return lazyRow(typeof natural === 'string' ? natural : `seq-${seq}`, seq, { ...thing, change }, entry);
  };

/** Rows of the feed carry the thing as it stands when asked. */
const thingAlone =
  (noun: string, id: string): EntryRow =>
  (entry, seq) => {
    const thing = entry[noun];
    if (!isObject(thing)) return lazyRow(`seq-${seq}`, seq, entry);
    const natural = thing[id];
    return lazyRow(typeof natural === 'string' ? natural : `seq-${seq}`, seq, thing);
  };

/** The entry is the event. */
const eventRow: EntryRow = (entry, seq) => {
  const { seq: _, ...data } = entry;
  return lazyRow(seq, seq, data);
};

export const NOUNS = {
  cards: { noun: 'card', id: 'cardno', lookup: 'cardnos', entry: thingWithChange('card', 'cardno') },
  accounts: {
    ...{ noun: 'account', id: 'account', lookup: 'accounts', numeric: true },
    entry: thingAlone('account', 'account'),
  },
  devices: { noun: 'device', id: 'termid', entry: eventRow },
  transactions: { noun: 'trade', id: '', entry: eventRow },
  'top-ups': { noun: 'topup', id: '', entry: eventRow },
} as const satisfies Readonly<Record<string, Noun>>;

const LOOKUP_MAX = 200;

interface StreamOptions {
  readonly spec: StreamSpec;
  readonly noun: Noun;
  readonly limit: string;
  readonly order: Order;
}

export function gatewayStream(tsm: Tsm, options: StreamOptions): Stream {
  const { spec, noun, limit, order } = options;
  const method = (verb: string): string => `cardhub.${noun.noun}.${verb}`;
  const none = (what: string): never => {
    throw new ConnectorError('CONFIG', `stream ${spec.name} has no ${what}`, 'never');
  };
  return {
    spec,
    async feedStart(signal) {
      if (!spec.feed) return null;
      // Events that happened before the first poll are as good as later ones: a feed without a listing begins there.
      const field = spec.listing === null ? 'oldest' : 'seq';
      const seq = (head: Payload): string => decimal(head[field], `${method('head')} ${field}`);
      return { seq: await tsm.call(method('head'), {}, seq, signal) };
    },
    async snapshotPage(cursor, signal) {
      if (spec.listing === null) return none('listing');
      const at: ListCursor = isObject(cursor)
        ? (cursor as unknown as ListCursor)
        : { after: '', page: 1, rows: 0 };
      const where = order === 'keyset' ? { after: at.after } : { page: String(at.page) };
      const accept = (payload: Payload): Page => listPage(payload, at, noun, order);
      return tsm.call(method('list'), { ...where, limit, order }, accept, signal);
    },
    async changes(cursor, signal) {
      if (!spec.feed) return none('feed');
      const after = isObject(cursor) ? decimal(cursor['seq'], 'cursor') : '0';
      const accept = (payload: Payload): Page => changePage(payload, after, noun.noun, noun.entry);
      try {
        return await tsm.call(method('changes'), { after, limit }, accept, signal);
      } catch (error) {
        if (!(error instanceof ConnectorError) || error.details.upstreamCode !== '60024') throw error;
        const message = `the feed no longer reaches back to ${after}: a new listing is needed`;
        throw new ConnectorError('CURSOR', message, 'later', { upstreamCode: '60024', cause: error });
      }
    },
    async reparse(raw) {
      const row = await reparseJson(raw);
      return isObject(row) && typeof row['seq'] === 'string' ? noun.entry(row, row['seq']).data : row;
    },
    ...(noun.lookup === undefined ? {} : { lookup: lookupOf(tsm, noun, noun.lookup) }),
    ...(spec.listing === null ? {} : { count: countOf(tsm, noun, order) }),
  };
}

function lookupOf(tsm: Tsm, { noun, id }: Noun, field: string): NonNullable<Stream['lookup']> {
  const method = `cardhub.${noun}.lookup`;
  return async (ids, signal) => {
    const found = new Set<string>();
    for (let i = 0; i < ids.length; i += LOOKUP_MAX) {
      const asked = { [field]: ids.slice(i, i + LOOKUP_MAX).join(',') };
      const things = (payload: Payload) => objects(payload[noun], `${method} ${noun}`);
      for (const thing of await tsm.call(method, asked, things, signal)) found.add(decimal(thing[id], id));
    }
    return found;
  };
}

function countOf(tsm: Tsm, { noun }: Noun, order: Order): NonNullable<Stream['count']> {
  const first = { after: '', page: '1', limit: '1', order };
  const total = (payload: Payload): number => Number(decimal(payload['total'], 'total'));
  return (signal) => tsm.call(`cardhub.${noun}.list`, first, total, signal);
}

interface ListCursor {
  /** Keyset: the last cardno. */
  readonly after: string;
  /** Page order: the next page number. */
  readonly page: number;
  /** Rows so far. */
  readonly rows: number;
}

function listPage(
  payload: Payload,
  at: ListCursor,
  { noun, id: idField, numeric }: Noun,
  order: Order,
): Page {
  const what = `cardhub.${noun}.list`;
  const things = objects(payload[noun], `${what} ${noun}`);
  const ids = things.map((thing, i) => {
    const id = thing[idField];
    return typeof id === 'string' ? id : `page-${at.page}-${i}`;
  });
  if (order === 'keyset') assertAscending(ids, at.after, what, numeric);
  const rows = things.map((card, i): SourceRow => {
    const id = ids[i] ?? '';
    // By page a row may come twice, so its place is part of where it stands.
    return lazyRow(id, order === 'keyset' ? id : `${at.page}.${i}:${id}`, card);
  });
  const more = payload['more'] === '1';
  if (more && rows.length === 0 && order === 'keyset') {
    throw new ConnectorError('PROTOCOL', `${what}: an empty page that says there is more`, 'now');
  }
  const next = { after: ids.at(-1) ?? at.after, page: at.page + 1, rows: at.rows + rows.length };
  const total =
    payload['total'] === undefined ? undefined : Number(decimal(payload['total'], `${what} total`));
  return {
    rows,
    next: { ...next },
    state: more ? 'more' : 'end',
    asOf: parseShanghai(payload['asof'], `${what} asof`),
    ...(total === undefined ? {} : { total }),
    // Fewer rows than the core itself counts: something is missing that is not gone.
    ...(more ? {} : { absenceUsable: next.rows > 0 && (total === undefined || next.rows >= total) }),
  };
}

/** One entry of a feed → its row. */
type EntryRow = (entry: Readonly<Record<string, unknown>>, seq: string) => SourceRow;

function changePage(payload: Payload, after: string, noun: string, rowOf: EntryRow): Page {
  const what = `cardhub.${noun}.changes`;
  const changes = objects(payload['change'], `${what} change`);
  let last = BigInt(after);
  const rows = changes.map((change): SourceRow => {
    const seq = decimal(change['seq'], `${what} seq`);
    if (BigInt(seq) <= last) {
      const message = `${what}: seq ${seq} does not follow ${last}: a repeated page`;
      throw new ConnectorError('PROTOCOL', message, 'later');
    }
    last = BigInt(seq);
    return rowOf(change, seq);
  });
  const next: Cursor = { seq: decimal(payload['next'], `${what} next`) };
  if (BigInt(next.seq as string) < last) {
    throw new ConnectorError('PROTOCOL', `${what}: next is before the last change`, 'now');
  }
  const state = payload['more'] === '1' ? 'more' : 'end';
  return { rows, next, state, asOf: parseShanghai(payload['asof'], `${what} asof`) };
}

function objects(value: unknown, what: string): readonly Readonly<Record<string, unknown>>[] {
  if (Array.isArray(value) && value.every(isObject)) return value;
  throw new ConnectorError('PROTOCOL', `${what}: a list of objects was expected`, 'now');
}

/** Digits as text: ids and sequence numbers never pass through a Number. */
export function decimal(value: unknown, what: string): string {
  if (typeof value === 'string' && /^\d{1,32}$/.test(value)) return value;
  throw new ConnectorError('PROTOCOL', `${what}: decimal digits expected`, 'later');
}
