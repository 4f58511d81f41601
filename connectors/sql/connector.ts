import { checked } from '../sdk-pages.js';
import type { RowMaker } from '../sdk-files.js';
import {
  ConnectorError,
  type CheckResult,
  type Connector,
  type ConnectorContext,
  type ConnectorFactory,
  type ConnectorSpec,
  type JsonSchema,
  type Stream,
  type StreamSpec,
  streamsOf,
} from '../sdk.js';
import { openLink, type Link } from './connection.js';
import type { Dialect } from './dialect.js';
import { dialectOf } from './dialects.js';
import { OVERLAP, PAGE_ROWS, sourceProperties, streamProperties, type ChangesOptions } from './options.js';
import type { SqlOptions, SqlStreamOptions } from './options.js';
import { listingPage, versionPage, versionStart, watermarkPage, watermarkStart } from './stream.js';
import { KEY_COLUMN, openTable, type SqlTable } from './table.js';
import type { Overlap } from './watermark.js';

/** One stream that may be read from a database in place of its system's API or files. */
export interface SqlStreamKind {
  readonly spec: Pick<StreamSpec, 'name' | 'title' | 'after' | 'kind' | 'maps' | 'rowSchema'>;
  /** What the stream is mapped as, where that depends on which others the source has; absent: `spec.maps`. */
  readonly maps?: (options: Readonly<Record<string, unknown>>) => string;
  /** Field of the row's natural id; its column is the key where hub.yaml names no other. */
  readonly idField: string;
  readonly description: string;
  /** JSON Schema properties: `columns`, `constants` and whatever the maker reads. */
  readonly options: JsonSchema;
  /** False where the id is made out of a column (a door out of an address) and cannot be looked up by it. */
  readonly plainId?: (options: SqlStreamOptions) => boolean;
  readonly maker: (options: SqlStreamOptions) => RowMaker;
}

export interface SqlSystem {
  /** `card-core`: the kind is `card-core/sql`. */
  readonly system: string;
  readonly title: { readonly en: string; readonly zh: string };
  readonly streams: readonly SqlStreamKind[];
  readonly quirks?: readonly string[];
}

const POLL_MS = 30_000;

const QUIRKS = [
  'Only the streams that have options exist.',
  'A thing that is gone from the table counts as gone when a complete listing lacked it and a look-up by key did not find it.',
  'An empty table proves no absence: a view that is being rebuilt is empty for a moment.',
  'NULL, an empty text and one of spaces only are the same: absent. Spaces at the end of a text are padding.',
  'Times without a zone are Asia/Shanghai, and so is the day of a column that is cut to its date.',
  'Rows that share a key are quarantined with DUPLICATE_KEY, rows without one with NO_KEY; the rest of the table goes on. An event without its key is not read.',
  'By watermark, a row whose column is NULL is seen only by the listing; a row that is deleted, too.',
  'PostgreSQL by version reads the whole table at the server for each poll, and sends only what has changed. A view must show xmin as a column.',
  'MySQL has no row version.',
];

/** The connector of a system whose records are read from a database. */
export function sqlConnector(system: SqlSystem): ConnectorFactory {
  const spec = specOf(system);
  return {
    spec,
    open(given, context) {
      const options = given as unknown as SqlOptions & Readonly<Record<string, SqlStreamOptions | undefined>>;
      const dialect = dialectOf(options.dialect);
      const parts = new Map<string, Part>();
      for (const kind of system.streams) {
        const own = options[kind.spec.name];
        if (own !== undefined) parts.set(kind.spec.name, openPart(kind, own, options, dialect, context));
      }
      return connectorOf(spec, dialect, parts);
    },
  };
}

