import mysql, {
  type Pool,
  type PoolConnection,
  type ResultSetHeader,
  type RowDataPacket,
} from 'mysql2/promise';
import type { ConnectionOptions } from '../../connectors/sql/dialect.js';
import { mysql as dialect } from '../../connectors/sql/mysql.js';
import { fenced, isMissing, leftColumns, sinkError, topicPosition } from './form.js';
import { WRITERS } from './sink.js';
import type { NewLoad, Prepared, SinkBatch, SinkStore, TopicPosition } from './store.js';
import type { ColumnType, SinkColumn, SinkTable } from './table.js';

const UTF8 = 'CHARACTER SET utf8mb4 COLLATE utf8mb4_bin';

const TYPES: Readonly<Record<ColumnType, string>> = {
  text: `text ${UTF8}`,
  long: 'bigint',
  int: 'int',
  double: 'double',
  boolean: 'tinyint(1)',
  timestamp: 'datetime(3)',
  date: 'date',
  bytes: 'mediumblob',
  json: 'json',
};

/** A column of an index must be of limited length: 768 characters at most. */
const KEYS: Readonly<Record<string, string>> = {
  hub_id: `varchar(700) ${UTF8} NOT NULL`,
  hub_key: `varchar(512) ${UTF8}`,
};

/** What `information_schema` calls them. MariaDB's JSON is a long text with a check. */
function typeNames({ name, type }: SinkColumn): readonly string[] {
  if (name in KEYS) return ['varchar'];
  return type === 'json' ? ['json', 'longtext'] : [TYPES[type].split(/[ (]/)[0] ?? ''];
}

const COLUMN_COMMENT_MAX = 1_024;
const TABLE_COMMENT_MAX = 2_048;
/** One statement has at most so many characters of values; a server takes 4 MB at least. */
const STATEMENT_CHARS = 1_000_000;
const DELETES_MAX = 1_000;

const quote = (name: string): string => dialect.quote(name);

export function openMysqlStore(options: ConnectionOptions): SinkStore {
  const pool = mysql.createPool({
    host: options.host,
    port: options.port,
    database: options.database,
    user: options.user,
    password: options.password.reveal(),
    charset: 'utf8mb4',
    connectTimeout: options.connectMs,
    connectionLimit: WRITERS,
    ...(options.tls === undefined
      ? {}
      : {
          ssl: { rejectUnauthorized: true, ...(options.tls.ca === undefined ? {} : { ca: options.tls.ca }) },
        }),
    supportBigNumbers: true,
    bigNumberStrings: true,
    dateStrings: true,
  });
  return new MysqlStore(pool, options);
}

class MysqlStore implements SinkStore {
  readonly #known = new WeakSet<PoolConnection>();
  constructor(
    readonly pool: Pool,
    readonly options: ConnectionOptions,
  ) {}

  async prepare(tables: readonly SinkTable[]): Promise<readonly Prepared[]> {
    return this.#use(async (connection) => {
      await connection.query(
        `CREATE TABLE IF NOT EXISTS cardhub_topic (topic varchar(120) ${UTF8} PRIMARY KEY, table_name varchar(120) NOT NULL,
           lineage varchar(200) NOT NULL, load_no int NOT NULL, columns text NOT NULL)
         COMMENT '各主题的装载情况，由 Cardhub 写入，请勿修改' ENGINE InnoDB`,
      );
      await connection.query(
        `CREATE TABLE IF NOT EXISTS cardhub_position (topic varchar(120) ${UTF8}, partition_no int, next_offset bigint NOT NULL,
           load_end bigint, written_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), PRIMARY KEY (topic, partition_no))
         COMMENT '各主题分区的同步位置，由 Cardhub 写入，请勿修改' ENGINE InnoDB`,
      );
      const prepared: Prepared[] = [];
      for (const table of tables) prepared.push(await this.#prepareTable(connection, table));
      return prepared;
    });
  }

  /** Each statement commits by itself in MySQL; all of it may be done again. */
  async #prepareTable(connection: PoolConnection, table: SinkTable): Promise<Prepared> {
    const [rows] = await connection.query<RowDataPacket[]>(
      'SELECT column_name AS name, data_type AS type FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?',
      [table.name],
    );
    const types = new Map(rows.map((row) => [String(row['name']), String(row['type']).toLowerCase()]));
    const name = quote(table.name);
    if (types.size === 0) {
      const columns = table.columns.map((column) => this.#definition(column));
      const comment = connection.escape(table.comment.slice(0, TABLE_COMMENT_MAX));
      await connection.query(
        `CREATE TABLE ${name} (${columns.join(', ')}, PRIMARY KEY (hub_id)) COMMENT ${comment} ENGINE InnoDB ROW_FORMAT DYNAMIC`,
      );
      return { table, created: true, added: [], emptied: [] };
    }
    const added = table.columns.filter((column) => isMissing(table, column, types, typeNames));
    for (const column of added)
      await connection.query(`ALTER TABLE ${name} ADD COLUMN ${this.#definition(column)}`);
    const emptied = leftColumns(table).filter((column) => types.has(column));
    for (const column of emptied) {
      await connection.query(`UPDATE ${name} SET ${quote(column)} = NULL WHERE ${quote(column)} IS NOT NULL`);
    }
    return { table, created: false, added: added.map((column) => column.name), emptied };
  }

  #definition({ name, type, comment }: SinkColumn): string {
    const zone = type === 'timestamp' ? '（北京时间）' : '';
    const text = mysql.escape((comment + zone).slice(0, COLUMN_COMMENT_MAX));
    return `${quote(name)} ${KEYS[name] ?? TYPES[type]} COMMENT ${text}`;
  }

  async positions(topic: string): Promise<TopicPosition | undefined> {
    return this.#use(async (connection) => {
      const [[row]] = await connection.query<RowDataPacket[]>(
        'SELECT lineage, load_no, columns FROM cardhub_topic WHERE topic = ?',
        [topic],
      );
      if (row === undefined) return undefined;
      const [rows] = await connection.query<RowDataPacket[]>(
        `SELECT partition_no, next_offset, load_end, FLOOR(UNIX_TIMESTAMP(written_at) * 1000) AS written_at
         FROM cardhub_position WHERE topic = ?`,
        [topic],
      );
      return topicPosition(
        String(row['lineage']),
        Number(row['load_no']),
        String(row['columns']),
        rows.map((each) => [
          Number(each['partition_no']),
          Number(each['next_offset']),
          each['load_end'] === null ? null : Number(each['load_end']),
          Number(each['written_at']),
        ]),
      );
    });
  }

  async beginLoad(table: SinkTable, load: NewLoad): Promise<void> {
    await this.#transaction(async (connection) => {
      await connection.query('REPLACE INTO cardhub_topic VALUES (?, ?, ?, ?, ?)', [
        table.topic,
        table.name,
        load.lineage,
        load.load,
        table.columns.map(({ name }) => name).join(','),
      ]);
      await connection.query('DELETE FROM cardhub_position WHERE topic = ?', [table.topic]);
      for (const [partition, from] of load.from) {
        await connection.query(
          'INSERT INTO cardhub_position (topic, partition_no, next_offset, load_end) VALUES (?, ?, ?, ?)',
          [table.topic, partition, from, load.end.get(partition) ?? from],
        );
      }
    });
  }

  async write(table: SinkTable, batch: SinkBatch): Promise<void> {
    await this.#transaction(async (connection) => {
      const [{ affectedRows }] = await connection.query<ResultSetHeader>(
        `UPDATE cardhub_position SET next_offset = ?, written_at = CURRENT_TIMESTAMP(3)
         WHERE topic = ? AND partition_no = ? AND next_offset = ?
           AND EXISTS (SELECT 1 FROM cardhub_topic t WHERE t.topic = ? AND t.load_no = ?)`,
        [batch.next, table.topic, batch.partition, batch.from, table.topic, batch.load],
      );
      if (affectedRows !== 1) throw fenced(table, batch);
      for (let i = 0; i < batch.deletes.length; i += DELETES_MAX) {
        const ids = batch.deletes.slice(i, i + DELETES_MAX);
        await connection.query(`DELETE FROM ${quote(table.name)} WHERE hub_id IN (?)`, [ids]);
      }
      for (const statement of upserts(table, batch.rows)) await connection.query(statement);
    });
  }

  async sweep(table: SinkTable, load: number): Promise<number> {
    return this.#transaction(async (connection) => {
      await connection.query('UPDATE cardhub_position SET load_end = NULL WHERE topic = ?', [table.topic]);
      // Events that the log no longer has are still true.
      if (table.kind === 'event') return 0;
      const [{ affectedRows }] = await connection.query<ResultSetHeader>(
        `DELETE FROM ${quote(table.name)} WHERE hub_load < ?`,
        [load],
      );
      return affectedRows;
    });
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  async #transaction<T>(use: (connection: PoolConnection) => Promise<T>): Promise<T> {
    return this.#use(async (connection) => {
      await connection.beginTransaction();
      const result = await use(connection);
      await connection.commit();
      return result;
    });
  }

  async #use<T>(use: (connection: PoolConnection) => Promise<T>): Promise<T> {
    let connection: PoolConnection | undefined;
    try {
      connection = await this.pool.getConnection();
      if (!this.#known.has(connection)) await this.#settle(connection);
      const result = await within(use(connection), this.options.statementMs);
      connection.release();
      return result;
    } catch (error) {
      // Whether a broken commit took effect is not known: the position says it when it is read again.
      connection?.destroy();
      throw sinkError('mysql', this.options.host, error, (each) => dialect.explain(each));
    }
  }

  async #settle(connection: PoolConnection): Promise<void> {
    const seconds = Math.ceil(this.options.lockMs / 1_000);
    await connection.query(
      `SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', lock_wait_timeout = ${seconds}, innodb_lock_wait_timeout = ${seconds}`,
    );
    await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
    this.#known.add(connection);
  }
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('no answer'), { errno: 3024 })), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Statements that write these rows, each of a limited length. */
function* upserts(table: SinkTable, rows: SinkBatch['rows']): Generator<string> {
  const names = table.columns.map(({ name }) => quote(name));
  const types = table.columns.map(({ type }) => type);
  const head = `INSERT INTO ${quote(table.name)} (${names.join(', ')}) VALUES `;
  const sets = names.slice(1).map((name) => `${name} = VALUES(${name})`);
  const tail = ` ON DUPLICATE KEY UPDATE ${sets.join(', ')}`;
  let values = '';
  for (const row of rows) {
    values += `${values === '' ? '' : ','}(${row.map((value, i) => valueText(value, types[i] as ColumnType)).join(',')})`;
    if (values.length < STATEMENT_CHARS) continue;
    yield head + values + tail;
    values = '';
  }
  if (values !== '') yield head + values + tail;
}

const SHANGHAI_MS = 8 * 3_600_000;
const DAY_MS = 86_400_000;

/** A value as it stands in a statement. DATETIME has no zone: it is written as the clock in Beijing shows it. */
export function valueText(value: unknown, type: ColumnType): string {
  if (value === null || value === undefined) return 'NULL';
  switch (type) {
    case 'text':
    case 'json':
      return mysql.escape(value as string);
    case 'bytes':
      return `x'${Buffer.from(value as Uint8Array).toString('hex')}'`;
    case 'timestamp':
      return `'${new Date((value as number) + SHANGHAI_MS).toISOString().slice(0, 23).replace('T', ' ')}'`;
    case 'date':
      return `'${new Date((value as number) * DAY_MS).toISOString().slice(0, 10)}'`;
    case 'boolean':
      return value === true ? '1' : '0';
    default:
      return (value as number).toString();
  }
}
