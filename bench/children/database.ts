/** One side of a database benchmark: the sink from a log into PostgreSQL, the SQL source, or the same rows read bare. */
import pg from 'pg';
import { cardSql } from '../../connectors/card-core/sql.js';
import type { Cursor } from '../../connectors/sdk.js';
import { TOPICS } from '../../contracts/types.js';
import { secret } from '../../hub/config/secret.js';
import type { SinkConfig } from '../../hub/config/types.js';
import { openEmbeddedLog } from '../../hub/log/embedded/index.js';
import { openCodecs, recordCodec } from '../../hub/run/codec.js';
import { sinkTables } from '../../hub/sink/contracts.js';
import { openStore } from '../../hub/sink/open.js';
import { runSink } from '../../hub/sink/sink.js';

export interface DatabaseArgument {
  readonly side: 'sink' | 'source' | 'bare';
  readonly port: number;
  /** Sink: folder of the log. */
  readonly log?: string;
}

export interface DatabaseAnswer {
  readonly rows: number;
  readonly ms: number;
}

const argument = JSON.parse(process.argv[2] as string) as DatabaseArgument;
const never = new AbortController().signal;
const connection = {
  host: '127.0.0.1',
  port: argument.port,
  database: 'postgres',
  user: 'owner',
  tls: 'off',
} as const;
/** Columns that both readers of the table ask for. */
export const COLUMNS = { cardno: 'cardno', sno: 'sno', name: 'name', status: 'status', expdate: 'expdate' };

async function sink(dir: string): Promise<DatabaseAnswer> {
  const config: SinkConfig = {
    ...{ ...connection, name: 'bench', dialect: 'postgresql', password: secret(''), caFile: undefined },
    ...{ statementMs: 60_000, schema: 'cardhub', prefix: '', topics: ['master.card'], restricted: {} },
  };
  const log = await openEmbeddedLog({ dir, topics: TOPICS, now: Date.now, readOnly: true });
  const store = await openStore(config);
  const codec = recordCodec(openCodecs(), '/bench', Date.now);
  const from = performance.now();
  const deps = {
    log,
    store,
    decode: codec.decode.bind(codec),
    now: Date.now,
    random: Math.random,
    note: () => undefined,
  };
  const [report] = await runSink(deps, {
    tables: sinkTables(config),
    until: 'end',
    rebuild: false,
    signal: never,
  });
  const ms = performance.now() - from;
  await store.close();
  await log.close();
  return { rows: report?.rows ?? 0, ms };
}

async function source(): Promise<DatabaseAnswer> {
  const options = {
    ...connection,
    dialect: 'postgresql',
    password: '',
    cards: { table: 'card', columns: COLUMNS },
  };
  const context = { source: 'core', now: Date.now, random: Math.random, baseDir: '/', note: () => undefined };
  const connector = cardSql.open(options, context);
  const stream = connector.stream('cards');
  const from = performance.now();
  let rows = 0;
  for (let cursor: Cursor = null, more = true; more;) {
    const page = await stream.snapshotPage(cursor, never);
    rows += page.rows.length;
    cursor = page.next;
    more = page.state === 'more';
  }
  const ms = performance.now() - from;
  await connector.close();
  return { rows, ms };
}

/** One statement, every row at once, values as the driver makes them. */
async function bare(): Promise<DatabaseAnswer> {
  const client = new pg.Client({ ...connection });
  await client.connect();
  const from = performance.now();
  const { rows } = await client.query(
    `SELECT ${Object.values(COLUMNS).join(', ')} FROM card ORDER BY cardno`,
  );
  const ms = performance.now() - from;
  await client.end();
  return { rows: rows.length, ms };
}

const sides = { sink: () => sink(argument.log ?? ''), source, bare };
const answer = await sides[argument.side]();
process.send?.(answer, () => process.exit(0));
