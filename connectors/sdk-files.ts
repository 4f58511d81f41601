import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { TextDecoder } from 'node:util';
import { ConnectorError, type ConnectorContext, type JsonSchema, type SourceRow } from './sdk.js';
import {
  codecOf,
  readPiece,
  splitRecord,
  type Codec,
  type Piece,
  type Place,
  type RawRecord,
  type TextFormat,
} from './sdk-csv.js';
import { openFolder, type DropFile, type Folder, type FolderOptions } from './sdk-folder.js';

/** What all file profiles share: where the files are and how their text is made. */
export interface FileProfile extends FolderOptions {
  readonly encoding: string;
  readonly delimiter: string;
  /** False: no header line; columns are named by their number, from "1". */
  readonly header: boolean;
  readonly newest: 'name' | 'modified';
  readonly pageRows: number;
  readonly recordBytesMax: number;
  /** Whether the upstream ends the last line of a whole file with a line end. */
  readonly lastLine: 'any' | 'ended';
}

/** JSON Schema properties of {@link FileProfile}, for the options of a file connector. */
export const fileProfileProperties: JsonSchema = {
  folder: {
    type: 'string',
    minLength: 1,
    description: 'Folder of the files, relative to the folder of hub.yaml.',
  },
  pattern: { type: 'string', minLength: 1, default: '*.csv', description: 'File names, with * and ?.' },
  encoding: {
    type: 'string',
    default: 'utf-8',
    description: 'WHATWG label: utf-8, gb18030 (GBK too), big5, utf-16le, windows-1252, …',
  },
  delimiter: { type: 'string', minLength: 1, maxLength: 4, default: ',', description: 'Between two fields.' },
  header: {
    type: 'boolean',
    default: true,
    description: 'The first line names the columns. Without it columns are named "1", "2", …',
  },
  complete: {
    enum: ['stable', 'marker', 'always'],
    default: 'stable',
    description:
      'When a file counts as whole: unchanged for stableSeconds (`sync --once` does not wait), or a marker file lies beside it, or at once.',
  },
  stableSeconds: { type: 'integer', minimum: 0, maximum: 86_400, default: 5, description: 'See complete.' },
  marker: { type: 'string', minLength: 1, default: '.done', description: 'End of the marker file’s name.' },
  newest: {
    enum: ['name', 'modified'],
    default: 'name',
    description:
      'Listings: which of several whole files is the newest, the last by name or by time of change.',
  },
  pageRows: { type: 'integer', minimum: 1, maximum: 20_000, default: 5_000, description: 'Rows of a page.' },
  recordBytesMax: {
    type: 'integer',
    minimum: 256,
    maximum: 1_048_576,
    default: 65_536,
    description: 'Longest line, bytes; a longer one is quarantined.',
  },
  lastLine: {
    enum: ['any', 'ended'],
    default: 'any',
    description:
      'A last line without a line end is torn: `ended`: always; `any`: when columns are missing or the file ends at a delimiter (not with complete: marker).',
  },
};

const DEFAULTS: Omit<FileProfile, 'folder' | 'block'> = {
  pattern: '*.csv',
  encoding: 'utf-8',
  delimiter: ',',
  header: true,
  complete: 'stable',
  stableSeconds: 5,
  marker: '.done',
  newest: 'name',
  pageRows: 5_000,
  recordBytesMax: 65_536,
  lastLine: 'any',
};

/**
 * Options as given, with the defaults that the schema states.
 * @param block the block of the connector's options that they stand in: `swipes.`
 */
export function withFileDefaults(given: Partial<FileProfile>, block = ''): FileProfile {
  if (given.folder === undefined)
    throw new ConnectorError('CONFIG', `option "${block}folder" is missing`, 'never');
  return { ...DEFAULTS, ...given, folder: given.folder, block };
}

/** Where a file is being read. */
export interface FilePlace extends Place {
  readonly digest: string;
}

/** The columns of one file. */
export interface Header {
  readonly columns: readonly string[];
  /**
   * Index of a column. @param key the option that named it, for the error
   * @throws ConnectorError FILE that says what was expected and what is there
   */
  column(name: string, key: string): number;
}

export interface MadeRow {
  /** Natural id; undefined when the row has none (the schema check then refuses it). */
  readonly id: string | undefined;
  readonly data: unknown;
}
/**
 * Builds rows from fields; made once a file. `contentKey` is given where the reader was asked for it: a digest of
 * the fields and the ordinal among equal rows of the file (architecture.md, rule 7).
 */
export type RowMaker = (header: Header) => (fields: readonly string[], contentKey?: string) => MadeRow;

/** How a page's rows are called that have no id of their own. */
export interface LineNames {
  /** Before `line-N`: nothing in listings, whose lines are those of the newest file; the file's name in feeds. */
  readonly linePrefix: string;
}

export interface RowPage {
  readonly rows: readonly SourceRow[];
  readonly next: Place;
  readonly end: boolean;
  readonly damaged: number;
}

