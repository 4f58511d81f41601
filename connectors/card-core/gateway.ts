import {
  type CheckResult,
  type Connector,
  type ConnectorContext,
  type ConnectorFactory,
  type ConnectorSpec,
  type Stream,
  type StreamSpec,
  streamsOf,
} from '../sdk.js';
import { createHttp, httpOptionsSchema, pageRowsSchema, type HttpLimits } from '../sdk-http.js';
import { checked } from '../sdk-pages.js';
import { gatewayStream, NOUNS, type Noun } from './gateway-streams.js';
import { gatewayStreams } from './spec.js';
import { createTsm, parseShanghai, type Payload, type Tsm, type TsmKeys } from './tsm.js';

export interface GatewayOptions extends TsmKeys {
  readonly url: string;
  readonly order?: 'keyset' | 'page';
  readonly pageRows?: number;
  readonly http?: Partial<HttpLimits>;
}

const PAGE_ROWS = 500;
const secret = (description: string) =>
  ({ type: 'string', minLength: 1, writeOnly: true, description }) as const;

/** Specification of `card-core/gateway`. */
export const gatewaySpec: ConnectorSpec = {
  kind: 'card-core/gateway',
  title: { en: 'Card core: Synjones-shaped gateway', zh: '一卡通核心：新中新 TSM 网关' },
  summary:
    'Reads cards, accounts, transactions, top-ups and devices through a gateway with the form of Synjones’ TSM. The listings, feeds, heads and look-ups (`cardhub.card.*`, `.account.*`, `.trade.*`, `.topup.*`, `.device.*`) are Cardhub’s own methods: no public document of the vendor has them. Switch off the streams that a core does not offer.',
  options: {
    type: 'object',
    required: ['url', 'appKey', 'tripleDesKey', 'privateKey', 'corePublicKey'],
    additionalProperties: false,
    properties: {
      url: { type: 'string', minLength: 1, description: 'Base address; calls go to POST {url}/gateway.' },
      appKey: { type: 'string', minLength: 1, description: 'app_key; no other client may use it.' },
      tripleDesKey: secret('3DES key, 48 hex digits.'),
      privateKey: secret('Our RSA key, PKCS#8 PEM (line ends may be written \\n).'),
      corePublicKey: {
        type: 'string',
        minLength: 1,
        description: 'The core’s RSA key, SPKI PEM; verifies answers.',
      },
      order: {
        enum: ['keyset', 'page'],
        default: 'keyset',
        description:
          'How the listing is cut: by key, or by page number where the core cannot do that. With page, rows may move between pages; an absent card is asked for by number before it counts.',
      },
      pageRows: pageRowsSchema(PAGE_ROWS),
      http: httpOptionsSchema,
    },
  },
  streams: gatewayStreams,
  quirks: [
    'The token is single-active: a second client with the same app_key kills it. The session logs in again, at most 4 times a minute, then stops with an error that says so.',
    'The signature of every answer is verified. Errors of the gateway itself come unsigned, and are believed as errors only.',
    'The signature does not bind an answer to its question, so pages are also checked against the cursor.',
    'Errors may come as bare GBK text with status 200.',
    'The core refuses calls whose timestamp is more than 10 minutes off (40018): run `cardhub doctor`.',
    'Which flag means loss differs between schools: that is the mapping option lossFlag.',
  ],
};

/** One object per order, so that the spec tells the proof that the options ask for. */
function specFor(order: 'keyset' | 'page'): ConnectorSpec {
  if (order === 'keyset') return gatewaySpec;
  const streams = gatewaySpec.streams.map((stream) =>
    stream.name === 'cards' ? { ...stream, listing: { absence: 'point-read' as const } } : stream,
  );
  return { ...gatewaySpec, streams };
}

/** `card-core/gateway` */
export const cardGateway: ConnectorFactory = {
  spec: gatewaySpec,
  open(given: Record<string, unknown>, context: ConnectorContext): Connector {
    const options = given as unknown as GatewayOptions;
    const spec = specFor(options.order ?? 'keyset');
    const http = createHttp(options.url, options.http ?? {}, context);
    const tsm = createTsm(http, options, context);
    const streams = new Map(
      spec.streams.map((stream) => [stream.name, openStream(tsm, options, stream)] as const),
    );
    const skew = async (signal: AbortSignal): Promise<number> => {
      const before = context.now();
      const asof = (head: Payload): number => parseShanghai(head['asof'], 'cardhub.card.head asof');
      return (await tsm.call('cardhub.card.head', {}, asof, signal)) - (before + context.now()) / 2;
    };
    return {
      spec,
      check: (signal) => checkGateway([...streams.values()], skew, signal),
      stream: streamsOf(spec.kind, streams.values()),
      clockSkewMs: skew,
      close: () => http.close(),
    };
  },
};

function openStream(tsm: Tsm, options: GatewayOptions, spec: StreamSpec): Stream {
  const noun: Noun = NOUNS[spec.name as keyof typeof NOUNS];
  const limit = String(options.pageRows ?? PAGE_ROWS);
  // Only cards can be listed by page; all else is in order of its key.
  const order = spec.name === 'cards' ? (options.order ?? 'keyset') : 'keyset';
  return gatewayStream(tsm, { spec, noun, limit, order });
}

const CLOCK_SKEW_MAX_MS = 60_000;

async function checkGateway(
  streams: readonly Stream[],
  skew: (signal: AbortSignal) => Promise<number>,
  signal: AbortSignal,
): Promise<CheckResult[]> {
  const clock = await checked('login and clock', signal, async () => {
    const ms = Math.round(await skew(signal));
    const ok = Math.abs(ms) <= CLOCK_SKEW_MAX_MS;
    return { ok, detail: `logged in, signature verified; the core’s clock is ${ms} ms from ours` };
  });
  if (!clock.ok) return [clock];
  const results = [clock];
  for (const stream of streams) {
    const { name } = stream.spec;
    results.push(
      await checked(name, signal, async () => {
        if (stream.count !== undefined)
          return { ok: true, detail: `the core counts ${await stream.count(signal)} ${name}` };
        await stream.feedStart(signal);
        return { ok: true, detail: `the feed of ${name} answers` };
      }),
    );
  }
  return results;
}
