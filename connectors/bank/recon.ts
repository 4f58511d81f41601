import {
  ConnectorError,
  type Cursor,
  type Page,
  type SourceRow,
  type Stream,
  type StreamSpec,
} from '../sdk.js';
import { isObject } from '../sdk-json.js';
import { lazyRow, reparseJson } from '../sdk-pages.js';
import { bankTime } from './agreements.js';
import { sha256, type BankClient, type Fields } from './client.js';
import { bankError } from './errors.js';
import { textOf } from './message.js';
import { addDays, compactDay, type BankProfile } from './profiles.js';
import { parseReconFile, type FileEntry, type Layout, type ReconFile } from './recon-file.js';
import type { FileFault, ReconFileRow } from './rows.js';
import { closedUntil, type ServiceWindow } from './window.js';

/**
 * The reconciliation files of a bank as a feed: day by day, each file when it is there.
 *
 *   scan day ─ not there ─▶ row `missing` (once) ─▶ next day        missing is not empty
 *            ─ there, new or with other bytes than before ─▶ read ─▶ pages ─▶ next day
 *            ─ there, the bytes that were read ─▶ next day
 *   last due day passed ─▶ end; the next poll begins `recheckDays` earlier
 *
 * A file is due the day after its own, when the window has ended. Its bytes come in pieces, and are taken only when
 * the digest of the whole fits.
 */
export interface ReconOptions {
  readonly layout: Layout;
  readonly pageRows: number;
  /** First day of a hub without a position, `yyyyMMdd`. */
  readonly from: string;
  readonly recheckDays: number;
  readonly fileBytes: number;
  readonly window: ServiceWindow;
}

const CHUNK_BYTES = 262_144;
const MISSING = 'missing';
/** A file that has not come by then is asked for no more; its case stays open. */
const MISSING_DAYS = 31;

interface Place {
  /** The day to look at next. */
  readonly scan: string;
  /** Day → digest of the file that was read, or `missing`; the last `recheckDays` and what is open. */
  readonly days: Readonly<Record<string, string>>;
  /** The file under way: its digest and the next entry. */
  readonly reading: { readonly digest: string; readonly at: number } | null;
}

interface Parts {
  readonly client: BankClient;
  readonly profile: BankProfile;
  readonly options: ReconOptions;
  readonly now: () => number;
  readonly note: (detail: string) => void;
  /** The file that was read last, so that its pages need not be fetched again. */
  held: { readonly key: string; readonly file: ReconFile } | null;
}

export function reconStream(spec: StreamSpec, given: Omit<Parts, 'held'>): Stream {
  const parts: Parts = { ...given, held: null };
  return {
    spec,
    reparse: reparseJson,
    feedStart: async () => ({ scan: parts.options.from, days: {}, reading: null }),
    snapshotPage: async () => {
      throw new ConnectorError('CONFIG', `stream ${spec.name} has no listing`, 'never');
    },
    async changes(cursor, signal) {
      signal.throwIfAborted();
      const place = placeOf(cursor, parts.options.from);
      const until = closedUntil(parts.now(), parts.options.window);
      if (until !== null) {
        parts.note(`the bank is in its window; files again from ${new Date(until).toISOString()}`);
        // Nothing was asked: the position's age stays what it was.
        return { rows: [], next: place as unknown as Cursor, state: 'end', asOf: 0 };
      }
      return place.reading === null ? scan(place, parts, signal) : read(place, parts, signal);
    },
  };
}

function placeOf(cursor: Cursor, from: string): Place {
  if (!isObject(cursor) || typeof cursor['scan'] !== 'string') return { scan: from, days: {}, reading: null };
  return cursor as unknown as Place;
}

async function scan(place: Place, parts: Parts, signal: AbortSignal): Promise<Page> {
  const { recheckDays } = parts.options;
  // The window has ended, so every earlier day's books are closed.
  const due = addDays(compactDay(parts.now()), -1);
  let asOf = parts.now();
  for (let day = place.scan; day <= due; day = addDays(day, 1)) {
    const head = await headOf(day, parts, signal);
    asOf = head.asOf;
    const before = place.days[day];
    if (head.digest === (before ?? '')) continue;
    if (head.digest !== MISSING) {
      const found = { ...place, scan: day, reading: { digest: head.digest, at: -1 } };
      return read(found, parts, signal);
    }
    // A file that was there and is not any more changes nothing that was read.
    if (before !== undefined) continue;
    const next: Place = { scan: addDays(day, 1), days: { ...place.days, [day]: MISSING }, reading: null };
    return {
      rows: [missingRow(day, parts.options.layout)],
      next: next as unknown as Cursor,
      state: 'more',
      asOf,
    };
  }
  const again = addDays(due, 1 - recheckDays);
  const waited = addDays(due, -MISSING_DAYS);
  const oldest = Object.keys(place.days).find((day) => place.days[day] === MISSING && day > waited) ?? again;
  const from = oldest < again ? oldest : again;
  const kept = Object.fromEntries(Object.entries(place.days).filter(([day]) => day >= from));
  const first = from < parts.options.from ? parts.options.from : from;
  return { rows: [], next: { scan: first, days: kept, reading: null }, state: 'end', asOf };
}