function specOf({ system, title, streams, quirks = [] }: SqlSystem): ConnectorSpec {
  return {
    kind: `${system}/sql`,
    title: { en: `${title.en}: database`, zh: `${title.zh}：数据库` },
    summary:
      'Reads tables, views or queries of a database over a read-only connection: small pages by key, each a short statement of its own.',
    options: {
      type: 'object',
      required: ['dialect', 'host', 'database', 'user', 'password'],
      additionalProperties: false,
      anyOf: streams.map(({ spec }) => ({ required: [spec.name] })),
      properties: {
        ...sourceProperties,
        ...Object.fromEntries(
          streams.map((kind) => [kind.spec.name, streamProperties(kind.description, kind.options)]),
        ),
      },
    },
    configured: (options) =>
      streams.map(({ spec }) => spec.name).filter((name) => options[name] !== undefined),
    streams: streams.map(({ spec }) =>
      streamSpec(spec, spec.kind === 'event' ? 'watermark' : 'compare', true),
    ),
    quirks: [...QUIRKS, ...quirks],
  };
}

const DELIVERY = {
  compare:
    'Each row of the table at each poll, at least once; changes between two polls are seen as their sum.',
  watermark: 'Each row whose watermark has grown, at least once; the overlap is read again at each poll.',
  version:
    'Each row that was changed since the last poll, at least once; several changes are seen as their sum.',
};

function streamSpec(spec: SqlStreamKind['spec'], by: ChangesOptions['by'], canLookUp: boolean): StreamSpec {
  const absence = canLookUp ? 'point-read' : 'second-listing';
  return {
    ...spec,
    listing: spec.kind === 'event' ? null : { absence },
    feed: by !== 'compare',
    delivery: DELIVERY[by],
    pollMsDefault: POLL_MS,
  };
}

interface Part {
  readonly stream: Stream;
  readonly table: SqlTable;
  readonly link: Link;
  readonly own: SqlStreamOptions;
}

function openPart(
  kind: SqlStreamKind,
  own: SqlStreamOptions,
  options: SqlOptions,
  dialect: Dialect,
  context: ConnectorContext,
): Part {
  const idColumn = own.columns[kind.idField];
  const key = own.key ?? (idColumn === undefined ? undefined : [idColumn]);
  if (key === undefined) {
    throw new ConnectorError(
      'CONFIG',
      `option ${kind.spec.name}.key: expected columns that name a row`,
      'never',
    );
  }
  if (kind.spec.kind === 'state' && idColumn !== undefined && (key.length > 1 || key[0] !== idColumn)) {
    const text = `expected either columns.${kind.idField} or key: the column of the natural id is the key of a thing`;
    throw new ConnectorError('CONFIG', `option ${kind.spec.name}: ${text}`, 'never');
  }
  const changes = changesOf(kind, own, dialect);
  const isJoined = idColumn === undefined;
  const columns = isJoined ? { ...own.columns, [kind.idField]: KEY_COLUMN } : own.columns;
  const link = openLink(dialect, options, context.baseDir);
  const table = openTable({
    dialect,
    link,
    stream: kind.spec.name,
    options: own,
    key,
    make: kind.maker({ ...own, columns }),
    encoding: options.encoding,
    pageRows: options.pageRows ?? PAGE_ROWS,
  });
  const canLookUp = kind.spec.kind === 'state' && key.length === 1 && (kind.plainId?.(own) ?? true);
  const maps = kind.maps?.({ ...options }) ?? kind.spec.maps;
  const spec = streamSpec({ ...kind.spec, maps }, changes.by, canLookUp);
  return { stream: streamOf(spec, table, changes, canLookUp), table, link, own };
}

