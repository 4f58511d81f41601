import {
  ConnectorError,
  type Connector,
  type ConnectorContext,
  type ConnectorFactory,
  type ConnectorSpec,
  type StreamSpec,
  streamsOf,
} from '../sdk.js';
import { createHttp, expectOk, httpOptionsSchema, type HttpLimits } from '../sdk-http.js';
import { isObject, parseJson } from '../sdk-json.js';
import { itemsOf, keysetListing, sequenceFeed, type AskPage, type Envelope } from '../sdk-keyset.js';
import { checked } from '../sdk-pages.js';
import { lockersStream, usesStream } from './spec.js';

export interface LockersOptions {
  readonly url: string;
  readonly token: string;
  readonly pageRows?: number;
  readonly http?: Partial<HttpLimits>;
}

const PAGE_ROWS = 500;
const CLOCK_SKEW_MAX_MS = 60_000;

const streams: readonly [StreamSpec, StreamSpec] = [
  lockersStream({
    listing: { absence: 'keyset' },
    feed: false,
    delivery: 'Every box of each listing; what happens between two listings is seen as its sum.',
    pollMsDefault: 10_000,
  }),
  usesStream({
    listing: null,
    feed: true,
    delivery:
      'Every event at least once, in order of arrival at the vendor’s server, while the vendor keeps it. A hub that was away longer than that misses those (error CURSOR).',
    pollMsDefault: 2_000,
  }),
];

/** Specification of `lockers/rest`. */
export const lockersRestSpec: ConnectorSpec = {
  kind: 'lockers/rest',
  title: { en: 'Bag lockers: REST vendor', zh: '电子寄包柜：REST 接口' },
  summary: 'Reads boxes and sessions from a vendor that speaks `openapi/lockers.yaml`.',
  options: {
    type: 'object',
    required: ['url', 'token'],
    additionalProperties: false,
    properties: {
      url: { type: 'string', minLength: 1, description: 'Base address, without /api.' },
      token: {
        type: 'string',
        minLength: 1,
        writeOnly: true,
        description: 'Sent as Authorization: Token ….',
      },
      pageRows: {
        type: 'integer',
        minimum: 1,
        maximum: 2000,
        default: PAGE_ROWS,
        description: 'Rows of a page.',
      },
      http: httpOptionsSchema,
    },
  },
  streams,
  quirks: [
    'A card is ten decimal digits with leading zeros, as a text. A number is refused: its zeros are gone. The mapping option readerProfile says which bytes of the chip they are.',
    'Times have no offset: Asia/Shanghai.',
    'Some failures come as HTTP 200 with a plain text; they are tried again like any half page.',
    'An opening by staff names no card: a person whose card is lost gets the bag by showing who they are. The session’s id holds its events together.',
  ],
};

/** `yyyy-MM-dd HH:mm:ss` in Asia/Shanghai. */
function shanghai(value: unknown, what: string): number {
  const isStamp = typeof value === 'string' && /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/.test(value);
  const at = isStamp ? Date.parse(`${value.replace(' ', 'T')}+08:00`) : NaN;
  if (!Number.isNaN(at)) return at;
  throw new ConnectorError('PROTOCOL', `${what} now: yyyy-MM-dd HH:mm:ss was expected`, 'now');
}

function envelopeOf(body: unknown, what: string): Envelope {
  if (!isObject(body)) throw new ConnectorError('PROTOCOL', `${what}: an object was expected`, 'now');
  const { total } = body;
  return {
    items: itemsOf(body['items'], what),
    more: body['next'] !== null && body['next'] !== undefined,
    asOf: shanghai(body['now'], what),
    ...(typeof total === 'number' ? { total } : {}),
  };
}

/** `lockers/rest` */
export const lockersRest: ConnectorFactory = {
  spec: lockersRestSpec,
  open(given: Record<string, unknown>, context: ConnectorContext): Connector {
    const options = given as unknown as LockersOptions;
    const http = createHttp(options.url, options.http ?? {}, context);
    const headers = { authorization: `Token ${options.token}`, accept: 'application/json' };
    const ask =
      (path: string): AskPage =>
      (after, accept, signal, limit = options.pageRows ?? PAGE_ROWS) => {
        const query = `${path}?limit=${limit}&after=${encodeURIComponent(after)}`;
        return http.read(
          { method: 'GET', path: query, headers },
          (answer) => {
            expectOk(answer, path);
            return accept(envelopeOf(parseJson(answer.body, path), path));
          },
          signal,
        );
      };
    const has = (id: string, signal: AbortSignal): Promise<boolean> =>
      http.read(
        { method: 'GET', path: `/api/lockers/${encodeURIComponent(id)}`, headers },
        (answer) => {
          expectOk(answer, '/api/lockers/{id}', [404]);
          return answer.status === 200;
        },
        signal,
      );
    const boxes = { what: '/api/lockers', id: 'locker_id', fields: ['state'] };
    const events = { what: '/api/events', id: 'event_id', fields: ['event_id', 'type', 'occurred_at'] };
    const lockers = keysetListing(streams[0], boxes, ask(boxes.what), has);
    const uses = sequenceFeed(streams[1], events, ask(events.what));
    const skew = async (signal: AbortSignal): Promise<number> => {
      const before = context.now();
      const now = await ask(boxes.what)('', ({ asOf }) => asOf, signal, 1);
      // The vendor's clock has whole seconds.
      return now + 500 - (before + context.now()) / 2;
    };
    return {
      spec: lockersRestSpec,
      check: async (signal) => [
        await checked('token and clock', signal, async () => {
          const ms = Math.round(await skew(signal));
          return {
            ok: Math.abs(ms) <= CLOCK_SKEW_MAX_MS,
            detail: `the vendor’s clock is ${ms} ms from ours`,
          };
        }),
        await checked('lockers', signal, async () => {
          const page = await lockers.snapshotPage(null, signal);
          return { ok: true, detail: `${page.total ?? page.rows.length} boxes` };
        }),
      ],
      stream: streamsOf(lockersRestSpec.kind, [lockers, uses]),
      clockSkewMs: skew,
      close: () => http.close(),
    };
  },
};
