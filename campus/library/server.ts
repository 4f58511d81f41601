import { createHash, randomBytes } from 'node:crypto';
import type { Struck } from '../faults.js';
import type { Answer, Asked, Upstream } from '../serve.js';
import { countLeft, isHidden } from '../card-core/gone.js';
import * as library from '../world/library.js';
import type { Place } from '../world/library.js';
import type { World } from '../world/world.js';

/** The library's REST API as Koha has it (openapi/library.yaml). */
export interface LibraryOptions {
  readonly world: World;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Life of a token, seconds (3,600). */
  readonly tokenSeconds?: number;
}

const PER_PAGE_MAX = 1000;

const json = (status: number, body: unknown, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
  page: Array.isArray(body),
});
const error = (status: number, text: string, headers: Record<string, string> = {}): Answer =>
  json(status, { error: text }, headers);

/** Field that a new version calls otherwise (`field-renamed`). */
const RENAMED = { patron_card_lost: 'card_lost', checkin_date: 'returned_on', timestamp: 'changed_on' };

function renamed(row: object): object {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      RENAMED[name as keyof typeof RENAMED] ?? name,
      value as unknown,
    ]),
  );
}

interface Tokens {
  readonly grant: (now: number) => string;
  readonly knows: (header: string | undefined, now: number) => boolean;
  readonly kill: (header: string | undefined) => void;
}

const TOKENS_MAX = 1_000;

function createTokens(seconds: number): Tokens {
  const ends = new Map<string, number>();
  const named = (header: string | undefined): string => /^Bearer (\S{1,200})$/.exec(header ?? '')?.[1] ?? '';
  return {
    grant(now) {
      const token = randomBytes(24).toString('base64url');
      ends.set(token, now + seconds * 1000);
      for (const old of ends.keys()) if (ends.size > TOKENS_MAX) ends.delete(old);
      return token;
    },
    knows: (header, now) => (ends.get(named(header)) ?? 0) > now,
    kill: (header) => void ends.delete(named(header)),
  };
}

type Row = Readonly<Record<string, unknown>>;
const isRow = (value: unknown): value is Row =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const instantOf = (value: unknown): number => (typeof value === 'string' ? Date.parse(value) : NaN);

/** `q` as a place: `{id:{">":n}}`, or the pair of time and id; null: another form than these. */
function placeOf(q: string | null, time: string, id: string): Place | 'all' | null {
  if (q === null || q === '') return 'all';
  let value: unknown;
  try {
    value = JSON.parse(q);
  } catch {
    return null;
  }
  if (isRow(value) && isRow(value[id])) {
    const after = value[id]['>'];
    return Number.isSafeInteger(after) ? { time: NaN, id: after as number } : null;
  }
  if (!Array.isArray(value) || !isRow(value[0]) || !isRow(value[1])) return null;
  const [first, second] = value as [Row, Row];
  const later = isRow(first[time]) ? instantOf(first[time]['>']) : NaN;
  const after = isRow(second[id]) ? second[id]['>'] : undefined;
  if (Number.isNaN(later) || instantOf(second[time]) !== later || !Number.isSafeInteger(after)) return null;
  return { time: later, id: after as number };
}

interface Call {
  readonly world: World;
  readonly query: URLSearchParams;
  readonly struck: Struck;
  readonly limit: number;
}

const START: Place = { time: 0, id: 0 };

function patrons({ world, query, limit }: Call): { rows: readonly object[]; total: number } | null {
  const order = query.get('_order_by');
  const place = placeOf(query.get('q'), 'updated_on', 'patron_id');
  if (place === null) return null;
  const total = library.patronTotal(world);
  if (order === 'updated_on,patron_id') {
    const from = place === 'all' ? START : place;
    return Number.isNaN(from.time) ? null : { rows: library.patronsChangedAfter(world, from, limit), total };
  }
  if (order !== 'patron_id' || (place !== 'all' && !Number.isNaN(place.time))) return null;
  return { rows: library.patronsAfter(world, place === 'all' ? 0 : place.id, limit), total };
}

