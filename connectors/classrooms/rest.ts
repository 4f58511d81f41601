import {
  ConnectorError,
  type Connector,
  type ConnectorContext,
  type ConnectorFactory,
  type ConnectorSpec,
  type Stream,
  type StreamSpec,
  streamsOf,
} from '../sdk.js';
import { createHttp, expectOk, httpOptionsSchema, type Http, type HttpLimits } from '../sdk-http.js';
import { isObject, parseJson } from '../sdk-json.js';
import { itemsOf, keysetListing, sequenceFeed, type AskPage, type Envelope } from '../sdk-keyset.js';
import { checked } from '../sdk-pages.js';
import { roomsStream, swipesStream } from './spec.js';
import { withTimetable } from './timetable.js';

export interface ClassroomsOptions {
  readonly url: string;
  readonly apiKey: string;
  readonly timetable?: boolean;
  readonly pageRows?: number;
  readonly http?: Partial<HttpLimits>;
}

const PAGE_ROWS = 1_000;
const CLOCK_SKEW_MAX_MS = 60_000;
const PATH = '/v1/swipes';
const ROOMS = '/v1/rooms';

const swipes: StreamSpec = swipesStream({
  listing: null,
  feed: true,
  delivery:
    'Every swipe at least once, in order of arrival at the server, while the server keeps it; consoles that were cut off upload late. A hub that was away longer than that misses those (error CURSOR).',
  pollMsDefault: 2_000,
});

const rooms: StreamSpec = roomsStream({
  listing: { absence: 'keyset' },
  feed: false,
  delivery:
    'Every room of each listing with its lessons of the coming days; a change of the timetable is seen with the next listing.',
  pollMsDefault: 300_000,
});

/** Specification of `classrooms/rest`. */
export const classroomsRestSpec: ConnectorSpec = {
  kind: 'classrooms/rest',
  title: { en: 'Multimedia classrooms: REST', zh: '多媒体教室中控：REST 接口' },
  summary:
    'Reads rooms with their timetable, and the swipes that power a classroom’s equipment, each with the lesson that the console checked it against, from a server that speaks `openapi/classrooms.yaml`.',
  options: {
    type: 'object',
    required: ['url', 'apiKey'],
    additionalProperties: false,
    properties: {
      url: { type: 'string', minLength: 1, description: 'Base address, without /v1.' },
      apiKey: { type: 'string', minLength: 1, writeOnly: true, description: 'Sent as X-Api-Key.' },
      pageRows: {
        type: 'integer',
        minimum: 1,
        maximum: 5000,
        default: PAGE_ROWS,
        description: 'Rows of a page.',
      },
      timetable: {
        type: 'boolean',
        default: true,
        description:
          'Read the academic office’s lessons of the room and day beside each swipe (GET /v1/timetable).',
      },
      http: httpOptionsSchema,
    },
  },
  streams: [swipes, rooms],
  quirks: [
    'A console checks against its own copy of the timetable, which may be old: the hub reads the academic office’s timetable, compares the time of the swipe with it and publishes what it finds (IN_LESSON, OUTSIDE_LESSON, NO_LESSON). Where the copy says something else, the use is marked TIMETABLE_DIFFERS.',
    'A swipe does not wait for a timetable that cannot be had: then the lesson that the console found is what counts. A room’s day is asked again after ten minutes.',
    'Equipment that a timer switches off names no card.',
    'occurredAt is the console’s clock and may be wrong; uploadedAt is the server’s.',
  ],
};

function envelopeOf(body: unknown, path = PATH): Envelope {
  if (!isObject(body)) throw new ConnectorError('PROTOCOL', `${path}: an object was expected`, 'now');
  const { asOf, total } = body;
  const at = typeof asOf === 'string' && /^\d{4}-.*(Z|[+-]\d\d:\d\d)$/.test(asOf) ? Date.parse(asOf) : NaN;
  if (Number.isNaN(at))
    throw new ConnectorError('PROTOCOL', `${path} asOf: ISO 8601 with an offset expected`, 'now');
  const more = body['next'] !== null && body['next'] !== undefined;
  return {
    ...{ items: itemsOf(body['items'], path), more, asOf: at },
    ...(typeof total === 'number' && { total }),
  };
}

/** `classrooms/rest` */
export const classroomsRest: ConnectorFactory = {
  spec: classroomsRestSpec,
  open(given: Record<string, unknown>, context: ConnectorContext): Connector {
    const options = given as unknown as ClassroomsOptions;
    const http = createHttp(options.url, options.http ?? {}, context);
    const headers = { 'x-api-key': options.apiKey, accept: 'application/json' };
    const ask: AskPage = (after, accept, signal, limit = options.pageRows ?? PAGE_ROWS) =>
      http.read(
        { method: 'GET', path: `${PATH}?limit=${limit}&after=${after}`, headers },
        (answer) => {
          expectOk(answer, PATH);
          return accept(envelopeOf(parseJson(answer.body, PATH)));
        },
        signal,
      );
    const feed = sequenceFeed(swipes, { what: PATH, id: 'id', fields: ['action', 'occurredAt'] }, ask);
    const stream = options.timetable === false ? feed : withTimetable(feed, http, headers, context);
    const skew = async (signal: AbortSignal): Promise<number> => {
      const before = context.now();
      const now = await ask('0', ({ asOf }) => asOf, signal, 1);
      return now - (before + context.now()) / 2;
    };
    return {
      spec: classroomsRestSpec,
      check: async (signal) => [
        await checked('key and clock', signal, async () => {
          const ms = Math.round(await skew(signal));
          return {
            ok: Math.abs(ms) <= CLOCK_SKEW_MAX_MS,
            detail: `the server’s clock is ${ms} ms from ours`,
          };
        }),
      ],
      stream: streamsOf(classroomsRestSpec.kind, [stream, roomsOf(http, headers, options)]),
      clockSkewMs: skew,
      close: () => http.close(),
    };
  },
};

/** The listing of rooms, page by page, and the point read that proves an absence. */
function roomsOf(http: Http, headers: Readonly<Record<string, string>>, options: ClassroomsOptions): Stream {
  const ask: AskPage = (after, accept, signal, limit = options.pageRows ?? PAGE_ROWS) => {
    const path = `${ROOMS}?limit=${limit}&after=${encodeURIComponent(after)}`;
    return http.read(
      { method: 'GET', path, headers },
      (answer) => {
        expectOk(answer, ROOMS);
        return accept(envelopeOf(parseJson(answer.body, ROOMS), ROOMS));
      },
      signal,
    );
  };
  const has = (id: string, signal: AbortSignal): Promise<boolean> =>
    http.read(
      { method: 'GET', path: `${ROOMS}/${encodeURIComponent(id)}`, headers },
      (answer) => {
        expectOk(answer, `${ROOMS}/{roomId}`, [404]);
        return answer.status === 200;
      },
      signal,
    );
  return keysetListing(rooms, { what: ROOMS, id: 'roomId', fields: ['lessons'] }, ask, has);
}
