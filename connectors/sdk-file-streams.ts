import {
  ConnectorError,
  streamsOf,
  type CheckResult,
  type Connector,
  type ConnectorContext,
  type ConnectorSpec,
  type Cursor,
  type Page,
  type SourceRow,
  type Stream,
  type StreamSpec,
} from './sdk.js';
import type { LineNames, RowReader } from './sdk-files.js';
import type { Place } from './sdk-csv.js';
import type { DropFile } from './sdk-folder.js';
import { isObject } from './sdk-json.js';

/** Digests kept in the cursor of a feed of files. */
const DONE_MAX = 1_000;
/** Things that a `distinct` listing may find in a file. */
const DISTINCT_MAX = 10_000;

interface ListingCursor extends Place {
  readonly digest: string;
  readonly damaged: number;
  readonly rows: number;
}

interface FeedCursor {
  readonly done: readonly string[];
  readonly open: (Place & { readonly digest: string }) | null;
}

function neverHere(spec: StreamSpec, what: string): never {
  throw new ConnectorError('CONFIG', `stream ${spec.name} has no ${what}`, 'never');
}

function newestOf(reader: RowReader, files: readonly DropFile[]): DropFile {
  const byTime = (a: DropFile, b: DropFile): number => a.modifiedAt - b.modifiedAt;
  const file = reader.profile.newest === 'modified' ? [...files].sort(byTime).at(-1) : files.at(-1);
  if (file !== undefined) return file;
  throw new ConnectorError(
    'FILE',
    `no whole file matches ${reader.profile.pattern} in ${reader.folder.path}; drop one there, or correct ${reader.folder.inFile('folder')} or pattern in hub.yaml`,
    'later',
  );
}

async function findDigest(
  reader: RowReader,
  files: readonly DropFile[],
  digest: string,
  signal: AbortSignal,
) {
  for (const file of files) if ((await reader.folder.digest(file, signal)) === digest) return file;
  return undefined;
}

/** What both listings are, whatever their pages hold: the newest whole file, named by its content; no feed. */
function newestAsListing(spec: StreamSpec, reader: RowReader): Omit<Stream, 'snapshotPage'> {
  return {
    spec,
    reparse: (raw) => reader.reparse(raw),
    feedStart: async () => null,
    changes: async () => neverHere(spec, 'feed'),
    async listing(signal) {
      const file = newestOf(reader, await reader.folder.files());
      return { name: await reader.folder.digest(file, signal), asOf: file.modifiedAt };
    },
  };
}

/**
 * A folder as listings: the newest whole file is the listing, older ones are not read. A listing that was begun
 * is finished even when a newer file comes; one whose file has gone or changed begins again with the newest.
 */
export function fileListing(spec: StreamSpec, reader: RowReader, context: ConnectorContext): Stream {
  return {
    ...newestAsListing(spec, reader),
    async snapshotPage(cursor, signal) {
      const files = await reader.folder.files();
      const begun = isObject(cursor) ? (cursor as unknown as ListingCursor) : null;
      const same = begun && (await findDigest(reader, files, begun.digest, signal));
      if (begun && !same) {
        context.note({
          kind: 'skipped',
          detail: 'the file of the listing has gone or changed: listing begun again',
        });
      }
      const file = same ?? newestOf(reader, files);
      const place = same ? begun : null;
      const digest = await reader.folder.digest(file, signal);
      const page = await reader.page(file, digest, place, signal);
      const damaged = (place?.damaged ?? 0) + page.damaged;
      const rows = (place?.rows ?? 0) + page.rows.length;
      return {
        rows: page.rows,
        next: { digest, damaged, rows, offset: page.next.offset, line: page.next.line },
        state: page.end ? 'end' : 'more',
        asOf: file.modifiedAt,
        listing: digest,
        ...(page.end ? { absenceUsable: damaged === 0 && rows > 0 } : {}),
      };
    },
  };
}

/**
 * The distinct ids in the newest whole file, as one page: for things that only an event export names, such as
 * the doors of a list of swipes. Absence means nothing.
 */
export function distinctListing(spec: StreamSpec, reader: RowReader): Stream {
  return {
    ...newestAsListing(spec, reader),
    async snapshotPage(_cursor, signal): Promise<Page> {
      const file = newestOf(reader, await reader.folder.files());
      const digest = await reader.folder.digest(file, signal);
      const found = new Map<string, SourceRow>();
      let place: Place | null = null;
      for (let end = false; !end;) {
        const page = await reader.page(file, digest, place, signal);
        for (const row of page.rows)
          if (row.damage === undefined && !found.has(row.id)) found.set(row.id, row);
        if (found.size > DISTINCT_MAX) {
          throw new ConnectorError('FILE', `${file.name}: more than ${DISTINCT_MAX} distinct ids`, 'later');
        }
        ({ next: place, end } = page);
      }
      const rows = [...found.values()];
      return {
        rows,
        next: { digest },
        state: 'end',
        asOf: file.modifiedAt,
        listing: digest,
        absenceUsable: false,
      };
    },
  };
}

