/**
 * `search`: who may enter this door, which doors may this person enter, what may this person do there, over HTTP: the
 * first page, and all pages one after the other. A campus of 100,000 people with ten cards each, of which one is in use,
 * and 1,000 doors: 900 that everybody may pass by a right of a group, 100 rooms with rights for 200 persons each.
 */
import { Pool } from 'undici';
import { allAnswered, startAsker, type Asker } from './asking.js';
import type { AskerAnswer } from './children/asker.js';
import type { SearchServerArgument, SearchServerReady } from './children/search-server.js';
import { below, line, quantile, type BenchLine, type BenchOptions, type BenchResult } from './measure.js';
import { serveChild, type Serving } from './spawn.js';
import { doorKeyOf, DOORS, personKeyOf, viewLog } from './view-log.js';

/** Asked at the same time. */
const CONNECTIONS = 4;
const ROOMS = { doors: 100, people: 200 };
const BODIES = 1_000;
const STRIDE = 7_919;
const P99_GOAL_MS = 50;
/** The largest page that there is. */
const PAGE = 1_000;
const PAGES_MAX = 10_000;
const EXPOSE_GC = ['--expose-gc'];

type Kind = 'subject' | 'resource' | 'action';
interface Query {
  readonly name: string;
  readonly kind: Kind;
  readonly body: (i: number) => Readonly<Record<string, unknown>>;
  /** How often all pages are walked in a round. */
  readonly walks: number;
}
interface First extends AskerAnswer {
  /** CPU time of the server for one request. */
  readonly cpuMs: number;
}
interface Walk {
  readonly ms: number;
  readonly pages: readonly number[];
  readonly results: number;
}

const door = (n: number): object => ({ type: 'door', id: doorKeyOf(n) });
const enter = { name: 'enter' };

function queriesOf(people: number): Query[] {
  const ordinary = (i: number): object => door((i * 7) % (DOORS - ROOMS.doors));
  const room = (i: number): object => door(DOORS - ROOMS.doors + (i % ROOMS.doors));
  const who = (type: string, resource: (i: number) => object) => (i: number) => ({
    ...{ subject: { type }, resource: resource(i), action: enter },
  });
  const person = (i: number): object => ({ type: 'person', id: personKeyOf((i * STRIDE) % people) });
  return [
    { name: 'people at a room', kind: 'subject', body: who('person', room), walks: 100 },
    { name: 'cards at a room', kind: 'subject', body: who('card', room), walks: 100 },
    { name: 'people at a door of everybody', kind: 'subject', body: who('person', ordinary), walks: 2 },
    { name: 'cards at a door of everybody', kind: 'subject', body: who('card', ordinary), walks: 1 },
    {
      ...{ name: 'doors of a person', kind: 'resource', walks: 100 },
      body: (i) => ({ subject: person(i), resource: { type: 'door' }, action: enter }),
    },
    {
      ...{ name: 'actions of a person at a door', kind: 'action', walks: 100 },
      body: (i) => ({ subject: person(i), resource: ordinary(i) }),
    },
  ];
}

const pathOf = (kind: Kind): string => `/access/v1/search/${kind}`;

export async function search(options: BenchOptions): Promise<BenchResult> {
  const cards = options.quick ? 100_000 : 1_000_000;
  const people = cards / 10;
  const ms = options.quick ? 1_000 : 4_000;
  const queries = queriesOf(people);
  const dir = await viewLog({ cards, people, rooms: ROOMS }, options.note);
  const alone = await heldBy(dir, 'view');
  const indexed = await heldBy(dir, 'indexed');
  const server = await serveChild('search-server', { dir, kind: 'serving' } satisfies SearchServerArgument);
  const asker = await startAsker(CONNECTIONS);
  const port = server.ready['port'] as number;
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 1 });
  const first = new Map<string, First[]>(queries.map(({ name }) => [name, []]));
  const walks = new Map<string, Walk[]>(queries.map(({ name }) => [name, []]));
  try {
    for (const { name, kind, body } of queries) {
      const bodies = Array.from({ length: BODIES }, (_, i) => JSON.stringify(body(i)));
      await asker.prepare({ name, path: pathOf(kind), bodies });
      await asker.run({ name, port, ms });
    }
    for (let round = 0; round < options.rounds; round++) {
      for (const query of queries) {
        const { name } = query;
        first.get(name)?.push(await firstPages(server, asker, { name, port, ms }));
        const times = options.quick ? 1 : query.walks;
        for (let i = 0; i < times; i++) walks.get(name)?.push(await walk(pool, query, round * times + i));
      }
    }
  } finally {
    await pool.destroy();
    await Promise.all([server.stop(), asker.stop()]);
  }
  return report({ cards, people, queries, first, walks, alone, indexed });
}