function changesOf(kind: SqlStreamKind, own: SqlStreamOptions, dialect: Dialect): ChangesOptions {
  const changes = own.changes ?? { by: 'compare' };
  const refuse = (text: string): never => {
    throw new ConnectorError('CONFIG', `option ${kind.spec.name}.changes: ${text}`, 'never');
  };
  if (changes.by === 'compare' && kind.spec.kind === 'event') {
    refuse(
      'events cannot be found by compare; use by: watermark with the column of the event’s time or running id',
    );
  }
  if (changes.from === 'now' && kind.spec.kind === 'state')
    refuse('from: now is for events; of things all that stand in the table are listed');
  if (changes.by === 'watermark' && changes.column === undefined) refuse('by: watermark needs column');
  if (changes.by === 'version') {
    if (dialect.rowVersion === null)
      refuse(`${dialect.name} has no row version; use by: watermark or compare`);
    else if (dialect.rowVersion.needsColumn && changes.column === undefined)
      refuse('by: version needs column');
  }
  return changes;
}

function streamOf(spec: StreamSpec, table: SqlTable, changes: ChangesOptions, canLookUp: boolean): Stream {
  const overlap: Overlap =
    changes.is === 'id'
      ? { of: 'id', ids: changes.overlapIds ?? OVERLAP.ids }
      : { of: 'time', seconds: changes.overlapSeconds ?? OVERLAP.seconds };
  const never = (what: string): never => {
    throw new ConnectorError('CONFIG', `stream ${spec.name} has no ${what}`, 'never');
  };
  // What stood in the table before the feed began comes with the listing, where there is one.
  const from = spec.listing === null ? (changes.from ?? 'retained') : 'now';
  return {
    spec,
    // By version too: its feedStart is what is committed by now, and its history comes only to one who does not ask it.
    ...(spec.listing === null && changes.from === 'now' && { beginsNow: true }),
    reparse: (raw) => table.reparse(raw),
    count: (signal) => table.count(signal),
    ...(canLookUp && { lookup: (ids, signal) => table.present(ids, signal) }),
    async feedStart(signal) {
      if (changes.by === 'watermark') return watermarkStart(table, overlap, from, signal);
      return changes.by === 'version' ? versionStart(table, signal) : null;
    },
    async snapshotPage(cursor, signal) {
      return spec.listing === null ? never('listing') : listingPage(table, cursor, signal);
    },
    async changes(cursor, signal) {
      if (changes.by === 'watermark') return watermarkPage(table, overlap, cursor, signal);
      return changes.by === 'version' ? versionPage(table, cursor, signal) : never('feed');
    },
  };
}

function connectorOf(spec: ConnectorSpec, dialect: Dialect, parts: ReadonlyMap<string, Part>): Connector {
  return {
    spec,
    streams: [...parts.keys()],
    async check(signal) {
      const results: CheckResult[] = [];
      for (const [name, part] of parts) results.push(await checkPart(name, part, dialect, signal));
      return results;
    },
    stream: streamsOf(
      spec.kind,
      [...parts.values()].map(({ stream }) => stream),
    ),
    async clockSkewMs(signal) {
      const [part] = parts.values();
      if (part === undefined) return 0;
      const before = Date.now();
      const theirs = await part.table.clock(signal);
      return theirs - (before + Date.now()) / 2;
    },
    async close() {
      await Promise.all([...parts.values()].map(({ link }) => link.close()));
    },
  };
}

async function checkPart(
  name: string,
  part: Part,
  dialect: Dialect,
  signal: AbortSignal,
): Promise<CheckResult> {
  return checked(`${name} (${dialect.name})`, signal, async () => {
    const { table, link, own } = part;
    const columns = await table.describe(signal);
    const { rows } = await table.page({ order: 'key', after: null }, signal);
    const damaged = rows.filter((row) => row.damage !== undefined).length;
    const ask = own.table === undefined ? null : dialect.mayWrite(own.table);
    const mayWrite = ask !== null && (await link.query(ask, [], signal)).rows[0]?.[0] === '1';
    const seen = `${table.label}: ${columns.length} columns; ${rows.length} rows on the first page, ${damaged} damaged`;
    const writes = mayWrite ? '; this user may also write to it: take a user that may only read' : '';
    return { ok: damaged === 0, detail: `${seen}${writes}` };
  });
}
