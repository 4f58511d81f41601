import { ConnectorError, type Page, type Stream, type StreamSpec } from '../sdk.js';
import { isObject } from '../sdk-json.js';
import { lazyRow, reparseJson } from '../sdk-pages.js';
import { neverHere } from './probe.js';
import { roomIds, roomPath, type PowerRoomRow } from './rows.js';
import { PAGE_CALLS } from './spec.js';

/**
 * A listing of rooms out of a cascade, area by area down to the room: neither vendor lists all rooms in one call.
 *
 * The walk goes depth first, each level in order of its ids, and a page ends after so many rooms or so many calls.
 * The cursor is the path of the last room (or of the branch last finished), so any page can be asked again. Nothing in
 * the protocol tells a level that is whole from one that is cut short, so absence needs a second listing.
 */
export interface Branch {
  readonly id: string;
  readonly name: string;
}

export interface Cascade {
  /** How many levels there are, the room's own included. */
  readonly depth: number;
  /** Children below these ids (outermost first); [] asks for the areas. */
  children(ids: readonly string[], signal: AbortSignal): Promise<readonly Branch[]>;
  /** The row of one room. */
  room(branches: readonly Branch[], signal: AbortSignal): Promise<PowerRoomRow>;
}

export interface WalkLimits {
  readonly pageRows: number;
  /** Listing calls of a page; a page of empty buildings ends here. */
  readonly pageCalls: number;
  /** Rooms asked for at the same time. */
  readonly parallel: number;
}

/** Children that one level may have. */
const CHILDREN_MAX = 5_000;

interface Cursor {
  readonly after: string;
  readonly rows: number;
}

interface Walk {
  readonly cascade: Cascade;
  readonly after: readonly string[];
  readonly limits: WalkLimits;
  readonly signal: AbortSignal;
  readonly found: (readonly Branch[])[];
  calls: number;
  /** Where the walk stopped; null: at the end. */
  stopped: readonly string[] | null;
}

const byId = (a: Branch, b: Branch): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

/** One page of the listing; `asOf` is when its first call was made. */
export async function walkPage(
  cascade: Cascade,
  cursor: unknown,
  limits: WalkLimits,
  asOf: number,
  signal: AbortSignal,
): Promise<Page> {
  const at: Cursor = isObject(cursor) ? (cursor as unknown as Cursor) : { after: '', rows: 0 };
  const after = at.after === '' ? [] : roomIds(at.after);
  const walk: Walk = { cascade, after, limits, signal, found: [], calls: 0, stopped: null };
  await descend(walk, [], true);
  const rows: PowerRoomRow[] = [];
  for (let i = 0; i < walk.found.length; i += limits.parallel) {
    const some = walk.found.slice(i, i + limits.parallel);
    rows.push(...(await Promise.all(some.map((branches) => cascade.room(branches, signal)))));
  }
  const total = at.rows + rows.length;
  const next = walk.stopped === null ? at.after : roomPath(walk.stopped);
  return {
    rows: rows.map((row) => lazyRow(row.path, row.path, row)),
    next: { after: next, rows: total },
    state: walk.stopped === null ? 'end' : 'more',
    asOf,
    ...(walk.stopped === null ? { absenceUsable: total > 0 } : {}),
  };
}

/**
 * Goes below `branches`. @param along the cursor's path leads through here, so what lies before it is skipped
 * @returns false: the page is full
 */
async function descend(walk: Walk, branches: readonly Branch[], along: boolean): Promise<boolean> {
  const level = branches.length;
  const from = along ? walk.after[level] : undefined;
  const leaf = level === walk.cascade.depth - 1;
  const ids = branches.map(({ id }) => id);
  walk.calls += 1;
  for (const child of await childrenOf(walk, ids)) {
    if (from !== undefined && (child.id < from || (leaf && child.id === from))) continue;
    const path = [...branches, child];
    if (leaf) {
      walk.found.push(path);
      if (walk.found.length < walk.limits.pageRows) continue;
      walk.stopped = path.map(({ id }) => id);
      return false;
    }
    const within = along && child.id === from;
    // A path that ends above this level names a branch that is finished.
    if (within && walk.after.length === level + 1) continue;
    if (!(await descend(walk, path, within))) return false;
    if (walk.calls < walk.limits.pageCalls) continue;
    walk.stopped = path.map(({ id }) => id);
    return false;
  }
  return true;
}

async function childrenOf(walk: Walk, ids: readonly string[]): Promise<readonly Branch[]> {
  walk.signal.throwIfAborted();
  const children = [...(await walk.cascade.children(ids, walk.signal))].sort(byId);
  const what = `level ${ids.length + 1} below "${roomPath(ids)}"`;
  if (children.length > CHILDREN_MAX) {
    throw new ConnectorError('TOO_LARGE', `${what}: more than ${CHILDREN_MAX} entries`, 'never');
  }
  children.forEach((child, i) => {
    if (i > 0 && children[i - 1]?.id === child.id) {
      throw new ConnectorError('PROTOCOL', `${what}: the id "${child.id}" is listed twice`, 'later');
    }
  });
  return children;
}

/** The listing of all rooms of a vendor. */
export function roomListing(
  spec: StreamSpec,
  cascade: Cascade,
  options: { readonly pageRows?: number; readonly parallel?: number },
  now: () => number,
): Stream {
  const { pageRows = 100, parallel = 4 } = options;
  const limits = { pageRows, pageCalls: PAGE_CALLS, parallel };
  return {
    spec,
    reparse: reparseJson,
    feedStart: async () => null,
    changes: async () => neverHere(spec, 'feed'),
    snapshotPage: async (cursor, signal) => {
      signal.throwIfAborted();
      return walkPage(cascade, cursor, limits, now(), signal);
    },
  };
}
