/** `evaluation`: POST /access/v1/evaluation over sockets, against an empty Hono handler and bare node:http. */
import type { LoadAnswer, LoadArgument } from './children/load.js';
import type { ServerArgument } from './children/server.js';
import { atLeast, line, ratios, type BenchOptions, type BenchResult } from './measure.js';
import { serveChild, type Serving } from './spawn.js';
import { viewLog } from './view-log.js';

const CONNECTIONS = 32;
const GOAL = 0.9;
/** Rounds, in one go. */
const WARM_UP = 3;
/** Those between the facade and an empty handler show what each part of a decision costs. */
const KINDS = ['hub', 'decide', 'read', 'answer', 'hono', 'node'] as const;
type Kind = (typeof KINDS)[number];
const NAMES: Readonly<Record<Kind, string>> = {
  hub: 'facade',
  decide: 'of it without the decision log',
  read: 'of it without the decision',
  answer: 'of it without Hono and the body',
  hono: 'empty Hono',
  node: 'bare node:http',
};

interface Round extends LoadAnswer {
  /** CPU time of the server for one request, microseconds. */
  readonly cpuUs: number;
}
interface ServerFacts {
  readonly cpuMs: number;
  readonly dropped?: number;
}

export async function evaluation(options: BenchOptions): Promise<BenchResult> {
  const cards = options.quick ? 100_000 : 1_000_000;
  const ms = options.quick ? 2_000 : 4_000;
  const dir = await viewLog(cards, options.note);
  const client = await serveChild('load', { cards, connections: CONNECTIONS } satisfies LoadArgument);
  const servers = {} as Record<Kind, Serving>;
  const rounds: Record<Kind, Round[]> = { hub: [], decide: [], read: [], answer: [], hono: [], node: [] };
  let dropped = 0;
  try {
    for (const kind of KINDS)
      servers[kind] = await serveChild('server', { kind, dir } satisfies ServerArgument);
    const once = async (kind: Kind, forMs: number): Promise<Round> => {
      const server = servers[kind];
      const before = await server.ask<ServerFacts>({});
      const answer = await client.ask<LoadAnswer>({ port: server.ready['port'], ms: forMs });
      const after = await server.ask<ServerFacts>({});
      dropped = Math.max(dropped, after.dropped ?? 0);
      if (answer.wrong > 0) throw new Error(`${kind}: ${answer.wrong} answers were no decision`);
      return { ...answer, cpuUs: (1_000 * (after.cpuMs - before.cpuMs)) / answer.requests };
    };
    // Until the compiler has settled: a young process spends a third of its time in it.
    for (const kind of KINDS) await once(kind, WARM_UP * ms);
    for (let round = 0; round < options.rounds; round++) {
      for (const kind of KINDS) rounds[kind].push(await once(kind, ms));
    }
  } finally {
    await Promise.all([client, ...Object.values(servers)].map((child) => child.stop()));
  }
  return report(cards, rounds, dropped);
}

function report(cards: number, rounds: Record<string, Round[]>, dropped: number): BenchResult {
  const of = (kind: string, value: (round: Round) => number): number[] =>
    (rounds[kind] as Round[]).map(value);
  const rate = (round: Round): number => (1_000 * round.requests) / round.ms;
  const hub = rounds['hub'] as Round[];
  const allowed = hub.reduce((sum, r) => sum + r.allowed, 0) / hub.reduce((sum, r) => sum + r.requests, 0);
  return {
    name: 'evaluation',
    what: `POST /access/v1/evaluation, ${CONNECTIONS} connections, ${cards} cards, with the decision log`,
    lines: [
      ...KINDS.map((kind) => line(NAMES[kind], 'requests/s', of(kind, rate))),
      line('facade / empty Hono', 'ratio', ratios(of('hub', rate), of('hono', rate)), atLeast(GOAL)),
      line('facade / bare node:http', 'ratio', ratios(of('hub', rate), of('node', rate))),
      ...KINDS.map((kind) =>
        line(
          `${NAMES[kind]}: CPU a request`,
          'µs',
          of(kind, (r) => r.cpuUs),
        ),
      ),
      line(
        'facade: p50',
        'µs',
        of('hub', (r) => r.p50),
      ),
      line(
        'facade: p99',
        'µs',
        of('hub', (r) => r.p99),
      ),
    ],
    notes: [`${(100 * allowed).toFixed(1)} % allowed; ${dropped} decisions dropped from the decision log`],
  };
}
