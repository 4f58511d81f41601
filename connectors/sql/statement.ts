import type { ColumnInfo, Dialect, Param } from './dialect.js';

/** Part of a statement with the values that stand in it. */
export interface Clause {
  readonly sql: string;
  readonly params: readonly Param[];
}

/** Numbers stand in the statement themselves: drivers differ in how exactly they hand them over. */
const NUMBER = /^-?\d{1,40}(\.\d{1,40})?$/;

/** Builds the statements of one stream. Values are placeholders, or numbers that have been looked at. */
export class Statement {
  readonly params: Param[] = [];
  constructor(readonly dialect: Dialect) {}

  /** A value in the text of the statement. */
  value(param: Param): string {
    if (param.kind === 'number' && NUMBER.test(param.text)) return param.text;
    this.params.push(param);
    return this.dialect.typed(this.dialect.placeholder(this.params.length), param.kind);
  }

  /**
   * Rows behind these values in the order of these columns. Nested so that a plain index on the first column
   * serves: `a >= x AND (a > x OR (b > y))`.
   */
  after(columns: readonly ColumnInfo[], values: readonly string[]): string {
    const [column, ...rest] = columns;
    if (column === undefined) throw new Error('keyset needs a column');
    const name = this.dialect.quote(column.name);
    const value = (): string => this.value({ text: values[0] ?? '', kind: column.kind });
    if (rest.length === 0 || values.length === 1) return `${name} > ${value()}`;
    return `${name} >= ${value()} AND (${name} > ${value()} OR (${this.after(rest, values.slice(1))}))`;
  }

  equal(columns: readonly ColumnInfo[], values: readonly string[]): string {
    return columns
      .map(
        (column, i) =>
          `${this.dialect.quote(column.name)} = ${this.value({ text: values[i] ?? '', kind: column.kind })}`,
      )
      .join(' AND ');
  }

  oneOf(column: ColumnInfo, values: readonly string[]): string {
    const list = values.map((text) => this.value({ text, kind: column.kind }));
    return `${this.dialect.quote(column.name)} IN (${list.join(', ')})`;
  }
}

/** What stands behind FROM: a table's name as given, or a query in brackets. */
export function fromOf(source: {
  readonly table?: string | undefined;
  readonly query?: string | undefined;
}): string {
  if (source.table !== undefined) return `${source.table} t`;
  return `(${(source.query ?? '').trim()}) t`;
}

export const conditions = (...parts: readonly (string | null)[]): string => {
  const given = parts.filter((part): part is string => part !== null);
  return given.length === 0 ? '' : ` WHERE ${given.map((part) => `(${part})`).join(' AND ')}`;
};
