/**
 * A whole connector, as docs/connectors/write-your-own.md builds it: a gate vendor with two calls.
 *
 *   GET /gates              → {"gates":[{"no","title"}], "time"}
 *   GET /passes?since=<n>   → {"passes":[{"n","gate","card","in","at"}], "more", "time"}
 *
 * Its rows are turned into the rows that kinds `door` and `swipe` read, so nothing else has to know the vendor.
 */
import type { DoorRow, SwipeRow } from '../../connectors/access-control/rows.js';
import { doorsStream, swipesStream } from '../../connectors/access-control/spec.js';
import {
  ConnectorError,
  type Connector,
  type ConnectorContext,
  type ConnectorFactory,
  type ConnectorSpec,
} from '../../connectors/sdk.js';
import { createHttp, expectOk, httpOptionsSchema, type HttpLimits } from '../../connectors/sdk-http.js';
import { isObject, parseJson } from '../../connectors/sdk-json.js';
import {
  itemsOf,
  keysetListing,
  sequenceFeed,
  type Envelope,
  type Item,
} from '../../connectors/sdk-keyset.js';
import { checked } from '../../connectors/sdk-pages.js';

// 1. The spec: options, streams, guarantee, quirks. The reference page and the check of hub.yaml are made from it.
const doors = doorsStream({
  listing: { absence: 'keyset' },
  feed: false,
  delivery: 'Every gate of each listing.',
  pollMsDefault: 60_000,
});
const swipes = swipesStream({
  listing: null,
  feed: true,
  delivery: 'Every pass at least once, in the order of the vendor’s numbers.',
  pollMsDefault: 2_000,
});
export const gateSpec: ConnectorSpec = {
  kind: 'example/gate',
  title: { en: 'Example: gates', zh: '示例：闸机' },
  summary: 'The connector that docs/connectors/write-your-own.md builds.',
  options: {
    type: 'object',
    required: ['url'],
    additionalProperties: false,
    properties: {
      url: { type: 'string', minLength: 1, description: 'Base address.' },
      http: httpOptionsSchema,
    },
  },
  streams: [doors, swipes],
  quirks: ['The vendor gives all gates at once, in no order.'],
};

// 2. Its words → the words of the kind. Nothing is cleaned or guessed here: that is the mapping's work.
const doorOf = (gate: Item): DoorRow => ({
  id: String(gate['no']),
  name: String(gate['title']),
  class: 'turnstile',
});
const swipeOf = (pass: Item): SwipeRow => ({
  id: `P${String(pass['n'])}`,
  seq: Number(pass['n']),
  doorId: String(pass['gate']),
  credential: { value: String(pass['card']) },
  direction: pass['in'] === true ? 'enter' : 'exit',
  granted: true,
  occurredAt: String(pass['at']),
});

// 3. The envelope. What is not as promised is PROTOCOL: `now` is worth another attempt (half a page), `later` is not.
function envelopeOf(body: unknown, list: string, rowOf: (item: Item) => object): Envelope {
  const at = isObject(body) ? Date.parse(String(body['time'])) : NaN;
  if (!isObject(body) || Number.isNaN(at))
    throw new ConnectorError('PROTOCOL', `/${list}: {${list}, time} was expected`, 'now');
  const items = itemsOf(body[list], `/${list}`).map((item) => rowOf(item) as Item);
  return { items, more: body['more'] === true, asOf: at, total: items.length };
}

// 4. The factory: options and context in, streams out.
export const gate: ConnectorFactory = {
  spec: gateSpec,
  open(given: Record<string, unknown>, context: ConnectorContext): Connector {
    const options = given as unknown as { readonly url: string; readonly http?: Partial<HttpLimits> };
    const http = createHttp(options.url, options.http ?? {}, context);
    const get = <T>(path: string, accept: (body: unknown) => T, signal: AbortSignal): Promise<T> =>
      http.read(
        { method: 'GET', path },
        (answer) => {
          expectOk(answer, path);
          return accept(parseJson(answer.body, path));
        },
        signal,
      );
    const gates = async (signal: AbortSignal): Promise<Envelope> => {
      const all = await get('/gates', (body) => envelopeOf(body, 'gates', doorOf), signal);
      const order = (item: Item): string => String(item['id']);
      return { ...all, items: [...all.items].sort((a, b) => (order(a) < order(b) ? -1 : 1)) };
    };
    const listing = keysetListing(
      doors,
      { what: '/gates', id: 'id', fields: ['id'] },
      async (after, accept, signal, limit = 500) => {
        const { items, ...rest } = await gates(signal);
        const behind = items.filter((item) => String(item['id']) > after);
        return accept({ ...rest, items: behind.slice(0, limit), more: behind.length > limit });
      },
      async (id, signal) => (await gates(signal)).items.some((item) => item['id'] === id),
    );
    const feed = sequenceFeed(
      swipes,
      { what: '/passes', id: 'id', fields: ['occurredAt'] },
      (since, accept, signal) =>
        get(`/passes?since=${since}`, (body) => accept(envelopeOf(body, 'passes', swipeOf)), signal),
    );
    return {
      spec: gateSpec,
      check: async (signal) => [
        await checked('gates', signal, async () => {
          const { items } = await gates(signal);
          return { ok: true, detail: `${items.length} gates` };
        }),
      ],
      stream(name) {
        if (name === 'doors') return listing;
        if (name === 'swipes') return feed;
        throw new ConnectorError('CONFIG', `example/gate has no stream "${name}"`, 'never');
      },
      close: () => http.close(),
    };
  },
};
