import { ConnectorError, type Page, type Stream, type StreamSpec } from './sdk.js';
import { isObject } from './sdk-json.js';
import { assertAscending, lazyRow, reparseJson } from './sdk-pages.js';

/**
 * The two shapes that most REST vendors have: a listing cut by key (`id > after`) and a feed by a sequence number.
 * A connector says how to ask for a page and how the envelope is called; this says what a page must keep.
 */
export type Item = Readonly<Record<string, unknown>>;

/** A vendor's envelope in our words. */
export interface Envelope {
  readonly items: readonly Item[];
  /** More pages follow. */
  readonly more: boolean;
  /** Upstream's time, epoch ms. */
  readonly asOf: number;
  /** Upstream's own count of a complete listing. */
  readonly total?: number;
}

/** Asks for the page behind `after` ('' or '0' at the start); `accept` runs inside the attempt, so that it can be retried. */
export type AskPage = <T>(
  after: string,
  accept: (page: Envelope) => T,
  signal: AbortSignal,
  limit?: number,
) => Promise<T>;

export interface ItemShape {
  /** For messages: the path of the listing. */
  readonly what: string;
  /** Name of the id among an item's fields. */
  readonly id: string;
  /** Fields that every item has; when none of a page's has one, the vendor has renamed it. */
  readonly fields: readonly string[];
}

const none = (spec: StreamSpec, what: string) =>
  new ConnectorError('CONFIG', `stream ${spec.name} has no ${what}`, 'never');

/** An array of objects, or a clear refusal. @throws ConnectorError PROTOCOL */
export function itemsOf(value: unknown, what: string): readonly Item[] {
  if (Array.isArray(value) && value.every(isObject)) return value;
  throw new ConnectorError('PROTOCOL', `${what}: a list of objects was expected`, 'now');
}

/**
 * A field that no row of a page has was renamed or dropped upstream: the stream stops and says so, instead of filling
 * the quarantine with every row. A field that some rows lack is those rows' own fault.
 * @throws ConnectorError PROTOCOL
 */
export function expectFields(
  items: readonly Item[],
  fields: readonly string[],
  what: string,
  hint = '',
): void {
  const [first] = items;
  if (first === undefined) return;
  const missing = fields.find((field) => items.every((item) => item[field] === undefined));
  if (missing === undefined) return;
  const names = Object.keys(first).slice(0, 40).join(', ');
  const message = `${what}: none of ${items.length} rows has "${missing}"; they have: ${names}. The upstream has renamed or dropped it.`;
  throw new ConnectorError('PROTOCOL', hint === '' ? message : `${message} ${hint}`, 'later');
}

function idsOf(items: readonly Item[], { what, id }: ItemShape): string[] {
  return items.map((item) => {
    const value = item[id];
    if (typeof value === 'string' && value !== '') return value;
    throw new ConnectorError('PROTOCOL', `${what}: an item without ${id}`, 'later');
  });
}

/**
 * A listing whose pages are cut by key, in binary order of the id: rows cannot move between pages, so an absence is
 * proven. @param has the point read: whether the upstream still has this id
 */
export function keysetListing(
  spec: StreamSpec,
  shape: ItemShape,
  ask: AskPage,
  has: (id: string, signal: AbortSignal) => Promise<boolean>,
): Stream {
  const page = ({ items, more, asOf, total }: Envelope, after: string, before: number): Page => {
    const ids = idsOf(items, shape);
    assertAscending(ids, after, shape.what);
    expectFields(items, shape.fields, shape.what);
    const rows = before + items.length;
    return {
      rows: items.map((item, i) => lazyRow(ids[i] ?? '', ids[i] ?? '', item)),
      next: { after: ids.at(-1) ?? after, rows },
      state: more ? 'more' : 'end',
      asOf,
      ...(total === undefined ? {} : { total }),
      // Fewer rows than the upstream itself counts: something is missing that is not gone.
      ...(more ? {} : { absenceUsable: rows > 0 && (total === undefined || rows >= total) }),
    };
  };
  return {
    spec,
    reparse: reparseJson,
    feedStart: async () => null,
    changes: async () => {
      throw none(spec, 'feed');
    },
    snapshotPage(cursor, signal) {
      const after = isObject(cursor) && typeof cursor['after'] === 'string' ? cursor['after'] : '';
      const before = isObject(cursor) ? Number(cursor['rows']) : 0;
      return ask(after, (envelope) => page(envelope, after, before), signal);
    },
    async lookup(ids, signal) {
      const found = new Set<string>();
      for (const id of ids) if (await has(id, signal)) found.add(id);
      return found;
    },
    count: (signal) =>
      ask(
        '',
        ({ total }) => {
          if (total !== undefined) return total;
          throw new ConnectorError('PROTOCOL', `${shape.what}: no total in the answer`, 'later');
        },
        signal,
        1,
      ),
  };
}

function sequence(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new ConnectorError('PROTOCOL', `${what}: seq must be an integer`, 'later');
}

/** A feed in order of arrival: items carry a rising `seq`, and the vendor gives those behind a number. */
export function sequenceFeed(spec: StreamSpec, shape: ItemShape, ask: AskPage): Stream {
  const page = ({ items, more, asOf }: Envelope, after: number): Page => {
    let last = after;
    expectFields(items, [...shape.fields, 'seq'], shape.what);
    const rows = items.map((item) => {
      const seq = sequence(item['seq'], shape.what);
      if (seq <= last) {
        const message = `${shape.what}: seq ${seq} does not follow ${last}: a repeated page`;
        throw new ConnectorError('PROTOCOL', message, 'now');
      }
      last = seq;
      const id = item[shape.id];
      return lazyRow(typeof id === 'string' && id !== '' ? id : `seq-${seq}`, String(seq), item);
    });
    return { rows, next: { seq: last }, state: more && items.length > 0 ? 'more' : 'end', asOf };
  };
  return {
    spec,
    reparse: reparseJson,
    feedStart: async () => ({ seq: 0 }),
    snapshotPage: async () => {
      throw none(spec, 'listing');
    },
    changes(cursor, signal) {
      const after = isObject(cursor) ? sequence(cursor['seq'], 'cursor') : 0;
      return ask(String(after), (envelope) => page(envelope, after), signal);
    },
  };
}
