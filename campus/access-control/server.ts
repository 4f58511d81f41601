import type { Struck } from '../faults.js';
import type { Answer, Asked, Upstream } from '../serve.js';
import { countLeft, isHidden } from '../card-core/gone.js';
import { doorId, doorIndexOf, grantId } from '../world/doors.js';
import { isoShanghai } from '../world/time.js';
import * as world from '../world/world.js';
import type { World } from '../world/world.js';
import type { Door } from './types.js';

/** The access-control vendor (openapi/access-control.yaml): doors, grants and events in order of arrival. */
export interface AccessOptions {
  readonly world: World;
  readonly apiKey: string;
}

interface Call {
  readonly world: World;
  readonly query: URLSearchParams;
  readonly struck: Struck;
  readonly now: number;
  /** Per path, the query before this one (for `duplicate-page`). */
  readonly asked: Map<string, URLSearchParams>;
}

const LIMIT_MAX = 5000;

const json = (body: unknown): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
  page: typeof body === 'object' && body !== null && 'items' in body,
});

function problem(
  status: number,
  title: string,
  detail: string,
  headers: Record<string, string> = {},
): Answer {
  const body = JSON.stringify({ type: 'about:blank', title, status, detail });
  return { status, headers: { 'content-type': 'application/problem+json', ...headers }, body };
}

function limitOf(query: URLSearchParams): number | null {
  const text = query.get('limit') ?? '500';
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  return limit >= 1 && limit <= LIMIT_MAX ? limit : null;
}

const badLimit = (): Answer => problem(400, 'Bad Request', `limit must be 1 to ${LIMIT_MAX}`);

function page(
  call: Call,
  items: readonly { readonly id: string }[],
  next: string | null,
  total: number,
  idAt: (index: number) => string,
): Answer {
  const shown = items.filter((item) => !isHidden(call.struck, item.id));
  const told = call.struck.has('rows-gone-40') ? countLeft(total, idAt) : total;
  return json({ items: shown, next, asOf: isoShanghai(call.now), total: told });
}

function doorList(call: Call): Answer {
  const limit = limitOf(call.query);
  if (limit === null) return badLimit();
  const after = call.query.get('after') ?? '';
  const total = world.doorTotal(call.world);
  const items: Door[] = [];
  let index = after === '' ? 0 : doorIndexOf(call.world.base.people, after) + 1;
  if (index === 0 && after !== '') while (index < total && doorId(index) <= after) index += 1;
  for (; index < total && items.length < limit; index += 1) items.push(world.doorAt(call.world, index));
  return page(call, items, index < total ? (items.at(-1)?.id ?? null) : null, total, doorId);
}

function grantList(call: Call): Answer {
  const limit = limitOf(call.query);
  if (limit === null) return badLimit();
  const { grants, more } = world.grantsAfter(call.world, call.query.get('after') ?? '', limit);
  const next = more ? (grants.at(-1)?.id ?? null) : null;
  return page(call, grants, next, world.grantTotal(call.world), grantId);
}

function eventList(call: Call): Answer {
  const limit = limitOf(call.query);
  if (limit === null) return badLimit();
  const text = call.query.get('after') ?? '';
  if (!/^\d{1,15}$/.test(text)) return problem(400, 'Bad Request', 'after must be a sequence number');
  const after = Number(text);
  const items = world.eventsAfter(call.world, after, limit);
  const { eventFloor, eventSeq } = call.world.store.meta;
  if (items === null) {
    return problem(
      410,
      'Gone',
      `Events up to ${eventFloor} are no longer kept; the oldest cursor is ${eventFloor}.`,
    );
  }
  const last = items.at(-1)?.seq ?? after;
  return json({ items, next: last < eventSeq ? String(last) : null, asOf: isoShanghai(call.now) });
}

const gone = (what: string): Answer => problem(404, 'Not Found', `There is no such ${what}.`);

function pointRead(call: Call, kind: string, id: string): Answer {
  if (isHidden(call.struck, id)) return gone(kind);
  if (kind === 'doors') {
    const index = doorIndexOf(call.world.base.people, id);
    return index < 0 ? gone('door') : json(world.doorAt(call.world, index));
  }
  const grant = world.grantOf(call.world, id);
  return grant === null ? gone('grant') : json(grant);
}

const LISTS: Readonly<Record<string, (call: Call) => Answer>> = {
  '/v1/doors': doorList,
  '/v1/grants': grantList,
  '/v1/events': eventList,
  '/v1/head': (call) => json({ seq: call.world.store.meta.eventSeq }),
  '/v1/clock': (call) => json({ now: isoShanghai(call.now) }),
};

/** An id that is no URL encoding is nobody's. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

function answer(options: AccessOptions, earlier: Call['asked'], asked: Asked, struck: Struck): Answer {
  if (asked.headers['x-api-key'] !== options.apiKey || struck.has('token-killed')) {
    return problem(401, 'Unauthorized', 'X-Api-Key is missing or not known.');
  }
  if (asked.method !== 'GET')
    return problem(405, 'Method Not Allowed', 'Only GET is served.', { allow: 'GET' });
  if (struck.has('rate-limited'))
    return problem(429, 'Too Many Requests', 'Slow down.', { 'retry-after': '1' });
  if (struck.has('busy')) return problem(500, 'Internal Server Error', 'The vendor failed.');
  const { pathname: path, searchParams } = asked.url;
  const before = earlier.get(path);
  // A first page is never a repetition.
  const follows = path in LISTS && !['', '0', null].includes(searchParams.get('after'));
  const query = follows && before !== undefined && struck.has('duplicate-page') ? before : searchParams;
  earlier.set(path, searchParams);
  const now = options.world.clock.now() + (struck.get('clock-skew')?.offsetMs ?? 0);
  const call: Call = { world: options.world, query, struck, now, asked: earlier };
  const list = LISTS[path];
  if (list !== undefined) return list(call);
  const point = /^\/v1\/(doors|grants)\/([^/]{1,128})$/.exec(path);
  if (point === null) return problem(404, 'Not Found', `There is no ${path}.`);
  return pointRead(call, point[1] ?? '', decoded(point[2] ?? ''));
}

export function accessControl(options: AccessOptions): Upstream {
  const earlier: Call['asked'] = new Map();
  return {
    target: 'access',
    what: (asked) => asked.url.pathname,
    handle: (asked, struck) => answer(options, earlier, asked, struck),
  };
}
