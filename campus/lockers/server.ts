import type { Struck } from '../faults.js';
import type { Answer, Asked, Upstream } from '../serve.js';
import { countLeft, isHidden } from '../card-core/gone.js';
import * as lockers from '../world/lockers.js';
import { stamp } from '../world/time.js';
import { cardOfUid } from '../world/world.js';
import type { World } from '../world/world.js';

/** The bag-locker vendor (openapi/lockers.yaml). */
export interface LockersOptions {
  readonly world: World;
  readonly token: string;
}

interface Call {
  readonly world: World;
  readonly query: URLSearchParams;
  readonly struck: Struck;
  readonly now: number;
}

const LIMIT_MAX = 2000;
const KIOSK_BODY_MAX = 1_000;

const json = (status: number, body: object, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
  page: 'items' in body,
});
const error = (status: number, text: string, headers: Record<string, string> = {}): Answer =>
  json(status, { error: text }, headers);

function limitOf(query: URLSearchParams): number | null {
  const limit = Number(query.get('limit') ?? 200);
  return Number.isInteger(limit) && limit >= 1 && limit <= LIMIT_MAX ? limit : null;
}

const RENAMED = { state: 'status', type: 'event_type' };
const renamed = (row: object): object =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      RENAMED[name as keyof typeof RENAMED] ?? name,
      value as unknown,
    ]),
  );

function boxes({ world, query, struck, now }: Call): Answer {
  const limit = limitOf(query);
  if (limit === null) return error(400, `limit must be 1 to ${LIMIT_MAX}`);
  const after = query.get('after') ?? '';
  const total = lockers.boxTotal(world);
  let index = after === '' ? 0 : lockers.boxIndexOf(world, after) + 1;
  if (index === 0 && after !== '') while (index < total && lockers.boxId(index) <= after) index += 1;
  const items: object[] = [];
  let last: string | null = null;
  for (; index < total && items.length < limit; index += 1) {
    last = lockers.boxId(index);
    if (!isHidden(struck, last)) items.push(lockers.lockerRow(world, index));
  }
  const told = struck.has('rows-gone-40') ? countLeft(total, lockers.boxId) : total;
  const shown = struck.has('field-renamed') ? items.map(renamed) : items;
  return json(200, { items: shown, next: index < total ? last : null, now: stamp(now), total: told });
}

function events({ world, query, struck, now }: Call): Answer {
  const limit = limitOf(query);
  const text = query.get('after') ?? '0';
  if (limit === null || !/^\d{1,15}$/.test(text)) return error(400, 'after and limit must be whole numbers');
  const items = lockers.lockerEventsAfter(world, Number(text), limit);
  if (items === null) return error(410, `events up to ${text} are no longer kept`);
  const last = items.at(-1)?.seq ?? Number(text);
  const shown = struck.has('field-renamed') ? items.map(renamed) : items;
  return json(200, { items: shown, next: last < lockers.lockerSeq(world) ? last : null, now: stamp(now) });
}

function handleCard({ world, now }: Call, body: string): Answer {
  let asked: unknown;
  try {
    asked = body.length > KIOSK_BODY_MAX ? null : JSON.parse(body);
  } catch {
    asked = null;
  }
  const { card_id: digits, kiosk_id: kiosk } = (asked ?? {}) as Readonly<Record<string, unknown>>;
  const good = typeof digits === 'string' && /^\d{10}$/.test(digits) && Number(digits) <= 0xffffffff;
  if (!good || typeof kiosk !== 'string') return error(400, 'card_id (ten digits) and kiosk_id are needed');
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(Number(digits));
  const card = cardOfUid(world, bytes.toString('hex').toUpperCase());
  return json(200, lockers.handleCard(world, card, kiosk, now));
}

const LISTS: Readonly<Record<string, (call: Call) => Answer>> = {
  '/api/lockers': boxes,
  '/api/events': events,
};

function answer(
  options: LockersOptions,
  earlier: Map<string, URLSearchParams>,
  asked: Asked,
  struck: Struck,
): Answer {
  if (asked.headers.authorization !== `Token ${options.token}` || struck.has('token-killed'))
    return error(401, 'unknown token');
  const { world } = options;
  const { pathname: path, searchParams } = asked.url;
  const now = world.clock.now() + (struck.get('clock-skew')?.offsetMs ?? 0);
  if (path === '/api/rfid/handle-card' && asked.method === 'POST')
    return handleCard({ world, query: searchParams, struck, now: world.clock.now() }, asked.body);
  if (asked.method !== 'GET') return error(405, 'only GET is served', { allow: 'GET' });
  if (struck.has('rate-limited')) return error(429, 'slow down', { 'retry-after': '1' });
  if (struck.has('busy')) return error(500, 'internal error');
  const list = LISTS[path];
  const before = earlier.get(path);
  const follows = list !== undefined && !['', '0', null].includes(searchParams.get('after'));
  const query = follows && before !== undefined && struck.has('duplicate-page') ? before : searchParams;
  earlier.set(path, searchParams);
  if (list !== undefined) return list({ world, query, struck, now });
  const id = /^\/api\/lockers\/([\w-]{1,64})$/.exec(path)?.[1];
  const index = id === undefined || isHidden(struck, id) ? -1 : lockers.boxIndexOf(world, id);
  return index < 0 ? error(404, 'not found') : json(200, lockers.lockerRow(world, index));
}

export function lockerVendor(options: LockersOptions): Upstream {
  const earlier = new Map<string, URLSearchParams>();
  return {
    target: 'lockers',
    what: (asked) => asked.url.pathname,
    handle: (asked, struck) => answer(options, earlier, asked, struck),
  };
}
