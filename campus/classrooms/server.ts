import type { Struck } from '../faults.js';
import type { Answer, Asked, Upstream } from '../serve.js';
import * as classrooms from '../world/classrooms.js';
import { isoShanghai } from '../world/time.js';
import type { World } from '../world/world.js';

/** The server of the classroom consoles (openapi/classrooms.yaml). */
export interface ClassroomsOptions {
  readonly world: World;
  readonly apiKey: string;
}

const LIMIT_MAX = 5000;

const json = (body: object): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
  page: 'items' in body,
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

function swipes(world: World, query: URLSearchParams, struck: Struck, now: number): Answer {
  const limit = Number(query.get('limit') ?? 500);
  const text = query.get('after') ?? '0';
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX || !/^\d{1,15}$/.test(text))
    return problem(400, 'Bad Request', `after must be a sequence number, limit 1 to ${LIMIT_MAX}`);
  const items = classrooms.classroomSwipesAfter(world, Number(text), limit);
  if (items === null) return problem(410, 'Gone', `Swipes up to ${text} are no longer kept.`);
  const last = items.at(-1)?.seq ?? Number(text);
  const shown = struck.has('field-renamed')
    ? items.map(({ action, ...rest }) => ({ ...rest, operation: action }))
    : items;
  const next = last < classrooms.classroomSeq(world) ? last : null;
  return json({ items: shown, next, asOf: isoShanghai(now) });
}

const ROOMS = '/v1/rooms';

function rooms(world: World, query: URLSearchParams, struck: Struck, now: number): Answer {
  const limit = Number(query.get('limit') ?? 500);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX)
    return problem(400, 'Bad Request', `limit must be 1 to ${LIMIT_MAX}`);
  const after = query.get('after') ?? '';
  const total = classrooms.roomCount(world);
  const ids = Array.from({ length: total }, (_, room) => classrooms.roomId(room)).filter((id) => id > after);
  const items = ids
    .slice(0, limit)
    .map((id) => classrooms.roomTold(world, classrooms.roomIndexOf(world, id), now));
  const shown = struck.has('field-renamed')
    ? items.map(({ lessons, ...rest }) => ({ ...rest, courses: lessons }))
    : items;
  const next = ids.length > limit ? (items.at(-1)?.roomId ?? null) : null;
  return json({ items: shown, next, asOf: isoShanghai(now), total });
}

function room(world: World, id: string, now: number): Answer {
  const index = classrooms.roomIndexOf(world, id);
  return index < 0
    ? problem(404, 'Not Found', 'There is no such room.')
    : json(classrooms.roomTold(world, index, now));
}

function timetable(world: World, query: URLSearchParams): Answer {
  const day = Date.parse(`${query.get('date') ?? ''}T12:00:00+08:00`);
  const room = classrooms.roomIndexOf(world, query.get('room') ?? '');
  if (Number.isNaN(day)) return problem(400, 'Bad Request', 'date must be yyyy-MM-dd');
  if (room < 0) return problem(404, 'Not Found', 'There is no such room.');
  const lessons = classrooms.lessonsOf(world, room, day).map(({ teacherIndex: _, ...lesson }) => lesson);
  return json({ lessons });
}

function answer(
  options: ClassroomsOptions,
  earlier: { query: URLSearchParams | null },
  asked: Asked,
  struck: Struck,
): Answer {
  if (asked.headers['x-api-key'] !== options.apiKey || struck.has('token-killed'))
    return problem(401, 'Unauthorized', 'X-Api-Key is missing or not known.');
  if (asked.method !== 'GET')
    return problem(405, 'Method Not Allowed', 'Only GET is served.', { allow: 'GET' });
  if (struck.has('rate-limited'))
    return problem(429, 'Too Many Requests', 'Slow down.', { 'retry-after': '1' });
  if (struck.has('busy')) return problem(500, 'Internal Server Error', 'The server failed.');
  const { world } = options;
  const { pathname: path, searchParams } = asked.url;
  if (path === '/v1/timetable') return timetable(world, searchParams);
  const now = world.clock.now() + (struck.get('clock-skew')?.offsetMs ?? 0);
  if (path === ROOMS) return rooms(world, searchParams, struck, now);
  if (path.startsWith(`${ROOMS}/`)) return room(world, path.slice(ROOMS.length + 1), now);
  if (path !== '/v1/swipes') return problem(404, 'Not Found', `There is no ${path}.`);
  const follows = !['0', null].includes(searchParams.get('after')) && earlier.query !== null;
  const query = follows && struck.has('duplicate-page') ? earlier.query : searchParams;
  earlier.query = searchParams;
  return swipes(world, query ?? searchParams, struck, now);
}

export function classroomConsoles(options: ClassroomsOptions): Upstream {
  const earlier = { query: null };
  return {
    target: 'classrooms',
    what: (asked) => asked.url.pathname,
    handle: (asked, struck) => answer(options, earlier, asked, struck),
  };
}
