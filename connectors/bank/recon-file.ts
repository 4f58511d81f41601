import type { RowDamage } from '../sdk.js';
import type { FileFault, ReconEntryRow, ReconFileRow } from './rows.js';
import type { XmlEncoding } from './xml.js';

/**
 * Reconciliation files in the three layouts that are met:
 *
 *   fixed   rows of 173 bytes, GBK; no header
 *   pipe    first line `institution|yyyyMMdd|count`, then rows of nine fields parted by `|`
 *   total   first line `count|fen`, then rows as in `fixed`
 *
 * Widths count bytes, never characters: a name of three Chinese characters fills six of its thirty. A GBK trail byte
 * may be `|` (0x7C), so a row is decoded before it is split at bars, and cut before it is decoded where it is fixed.
 * The columns of `fixed` and `total` are those of a real bank (domain.md 3.2); account, chip number and name are
 * passed over.
 */
export const LAYOUTS = ['fixed', 'pipe', 'total'] as const;
export type Layout = (typeof LAYOUTS)[number];

/** Bytes of each column, in order. */
const FIXED = [
  ['bankReference', 20],
  ['cardReference', 20],
  ['bankDate', 8],
  ['time', 14],
  ['account', 21],
  ['chip', 21],
  ['customerNo', 16],
  ['amountFen', 12],
  ['name', 30],
  ['code', 6],
  ['terminal', 5],
] as const;
export const FIXED_BYTES = FIXED.reduce((sum, [, width]) => sum + width, 0);
const PIPE = [
  'code',
  'institution',
  'bankDate',
  'clock',
  'bankReference',
  'cardReference',
  'operator',
  'customerNo',
  'amountFen',
] as const;

export const ROWS_MAX = 200_000;

export type FileEntry =
  | { readonly kind: 'row'; readonly row: ReconEntryRow }
  | { readonly kind: 'damaged'; readonly line: number; readonly damage: RowDamage; readonly raw: Buffer };

export interface ReconFile {
  readonly file: ReconFileRow;
  readonly entries: readonly FileEntry[];
}

export interface FileFacts {
  readonly settleDate: string;
  readonly digest: string;
  readonly layout: Layout;
  readonly encoding: XmlEncoding;
  /** Known before: the file came after it had been missing, or with other bytes than before. */
  readonly faults: readonly FileFault[];
}

export function parseReconFile(bytes: Buffer, facts: FileFacts): ReconFile {
  const faults = new Set<FileFault>(facts.faults);
  const lines = linesOf(bytes, faults);
  const decode = decoder(facts.encoding);
  const stated = statedOf(facts, lines, decode, faults);
  const entries: FileEntry[] = [];
  const seen = new Set<string>();
  let rows = 0;
  let fen = 0;
  for (const [i, line] of lines.entries()) {
    const at = i + 1;
    const torn = !line.ended && i === lines.length - 1;
    const read = readLine(line.bytes, at, facts, decode);
    if (read.kind === 'damaged' && torn) {
      faults.add('TRUNCATED');
      entries.push({ ...read, damage: { ...read.damage, code: 'TORN_LINE' } });
      continue;
    }
    if (read.kind === 'damaged') {
      faults.add(read.damage.code === 'ENCODING' ? 'ENCODING' : 'ROW_REFUSED');
      entries.push(read);
      continue;
    }
    rows += 1;
    fen += /^\d{1,12}$/.test(read.row.amountFen.trim()) ? Number(read.row.amountFen) : 0;
    if (read.row.bankDate !== facts.settleDate) faults.add('OTHER_DAY');
    if (seen.has(read.row.bankReference)) faults.add('DUPLICATE_REFERENCE');
    seen.add(read.row.bankReference);
    entries.push(read);
  }
  if (stated.rows !== undefined && stated.rows !== rows) faults.add('CONTROL_TOTAL');
  if (stated.fen !== undefined && stated.fen !== fen) faults.add('CONTROL_TOTAL');
  const file: ReconFileRow = {
    type: 'file',
    settleDate: facts.settleDate,
    state: 'received',
    layout: facts.layout,
    digest: facts.digest,
    rows,
    fen,
    ...(stated.rows === undefined ? {} : { statedRows: stated.rows }),
    ...(stated.fen === undefined ? {} : { statedFen: stated.fen }),
    faults: [...faults].sort(),
  };
  return { file, entries };
}

interface Line {
  readonly bytes: Buffer;
  /** A line feed came after it. */
  readonly ended: boolean;
}

