import pg from 'pg';
import type { ConnectionOptions } from '../../connectors/sql/dialect.js';
import { postgresql } from '../../connectors/sql/postgresql.js';
import { fenced, isMissing, leftColumns, sinkError, topicPosition } from './form.js';
import { WRITERS } from './sink.js';
import type { NewLoad, Prepared, SinkBatch, SinkStore, TopicPosition } from './store.js';
import type { ColumnType, SinkColumn, SinkTable } from './table.js';

/** What `information_schema` calls each type, and what it is made with. */
const TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'text',
  long: 'bigint',
  int: 'integer',
  double: 'double precision',
  boolean: 'boolean',
  timestamp: 'timestamp with time zone',
  date: 'date',
  bytes: 'bytea',
  json: 'jsonb',
};

/** How a column comes in, as one array for all rows, and what makes the column's value of an element. */
const ARRAYS: Readonly<Record<ColumnType, readonly [type: string, value: (name: string) => string]>> = {
  text: ['text', (name) => name],
  long: ['bigint', (name) => name],
  int: ['integer', (name) => name],
  double: ['double precision', (name) => name],
  boolean: ['boolean', (name) => name],
  timestamp: ['bigint', (name) => `timestamptz 'epoch' + ${name} * interval '1 millisecond'`],
  date: ['integer', (name) => `date '1970-01-01' + ${name}`],
  bytes: ['text', (name) => `decode(${name}, 'hex')`],
  json: ['text', (name) => `${name}::jsonb`],
};

const quote = (name: string): string => postgresql.quote(name);
const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

export function openPostgresqlStore(options: ConnectionOptions, schema: string): SinkStore {
  const pool = new pg.Pool({
    host: options.host,
    port: options.port,
    database: options.database,
    user: options.user,
    password: options.password.reveal(),
    ssl: options.tls === undefined ? false : { rejectUnauthorized: true, ca: options.tls.ca },
    connectionTimeoutMillis: options.connectMs,
    statement_timeout: options.statementMs,
    lock_timeout: options.lockMs,
    application_name: 'cardhub-sink',
    max: WRITERS,
    keepAlive: true,
  });
  // An idle connection that breaks is replaced by the pool.
  pool.on('error', () => undefined);
  return new PostgresqlStore(pool, schema, options.host);
}

class PostgresqlStore implements SinkStore {
  readonly #upserts = new Map<string, string>();
  constructor(
    readonly pool: pg.Pool,
    readonly schema: string,
    readonly host: string,
  ) {}

