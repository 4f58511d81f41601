import {
  ConnectorError,
  type CheckResult,
  type Connector,
  type ConnectorContext,
  type ConnectorFactory,
  type ConnectorSpec,
  type Cursor,
  type Page,
  type SourceRow,
  type Stream,
} from '../sdk.js';
import { createHttp, httpOptionsSchema, pageRowsSchema, type HttpLimits } from '../sdk-http.js';
import { isObject } from '../sdk-json.js';
import { assertAscending, checked, lazyRow, reparseJson } from '../sdk-pages.js';
import { cardRowSchema } from './spec.js';
import { createTsm, parseShanghai, type Payload, type Tsm, type TsmKeys } from './tsm.js';

export interface GatewayOptions extends TsmKeys {
  readonly url: string;
  readonly order?: 'keyset' | 'page';
  readonly pageRows?: number;
  readonly http?: Partial<HttpLimits>;
}

const LOOKUP_MAX = 200;
const PAGE_ROWS = 500;
const secret = (description: string) =>
  ({ type: 'string', minLength: 1, writeOnly: true, description }) as const;

/** Specification of `card-core/gateway`. */
export const gatewaySpec: ConnectorSpec = {
  kind: 'card-core/gateway',
  title: { en: 'Card core: Synjones-shaped gateway', zh: '一卡通核心：新中新 TSM 网关' },
  summary:
    'Reads all cards through a gateway with the form of Synjones’ TSM: a listing, and a feed of card versions. The listing, the feed, the head and the look-up (`cardhub.card.*`) are Cardhub’s own methods: no public document of the vendor has them.',
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
  streams: [
    {
      name: 'cards',
      title: { en: 'Cards', zh: '校园卡' },
      after: [],
      kind: 'state',
      maps: 'card',
      rowSchema: cardRowSchema,
      listing: { absence: 'keyset' },
      feed: true,
      delivery:
        'Every change at least once, in the order of the feed, while the core keeps it; when the cursor is older than the feed, a new listing. Each row is the card as it stands after the change.',
      pollMsDefault: 500,
    },
  ],
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
  const streams = gatewaySpec.streams.map((stream) => ({
    ...stream,
    listing: { absence: 'point-read' as const },
  }));
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
    const cards = cardStream(tsm, options, spec);
    const skew = async (signal: AbortSignal): Promise<number> => {
      const before = context.now();
      const asof = (head: Payload): number => parseShanghai(head['asof'], 'cardhub.card.head asof');
      return (await tsm.call('cardhub.card.head', {}, asof, signal)) - (before + context.now()) / 2;
    };
    return {
      spec,
      check: (signal) => checkGateway(cards, skew, signal),
      stream(name) {
        if (name === 'cards') return cards;
        throw new ConnectorError(
          'CONFIG',
          `card-core/gateway has no stream "${name}"; it has: cards`,
          'never',
        );
      },
      clockSkewMs: skew,
      close: () => http.close(),
    };
  },
};

const CLOCK_SKEW_MAX_MS = 60_000;

async function checkGateway(
  cards: Stream,
  skew: (signal: AbortSignal) => Promise<number>,
  signal: AbortSignal,
): Promise<CheckResult[]> {
  const clock = await checked('login and clock', signal, async () => {
    const ms = Math.round(await skew(signal));
    const ok = Math.abs(ms) <= CLOCK_SKEW_MAX_MS;
    return { ok, detail: `logged in, signature verified; the core’s clock is ${ms} ms from ours` };
  });
  if (!clock.ok) return [clock];
  const listing = await checked('cards', signal, async () => ({
    ok: true,
    detail: `the core counts ${String(await cards.count?.(signal))} cards`,
  }));
  return [clock, listing];
}

interface ListCursor {
  /** Keyset: the last cardno. */
  readonly after: string;
  /** Page order: the next page number. */
  readonly page: number;
  /** Rows so far. */
  readonly rows: number;
}