function checkouts({ world, query, limit }: Call): { rows: readonly object[]; total: number } | null {
  const list = { '0': 'out', '1': 'in' }[query.get('checked_in') ?? '0'] as 'out' | 'in' | undefined;
  const place = placeOf(query.get('q'), 'timestamp', 'checkout_id');
  if (list === undefined || place === null || query.get('_order_by') !== 'timestamp,checkout_id') return null;
  const from = place === 'all' ? START : place;
  if (Number.isNaN(from.time)) return null;
  return { rows: library.loansChangedAfter(world, list, from, limit), total: library.loanTotal(world, list) };
}

const TITLES = ['红楼梦', '农政全书', '植物学', 'Soil Science', '本草纲目'];
/** The number on the book, as a desk reads it. */
const itemRow = (id: number) => ({
  item_id: id,
  external_id: String(id).padStart(10, '0'),
  title: TITLES[id % TITLES.length] ?? '',
});
const LENT_TO_MAX = 1_000_000;

/** `q` with one exact value: at most one reader, item or open loan. Undefined: another kind of `q`. */
function exact(world: World, path: string, q: string | null): readonly object[] | undefined {
  let asked: unknown;
  try {
    asked = JSON.parse(q ?? '');
  } catch {
    return undefined;
  }
  if (!isRow(asked)) return undefined;
  const { cardnumber, userid, patron_id: id, external_id: number, item_id: item } = asked;
  if (path === '/api/v1/items' && typeof number === 'string') {
    const found = /^\d{10}$/.test(number) ? Number(number) : 0;
    return found >= 1 && found <= library.itemTotal(world) ? [itemRow(found)] : [];
  }
  if (path === '/api/v1/checkouts' && typeof item === 'number') {
    const loan = library.openLoanOf(world, item);
    return loan === null ? [] : [library.checkoutRow(loan)];
  }
  if (path !== '/api/v1/patrons') return undefined;
  if (typeof id === 'number') {
    const state = library.patronOf(world, id);
    return state === null ? [] : [library.patronRow(world, id, state)];
  }
  const [name, value] = typeof cardnumber === 'string' ? ['cardnumber', cardnumber] : ['userid', userid];
  if (typeof value !== 'string') return undefined;
  return library.patronsAfter(world, 0, LENT_TO_MAX).filter((row) => (row as unknown as Row)[name] === value);
}

/** POST /checkouts and /checkins. The library lends by what it knows itself. */
function lending(world: World, { url, body }: Asked, now: number): Answer {
  let asked: unknown;
  try {
    asked = JSON.parse(body);
  } catch {
    return error(400, 'The body is no JSON');
  }
  const { patron_id: patron, item_id: item } = isRow(asked) ? asked : {};
  if (typeof item !== 'number') return error(400, 'item_id is missing');
  const isOut = url.pathname === '/api/v1/checkouts';
  if (isOut && typeof patron !== 'number') return error(400, 'patron_id is missing');
  const loan = library.openLoanOf(world, item);
  const done = isOut
    ? library.borrow(world, Number(patron) - 1, item, now)
    : loan === null
      ? ({ ok: false, reason: 'NOT_OUT' } as const)
      : library.giveBack(world, loan.id, now);
  if (done.ok) return json(201, library.checkoutRow(done.loan));
  return error(isOut ? 403 : 409, `${isOut ? 'Checkout' : 'Checkin'} not authorized: ${done.reason}`);
}

const WRITTEN: ReadonlySet<string> = new Set(['/api/v1/checkouts', '/api/v1/checkins']);

const LISTS: Readonly<Record<string, typeof patrons>> = {
  '/api/v1/patrons': patrons,
  '/api/v1/checkouts': checkouts,
};