/**
 * A folder as a feed of events: files in order of name, each content read once (recognised by its digest under
 * any name). A file that changed is a new content and is read from its start; its events keep their ids.
 */
export function fileFeed(spec: StreamSpec, reader: RowReader, context: ConnectorContext): Stream {
  const nextFile = async (files: readonly DropFile[], done: ReadonlySet<string>, signal: AbortSignal) => {
    for (const file of files) if (!done.has(await reader.folder.digest(file, signal))) return file;
    return undefined;
  };
  return {
    spec,
    reparse: (raw) => reader.reparse(raw),
    feedStart: async () => null,
    snapshotPage: async () => neverHere(spec, 'listing'),
    async changes(cursor, signal) {
      const files = await reader.folder.files();
      const at: FeedCursor = isObject(cursor) ? (cursor as unknown as FeedCursor) : { done: [], open: null };
      const begun = at.open && (await findDigest(reader, files, at.open.digest, signal));
      if (at.open && !begun) {
        context.note({ kind: 'skipped', detail: 'the file that was being read has gone or changed' });
      }
      const place = begun ? at.open : null;
      const file = begun ?? (await nextFile(files, new Set(at.done), signal));
      const asOf = Math.max(0, ...files.map((each) => each.modifiedAt)) || context.now();
      if (file === undefined) return { rows: [], next: cursorOf(at.done, null), state: 'end', asOf };
      const digest = await reader.folder.digest(file, signal);
      const page = file.size === 0 ? EMPTY : await reader.page(file, digest, place, signal, names(file));
      if (!page.end) {
        const open = { digest, offset: page.next.offset, line: page.next.line };
        return { rows: page.rows, next: cursorOf(at.done, open), state: 'more', asOf: file.modifiedAt };
      }
      const done = await remember([...at.done, digest], reader, files, signal);
      const state = (await nextFile(files, new Set(done), signal)) === undefined ? 'end' : 'more';
      return { rows: page.rows, next: cursorOf(done, null), state, asOf: file.modifiedAt };
    },
  };
}

/** Each file of a feed has a line 7: a line that cannot be read is named with its file. */
const names = (file: DropFile): LineNames => ({ linePrefix: `${file.name}:` });

const EMPTY = { rows: [], next: { offset: 0, line: 1 }, end: true, damaged: 0 };

function cursorOf(done: readonly string[], open: FeedCursor['open']): Cursor {
  return { done, open: open && { digest: open.digest, offset: open.offset, line: open.line } };
}

/** Digests of files that have left the folder are forgotten first, oldest first. */
async function remember(
  done: readonly string[],
  reader: RowReader,
  files: readonly DropFile[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (done.length <= DONE_MAX) return done;
  const present = new Set<string>();
  for (const file of files) present.add(await reader.folder.digest(file, signal));
  let surplus = done.length - DONE_MAX;
  const kept = done.filter((digest) => present.has(digest) || surplus-- <= 0);
  if (kept.length <= DONE_MAX) return kept;
  throw new ConnectorError(
    'FILE',
    `${reader.folder.path} holds more than ${DONE_MAX} files that were read; move old ones away`,
    'later',
  );
}

/** Checks of one file stream: is there a whole file, and does its header carry the profile's columns? */
export async function checkFiles(
  name: string,
  reader: RowReader,
  stream: Stream,
  signal: AbortSignal,
): Promise<CheckResult[]> {
  try {
    const files = await reader.folder.files();
    const file = newestOf(reader, files);
    const page = await reader.page(file, await reader.folder.digest(file, signal), null, signal);
    const detail = `${files.length} whole file(s) in ${reader.folder.path}; ${file.name}: ${page.rows.length} rows on the first page, ${page.damaged} damaged`;
    return [{ name: `${name} (${stream.spec.kind})`, ok: page.damaged === 0, detail }];
  } catch (error) {
    if (!(error instanceof ConnectorError)) throw error;
    return [{ name, ok: false, detail: error.message }];
  }
}

/** A stream over files and the reader of its rows. */
export interface FilePart {
  readonly reader: RowReader;
  readonly stream: Stream;
}

/** A connector whose streams are those that its options configure. */
export function fileConnector(spec: ConnectorSpec, parts: ReadonlyMap<string, FilePart>): Connector {
  return {
    spec,
    streams: [...parts.keys()],
    async check(signal) {
      const results: CheckResult[] = [];
      for (const [name, { reader, stream }] of parts) {
        results.push(...(await checkFiles(name, reader, stream, signal)));
      }
      return results;
    },
    stream: streamsOf(
      spec.kind,
      [...parts.values()].map(({ stream }) => stream),
    ),
    close: async () => undefined,
  };
}
