/**
 * `connectors`: rows a second of each connector against its simulated counterpart, which is in a process of its own; and
 * of a bare loop that sends the same requests over again and only reads the answers, one after the other.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { join } from 'node:path';
import { Pool } from 'undici';
import { connectors as factories } from '../connectors/index.js';
import type { Connector, Cursor, Page, Stream } from '../connectors/sdk.js';
import { loadConfig } from '../hub/config/load.js';
import type { SourceConfig } from '../hub/config/types.js';
import { CACHE } from './campus-files.js';
import type { WholeCampusArgument, WholeCampusReady } from './children/whole-campus.js';
import { line, ratios, type BenchLine, type BenchOptions, type BenchResult } from './measure.js';
import { serveChild } from './spawn.js';

/** A Thursday, 10:00 in Shanghai: banks are open, the files of a week are there. */
const MORNING = Date.UTC(2026, 8, 10, 2);
const STREAMS = [
  ...['core/cards', 'core/accounts', 'core/transactions', 'core/top-ups', 'gate/grants', 'gate/swipes'],
  ...['power-east/rooms', 'power-east/purchases', 'power-pingdu/rooms', 'power-pingdu/purchases'],
  ...['library/patrons', 'library/loans', 'lockers/lockers', 'lockers/uses', 'classrooms/swipes'],
  ...['bank-sea/agreements', 'bank-sea/recon', 'bank-river/agreements', 'bank-river/recon'],
];
const never = new AbortController().signal;

export async function connectors(options: BenchOptions): Promise<BenchResult> {
  const people = options.quick ? 1_000 : 5_000;
  const argument: WholeCampusArgument = { dir: join(CACHE, 'connectors'), people, now: MORNING };
  const campus = await serveChild('whole-campus', argument);
  const lines: BenchLine[] = [];
  try {
    const { config } = campus.ready as unknown as WholeCampusReady;
    const sources = sourcesOf(config);
    for (const name of STREAMS) {
      options.note(name);
      lines.push(...(await measure(name, sources, options.rounds)));
    }
  } finally {
    await campus.stop();
  }
  return {
    name: 'connectors',
    what: `each connector against the campus of ${people} people, and a bare loop that sends the same requests`,
    lines,
    notes: [
      'Limits of calls a second are off. What a connector costs beside the bare loop: signatures, decryption, parsing, checks.',
    ],
  };
}

function sourcesOf(path: string): readonly SourceConfig[] {
  const specs = Object.values(factories).map(({ spec }) => spec);
  const loaded = loadConfig(path, { env: {}, specs });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.config.sources;
}

/** In turn, A B A B: the connector, then the bare loop. */
async function measure(name: string, sources: readonly SourceConfig[], rounds: number): Promise<BenchLine[]> {
  const [sourceName = '', streamName = ''] = name.split('/');
  const source = sources.find((one) => one.name === sourceName);
  if (source === undefined) throw new Error(`no source ${sourceName}`);
  const connector = open(source);
  const pool = new Pool(new URL(String(source.options['url'])).origin, { connections: 1 });
  try {
    const stream = connector.stream(streamName);
    const [own, bare]: [number[], number[]] = [[], []];
    // The first time it logs in and asks for descriptions; what the bare loop sends has that token in it.
    let rows = await drain(stream);
    const asked = await recorded(stream);
    for (let round = 0; round < rounds; round += 1) {
      own.push(await rate(async () => (rows = await drain(stream))));
      bare.push(await rate(() => sendAgain(pool, asked).then(() => rows)));
    }
    return [
      line(`${name} (${rows} rows, ${asked.asked.length} requests)`, 'rows/s', own),
      line(`${name}, bare loop`, 'rows/s', bare),
      line(`${name}, of the bare loop`, 'ratio', ratios(own, bare)),
    ];
  } finally {
    await connector.close();
    await pool.close();
  }
}

/** A stream of one page is read again until there is something to measure. */
const MEASURED_MS_MIN = 300;

async function rate(work: () => Promise<number>): Promise<number> {
  const from = performance.now();
  let rows = 0;
  do rows += await work();
  while (performance.now() - from < MEASURED_MS_MIN);
  return (1_000 * rows) / (performance.now() - from);
}

function open(source: SourceConfig): Connector {
  const factory = Object.values(factories).find(({ spec }) => spec.kind === source.connector);
  if (factory === undefined) throw new Error(`no connector ${source.connector}`);
  return factory.open(
    { ...source.options, http: { perSecond: 10_000 } },
    {
      ...{ source: source.name, now: () => MORNING, random: Math.random, baseDir: '.', once: true },
      note: () => undefined,
    },
  );
}

/** All that the upstream has, once. */
async function drain(stream: Stream): Promise<number> {
  const isListing = stream.spec.listing !== null;
  const pull = (cursor: Cursor): Promise<Page> =>
    isListing ? stream.snapshotPage(cursor, never) : stream.changes(cursor, never);
  let cursor: Cursor = isListing ? null : await stream.feedStart(never);
  for (let rows = 0; ;) {
    const page = await pull(cursor);
    rows += page.rows.length;
    if (page.state === 'end') return rows;
    cursor = page.next;
  }
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: unknown;
}

/** The requests by which the connector reads all rows, and the bytes of their answers, as its HTTP client tells them. */
async function recorded(stream: Stream): Promise<{ asked: Asked[]; bytes: number }> {
  const asked: Asked[] = [];
  let bytes = 0;
  const onRequest = (message: unknown): void => {
    const { request } = message as { request: Asked };
    asked.push({ ...request, headers: [...request.headers], body: request.body, ...pathOf(request) });
  };
  const onChunk = (message: unknown): void => void (bytes += (message as { chunk: Buffer }).chunk.length);
  subscribe('undici:request:create', onRequest);
  subscribe('undici:request:bodyChunkReceived', onChunk);
  try {
    await drain(stream);
  } finally {
    unsubscribe('undici:request:create', onRequest);
    unsubscribe('undici:request:bodyChunkReceived', onChunk);
  }
  return { asked, bytes };
}

const pathOf = ({ method, path }: Asked) => ({ method, path });

/** Answers to the same questions differ by their signatures and times only; others would be refusals. */
const BYTES_DIFFER_MAX = 0.05;

async function sendAgain(pool: Pool, { asked, bytes }: Awaited<ReturnType<typeof recorded>>): Promise<void> {
  let came = 0;
  for (const { method, path, headers, body } of asked) {
    const answer = await pool.request({
      ...{ method: method, path, headers: [...headers] },
      ...(body === null || body === undefined ? {} : { body: body as Buffer }),
    });
    came += (await answer.body.arrayBuffer()).byteLength;
  }
  if (Math.abs(came - bytes) > BYTES_DIFFER_MAX * bytes)
    throw new Error(`the bare loop was answered ${came} bytes, the connector ${bytes}`);
}