function listing(call: Call, list: typeof patrons, asked: Asked): Answer {
  const found = list(call);
  if (found === null || call.limit < 1) return error(400, 'q, _order_by or _per_page is not understood');
  const { struck } = call;
  const shown = found.rows.filter((row) => !isHidden(struck, String((row as Row).patron_id)));
  const rows = struck.has('field-renamed') ? shown.map(renamed) : shown;
  const etag = `"${createHash('sha1').update(JSON.stringify(rows)).digest('base64url')}"`;
  const isLess = list === patrons && struck.has('rows-gone-40');
  const total = isLess ? countLeft(found.total, (index) => String(index + 1)) : found.total;
  const headers = { etag, 'x-base-total-count': String(total) };
  if (asked.headers['if-none-match'] === etag) return { status: 304, headers: { etag }, body: '' };
  return json(200, rows, headers);
}

function token(options: LibraryOptions, tokens: Tokens, asked: Asked, now: number): Answer {
  const form = new URLSearchParams(asked.body);
  if (form.get('grant_type') !== 'client_credentials') return error(400, 'Unimplemented grant type');
  const known =
    form.get('client_id') === options.clientId && form.get('client_secret') === options.clientSecret;
  if (!known) return error(401, 'Invalid client credentials');
  const expires_in = options.tokenSeconds ?? 3600;
  return json(200, { access_token: tokens.grant(now), token_type: 'Bearer', expires_in });
}

function answer(
  options: LibraryOptions,
  tokens: Tokens,
  earlier: Earlier,
  asked: Asked,
  struck: Struck,
): Answer {
  const { world } = options;
  const real = world.clock.now();
  const { pathname: path, searchParams } = asked.url;
  if (struck.has('rate-limited')) return error(429, 'Too many requests', { 'retry-after': '1' });
  if (path === '/api/v1/oauth/token' && asked.method === 'POST') return token(options, tokens, asked, real);
  const { authorization } = asked.headers;
  if (struck.has('token-killed')) tokens.kill(authorization);
  if (!tokens.knows(authorization, real)) return error(401, 'Expired or unknown token');
  const isWrite = asked.method === 'POST' && WRITTEN.has(path);
  if (asked.method !== 'GET' && !isWrite) return error(405, 'Only GET is served', { allow: 'GET' });
  if (struck.has('busy')) return error(500, 'Something went wrong, check the logs for details.');
  library.hearFromCore(world, real);
  if (isWrite) return lending(world, asked, real);
  const found = exact(world, path, searchParams.get('q'));
  if (found !== undefined) return json(200, found);
  const list = LISTS[path];
  const same = `${path} ${searchParams.get('checked_in') ?? ''}`;
  const before = earlier.get(same);
  const follows = list !== undefined && searchParams.has('q') && before !== undefined;
  const query = follows && struck.has('duplicate-page') ? before : searchParams;
  earlier.set(same, searchParams);
  const perPage = Number(query.get('_per_page') ?? 20);
  const limit = Number.isInteger(perPage) && perPage <= PER_PAGE_MAX ? perPage : 0;
  if (list !== undefined) return listing({ world, query, struck, limit }, list, asked);
  const point = /^\/api\/v1\/patrons\/(\d{1,12})$/.exec(path)?.[1];
  const state =
    point === undefined || isHidden(struck, point) ? null : library.patronOf(world, Number(point));
  if (point === undefined || state === null) return error(404, 'Not found');
  return json(200, library.patronRow(world, Number(point), state));
}

type Earlier = Map<string, URLSearchParams>;

export function koha(options: LibraryOptions): Upstream {
  const tokens = createTokens(options.tokenSeconds ?? 3600);
  const earlier: Earlier = new Map();
  const dated = (given: Answer, struck: Struck): Answer => {
    const now = options.world.clock.now() + (struck.get('clock-skew')?.offsetMs ?? 0);
    return { ...given, headers: { ...given.headers, date: new Date(now).toUTCString() } };
  };
  return {
    target: 'library',
    what: (asked) => asked.url.pathname + asked.url.search,
    handle: (asked, struck) => dated(answer(options, tokens, earlier, asked, struck), struck),
  };
}