/** Reads pages of rows out of the files of one folder. Keeps nothing but the header of the open file. */
export interface RowReader {
  readonly folder: Folder;
  readonly profile: FileProfile;
  page(
    file: DropFile,
    digest: string,
    place: Place | null,
    signal: AbortSignal,
    names?: LineNames,
  ): Promise<RowPage>;
  header(file: DropFile): Promise<Header>;
  /** The data of one row's bytes, by the columns of the newest file; undefined where they do not fit. */
  reparse(raw: Uint8Array): Promise<unknown>;
}

/** @param contentKeys rows have no key of their own */
export function openRows(
  profile: FileProfile,
  make: RowMaker,
  context: ConnectorContext,
  contentKeys = false,
): RowReader {
  const folder = openFolder(profile, context);
  const codec = codecOf(profile.encoding);
  const format: TextFormat = profile;
  const keys = contentKeys ? contentKeyTracker() : null;
  let current: { digest: string; start: Place; width: number; row: ReturnType<RowMaker> } | null = null;

  const begin = async (file: DropFile, digest: string) => {
    if (current?.digest === digest) return current;
    const { header, start } = await readHeader(file, profile);
    current = { digest, start, width: header.columns.length, row: make(header) };
    return current;
  };
  return {
    folder,
    profile,
    header: async (file) => (await readHeader(file, profile)).header,
    async reparse(raw) {
      const file = (await folder.files()).at(-1);
      if (file === undefined) return undefined;
      const { header } = await readHeader(file, profile);
      const fields = splitRecord(codec.loose.decode(raw), profile.delimiter);
      return fields?.length === header.columns.length ? make(header)(fields).data : undefined;
    },
    async page(file, digest, place, signal, { linePrefix } = { linePrefix: '' }) {
      signal.throwIfAborted();
      const { start, width, row } = await begin(file, digest);
      const handle = await open(file.path);
      try {
        const from = place ?? start;
        await keys?.moveTo(digest, start, from, (at) =>
          readPiece(handle, at, profile.pageRows, format, codec),
        );
        const piece = await readPiece(handle, from, profile.pageRows, format, codec);
        let damaged = 0;
        const rows = piece.records.map((record): SourceRow => {
          const at = `${digest}:${record.line}`;
          const lineId = `${linePrefix}line-${record.line}`;
          const damage = record.damage ?? shapeDamage(record, width, profile, codec);
          if (damage === undefined) {
            const { id = lineId, data } = row(record.fields, keys?.next(record));
            return { id, at, data, raw: record.raw, lineId };
          }
          damaged += 1;
          return { id: lineId, at, data: null, raw: record.raw, damage };
        });
        keys?.arrived(piece.next);
        await folder.verify(file);
        return { rows, next: piece.next, end: piece.end, damaged };
      } finally {
        await handle.close();
      }
    },
  };
}

/** Rows of a file without key columns that are counted; a larger file is refused. */
const CONTENT_KEYS_MAX = 2_000_000;

/** Counts equal rows from the start of a file; after a restart it reads again what stood before the cursor. */
function contentKeyTracker() {
  let state = { digest: '', line: 0, counts: new Map<string, number>() };
  const next = (record: RawRecord): string => {
    const content = createHash('sha256').update(record.fields.join('\u001f')).digest('hex').slice(0, 32);
    const ordinal = (state.counts.get(content) ?? 0) + 1;
    state.counts.set(content, ordinal);
    if (state.counts.size > CONTENT_KEYS_MAX) {
      throw new ConnectorError(
        'FILE',
        `a file without key columns may hold ${CONTENT_KEYS_MAX} rows`,
        'later',
      );
    }
    return `${content}-${ordinal}`;
  };
  return {
    next,
    arrived(place: Place): void {
      state.line = place.line;
    },
    async moveTo(
      digest: string,
      start: Place,
      to: Place,
      read: (from: Place) => Promise<Piece>,
    ): Promise<void> {
      if (state.digest === digest && state.line === to.line) return;
      state = { digest, line: to.line, counts: new Map() };
      for (let at = start; at.line < to.line;) {
        const piece = await read(at);
        for (const record of piece.records)
          if (record.line < to.line && record.damage === undefined) next(record);
        if (piece.end) return;
        at = piece.next;
      }
    },
  };
}

/**
 * A line whose fields are not those of the header, or that a cut has left with as many: cut at its last
 * delimiter it ends in a field that looks empty. Nothing is guessed then. Where the file really is whole, its
 * line waits in quarantine: a replay publishes it as it stands, and `complete: marker` says it beforehand.
 */
