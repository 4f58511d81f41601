import { ConnectorError, type RowDamage } from '../sdk.js';
import type { Header, RowMaker } from '../sdk-files.js';
import { cellOfRaw, cellReader, rawRow, readCells, type CellReader } from './cells.js';
import type { Link } from './connection.js';
import type { Cell, ColumnInfo, Dialect, Result } from './dialect.js';
import type { SqlStreamOptions } from './options.js';
import { conditions, fromOf, Statement } from './statement.js';

/** One table, view or query: which columns are read, and the pages that are asked of it. */

/** Name under which a maker finds the joined key. */
export const KEY_COLUMN = '\u0000key';
/** Rows that share one place at the end of a page. */
const TIES_MAX = 1_000;

export interface TableRow {
  readonly id: string | undefined;
  readonly data: unknown;
  /** JSON value of the row, for quarantine. */
  readonly raw: () => Record<string, unknown>;
  readonly key: readonly string[];
  /** The watermark's value. */
  readonly mark?: string | undefined;
  readonly damage?: RowDamage;
  /** Among rows with one key. */
  readonly ordinal?: number;
}

export interface PageQuery {
  readonly order: 'key' | 'mark';
  /** Values of the last row of the page before, in the order of the page. */
  readonly after: readonly string[] | null;
  /** Watermark at which to begin where there is no `after`. */
  readonly from?: string | null;
  /** Horizon of the row version. */
  readonly since?: string;
}

export interface SqlTable {
  readonly label: string;
  readonly keyNames: string;
  /** Milliseconds since 1970 by the database's clock. */
  clock(signal: AbortSignal): Promise<number>;
  page(
    query: PageQuery,
    signal: AbortSignal,
  ): Promise<{ readonly rows: readonly TableRow[]; readonly more: boolean }>;
  keyless(limit: number, signal: AbortSignal): Promise<readonly TableRow[]>;
  highest(signal: AbortSignal): Promise<string | null>;
  horizon(signal: AbortSignal): Promise<string>;
  count(signal: AbortSignal): Promise<number>;
  /** Those of these keys that are there. Keys of one column only. */
  present(keys: readonly string[], signal: AbortSignal): Promise<ReadonlySet<string>>;
  reparse(raw: Uint8Array): Promise<unknown>;
  describe(signal: AbortSignal): Promise<readonly ColumnInfo[]>;
}

export const keyTexts = (key: readonly string[]): string => key.join('-');

export interface TableOptions {
  readonly dialect: Dialect;
  readonly link: Link;
  readonly stream: string;
  readonly options: SqlStreamOptions;
  /** Names of the key's columns as given. */
  readonly key: readonly string[];
  readonly make: RowMaker;
  readonly encoding: string | undefined;
  readonly pageRows: number;
}

/** What the database said of the columns, and what the maker asked for. */
interface Plan {
  readonly all: readonly ColumnInfo[];
  readonly readers: readonly CellReader[];
  readonly selected: string;
  readonly key: readonly ColumnInfo[];
  readonly keyAt: readonly number[];
  readonly mark: ColumnInfo | null;
  readonly markAt: number;
  readonly make: ReturnType<RowMaker>;
}

export function openTable(given: TableOptions): SqlTable {
  return new Table(given);
}

class Table implements SqlTable {
  readonly label: string;
  readonly keyNames: string;
  readonly #from: string;
  #plan: Promise<Plan> | null = null;

  constructor(readonly given: TableOptions) {
    this.label = given.options.table ?? `the query of ${given.stream}`;
    this.keyNames = given.key.join(', ');
    this.#from = fromOf(given.options);
  }

  async clock(signal: AbortSignal): Promise<number> {
    const [row] = (await this.given.link.query(this.given.dialect.clock, [], signal)).rows;
    return Number(row?.[0] ?? Number.NaN);
  }

