import type { Http } from '../sdk-http.js';
import { expectOk } from '../sdk-http.js';
import { isObject, parseJson } from '../sdk-json.js';
import { lazyRow } from '../sdk-pages.js';
import { itemsOf } from '../sdk-keyset.js';
import { ConnectorError, type ConnectorContext, type SourceRow, type Stream } from '../sdk.js';
import { LESSONS_MAX, type LessonRow } from './rows.js';

/**
 * The academic office's timetable beside each swipe: a console checks against a copy of its own, which may be old. A
 * room's day is asked once and kept for a while; a swipe does not wait for a timetable that cannot be had.
 */

const PATH = '/v1/timetable';
const KEPT_MAX = 2_000;
const KEPT_MS = 10 * 60_000;
const PARALLEL = 4;
const SHANGHAI_MS = 8 * 3_600_000;

/** Undefined: the server has no timetable of this room. */
type Lessons = readonly LessonRow[] | undefined;
type Ask = (room: string, day: string, signal: AbortSignal) => Promise<Lessons>;

function lessonsIn(body: unknown): Lessons {
  if (!isObject(body)) throw new ConnectorError('PROTOCOL', `${PATH}: an object was expected`, 'now');
  const lessons = itemsOf(body['lessons'], PATH).slice(0, LESSONS_MAX);
  return lessons.flatMap(({ id, from, until }) =>
    typeof id === 'string' && typeof from === 'string' && typeof until === 'string'
      ? [{ id, from, until }]
      : [],
  );
}

const askAt =
  (http: Http, headers: Readonly<Record<string, string>>): Ask =>
  (room, day, signal) =>
    http.read(
      { method: 'GET', path: `${PATH}?room=${encodeURIComponent(room)}&date=${day}`, headers },
      (answer) => {
        expectOk(answer, PATH, [404]);
        return answer.status === 404 ? undefined : lessonsIn(parseJson(answer.body, PATH));
      },
      signal,
    );

/** Room and day in Shanghai of a swipe that a console checked; null: nobody was checked, or the time is none. */
function placeOf(data: unknown): { readonly room: string; readonly day: string } | null {
  if (!isObject(data)) return null;
  const { roomId, action, occurredAt } = data;
  const isChecked = typeof action === 'string' && /^(power_on|refused)$/i.test(action.trim());
  const at = typeof occurredAt === 'string' ? Date.parse(occurredAt) : NaN;
  if (!isChecked || typeof roomId !== 'string' || !Number.isFinite(at)) return null;
  return { room: roomId, day: new Date(at + SHANGHAI_MS).toISOString().slice(0, 10) };
}

/** The stream, with `timetable` in each row whose room and day the server knows. */
export function withTimetable(
  stream: Stream,
  http: Http,
  headers: Readonly<Record<string, string>>,
  context: Pick<ConnectorContext, 'now' | 'note'>,
): Stream {
  const ask = askAt(http, headers);
  const kept = new Map<string, { readonly lessons: Lessons; readonly at: number }>();
  const lessonsOf = async (room: string, day: string, signal: AbortSignal): Promise<Lessons> => {
    const name = `${day} ${room}`;
    const known = kept.get(name);
    if (known !== undefined && context.now() - known.at < KEPT_MS) return known.lessons;
    try {
      const lessons = await ask(room, day, signal);
      kept.delete(name);
      kept.set(name, { lessons, at: context.now() });
      for (const oldest of kept.keys()) if (kept.size > KEPT_MAX) kept.delete(oldest);
      return lessons;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ConnectorError)) throw error;
      context.note({ kind: 'skipped', detail: `swipes go without the timetable: ${error.message}` });
      return undefined;
    }
  };
  const fill = async (rows: readonly SourceRow[], signal: AbortSignal): Promise<SourceRow[]> => {
    const places = new Map<string, { readonly room: string; readonly day: string }>();
    for (const { data } of rows) {
      const place = placeOf(data);
      if (place !== null) places.set(`${place.day} ${place.room}`, place);
    }
    const found = new Map<string, Lessons>();
    const waiting = [...places];
    const work = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        found.set(next[0], await lessonsOf(next[1].room, next[1].day, signal));
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
    return rows.map((row) => {
      const place = placeOf(row.data);
      const timetable = place === null ? undefined : found.get(`${place.day} ${place.room}`);
      return timetable === undefined ? row : lazyRow(row.id, row.at, { ...(row.data as object), timetable });
    });
  };
  return {
    ...stream,
    async changes(cursor, signal) {
      const page = await stream.changes(cursor, signal);
      return { ...page, rows: await fill(page.rows, signal) };
    },
  };
}
