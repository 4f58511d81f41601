import type { components } from '../../openapi/access-control.js';
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
import {
  createHttp,
  expectOk,
  httpOptionsSchema,
  pageRowsSchema,
  type Http,
  type HttpLimits,
} from '../sdk-http.js';
import { isObject, parseJson } from '../sdk-json.js';
import { assertAscending, checked, lazyRow, reparseJson } from '../sdk-pages.js';
import { doorsStream, grantsStream, swipesStream } from './spec.js';

type Event = components['schemas']['Event'];

export interface RestOptions {
  readonly url: string;
  readonly apiKey: string;
  readonly pageRows?: number;
  readonly eventsFrom?: 'retained' | 'now';
  readonly http?: Partial<HttpLimits>;
}

const PAGE_ROWS = 1_000;

const listing = {
  listing: { absence: 'keyset' },
  feed: false,
  delivery: 'Every row of each listing; changes between two listings are seen as their sum.',
  pollMsDefault: 10_000,
} as const;

const streams: readonly [StreamSpec, StreamSpec, StreamSpec] = [
  doorsStream(listing),
  grantsStream(listing),
  swipesStream({
    listing: null,
    feed: true,
    delivery:
      'Every event at least once, in order of arrival at the vendor’s server, while the vendor keeps it; late uploads come when they arrive. A hub that was away longer than the vendor keeps events misses those (error CURSOR).',
    pollMsDefault: 1_000,
  }),
];

/** Specification of `access-control/rest`. */
export const accessRestSpec: ConnectorSpec = {
  kind: 'access-control/rest',
  title: { en: 'Access control: REST vendor', zh: '门禁系统：REST 接口' },
  summary: 'Reads doors, grants and door events from a vendor that speaks `openapi/access-control.yaml`.',
  options: {
    type: 'object',
    required: ['url', 'apiKey'],
    additionalProperties: false,
    properties: {
      url: { type: 'string', minLength: 1, description: 'Base address, without /v1.' },
      apiKey: { type: 'string', minLength: 1, writeOnly: true, description: 'Sent as X-Api-Key.' },
      pageRows: pageRowsSchema(PAGE_ROWS),
      eventsFrom: {
        enum: ['retained', 'now'],
        default: 'retained',
        description:
          'Where a hub without a position begins: at the oldest event that the vendor keeps, or now.',
      },
      http: httpOptionsSchema,
    },
  },
  streams,
  quirks: [
    'Events come in order of arrival; occurredAt is the device’s clock and may be hours old or wrong.',
    'A membership is a grant whose resource is a group.',
    'A page that does not follow its cursor is refused and asked for again.',
  ],
};

/** `access-control/rest` */
export const accessRest: ConnectorFactory = {
  spec: accessRestSpec,
  open(given: Record<string, unknown>, context: ConnectorContext): Connector {
    const options = given as unknown as RestOptions;
    const http = createHttp(options.url, options.http ?? {}, context);
    const get: Get = (path, accept, signal) =>
      http.read(
        { method: 'GET', path, headers: { 'x-api-key': options.apiKey, accept: 'application/json' } },
        (answer) => {
          expectOk(answer, path);
          const body = parseJson(answer.body, path);
          if (!isObject(body)) throw new ConnectorError('PROTOCOL', `${path}: an object was expected`, 'now');
          return accept(body);
        },
        signal,
      );
    const limit = options.pageRows ?? PAGE_ROWS;
    const byName = new Map<string, Stream>([
      ['doors', listingStream(streams[0], '/v1/doors', limit, get, http, options)],
      ['grants', listingStream(streams[1], '/v1/grants', limit, get, http, options)],
      ['swipes', eventStream(streams[2], limit, options.eventsFrom ?? 'retained', get)],
    ]);
    const skew = async (signal: AbortSignal): Promise<number> => {
      const before = context.now();
      const now = await get('/v1/clock', (body) => instant(body['now'], '/v1/clock now'), signal);
      return now - (before + context.now()) / 2;
    };
    return {
      spec: accessRestSpec,
      check: async (signal) => {
        const clock = await checked('key and clock', signal, async () => {
          const ms = Math.round(await skew(signal));
          return { ok: Math.abs(ms) <= 60_000, detail: `the vendor’s clock is ${ms} ms from ours` };
        });
        const doors = await checked('doors', signal, async () => {
          const page = await byName.get('doors')?.snapshotPage(null, signal);
          return { ok: true, detail: `${page?.total ?? page?.rows.length ?? 0} doors` };
        });
        return [clock, doors];
      },
      stream: streamsOf(accessRestSpec.kind, byName.values()),
      clockSkewMs: skew,
      close: () => http.close(),
    };
  },
};

type Body = Readonly<Record<string, unknown>>;
type Get = <T>(path: string, accept: (body: Body) => T, signal: AbortSignal) => Promise<T>;

interface Envelope {
  readonly items: readonly Body[];
  readonly next: string | null;
  readonly asOf: number;
  readonly total: number | undefined;
}