  async describe(signal: AbortSignal): Promise<readonly ColumnInfo[]> {
    return (await this.#planned(signal)).all;
  }

  async page(query: PageQuery, signal: AbortSignal): Promise<{ rows: readonly TableRow[]; more: boolean }> {
    const plan = await this.#planned(signal);
    const { pageRows } = this.given;
    const order = query.order === 'mark' && plan.mark !== null ? [plan.mark, ...plan.key] : plan.key;
    const statement = new Statement(this.given.dialect);
    const where = conditions(...this.#conditions(plan, order, query, statement));
    const found = await this.#rows(plan, statement, where, order, pageRows + 1, signal);
    if (found.length <= pageRows) return { rows: found, more: false };
    const rows = await this.#wholeTies(plan, order, query, found.slice(0, pageRows), signal);
    return { rows, more: true };
  }

  #conditions(
    plan: Plan,
    order: readonly ColumnInfo[],
    query: PageQuery,
    statement: Statement,
  ): (string | null)[] {
    const { dialect, options } = this.given;
    const mark = query.order === 'mark' ? plan.mark : null;
    const column = options.changes?.column;
    const version = query.since === undefined ? null : dialect.rowVersion;
    return [
      ...plan.key.map((each) => `${dialect.quote(each.name)} IS NOT NULL`),
      version === null
        ? null
        : version.changed(
            column === undefined ? null : dialect.quote(this.#named(plan, column)),
            query.since as string,
          ),
      mark === null || query.after !== null || query.from == null
        ? null
        : `${dialect.quote(mark.name)} >= ${statement.value({ text: query.from, kind: mark.kind })}`,
      mark === null || query.from != null || query.after !== null
        ? null
        : `${dialect.quote(mark.name)} IS NOT NULL`,
      query.after === null ? null : statement.after(order, query.after),
    ];
  }

  #named(plan: Plan, name: string): string {
    return find(plan.all, name, this.label, 'changes.column').name;
  }

  /**
   * A page may end only between two keys that differ *to the database*, which may hold `a` and `A` for equal: the
   * next page begins behind its last row. One row has that place as a rule; if there are more, all of them come.
   */
  async #wholeTies(
    plan: Plan,
    order: readonly ColumnInfo[],
    query: PageQuery,
    page: readonly TableRow[],
    signal: AbortSignal,
  ): Promise<readonly TableRow[]> {
    const last = page.at(-1) as TableRow;
    const values = query.order === 'mark' ? [last.mark ?? '', ...last.key] : last.key;
    const statement = new Statement(this.given.dialect);
    const where = conditions(statement.equal(order, values));
    const ties = await this.#rows(plan, statement, where, order, TIES_MAX + 1, signal);
    if (ties.length > TIES_MAX) {
      throw new ConnectorError(
        'CONFIG',
        `${this.label}: more than ${TIES_MAX} rows share one value of ${this.keyNames}; name the columns that tell rows apart`,
        'never',
      );
    }
    if (ties.length <= 1) return page;
    const place = (row: TableRow): string => JSON.stringify([row.mark, row.key]);
    const tied = new Set(ties.map(place));
    return [...page.filter((row) => !tied.has(place(row))), ...ties];
  }

  async keyless(limit: number, signal: AbortSignal): Promise<readonly TableRow[]> {
    const plan = await this.#planned(signal);
    const where = ` WHERE ${plan.key.map(({ name }) => `${this.given.dialect.quote(name)} IS NULL`).join(' OR ')}`;
    return this.#rows(plan, new Statement(this.given.dialect), where, plan.key, limit, signal);
  }

  async highest(signal: AbortSignal): Promise<string | null> {
    const plan = await this.#planned(signal);
    if (plan.mark === null) return null;
    const { dialect } = this.given;
    const column = dialect.quote(plan.mark.name);
    const top = `SELECT ${dialect.selected(column, plan.mark)} FROM ${this.#from} WHERE ${column} IS NOT NULL ORDER BY ${column} DESC`;
    const [row] = (await this.given.link.query(dialect.limited(top, 1), [], signal)).rows;
    const cell = row?.[0] ?? null;
    return typeof cell === 'string' ? cell : null;
  }

  async horizon(signal: AbortSignal): Promise<string> {
    const { dialect, link } = this.given;
    if (dialect.rowVersion === null) return '0';
    const [row] = (await link.query(dialect.rowVersion.horizon, [], signal)).rows;
    return String(row?.[0] ?? '0');
  }

  async count(signal: AbortSignal): Promise<number> {
    const [row] = (await this.given.link.query(`SELECT COUNT(*) FROM ${this.#from}`, [], signal)).rows;
    return Number(row?.[0] ?? 0);
  }

  async present(keys: readonly string[], signal: AbortSignal): Promise<ReadonlySet<string>> {
    const plan = await this.#planned(signal);
    const statement = new Statement(this.given.dialect);
    const [column] = plan.key;
    if (column === undefined || keys.length === 0) return new Set();
    // An id that cannot be a number is not in a column of numbers, and must not fail the statement.
    const asked = column.kind === 'number' ? keys.filter((key) => /^-?\d{1,40}(\.\d+)?$/.test(key)) : keys;
    if (asked.length === 0) return new Set();
    const where = conditions(statement.oneOf(column, asked));
    const rows = await this.#rows(plan, statement, where, plan.key, keys.length * 2, signal);
    return new Set(rows.flatMap(({ id }) => (id === undefined ? [] : [id])));
  }

