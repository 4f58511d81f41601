import type { Header, RowMaker } from './sdk-files.js';
import { ConnectorError, type JsonSchema } from './sdk.js';

/**
 * Rows out of named columns, of an export file or of a table: a field is the text of its column, or else a constant. A
 * stream says which fields there are and makes its row of them; cleaning is the mapping's.
 */
export interface ColumnOptions {
  readonly columns?: Readonly<Record<string, string>>;
  readonly constants?: Readonly<Record<string, string>>;
}

/** Fields of one row that hold something; empty cells and cells of blanks count as absent. */
export type Fields = Readonly<Record<string, string | undefined>>;

/**
 * @param shape the row of its fields and its natural id; without an id the row's place names it
 * @param block where the options stand, for errors: `accounts.`
 */
export function columnMaker(
  options: ColumnOptions,
  shape: (fields: Fields) => { readonly id: string | undefined; readonly data: unknown },
  block = '',
): RowMaker {
  const { columns, constants = {} } = options;
  if (columns === undefined)
    throw new ConnectorError('CONFIG', `option "${block}columns" is missing`, 'never');
  return (header: Header) => {
    const places = Object.entries(columns).map(
      ([field, name]) => [field, header.column(name, `${block}columns.${field}`)] as const,
    );
    return (cells) => {
      const fields: Record<string, string | undefined> = { ...constants };
      for (const [field, at] of places) {
        const text = cells[at];
        if (text !== undefined && text.trim() !== '') fields[field] = text;
      }
      return shape(fields);
    };
  };
}

/** The fields with these names that are there. */
export function pick(fields: Fields, names: readonly string[]): Record<string, string> {
  const data: Record<string, string> = {};
  for (const name of names) {
    const text = fields[name];
    if (text !== undefined) data[name] = text;
  }
  return data;
}

const TRUE: ReadonlySet<string> = new Set(['1', 'true', 't', 'yes', 'y', '是']);
const FALSE: ReadonlySet<string> = new Set(['0', 'false', 'f', 'no', 'n', '否']);

/** What cannot be read stays the text that it is, and the row's schema refuses it with its path. */
export function flagOf(text: string | undefined): boolean | string | undefined {
  const word = text?.trim().toLowerCase() ?? '';
  return TRUE.has(word) ? true : FALSE.has(word) ? false : text;
}

/** As {@link flagOf}, for whole numbers from 0. */
export function countOf(text: string | undefined): number | string | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text.trim()) ? Number(text) : text;
}

/** Leaves out what is absent. */
export function present(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined));
}

/** JSON Schema of the options `columns` and `constants`. */
export function columnProperties(
  fields: readonly string[],
  required: readonly string[],
  description: string,
): { readonly columns: JsonSchema; readonly constants: JsonSchema } {
  const texts = (minLength: number) =>
    Object.fromEntries(fields.map((name) => [name, { type: 'string', minLength }]));
  const object = { type: 'object', additionalProperties: false };
  return {
    columns: { ...object, required, minProperties: 1, description, properties: texts(1) },
    constants: {
      ...object,
      description: 'Value of a field where there is no such column, or its cell is empty.',
      properties: texts(0),
    },
  };
}