function envelope(body: Body, what: string): Envelope {
  const { items, next, asOf, total } = body;
  if (!Array.isArray(items) || !items.every(isObject) || (next !== null && typeof next !== 'string')) {
    throw new ConnectorError('PROTOCOL', `${what}: {items: [objects], next, asOf} was expected`, 'now');
  }
  return {
    items,
    next,
    asOf: instant(asOf, `${what} asOf`),
    total: typeof total === 'number' ? total : undefined,
  };
}

function instant(value: unknown, what: string): number {
  const at = typeof value === 'string' && /^\d{4}-.*(Z|[+-]\d\d:\d\d)$/.test(value) ? Date.parse(value) : NaN;
  if (Number.isNaN(at))
    throw new ConnectorError('PROTOCOL', `${what}: ISO 8601 with an offset expected`, 'now');
  return at;
}

const feedless = (spec: StreamSpec) =>
  new ConnectorError('CONFIG', `stream ${spec.name} has no feed`, 'never');

function listingStream(
  spec: StreamSpec,
  path: string,
  limit: number,
  get: Get,
  http: Http,
  options: RestOptions,
): Stream {
  return {
    spec,
    reparse: reparseJson,
    feedStart: async () => null,
    changes: async () => {
      throw feedless(spec);
    },
    async snapshotPage(cursor, signal) {
      const after = isObject(cursor) && typeof cursor['after'] === 'string' ? cursor['after'] : '';
      const before = isObject(cursor) ? Number(cursor['rows']) : 0;
      const query = `${path}?limit=${limit}&after=${encodeURIComponent(after)}`;
      return get(query, (body) => listingPage(envelope(body, path), after, before, path), signal);
    },
    async lookup(ids, signal) {
      const found = new Set<string>();
      for (const id of ids) {
        const there = await http.read(
          {
            method: 'GET',
            path: `${path}/${encodeURIComponent(id)}`,
            headers: { 'x-api-key': options.apiKey },
          },
          (answer) => {
            expectOk(answer, `${path}/{id}`, [404]);
            return answer.status === 200;
          },
          signal,
        );
        if (there) found.add(id);
      }
      return found;
    },
    async count(signal) {
      const { total } = await get(`${path}?limit=1`, (body) => envelope(body, path), signal);
      if (total === undefined)
        throw new ConnectorError('PROTOCOL', `${path}: no total in the answer`, 'later');
      return total;
    },
  };
}

function listingPage(
  { items, next, asOf, total }: Envelope,
  after: string,
  before: number,
  what: string,
): Page {
  const ids = items.map((item) => item['id']);
  if (!ids.every((id): id is string => typeof id === 'string' && id !== '')) {
    throw new ConnectorError('PROTOCOL', `${what}: an item without an id`, 'later');
  }
  assertAscending(ids, after, what);
  if (next !== null) assertAscending([next], after, `${what} next`);
  const rows = before + items.length;
  return {
    rows: items.map((item, i) => lazyRow(ids[i] ?? '', ids[i] ?? '', item)),
    next: { after: next ?? ids.at(-1) ?? after, rows },
    state: next === null ? 'end' : 'more',
    asOf,
    ...(total === undefined ? {} : { total }),
    // Fewer rows than the vendor itself counts: something is missing that is not gone.
    ...(next === null ? { absenceUsable: rows > 0 && (total === undefined || rows >= total) } : {}),
  };
}

function eventStream(spec: StreamSpec, limit: number, from: 'retained' | 'now', get: Get): Stream {
  return {
    spec,
    ...(from === 'now' && { beginsNow: true }),
    reparse: reparseJson,
    async feedStart(signal) {
      if (from === 'retained') return { seq: 0 };
      return { seq: await get('/v1/head', (body) => sequence(body['seq']), signal) };
    },
    snapshotPage: async () => {
      throw new ConnectorError('CONFIG', `stream ${spec.name} has no listing`, 'never');
    },
    async changes(cursor, signal) {
      const after = isObject(cursor) ? sequence(cursor['seq']) : 0;
      const query = `/v1/events?limit=${limit}&after=${after}`;
      return get(query, (body) => eventPage(envelope(body, '/v1/events'), after), signal);
    },
  };
}

function sequence(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new ConnectorError('PROTOCOL', '/v1/events: seq must be an integer', 'later');
}

function eventPage({ items, next, asOf }: Envelope, after: number): Page {
  let last = after;
  const rows = items.map((item) => {
    const { seq: given, id } = item as Partial<Event>;
    const seq = sequence(given);
    if (seq <= last) {
      const message = `/v1/events: seq ${seq} does not follow ${last}: a repeated page`;
      throw new ConnectorError('PROTOCOL', message, 'now');
    }
    last = seq;
    return lazyRow(typeof id === 'string' ? id : `seq-${seq}`, String(seq), item);
  });
  return { rows, next: { seq: last }, state: next === null ? 'end' : 'more', asOf };
}
