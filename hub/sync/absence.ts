import type { AbsenceProof, Stream } from '../../connectors/sdk.js';
import { hasEnded, kindOf } from '../../transforms/kinds.js';
import type { ContractRecord } from '../../transforms/outcome.js';
import type { Progress } from './position.js';
import type { Published } from './published.js';
import type { RecordCodec } from './rows.js';
import {
  ABSENT_IDS_KEPT,
  judgeAbsence,
  keysetTracker,
  seenTracker,
  type AbsenceLimit,
  type AbsenceVerdict,
} from './snapshot.js';

const LOOKUP_CHUNK = 200;

export interface AbsenceDeps {
  readonly source: string;
  readonly maps: string;
  readonly proof: AbsenceProof;
  readonly stream: Stream;
  readonly codec: RecordCodec;
  readonly published: Published;
  readonly limit: AbsenceLimit;
}

/** One listing's watch over what is missing from it. */
export interface AbsenceWatch {
  page(ids: readonly string[], progress: Progress): void;
  /** After the last page: what to do with what is missing. Asks the upstream where the proof needs it. */
  judge(progress: Progress, listing: ListingEnd, signal: AbortSignal): Promise<AbsenceVerdict>;
}

export interface ListingEnd {
  /** Whether its absences may be believed at all. */
  readonly usable: boolean;
  /** What tells it from other listings; null where every reading is a listing of its own. */
  readonly name: string | null;
  readonly now: number;
}

/** Ids of the rows that are published and have not ended. */
export function openIds(deps: Pick<AbsenceDeps, 'source' | 'maps' | 'codec' | 'published'>): string[] {
  const ids: string[] = [];
  const prefix = `${deps.source}:`.length;
  for (const topic of kindOf(deps.maps).rows) {
    for (const [key, bytes] of deps.published.entries(topic)) {
      const state = (deps.codec.decode(topic, bytes) as { state: string }).state;
      if (!hasEnded(topic, state)) ids.push(key.slice(prefix));
    }
  }
  return ids;
}

/** @param resumed the listing began before this process did: what it saw then is known only from `progress` */
export function watchAbsence(deps: AbsenceDeps, progress: Progress, resumed: boolean): AbsenceWatch {
  if (deps.proof === 'none') return { page: () => undefined, judge: async () => ({ kind: 'none' }) };
  const open = openIds(deps);
  if (deps.proof === 'keyset') return watchKeyset(deps, open, progress, resumed);
  const tracker = seenTracker(open);
  return {
    page: (ids) => tracker.page(ids),
    async judge(after, listing, signal) {
      if (!listing.usable || resumed) return { kind: 'none' };
      const missing = tracker.absent();
      const proven =
        deps.proof === 'point-read'
          ? await stillAbsent(deps.stream, missing, signal)
          : twice(missing, after, listing);
      return judgeAbsence(proven, open.length, deps.limit, after.allowances, listing.now);
    },
  };
}

function watchKeyset(deps: AbsenceDeps, open: string[], progress: Progress, resumed: boolean): AbsenceWatch {
  const tracker = resumed ? keysetTracker(open, progress) : keysetTracker(open);
  const note = (after: Progress): void => {
    after.lastId = tracker.lastId;
    after.absent = tracker.absent().slice(0, ABSENT_IDS_KEPT);
    after.absentCount = tracker.absentCount();
  };
  return {
    page(ids, after) {
      tracker.page(ids);
      note(after);
    },
    async judge(after, { usable, now }) {
      if (!usable || !tracker.usable) return { kind: 'none' };
      tracker.complete();
      note(after);
      return judgeAbsence(tracker.absent(), open.length, deps.limit, after.allowances, now);
    },
  };
}

async function stillAbsent(stream: Stream, ids: readonly string[], signal: AbortSignal): Promise<string[]> {
  if (stream.lookup === undefined) return [];
  const absent: string[] = [];
  for (let i = 0; i < ids.length; i += LOOKUP_CHUNK) {
    const chunk = ids.slice(i, i + LOOKUP_CHUNK);
    const present = await stream.lookup(chunk, signal);
    absent.push(...chunk.filter((id) => !present.has(id)));
  }
  return absent;
}

/**
 * Absent from this complete listing and from the one before, a reading of the same one not counted; an operator's
 * word for at least so many stands in for the second listing.
 */
function twice(missing: readonly string[], progress: Progress, { name, now }: ListingEnd): readonly string[] {
  const again = name !== null && name === progress.candidatesOf;
  const before = new Set(again ? progress.confirmed : progress.candidates);
  progress.candidates = missing;
  progress.candidatesOf = name;
  progress.confirmed = missing.filter((id) => before.has(id));
  const isAllowed = progress.allowances.some(({ count, until }) => until > now && count >= missing.length);
  return isAllowed ? missing : progress.confirmed;
}

/** The records that end the rows with these ids. */
export function closeRows(
  deps: Pick<AbsenceDeps, 'source' | 'maps' | 'codec' | 'published'>,
  ids: readonly string[],
  close: (topic: string, value: object) => ContractRecord | null,
): ContractRecord[] {
  const records: ContractRecord[] = [];
  for (const id of ids) {
    const key = `${deps.source}:${id}`;
    for (const topic of kindOf(deps.maps).rows) {
      const bytes = deps.published.value(topic, key);
      if (bytes === undefined) continue;
      const record = close(topic, deps.codec.decode(topic, bytes));
      if (record !== null) records.push(record);
    }
  }
  return records;
}
