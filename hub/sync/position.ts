import type { Cursor } from '../../connectors/sdk.js';
import type { Position } from '../../contracts/types.js';
import { createDigestSum, type DigestSum } from '../log/digest.js';
import type { WrittenOffset } from '../log/log.js';
import { RULES_VERSION } from '../../transforms/outcome.js';
import { copyBooks, emptyBooks, type BookLines } from './books.js';
import { ABSENT_IDS_KEPT, type Allowance } from './snapshot.js';

/** Digest of what one stream has published on one topic (rule 4). */
export interface TopicDigest {
  /** Records appended, ever. */
  records: number;
  /** State topics: keys that have a value now. Event topics: same as records. */
  keys: number;
  /** Sum modulo 2^128 over the records (event topics) or over the newest record of each key. */
  readonly sum: DigestSum;
}

export interface HeldAbsence {
  readonly snapshotNumber: number;
  readonly count: number;
  readonly since: number;
}

/** Where a stream stands: what its next batch will commit with its records. */
export interface Progress {
  sequence: number;
  listing: boolean;
  listingCursor: Cursor;
  /** As of which the listing under way began. */
  listingAsOf: number | null;
  lastId: string | null;
  snapshotNumber: number;
  snapshotCompletedAt: number | null;
  feedCursor: Cursor;
  asOf: number;
  absent: readonly string[];
  absentCount: number;
  held: HeldAbsence | null;
  allowances: readonly Allowance[];
  /** Offset of the last operator's command that this stream has executed; −1: none. */
  commandOffset: number;
  /** Absences of the last complete listing whose proof is a second one. */
  candidates: readonly string[];
  /** Name of that listing, where it has one: reading it again is no second listing. */
  candidatesOf: string | null;
  /** Those of them that were absent from the listing before it too. */
  confirmed: readonly string[];
  /**
   * Last offset that this stream ever wrote in each partition, by `topic/partition`: a reader that has
   * applied these has applied all of the stream, whatever compaction took from `hub.positions`.
   */
  readonly written: Map<string, WrittenOffset>;
  readonly total: BookLines;
  readonly digests: Map<string, TopicDigest>;
}

export function firstProgress(): Progress {
  return {
    sequence: 0,
    listing: false,
    listingCursor: null,
    listingAsOf: null,
    lastId: null,
    snapshotNumber: 0,
    snapshotCompletedAt: null,
    feedCursor: null,
    asOf: 0,
    absent: [],
    absentCount: 0,
    held: null,
    allowances: [],
    commandOffset: -1,
    candidates: [],
    candidatesOf: null,
    confirmed: [],
    written: new Map(),
    total: emptyBooks(),
    digests: new Map(),
  };
}

/** What the `cursor` field holds as JSON: the connector's cursor and the loop's own place in a listing. */
interface CursorField {
  readonly listing: boolean;
  readonly cursor: Cursor;
  readonly listingAsOf: number | null;
  readonly lastId: string | null;
  readonly allowances: readonly Allowance[];
  readonly commandOffset: number;
  readonly candidates: readonly string[];
  readonly candidatesOf?: string | null;
  readonly confirmed?: readonly string[];
}

export function readPosition(position: Position): Progress {
  const place = JSON.parse(position.cursor) as CursorField;
  const digests = new Map<string, TopicDigest>();
  for (const [topic, digest] of Object.entries(position.digests)) {
    digests.set(topic, { records: digest.records, keys: digest.keys, sum: createDigestSum(digest.sum) });
  }
  return {
    sequence: position.sequence,
    listing: place.listing,
    listingCursor: place.cursor,
    listingAsOf: place.listingAsOf,
    lastId: place.lastId,
    snapshotNumber: position.snapshotNumber,
    snapshotCompletedAt: position.snapshotCompletedAt,
    feedCursor: position.feedCursor === null ? null : (JSON.parse(position.feedCursor) as Cursor),
    asOf: position.asOf,
    absent: position.absent,
    absentCount: position.absentCount,
    held: position.held,
    allowances: place.allowances,
    commandOffset: place.commandOffset,
    candidates: place.candidates,
    candidatesOf: place.candidatesOf ?? null,
    confirmed: place.confirmed ?? [],
    written: new Map(position.written.map((offset) => [placeOf(offset), offset])),
    total: copyBooks(position.books.total),
    digests,
  };
}

/** The value on `hub.positions`. Call it at once: it copies what later pages go on to change. */
export function writePosition(
  sourcePartition: string,
  progress: Progress,
  mode: 'SNAPSHOT' | 'CHANGES',
  batch: BookLines,
): (written: readonly WrittenOffset[]) => Position {
  const place: CursorField = {
    listing: progress.listing,
    cursor: progress.listingCursor,
    listingAsOf: progress.listingAsOf,
    lastId: progress.lastId,
    allowances: progress.allowances,
    commandOffset: progress.commandOffset,
    // A restart proves only those again that fit here; the rest wait for one more listing.
    candidates: progress.candidates.slice(0, ABSENT_IDS_KEPT),
    candidatesOf: progress.candidatesOf,
    confirmed: progress.confirmed.slice(0, ABSENT_IDS_KEPT),
  };
  const digests: Record<string, Position['digests'][string]> = {};
  for (const [topic, digest] of progress.digests) {
    digests[topic] = { records: digest.records, keys: digest.keys, sum: digest.sum.hex() };
  }
  const value: Position = {
    sourcePartition,
    sequence: progress.sequence,
    mode,
    snapshotNumber: progress.snapshotNumber,
    cursor: JSON.stringify(place),
    feedCursor: progress.feedCursor === null ? null : JSON.stringify(progress.feedCursor),
    asOf: progress.asOf,
    snapshotCompletedAt: progress.snapshotCompletedAt,
    absent: [...progress.absent],
    absentCount: progress.absentCount,
    held: progress.held,
    written: [],
    books: { batch: copyBooks(batch), total: copyBooks(progress.total) },
    digests,
    hubRulesVersion: RULES_VERSION,
  };
  return (written) => {
    for (const offset of written) progress.written.set(placeOf(offset), offset);
    return { ...value, written: [...progress.written.values()] };
  };
}

function placeOf(offset: WrittenOffset): string {
  return `${offset.topic}/${offset.partition}`;
}

/** The running digest of one topic; begun at zero when the stream first writes there. */
export function digestOf(digests: Map<string, TopicDigest>, topic: string): TopicDigest {
  let digest = digests.get(topic);
  if (digest === undefined) {
    digest = { records: 0, keys: 0, sum: createDigestSum() };
    digests.set(topic, digest);
  }
  return digest;
}