/** What a view holds, alone in its process. */
async function heldBy(dir: string, kind: 'view' | 'indexed'): Promise<SearchServerReady> {
  const argument: SearchServerArgument = { dir, kind };
  const child = await serveChild('search-server', argument, EXPOSE_GC);
  await child.stop();
  return child.ready as unknown as SearchServerReady;
}

async function firstPages(
  server: Serving,
  asker: Asker,
  how: { readonly name: string; readonly port: number; readonly ms: number },
): Promise<First> {
  const before = await server.ask<{ cpuMs: number }>({});
  const answer = allAnswered(how.name, await asker.run(how));
  const after = await server.ask<{ cpuMs: number }>({});
  return { ...answer, cpuMs: (after.cpuMs - before.cpuMs) / answer.requests };
}

/** All pages of one query, as large as they may be. */
async function walk(pool: Pool, { name, kind, body }: Query, i: number): Promise<Walk> {
  const pages: number[] = [];
  let results = 0;
  let token = '';
  const from = performance.now();
  do {
    const asked = performance.now();
    const page = { limit: PAGE, ...(token !== '' && { token }) };
    const answer = await pool.request({
      ...{ method: 'POST', path: pathOf(kind), headers: { 'content-type': 'application/json' } },
      body: JSON.stringify({ ...body(i), page }),
    });
    if (answer.statusCode !== 200)
      throw new Error(`${name}: ${answer.statusCode} ${await answer.body.text()}`);
    const said = (await answer.body.json()) as { page: { next_token: string }; results: unknown[] };
    pages.push(performance.now() - asked);
    results += said.results.length;
    token = said.page.next_token;
  } while (token !== '' && pages.length < PAGES_MAX);
  return { ms: performance.now() - from, pages, results };
}

interface Found {
  readonly cards: number;
  readonly people: number;
  readonly queries: readonly Query[];
  readonly first: ReadonlyMap<string, readonly First[]>;
  readonly walks: ReadonlyMap<string, readonly Walk[]>;
  readonly alone: SearchServerReady;
  readonly indexed: SearchServerReady;
}

function report({ cards, people, queries, first, walks, alone, indexed }: Found): BenchResult {
  const lines = queries.flatMap(({ name }): BenchLine[] => {
    const asked = first.get(name) ?? [];
    const walked = walks.get(name) ?? [];
    const pages = walked.flatMap((one) => one.pages);
    const p50 = asked.map((answer) => answer.p50);
    const p99 = asked.map((answer) => answer.p99);
    const whole = walked.map((one) => one.ms);
    const cpu = asked.map(({ cpuMs }) => cpuMs);
    return [
      line(`${name}, first page: CPU a request`, 'ms', cpu),
      line(`${name}, first page: p50`, 'ms', p50),
      line(`${name}, first page: p99`, 'ms', p99, below(P99_GOAL_MS, 'ms')),
      line(`${name}, each page of ${PAGE}: p99`, 'ms', [quantile(pages, 0.99)]),
      line(`${name}, all pages: p50`, 'ms', [quantile(whole, 0.5)]),
      line(`${name}, all pages: p99`, 'ms', [quantile(whole, 0.99)]),
    ];
  });
  const pagesOf = queries.map(({ name }) => {
    const walked = walks.get(name) ?? [];
    const mean = (of: (one: Walk) => number): number =>
      walked.reduce((sum, one) => sum + of(one), 0) / walked.length;
    return `${name} ${mean(({ results }) => results).toFixed(0)} in ${mean(({ pages }) => pages.length).toFixed(1)} pages (${walked.length} walks)`;
  });
  return {
    name: 'search',
    what: `POST /access/v1/search/…, ${CONNECTIONS} connections (all pages: one), ${people} people, ${DOORS} doors, ${cards} cards`,
    lines: [
      ...lines,
      line('the view without the indexes: heap and buffers', 'MiB', [alone.usedMiB]),
      line('what the indexes add to it', 'MiB', [indexed.usedMiB - alone.usedMiB]),
    ],
    notes: [`found: ${pagesOf.join('; ')}`],
  };
}