function linesOf(bytes: Buffer, faults: Set<FileFault>): Line[] {
  const lines: Line[] = [];
  let from = 0;
  if (bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]))) {
    // The mark of UTF-8: the file is not in the encoding that was agreed on.
    faults.add('ENCODING');
    from = 3;
  }
  while (from < bytes.length && lines.length <= ROWS_MAX) {
    const at = bytes.indexOf(0x0a, from);
    const end = at < 0 ? bytes.length : at;
    const cut = bytes[end - 1] === 0x0d && end > from ? end - 1 : end;
    if (cut > from) lines.push({ bytes: bytes.subarray(from, cut), ended: at >= 0 });
    from = end + 1;
  }
  if (lines.length > ROWS_MAX) faults.add('TRUNCATED');
  return lines.slice(0, ROWS_MAX);
}

type Decode = (bytes: Uint8Array) => string | undefined;

function decoder(encoding: XmlEncoding): Decode {
  const strict = new TextDecoder(encoding, { fatal: true });
  return (bytes) => {
    try {
      return strict.decode(bytes);
    } catch {
      return undefined;
    }
  };
}

interface Stated {
  readonly rows?: number;
  readonly fen?: number;
}

/** Takes the header off `lines`. */
function statedOf(facts: FileFacts, lines: Line[], decode: Decode, faults: Set<FileFault>): Stated {
  if (facts.layout === 'fixed') return {};
  const first = lines.shift();
  const parts = (first === undefined ? '' : (decode(first.bytes) ?? ''))
    .split('|')
    .map((part) => part.trim());
  if (facts.layout === 'total') {
    if (parts.length === 2 && parts.every((part) => /^\d{1,12}$/.test(part))) {
      return { rows: Number(parts[0]), fen: Number(parts[1]) };
    }
  } else if (parts.length === 3 && /^\d{1,9}$/.test(parts[2] ?? '')) {
    if (parts[1] !== facts.settleDate) faults.add('HEADER');
    return { rows: Number(parts[2]) };
  }
  // Without its header nobody knows how many rows there should be; a row in its place is still a row.
  faults.add('HEADER');
  if (first !== undefined && first.bytes.length === FIXED_BYTES) lines.unshift(first);
  return {};
}

function readLine(
  bytes: Buffer,
  line: number,
  facts: FileFacts,
  decode: Decode,
): Extract<FileEntry, { kind: 'damaged' }> | { kind: 'row'; row: ReconEntryRow } {
  const damaged = (code: RowDamage['code'], detail: string): Extract<FileEntry, { kind: 'damaged' }> => ({
    kind: 'damaged',
    line,
    damage: { code, path: `line ${line}`, detail },
    raw: withoutLongNumbers(bytes),
  });
  const text = decode(bytes);
  if (text === undefined) return damaged('ENCODING', `not ${facts.encoding}`);
  const cells = facts.layout === 'pipe' ? barred(text) : fixed(bytes, decode);
  if (typeof cells === 'string') return damaged('COLUMN_COUNT', cells);
  const cell = (name: string): string => cells.get(name) ?? '';
  const time = facts.layout === 'pipe' ? `${cell('bankDate')}${cell('clock')}` : cell('time');
  return {
    kind: 'row',
    row: {
      type: 'entry',
      settleDate: facts.settleDate,
      digest: facts.digest,
      line,
      bankReference: cell('bankReference'),
      cardReference: cell('cardReference'),
      code: cell('code'),
      amountFen: cell('amountFen'),
      bankDate: cell('bankDate'),
      time,
      ...(cell('customerNo') === '' ? {} : { customerNo: cell('customerNo') }),
      ...(cell('terminal') === '' ? {} : { terminal: cell('terminal') }),
    },
  };
}

function fixed(bytes: Buffer, decode: Decode): Map<string, string> | string {
  if (bytes.length !== FIXED_BYTES) return `expected ${FIXED_BYTES} bytes, came ${bytes.length}`;
  const cells = new Map<string, string>();
  let from = 0;
  for (const [name, width] of FIXED) {
    cells.set(name, (decode(bytes.subarray(from, from + width)) ?? '').trim());
    from += width;
  }
  return cells;
}

function barred(text: string): Map<string, string> | string {
  const parts = text.split('|');
  if (parts.length !== PIPE.length) return `expected ${PIPE.length} fields, came ${parts.length}`;
  return new Map(PIPE.map((name, i) => [name, (parts[i] ?? '').trim()]));
}

/** Account numbers stand in these rows: of a number of 12 digits or more, the last four stay. */
function withoutLongNumbers(bytes: Buffer): Buffer {
  const text = bytes
    .toString('latin1')
    .replaceAll(/\d{12,}/g, (run) => `${'*'.repeat(run.length - 4)}${run.slice(-4)}`);
  return Buffer.from(text, 'latin1');
}