const fileId = (day: string): string => `file:${day}`;

function missingRow(day: string, layout: string): SourceRow {
  const row: ReconFileRow = {
    type: 'file',
    settleDate: day,
    state: 'missing',
    layout,
    rows: 0,
    fen: 0,
    faults: [],
  };
  return lazyRow(fileId(day), `${day}@missing`, row);
}

interface Head {
  readonly digest: string;
  readonly bytes: number;
  readonly asOf: number;
}

async function ask(
  day: string,
  offset: number,
  length: number,
  parts: Parts,
  signal: AbortSignal,
): Promise<Fields> {
  const settleDate = parts.profile.date(day);
  return parts.client.call(
    'GetReconFile',
    { settleDate, offset: String(offset), length: String(length) },
    signal,
  );
}

async function headOf(day: string, parts: Parts, signal: AbortSignal): Promise<Head> {
  try {
    const answer = await ask(day, 0, 0, parts, signal);
    const digest = textOf(answer.digest);
    if (!/^[\da-f]{64}$/i.test(digest))
      throw bankError('FIELDS', 'GetReconFile: expected a SHA-256 in hex', 'later');
    return { digest: digest.toLowerCase(), bytes: Number(answer.totalBytes), asOf: bankTime(answer) };
  } catch (error) {
    const isMissing = error instanceof ConnectorError && error.details.reason === 'NO_SUCH_REFERENCE';
    if (!isMissing) throw error;
    return { digest: MISSING, bytes: 0, asOf: parts.now() };
  }
}

/** One page of the file under way. */
async function read(place: Place, parts: Parts, signal: AbortSignal): Promise<Page> {
  const day = place.scan;
  const head = await headOf(day, parts, signal);
  const { reading } = place;
  // Other bytes than those we had begun: the file is read from its start, its rows replace the earlier ones.
  const at = reading?.digest === head.digest ? reading.at : -1;
  if (head.digest === MISSING) {
    return {
      rows: [],
      next: { ...place, scan: addDays(day, 1), reading: null } as unknown as Cursor,
      state: 'more',
      asOf: head.asOf,
    };
  }
  const { file, entries } = await fileOf(day, head, place.days[day], parts, signal);
  const { pageRows } = parts.options;
  const first = at < 0 ? [lazyRow(fileId(day), `${day}@${head.digest.slice(0, 12)}#file`, file)] : [];
  const from = Math.max(at, 0);
  const to = Math.min(entries.length, from + pageRows - first.length);
  const rows = entries.slice(from, to).map((entry) => entryRow(entry, day, head.digest));
  const done = to >= entries.length;
  const next: Place = done
    ? { scan: addDays(day, 1), days: { ...place.days, [day]: head.digest }, reading: null }
    : { ...place, reading: { digest: head.digest, at: to } };
  return { rows: [...first, ...rows], next: next as unknown as Cursor, state: 'more', asOf: head.asOf };
}

function entryRow(entry: FileEntry, day: string, digest: string): SourceRow {
  const line = entry.kind === 'row' ? entry.row.line : entry.line;
  const at = `${day}@${digest.slice(0, 12)}#${line}`;
  if (entry.kind === 'row') return lazyRow(`${day}:${entry.row.bankReference}`, at, entry.row);
  return { id: at, at, data: null, raw: entry.raw, damage: entry.damage };
}

async function fileOf(
  day: string,
  head: Head,
  before: string | undefined,
  parts: Parts,
  signal: AbortSignal,
): Promise<ReconFile> {
  const key = `${day}@${head.digest}@${before ?? ''}`;
  if (parts.held?.key === key) return parts.held.file;
  const bytes = await fetchFile(day, head, parts, signal);
  const faults: FileFault[] = before === MISSING ? ['LATE'] : before === undefined ? [] : ['REISSUED'];
  const { layout } = parts.options;
  const encoding = 'gb18030';
  const file = parseReconFile(bytes, { settleDate: day, digest: head.digest, layout, encoding, faults });
  parts.held = { key, file };
  return file;
}

async function fetchFile(day: string, head: Head, parts: Parts, signal: AbortSignal): Promise<Buffer> {
  const { fileBytes } = parts.options;
  if (!(head.bytes >= 0 && head.bytes <= fileBytes)) {
    throw new ConnectorError(
      'TOO_LARGE',
      `the file of ${day} is larger than ${fileBytes} bytes; raise recon.fileBytes`,
      'never',
    );
  }
  const pieces: Buffer[] = [];
  let size = 0;
  while (size < head.bytes) {
    const answer = await ask(day, size, Math.min(CHUNK_BYTES, head.bytes - size), parts, signal);
    const piece = Buffer.from(textOf(answer.content), 'base64');
    if (piece.length === 0) break;
    pieces.push(piece);
    size += piece.length;
  }
  const bytes = Buffer.concat(pieces);
  if (sha256(bytes) !== head.digest) {
    throw bankError('DIGEST_WRONG', `the file of ${day} is not the one that its digest names`, 'later');
  }
  return bytes;
}