function cardStream(tsm: Tsm, options: GatewayOptions, connector: ConnectorSpec): Stream {
  const limit = String(options.pageRows ?? PAGE_ROWS);
  const order = options.order ?? 'keyset';
  const spec = connector.streams[0];
  if (spec === undefined) throw new Error('card-core/gateway declares a stream');
  return {
    spec,
    async feedStart(signal) {
      const seq = (head: Payload): string => decimal(head['seq'], 'cardhub.card.head seq');
      return { seq: await tsm.call('cardhub.card.head', {}, seq, signal) };
    },
    async snapshotPage(cursor, signal) {
      const at: ListCursor = isObject(cursor)
        ? (cursor as unknown as ListCursor)
        : { after: '', page: 1, rows: 0 };
      const where = order === 'keyset' ? { after: at.after } : { page: String(at.page) };
      return tsm.call(
        'cardhub.card.list',
        { ...where, limit, order },
        (payload) => listPage(payload, at, order),
        signal,
      );
    },
    async changes(cursor, signal) {
      const after = isObject(cursor) ? decimal(cursor['seq'], 'cursor') : '0';
      try {
        return await tsm.call(
          'cardhub.card.changes',
          { after, limit },
          (payload) => changePage(payload, after),
          signal,
        );
      } catch (error) {
        if (!(error instanceof ConnectorError) || error.details.upstreamCode !== '60024') throw error;
        const message = `the feed no longer reaches back to ${after}: a new listing is needed`;
        throw new ConnectorError('CURSOR', message, 'later', { upstreamCode: '60024', cause: error });
      }
    },
    async lookup(ids, signal) {
      const found = new Set<string>();
      for (let i = 0; i < ids.length; i += LOOKUP_MAX) {
        const cardnos = ids.slice(i, i + LOOKUP_MAX).join(',');
        const cards = (payload: Payload) => objects(payload['card'], 'cardhub.card.lookup card');
        for (const card of await tsm.call('cardhub.card.lookup', { cardnos }, cards, signal)) {
          found.add(decimal(card['cardno'], 'cardno'));
        }
      }
      return found;
    },
    async reparse(raw) {
      const row = await reparseJson(raw);
      if (!isObject(row) || !isObject(row['card'])) return row;
      const { card, ...change } = row;
      return { ...card, change };
    },
    async count(signal) {
      const first = { after: '', page: '1', limit: '1', order };
      const total = (payload: Payload): number => Number(decimal(payload['total'], 'total'));
      return tsm.call('cardhub.card.list', first, total, signal);
    },
  };
}

function listPage(payload: Payload, at: ListCursor, order: 'keyset' | 'page'): Page {
  const what = 'cardhub.card.list';
  const cards = objects(payload['card'], `${what} card`);
  const ids = cards.map((card, i) =>
    typeof card['cardno'] === 'string' ? card['cardno'] : `page-${at.page}-${i}`,
  );
  if (order === 'keyset') assertAscending(ids, at.after, what);
  const rows = cards.map((card, i): SourceRow => {
    const id = ids[i] ?? '';
    // By page a card may come twice, so its place is part of where it stands.
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

function changePage(payload: Payload, after: string): Page {
  const what = 'cardhub.card.changes';
  const changes = objects(payload['change'], `${what} change`);
  let last = BigInt(after);
  const rows = changes.map((change): SourceRow => {
    const seq = decimal(change['seq'], `${what} seq`);
    if (BigInt(seq) <= last) {
      throw new ConnectorError(
        'PROTOCOL',
        `${what}: seq ${seq} does not follow ${last}: a repeated page`,
        'later',
      );
    }
    last = BigInt(seq);
    const { card, ...change_ } = change;
    const id = isObject(card) && typeof card['cardno'] === 'string' ? card['cardno'] : `seq-${seq}`;
    return lazyRow(id, seq, isObject(card) ? { ...card, change: change_ } : change, change);
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
function decimal(value: unknown, what: string): string {
  if (typeof value === 'string' && /^\d{1,32}$/.test(value)) return value;
  throw new ConnectorError('PROTOCOL', `${what}: decimal digits expected`, 'later');
}