function shapeDamage(
  record: RawRecord,
  width: number,
  profile: FileProfile,
  codec: Codec,
): SourceRow['damage'] {
  const { fields, line, unterminated } = record;
  const torn = (what: string): SourceRow['damage'] => {
    const detail = `line ${line}: ${what}; the file ends without a line end`;
    return { code: 'TORN_LINE', path: '', detail };
  };
  if (fields.length !== width) {
    const what = `${fields.length} fields, expected ${width}`;
    if (unterminated) return torn(what);
    return { code: 'COLUMN_COUNT', path: '', detail: `line ${line}: ${what}` };
  }
  if (!unterminated) return undefined;
  if (profile.lastLine === 'ended') return torn('may be cut, see option lastLine');
  const isQuoted = record.raw.subarray(-codec.unit).includes(QUOTE);
  const isCut = width > 1 && fields.at(-1) === '' && !isQuoted && profile.complete !== 'marker';
  return isCut ? torn('nothing after the last delimiter') : undefined;
}

const QUOTE = 0x22;

async function readHeader(file: DropFile, profile: FileProfile): Promise<{ header: Header; start: Place }> {
  /** What only a person can mend is `never`; a file that is still being written may be whole `later`. */
  const fail = (text: string, retry: 'later' | 'never' = 'never'): ConnectorError =>
    new ConnectorError('FILE', `${file.name}: ${text}`, retry);
  const handle = await open(file.path);
  try {
    const sample = Buffer.alloc(65_536);
    const { bytesRead } = await handle.read(sample, 0, sample.length, 0);
    const doubt = encodingDoubt(sample.subarray(0, bytesRead), profile.encoding);
    if (doubt !== null) throw fail(doubt);
    const piece = await readPiece(handle, { offset: 0, line: 1 }, 1, profile);
    const first = piece.records[0];
    if (first === undefined) throw fail('empty; expected a header line and rows', 'later');
    if (first.damage !== undefined)
      throw fail(`the first line cannot be read: ${first.damage.detail}`, 'later');
    const names = first.fields.map((name) => name.replace(/^\uFEFF/, '').trim());
    if (profile.header) return { header: headerOf(names, fail), start: piece.next };
    const numbered = names.map((_, i) => String(i + 1));
    return { header: headerOf(numbered, fail), start: { offset: bomLength(sample), line: 1 } };
  } finally {
    await handle.close();
  }
}

function headerOf(columns: readonly string[], fail: (text: string) => ConnectorError): Header {
  return {
    columns,
    column(name, key) {
      const at = columns.indexOf(name);
      const found = shownColumns(columns);
      if (at === -1)
        throw fail(
          `no column "${name}" (option ${key}); columns found: ${found}. Correct ${key} or the export.`,
        );
      if (columns.indexOf(name, at + 1) !== -1)
        throw fail(`column "${name}" (option ${key}) stands twice: ${found}`);
      return at;
    },
  };
}

/** The names, unless the first line looks like a row of data: then nothing of it is shown. */
function shownColumns(columns: readonly string[]): string {
  if (columns.some((column) => /\d{5}/.test(column))) {
    return `${columns.length}, which look like a row and not like names (see option header)`;
  }
  return columns
    .slice(0, 100)
    .map((column) => JSON.stringify(column))
    .join(', ');
}

function bomLength(bytes: Uint8Array): number {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 3;
  return (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff) ? 2 : 0;
}

/** Fewer non-ASCII lines than this prove nothing about a file's encoding. */
const TELLING_LINES = 3;

/**
 * Whether the beginning of a file speaks against the encoding that the profile names: then the file is refused
 * as a whole instead of filling the quarantine, or, worse, the topics with garbage.
 */
export function encodingDoubt(sample: Uint8Array, encoding: string): string | null {
  if (encoding.toLowerCase().startsWith('utf-16')) return null;
  if (bomLength(sample) === 2) return `begins with a UTF-16 mark, but the profile says encoding: ${encoding}`;
  const lines: Uint8Array[] = [];
  for (let at = 0, end = sample.indexOf(10); end !== -1; at = end + 1, end = sample.indexOf(10, at)) {
    const line = sample.subarray(at, end);
    if (line.some((byte) => byte > 0x7f)) lines.push(line);
  }
  if (lines.length < TELLING_LINES) return null;
  const valid = (label: string): number => {
    const decoder = new TextDecoder(label, { fatal: true });
    return lines.filter((line) => decodes(decoder, line)).length;
  };
  const asNamed = valid(encoding);
  const asUtf8 = valid('utf-8');
  const isUtf8 = new TextDecoder(encoding).encoding === 'utf-8';
  if (!isUtf8 && asUtf8 === lines.length) {
    return `is valid UTF-8 in ${lines.length} of ${lines.length} lines with non-ASCII text, but the profile says encoding: ${encoding}`;
  }
  if (asNamed * 2 >= lines.length) return null;
  const other = ['gb18030', 'big5'].find((label) => valid(label) === lines.length);
  return `is not ${encoding}: ${lines.length - asNamed} of ${lines.length} lines with non-ASCII text cannot be decoded${
    other === undefined ? '' : `; ${other} would fit`
  }`;
}

function decodes(decoder: TextDecoder, bytes: Uint8Array): boolean {
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}