  #name(table: string): string {
    return `${quote(this.schema)}.${quote(table)}`;
  }

  async prepare(tables: readonly SinkTable[]): Promise<readonly Prepared[]> {
    return this.#transaction(async (client) => {
      const there = await client.query('SELECT 1 FROM information_schema.schemata WHERE schema_name = $1', [
        this.schema,
      ]);
      if (there.rowCount === 0) await client.query(`CREATE SCHEMA ${quote(this.schema)}`);
      const topics = this.#name('cardhub_topic');
      const positions = this.#name('cardhub_position');
      await client.query(`
        CREATE TABLE IF NOT EXISTS ${topics} (topic text PRIMARY KEY, table_name text NOT NULL, lineage text NOT NULL,
          load_no integer NOT NULL, columns text NOT NULL);
        CREATE TABLE IF NOT EXISTS ${positions} (topic text, partition_no integer, next_offset bigint NOT NULL,
          load_end bigint, written_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (topic, partition_no));
        COMMENT ON TABLE ${topics} IS '各主题的装载情况，由 Cardhub 写入，请勿修改';
        COMMENT ON TABLE ${positions} IS '各主题分区的同步位置，由 Cardhub 写入，请勿修改'`);
      const prepared: Prepared[] = [];
      for (const table of tables) prepared.push(await this.#prepareTable(client, table));
      return prepared;
    });
  }

  async #prepareTable(client: pg.PoolClient, table: SinkTable): Promise<Prepared> {
    const { rows } = await client.query<{ name: string; type: string }>(
      'SELECT column_name AS name, data_type AS type FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2',
      [this.schema, table.name],
    );
    const types = new Map(rows.map(({ name, type }) => [name, type]));
    const name = this.#name(table.name);
    if (types.size === 0) {
      const columns = table.columns.map((column) => this.#definition(column));
      await client.query(`CREATE TABLE ${name} (${columns.join(', ')}, PRIMARY KEY (hub_id))`);
      await client.query(`COMMENT ON TABLE ${name} IS ${literal(table.comment)}`);
      for (const column of table.columns) await this.#comment(client, name, column);
      return { table, created: true, added: [], emptied: [] };
    }
    const added = table.columns.filter((column) =>
      isMissing(table, column, types, ({ type }) => [TYPES[type]]),
    );
    for (const column of added) {
      await client.query(`ALTER TABLE ${name} ADD COLUMN ${this.#definition(column)}`);
      await this.#comment(client, name, column);
    }
    const emptied = leftColumns(table).filter((column) => types.has(column));
    for (const column of emptied) {
      await client.query(`UPDATE ${name} SET ${quote(column)} = NULL WHERE ${quote(column)} IS NOT NULL`);
    }
    return { table, created: false, added: added.map((column) => column.name), emptied };
  }

  #definition({ name, type }: SinkColumn): string {
    return `${quote(name)} ${TYPES[type]}`;
  }

  async #comment(client: pg.PoolClient, table: string, { name, comment }: SinkColumn): Promise<void> {
    await client.query(`COMMENT ON COLUMN ${table}.${quote(name)} IS ${literal(comment)}`);
  }

  async positions(topic: string): Promise<TopicPosition | undefined> {
    return this.#transaction(async (client) => {
      const { rows: found } = await client.query<{ lineage: string; load_no: number; columns: string }>(
        `SELECT lineage, load_no, columns FROM ${this.#name('cardhub_topic')} WHERE topic = $1`,
        [topic],
      );
      const [row] = found;
      if (row === undefined) return undefined;
      const { rows } = await client.query<{ p: number; next: string; load_end: string | null; at: string }>(
        `SELECT partition_no AS p, next_offset AS next, load_end, floor(extract(epoch FROM written_at) * 1000)::bigint AS at
         FROM ${this.#name('cardhub_position')} WHERE topic = $1`,
        [topic],
      );
      return topicPosition(
        row.lineage,
        row.load_no,
        row.columns,
        rows.map(({ p, next, load_end, at }) => [p, next, load_end, at]),
      );
    });
  }

  async beginLoad(table: SinkTable, load: NewLoad): Promise<void> {
    await this.#transaction(async (client) => {
      await client.query(
        `INSERT INTO ${this.#name('cardhub_topic')} VALUES ($1, $2, $3, $4, $5) ON CONFLICT (topic) DO UPDATE
         SET table_name = EXCLUDED.table_name, lineage = EXCLUDED.lineage, load_no = EXCLUDED.load_no, columns = EXCLUDED.columns`,
        [table.topic, table.name, load.lineage, load.load, table.columns.map(({ name }) => name).join(',')],
      );
      await client.query(`DELETE FROM ${this.#name('cardhub_position')} WHERE topic = $1`, [table.topic]);
      for (const [partition, from] of load.from) {
        await client.query(`INSERT INTO ${this.#name('cardhub_position')} VALUES ($1, $2, $3, $4)`, [
          table.topic,
          partition,
          from,
          load.end.get(partition) ?? from,
        ]);
      }
    });
  }

  async write(table: SinkTable, batch: SinkBatch): Promise<void> {
    await this.#transaction(async (client) => {
      const { rowCount } = await client.query(
        `UPDATE ${this.#name('cardhub_position')} SET next_offset = $1, written_at = now()
         WHERE topic = $2 AND partition_no = $3 AND next_offset = $4
           AND EXISTS (SELECT 1 FROM ${this.#name('cardhub_topic')} WHERE topic = $2 AND load_no = $5)`,
        [batch.next, table.topic, batch.partition, batch.from, batch.load],
      );
      if (rowCount !== 1) throw fenced(table, batch);
      if (batch.deletes.length > 0) {
        await client.query(`DELETE FROM ${this.#name(table.name)} WHERE hub_id = ANY($1::text[])`, [
          arrayText(batch.deletes, 'text'),
        ]);
      }
      if (batch.rows.length > 0) {
        const arrays = table.columns.map(({ type }, i) =>
          arrayText(
            batch.rows.map((row) => row[i]),
            type,
          ),
        );
        await client.query(this.#upsert(table), arrays);
      }
    });
  }

  #upsert(table: SinkTable): string {
    let sql = this.#upserts.get(table.name);
    if (sql === undefined) {
      const { columns } = table;
      const arrays = columns.map(({ type }, i) => `$${i + 1}::${ARRAYS[type][0]}[]`).join(', ');
      const values = columns.map(({ type }, i) => ARRAYS[type][1](`c${i}`)).join(', ');
      const names = columns.map(({ name }) => quote(name));
      const sets = names.slice(1).map((name) => `${name} = EXCLUDED.${name}`);
      sql = `INSERT INTO ${this.#name(table.name)} (${names.join(', ')})
        SELECT ${values} FROM unnest(${arrays}) AS r(${columns.map((_, i) => `c${i}`).join(', ')})
        ON CONFLICT (hub_id) DO UPDATE SET ${sets.join(', ')}`;
      this.#upserts.set(table.name, sql);
    }
    return sql;
  }

  async sweep(table: SinkTable, load: number): Promise<number> {
    return this.#transaction(async (client) => {
      await client.query(`UPDATE ${this.#name('cardhub_position')} SET load_end = NULL WHERE topic = $1`, [
        table.topic,
      ]);
      // Events that the log no longer has are still true.
      if (table.kind === 'event') return 0;
      const swept = await client.query(`DELETE FROM ${this.#name(table.name)} WHERE hub_load < $1`, [load]);
      return swept.rowCount ?? 0;
    });
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  async #transaction<T>(use: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    let client: pg.PoolClient | undefined;
    try {
      client = await this.pool.connect();
      await client.query('BEGIN');
      const result = await use(client);
      await client.query('COMMIT');
      client.release();
      return result;
    } catch (error) {
      // Whether a broken COMMIT took effect is not known: the position says it when it is read again.
      client?.release(true);
      throw sinkError('postgresql', this.host, error, (each) => postgresql.explain(each));
    }
  }
}

