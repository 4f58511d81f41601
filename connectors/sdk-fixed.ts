import { open, type FileHandle } from 'node:fs/promises';
import { TextDecoder } from 'node:util';
import { ConnectorError, type ConnectorContext, type RowDamage, type SourceRow } from './sdk.js';
import { openFolder, type DropFile } from './sdk-folder.js';
import { encodingDoubt, withFileDefaults, type FileProfile, type RowReader } from './sdk-files.js';

/**
 * Files of lines whose columns have fixed widths **in bytes**, as old desk programs write them. A Chinese character
 * takes two bytes of GBK, so positions cannot be counted in characters; and a name that is too long is cut wherever
 * its column ends, even within a character. So each column is cut out of the bytes and decoded by itself: half a
 * character becomes U+FFFD and spoils nothing beside it.
 */

/** 1-based, both ends included, as the manuals print them. */
export interface FixedColumn {
  readonly from: number;
  readonly to: number;
}

export interface FixedOptions {
  /** Bytes of a line without its end. */
  readonly lineBytes: number;
  /** The last line begins with `mark` and has the number of rows in these columns. */
  readonly trailer?: { readonly mark: string; readonly count: FixedColumn };
}

export type FixedCut = (column: FixedColumn) => string;
export interface FixedRow {
  readonly id: string | undefined;
  readonly data: unknown;
}

const CHUNK_BYTES = 64 * 1024;
const LF = 0x0a;
const CR = 0x0d;

/** `2-11` as a column. @throws ConnectorError CONFIG */
export function fixedColumn(text: string, option: string): FixedColumn {
  const match = /^(\d{1,4})-(\d{1,4})$/.exec(text);
  const [from, to] = [Number(match?.[1]), Number(match?.[2])];
  if (match !== null && from >= 1 && to >= from) return { from, to };
  const message = `option ${option}: expected bytes as "from-to" (from 1), found "${text}"`;
  throw new ConnectorError('CONFIG', message, 'never');
}

interface Line {
  readonly bytes: Buffer;
  readonly number: number;
  /** Where the next line begins. */
  readonly next: number;
  readonly ended: boolean;
}

/** Up to `limit` lines from an offset. GBK's second bytes are never a line end, so lines can be cut by bytes. */
async function readLines(
  handle: FileHandle,
  offset: number,
  number: number,
  limit: number,
  lineMax: number,
): Promise<{ lines: Line[]; end: boolean }> {
  const lines: Line[] = [];
  let kept = Buffer.alloc(0);
  let at = offset;
  let line = number;
  for (let readAt = offset; lines.length < limit;) {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES, readAt);
    readAt += bytesRead;
    kept = Buffer.concat([kept, chunk.subarray(0, bytesRead)]);
    for (let end = kept.indexOf(LF); end !== -1 && lines.length < limit; end = kept.indexOf(LF)) {
      at += end + 1;
      const bytes = kept.subarray(0, end > 0 && kept[end - 1] === CR ? end - 1 : end);
      lines.push({ bytes, number: line++, next: at, ended: true });
      kept = kept.subarray(end + 1);
    }
    if (bytesRead === 0) {
      const rest = lines.length < limit && kept.length > 0;
      if (rest) lines.push({ bytes: kept, number: line, next: at + kept.length, ended: false });
      return { lines, end: rest || kept.length === 0 };
    }
    if (kept.length > lineMax + CHUNK_BYTES && kept.indexOf(LF) === -1)
      throw new ConnectorError('FILE', `line ${line} is longer than ${lineMax} bytes`, 'later');
  }
  const { size } = await handle.stat();
  return { lines, end: at >= size };
}

function damageOf(line: Line, lineBytes: number): RowDamage | undefined {
  if (line.bytes.length === lineBytes) return undefined;
  const detail = `line ${line.number}: ${line.bytes.length} bytes, expected ${lineBytes}`;
  return line.ended
    ? { code: 'COLUMN_COUNT', path: '', detail }
    : { code: 'TORN_LINE', path: '', detail: `${detail}; the file ends without a line end` };
}

/** Like `openRows` for files with separators. @param make row of a line's columns */
export function openFixedRows(
  given: Partial<FileProfile>,
  options: FixedOptions,
  make: (cut: FixedCut) => FixedRow,
  context: ConnectorContext,
): RowReader {
  const profile = withFileDefaults({ encoding: 'gb18030', ...given, header: false });
  const folder = openFolder(profile, context);
  const decoder = new TextDecoder(profile.encoding);
  const cutOf =
    (bytes: Uint8Array): FixedCut =>
    ({ from, to }) =>
      decoder.decode(bytes.subarray(from - 1, to)).trim();
  const { trailer, lineBytes } = options;
  const isTrailer = ({ bytes }: Line): boolean =>
    trailer !== undefined && bytes.subarray(0, trailer.mark.length).toString('latin1') === trailer.mark;
  const rowOf = (line: Line, digest: string): SourceRow => {
    const at = `${digest}:${line.number}`;
    const damage = damageOf(line, lineBytes);
    if (damage !== undefined) return { id: `line-${line.number}`, at, data: null, raw: line.bytes, damage };
    const { id, data } = make(cutOf(line.bytes));
    return { id: id ?? `line-${line.number}`, at, data, raw: line.bytes };
  };
  return {
    folder,
    profile,
    header: async () => ({ columns: [], column: () => 0 }),
    reparse: async (raw) => (raw.length === lineBytes ? make(cutOf(raw)).data : undefined),
    async page(file, digest, place, signal) {
      signal.throwIfAborted();
      const handle = await open(file.path);
      try {
        if (place === null) await refuseDoubtful(handle, file, profile.encoding);
        const { offset, line } = place ?? { offset: 0, line: 1 };
        const { lines, end } = await readLines(
          handle,
          offset,
          line,
          profile.pageRows,
          profile.recordBytesMax,
        );
        const last = lines.at(-1);
        const total = end && last !== undefined && isTrailer(last) ? last : undefined;
        const rows = (total === undefined ? lines : lines.slice(0, -1)).map((each) => rowOf(each, digest));
        const wrong = end && !isTotal(total, line - 1 + rows.length, options, cutOf);
        await folder.verify(file);
        const damaged = rows.filter((row) => row.damage !== undefined).length + (wrong ? 1 : 0);
        if (wrong)
          context.note({ kind: 'skipped', detail: `${file.name}: control total is missing or wrong` });
        const next = { offset: last?.next ?? offset, line: line + lines.length };
        return { rows, next, end, damaged };
      } finally {
        await handle.close();
      }
    },
  };
}

/** Whether the file's own count is that of its rows: a file without its last line was cut. */
function isTotal(
  total: Line | undefined,
  rows: number,
  { trailer }: FixedOptions,
  cutOf: (bytes: Uint8Array) => FixedCut,
): boolean {
  if (trailer === undefined) return true;
  if (total === undefined) return false;
  const text = cutOf(total.bytes)(trailer.count);
  return /^\d{1,12}$/.test(text) && Number(text) === rows;
}

async function refuseDoubtful(handle: FileHandle, file: DropFile, encoding: string): Promise<void> {
  const sample = Buffer.alloc(CHUNK_BYTES);
  const { bytesRead } = await handle.read(sample, 0, sample.length, 0);
  const doubt = encodingDoubt(sample.subarray(0, bytesRead), encoding);
  if (doubt !== null) throw new ConnectorError('FILE', `${file.name}: ${doubt}`, 'never');
}
