import type { Secret } from './connection.js';

/**
 * The seam between the SQL source and a database: what differs from one to the other, and nothing else. The
 * statements themselves are built in `statement.ts` from these parts.
 *
 *   postgresql  pg         tested on PostgreSQL 15
 *   mysql       mysql2     tested on MariaDB 10.11
 *   oracle      oracledb   thin mode; no server could be had: untested
 *   sqlserver   tedious    no server could be had: untested
 */
export type DialectName = 'postgresql' | 'mysql' | 'oracle' | 'sqlserver';

export type ColumnKind = 'text' | 'number' | 'boolean' | 'date' | 'time' | 'bytes';

export interface ColumnInfo {
  /** As the database names it. */
  readonly name: string;
  readonly kind: ColumnKind;
}

/**
 * A value as the source passes it on: text as it is stored; numbers in decimal; `true` and `false`; dates as
 * `yyyy-MM-dd`; times as `yyyy-MM-dd HH:mm:ss[.ffffff]`, with `+HH:mm` behind where the column knows its zone;
 * bytes as bytes.
 */
export type Cell = string | Uint8Array | null;

export interface Result {
  readonly columns: readonly ColumnInfo[];
  readonly rows: readonly (readonly Cell[])[];
}

/** A value that a statement is compared with, and the kind of the column that it stands for. */
export interface Param {
  readonly text: string;
  readonly kind: ColumnKind;
}

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: Secret;
  /** Undefined: no TLS. `ca` in PEM; undefined: the authorities that Node trusts. */
  readonly tls: { readonly ca: string | undefined } | undefined;
  readonly connectMs: number;
  /** What the server itself is told to stop after. */
  readonly statementMs: number;
  /** What waits for a lock longer than this is given up: behind us, the owner's own statements would queue. */
  readonly lockMs: number;
}

/** One connection, read-only, every statement a transaction of its own. */
export interface Session {
  /** @throws the driver's own error, which `Dialect.explain` understands */
  query(sql: string, params: readonly Param[]): Promise<Result>;
  /** Ends the connection at once; a statement under way fails. */
  destroy(): void;
  close(): Promise<void>;
}

/** Why a statement failed, without any value of a row. */
export interface Explained {
  readonly code: 'AUTH' | 'CONFIG' | 'CONNECTION' | 'TIMEOUT' | 'RATE_LIMITED' | 'BUSINESS';
  readonly retry: 'later' | 'never';
  /** The database's own code: SQLSTATE, errno, ORA-nnnnn. */
  readonly upstreamCode: string;
  /** The database's words, where they name only objects and never data. */
  readonly words: string | undefined;
}

/** Rows changed since a horizon, by the database's own row version. */
export interface RowVersion {
  /** Statement that gives the horizon now: nothing that commits later lies below it. */
  readonly horizon: string;
  /** Condition on the rows changed at or after the horizon in `since`. @param column quoted; null: the dialect's own */
  changed(column: string | null, since: string): string;
  /** Whether the version is a column that hub.yaml must name. */
  readonly needsColumn: boolean;
}

export interface Dialect {
  readonly name: DialectName;
  readonly portDefault: number;
  connect(options: ConnectionOptions): Promise<Session>;
  quote(identifier: string): string;
  /** From 1. */
  placeholder(n: number): string;
  /** A placeholder that compares as a column of this kind does. */
  typed(placeholder: string, kind: ColumnKind): string;
  /** Expression for a column in the select list. */
  selected(quoted: string, column: ColumnInfo): string;
  /** The bytes of a text column as they are stored. */
  rawBytes(quoted: string): string;
  /** The first `rows` rows of a `SELECT … ORDER BY …`. */
  limited(select: string, rows: number): string;
  /** Statement that gives the server's time as milliseconds since 1970, as text. */
  readonly clock: string;
  /** Statement that gives whether this user could write to the table, as `1` or `0`; null: cannot be asked. */
  mayWrite(table: string): string | null;
  /** null: the database has none. */
  readonly rowVersion: RowVersion | null;
  explain(error: unknown): Explained;
}