const TO_ESCAPE = /["\\\0]/;

/** One column of all rows as the text of a PostgreSQL array. */
export function arrayText(values: readonly unknown[], type: ColumnType): string {
  const element = ELEMENTS[type] ?? plainElement;
  let text = '{';
  for (let i = 0; i < values.length; i++) {
    if (i > 0) text += ',';
    const value = values[i];
    text += value === null || value === undefined ? 'NULL' : element(value as never);
  }
  return `${text}}`;
}

function textElement(text: string): string {
  if (!TO_ESCAPE.test(text)) return `"${text}"`;
  // PostgreSQL's text cannot hold NUL.
  return `"${text.replaceAll('\0', '\uFFFD').replaceAll(/["\\]/g, '\\$&')}"`;
}

/** JSON writes NUL as an escape, which jsonb refuses; an escaped backslash before it is none. */
const jsonElement = (text: string): string =>
  textElement(
    text.replaceAll(/(\\\\)|\\u0000/g, (all, backslash?: string) =>
      backslash === undefined ? '\uFFFD' : all,
    ),
  );

const hexElement = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const plainElement = (value: number | boolean): string => String(value);

const ELEMENTS: Readonly<Partial<Record<ColumnType, (value: never) => string>>> = {
  text: textElement,
  json: jsonElement,
  bytes: hexElement,
};
