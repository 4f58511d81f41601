import type { TextDecoder } from 'node:util';
import type { RowDamage } from '../sdk.js';
import { codecOf } from '../sdk-csv.js';
import type { Cell, ColumnInfo } from './dialect.js';

/** What hub.yaml says of one column. */
export interface CellOptions {
  /** The text's bytes are in this encoding, whatever the database believes. */
  readonly encoding?: string;
  /** Only the date of a column that has a time too (every DATE of Oracle). */
  readonly as?: 'date';
}

/** Longest text of one cell, in characters. */
const CELL_CHARS_MAX = 65_536;

/** MySQL's way to say that there is no date. */
const ZERO_DATE = /^0000-00-00/;

export interface CellReader {
  readonly column: ColumnInfo;
  /** Read as bytes, decoded here. */
  readonly isRaw: boolean;
  /** `null`: the bytes are not of the encoding. "" stands for NULL too: half of the databases cannot tell them apart. */
  text(cell: Cell): string | null;
}

export function cellReader(column: ColumnInfo, options: CellOptions | undefined): CellReader {
  const raw = options?.encoding !== undefined && (column.kind === 'text' || column.kind === 'bytes');
  const strict: TextDecoder | null = raw ? codecOf(options.encoding).strict : null;
  const cut = options?.as === 'date';
  return {
    column,
    isRaw: raw && column.kind === 'text',
    text(cell) {
      if (cell === null) return '';
      let text: string;
      if (typeof cell === 'string') text = cell;
      else if (strict === null) text = Buffer.from(cell).toString('hex').toUpperCase();
      else {
        try {
          text = strict.decode(cell);
        } catch {
          return null;
        }
      }
      if (column.kind === 'date' || column.kind === 'time')
        return ZERO_DATE.test(text) ? '' : cut ? text.slice(0, 10) : text;
      const trimmed = trimPadding(text);
      return cut ? trimmed.slice(0, 10) : trimmed;
    },
  };
}

/** Columns of fixed length are filled up with spaces, by some systems with full-width ones or NULs. */
export function trimPadding(text: string): string {
  let end = text.length;
  while (end > 0) {
    const code = text.charCodeAt(end - 1);
    if (code !== 0x20 && code !== 0x3000 && code !== 0) break;
    end -= 1;
  }
  return end === text.length ? text : text.slice(0, end);
}

/** The fields of a row, or what is wrong with it. */
export function readCells(
  readers: readonly CellReader[],
  cells: readonly Cell[],
): { readonly fields: string[]; readonly damage?: RowDamage } {
  const fields: string[] = [];
  let damage: RowDamage | undefined;
  readers.forEach((reader, i) => {
    const text = reader.text(cells[i] ?? null);
    const path = `/${reader.column.name}`;
    if (text === null) {
      damage ??= {
        code: 'ENCODING',
        path,
        detail: 'the bytes are not of the encoding that the profile names',
      };
    } else if (text.length > CELL_CHARS_MAX) {
      damage ??= { code: 'TOO_LARGE', path, detail: `${text.length} characters, at most ${CELL_CHARS_MAX}` };
    }
    fields.push(text ?? '');
  });
  return damage === undefined ? { fields } : { fields, damage };
}

/** A row as JSON, for quarantine: column → text, `{base64}` for bytes, null. */
export function rawRow(readers: readonly CellReader[], cells: readonly Cell[]): Record<string, unknown> {
  return Object.fromEntries(
    readers.map(({ column: { name } }, i) => {
      const cell = cells[i] ?? null;
      return [
        name,
        cell === null || typeof cell === 'string' ? cell : { base64: Buffer.from(cell).toString('base64') },
      ];
    }),
  );
}

/** The cell that `rawRow` wrote. */
export function cellOfRaw(value: unknown): Cell {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return null;
  const { base64 } = value as { base64?: unknown };
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64') : null;
}
