import { ConnectorError } from '../sdk.js';
import { isObject } from '../sdk-json.js';
import type { Item } from '../sdk-keyset.js';

/**
 * Reading a list by its time of change. Many rows can share one time (after a migration all of them do), so a place
 * is a pair of time and id. A row that was committed late shows up behind a place that was read already, so each
 * round begins `overlap` before the newest time seen:
 *
 *   round: from (since, 0) ─page─▶ (time, id) ─page─▶ … ─empty page─▶ next round: since = newest − overlap
 *
 * A round that finds its first page as it was (ETag, 304) has nothing to read.
 */
export type TimePlace = {
  /** Where this round began, ISO 8601; "" at the very beginning. */
  readonly since: string;
  /** The last row that was read in this round. */
  readonly time: string;
  readonly id: number;
  /** The newest time seen. */
  readonly top: string;
  /** Of the first page of a round that had no second one. */
  readonly etag?: string;
};

export interface TimeNames {
  readonly time: string;
  readonly id: string;
}

/** Before everything that a library can have. */
const BEGINNING = '1970-01-01T00:00:00+00:00';

export const placeAt = (since: string): TimePlace => ({ since, time: since || BEGINNING, id: 0, top: since });

/** A cursor as it came back from the position. */
export function placeOf(value: unknown): TimePlace {
  if (!isObject(value) || typeof value['time'] !== 'string') return placeAt('');
  return value as unknown as TimePlace;
}

/** True where the round has not read a page yet. */
export const isStart = ({ time, id, since }: TimePlace): boolean => id === 0 && time === (since || BEGINNING);

/** Koha's `q` for what lies behind a place. */
export function queryOf({ time, id }: TimePlace, names: TimeNames): string {
  const q = [{ [names.time]: { '>': time } }, { [names.time]: time, [names.id]: { '>': id } }];
  return `_order_by=${names.time},${names.id}&q=${encodeURIComponent(JSON.stringify(q))}`;
}

export function instantOf(value: unknown, what: string): number {
  const isTime = typeof value === 'string' && /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(value);
  const at = isTime ? Date.parse(value) : NaN;
  if (!Number.isNaN(at)) return at;
  throw new ConnectorError('PROTOCOL', `${what}: ISO 8601 with an offset was expected`, 'later');
}

export function numberOf(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  throw new ConnectorError('PROTOCOL', `${what}: a positive integer was expected`, 'later');
}

/** The place behind a page's last row. @throws ConnectorError PROTOCOL when the page does not follow the place */
export function behind(place: TimePlace, items: readonly Item[], names: TimeNames, what: string): TimePlace {
  let { time, id } = place;
  for (const item of items) {
    const nextTime = instantOf(item[names.time], `${what} ${names.time}`);
    const nextId = numberOf(item[names.id], `${what} ${names.id}`);
    const before = Date.parse(time);
    if (nextTime < before || (nextTime === before && nextId <= id)) {
      const order = `${names.time}, ${names.id}`;
      throw new ConnectorError(
        'PROTOCOL',
        `${what}: rows must follow the cursor in order of ${order}; the page is repeated`,
        'now',
      );
    }
    time = String(item[names.time]);
    id = nextId;
  }
  return { since: place.since, time, id, top: newest(place.top, items.length === 0 ? '' : time) };
}

const newest = (a: string, b: string): string =>
  b === '' || (a !== '' && Date.parse(a) >= Date.parse(b)) ? a : b;

/** Where the next round begins. */
export function nextRound(place: TimePlace, overlapMs: number, etag: string | undefined): TimePlace {
  const earlier = place.top === '' ? '' : new Date(Date.parse(place.top) - overlapMs).toISOString();
  const since = newest(place.since, earlier);
  const next = { ...placeAt(since), top: place.top };
  // The first page of the next round is another one than that of this, unless it begins at the same place.
  return etag !== undefined && since === place.since ? { ...next, etag } : next;
}

/** True for a moment that earlier rounds cannot have told. */
export function isNew(moment: unknown, since: string): boolean {
  if (typeof moment !== 'string' || moment === '') return false;
  return since === '' || Number.isNaN(Date.parse(moment)) || Date.parse(moment) >= Date.parse(since);
}