  async reparse(raw: Uint8Array): Promise<unknown> {
    const plan = await this.#plan;
    if (plan === null) return undefined;
    try {
      const row = JSON.parse(Buffer.from(raw).toString('utf8')) as Record<string, unknown>;
      const made = this.#row(
        plan,
        plan.readers.map(({ column }) => cellOfRaw(row[column.name])),
      );
      return made.damage === undefined ? made.data : undefined;
    } catch {
      return undefined;
    }
  }

  async #rows(
    plan: Plan,
    { params }: Statement,
    where: string,
    order: readonly ColumnInfo[],
    limit: number,
    signal: AbortSignal,
  ): Promise<readonly TableRow[]> {
    const { dialect, link } = this.given;
    const by = order.map(({ name }) => dialect.quote(name)).join(', ');
    const select = `SELECT ${plan.selected} FROM ${this.#from}${where} ORDER BY ${by}`;
    const { rows } = await link.query(dialect.limited(select, limit), params, signal);
    return rows.map((cells) => this.#row(plan, cells));
  }

  #row(plan: Plan, cells: readonly Cell[]): TableRow {
    const { fields, damage } = readCells(plan.readers, cells);
    const key = plan.keyAt.map((at) => this.#keyText(cells[at] ?? null));
    const made = plan.make([keyTexts(plan.keyAt.map((at) => fields[at] ?? '')), ...fields]);
    const row = {
      key,
      mark: plan.markAt < 0 ? undefined : this.#keyText(cells[plan.markAt] ?? null),
      id: made.id,
      data: made.data,
      raw: () => rawRow(plan.readers, cells),
    };
    return damage === undefined ? row : { ...row, damage };
  }

  /** A value to go on from. The database is to compare it, so it must be a text that the database knows. */
  #keyText(cell: Cell): string {
    if (cell === null || typeof cell === 'string') return cell ?? '';
    const text = Buffer.from(cell);
    if (text.every((byte) => byte < 0x80)) return text.toString('latin1');
    throw new ConnectorError(
      'CONFIG',
      `${this.label}: ${this.keyNames} holds bytes beyond ASCII; a key must be text that the database itself can compare`,
      'never',
    );
  }

  #planned(signal: AbortSignal): Promise<Plan> {
    this.#plan ??= this.#makePlan(signal).catch((error: unknown) => {
      this.#plan = null;
      throw error;
    });
    return this.#plan;
  }

  async #makePlan(signal: AbortSignal): Promise<Plan> {
    const { dialect, link, options, key, make, encoding } = this.given;
    const none: Result = await link.query(`SELECT * FROM ${this.#from} WHERE 1 = 0`, [], signal);
    const chosen: ColumnInfo[] = [];
    const at = (name: string, option: string): number => {
      const column = find(none.columns, name, this.label, option);
      const before = chosen.findIndex((each) => each.name === column.name);
      return before >= 0 ? before : chosen.push(column) - 1;
    };
    const keyAt = key.map((name) => at(name, 'key'));
    const mark = options.changes?.by === 'watermark' ? options.changes.column : undefined;
    const markAt = mark === undefined ? -1 : at(mark, 'changes.column');
    const header: Header = {
      columns: none.columns.map(({ name }) => name),
      // The joined key stands before all columns.
      column: (name, option) => (name === KEY_COLUMN ? 0 : at(name, option) + 1),
    };
    const row = make(header);
    const cells = new Map(
      Object.entries(options.cells ?? {}).map(([name, cell]) => [
        find(none.columns, name, this.label, 'cells').name,
        cell,
      ]),
    );
    const readers = chosen.map((column) =>
      cellReader(column, { ...(encoding === undefined ? {} : { encoding }), ...cells.get(column.name) }),
    );
    const expression = ({ column, isRaw }: CellReader): string => {
      const name = dialect.quote(column.name);
      return `${isRaw ? dialect.rawBytes(name) : dialect.selected(name, column)} AS ${name}`;
    };
    return {
      all: none.columns,
      readers,
      selected: readers.map(expression).join(', '),
      key: keyAt.map((index) => chosen[index] as ColumnInfo),
      keyAt,
      mark: markAt < 0 ? null : (chosen[markAt] as ColumnInfo),
      markAt,
      make: row,
    };
  }
}

/** By its name as given, else without regard to case: databases fold names differently. */
function find(columns: readonly ColumnInfo[], name: string, label: string, option: string): ColumnInfo {
  const exact = columns.find((column) => column.name === name);
  if (exact !== undefined) return exact;
  const alike = columns.filter((column) => column.name.toLowerCase() === name.toLowerCase());
  if (alike.length === 1) return alike[0] as ColumnInfo;
  const found = columns
    .slice(0, 100)
    .map((column) => column.name)
    .join(', ');
  const what = alike.length === 0 ? 'no column' : 'several columns';
  throw new ConnectorError(
    'CONFIG',
    `${label}: ${what} "${name}" (option ${option}); columns found: ${found}`,
    'never',
  );
}
