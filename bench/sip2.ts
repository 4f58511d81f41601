/** `sip2`: patron status over SIP2, against a bare `node:net` server that answers every line with the same bytes. */
import type { DeskServerArgument } from './children/desk-server.js';
import type { LoadAnswer, LoadArgument } from './children/load.js';
import { line, ratios, type BenchOptions, type BenchResult } from './measure.js';
import { serveChild, type Serving } from './spawn.js';
import { viewLog } from './view-log.js';

const CONNECTIONS = 32;
/** Rounds, in one go, until the compiler has settled. */
const WARM_UP = 3;
const KINDS = ['hub', 'net'] as const;
const NAMES = { hub: 'library desk', net: 'bare node:net' };
type Kind = (typeof KINDS)[number];

interface Round extends LoadAnswer {
  /** CPU time of the server for one request, microseconds. */
  readonly cpuUs: number;
}

export async function sip2(options: BenchOptions): Promise<BenchResult> {
  const cards = options.quick ? 100_000 : 1_000_000;
  const ms = options.quick ? 2_000 : 4_000;
  const dir = await viewLog(cards, options.note);
  const client = await serveChild('desk-load', { cards, connections: CONNECTIONS } satisfies LoadArgument);
  const servers = {} as Record<Kind, Serving>;
  const rounds: Record<Kind, Round[]> = { hub: [], net: [] };
  let dropped = 0;
  try {
    for (const kind of KINDS) {
      servers[kind] = await serveChild('desk-server', { kind, dir } satisfies DeskServerArgument);
    }
    const once = async (kind: Kind, forMs: number): Promise<Round> => {
      const server = servers[kind];
      const before = await server.ask<{ cpuMs: number }>({});
      const answer = await client.ask<LoadAnswer>({ port: server.ready['port'], ms: forMs });
      const after = await server.ask<{ cpuMs: number; dropped?: number }>({});
      dropped = Math.max(dropped, after.dropped ?? 0);
      if (answer.wrong > 0) throw new Error(`${kind}: ${answer.wrong} answers were no patron status`);
      return { ...answer, cpuUs: (1_000 * (after.cpuMs - before.cpuMs)) / answer.requests };
    };
    for (const kind of KINDS) await once(kind, WARM_UP * ms);
    for (let round = 0; round < options.rounds; round++) {
      for (const kind of KINDS) rounds[kind].push(await once(kind, ms));
    }
  } finally {
    await Promise.all([client, ...Object.values(servers)].map((child) => child.stop()));
  }
  return report(cards, rounds, dropped);
}

function report(cards: number, rounds: Record<Kind, Round[]>, dropped: number): BenchResult {
  const of = (kind: Kind, value: (round: Round) => number): number[] => rounds[kind].map(value);
  const rate = (round: Round): number => (1_000 * round.requests) / round.ms;
  const known =
    rounds.hub.reduce((sum, r) => sum + r.allowed, 0) / rounds.hub.reduce((sum, r) => sum + r.requests, 0);
  const cpu = (kind: Kind) =>
    line(
      `${NAMES[kind]}: CPU a request`,
      'µs',
      of(kind, (r) => r.cpuUs),
    );
  return {
    name: 'sip2',
    what: `patron status (23) with error detection, ${CONNECTIONS} connections, ${cards} cards, two logged decisions each`,
    lines: [
      ...KINDS.map((kind) => line(NAMES[kind], 'requests/s', of(kind, rate))),
      line('library desk / bare node:net', 'ratio', ratios(of('hub', rate), of('net', rate))),
      ...KINDS.map(cpu),
      line(
        'library desk: p50',
        'µs',
        of('hub', (r) => r.p50),
      ),
      line(
        'library desk: p99',
        'µs',
        of('hub', (r) => r.p99),
      ),
    ],
    notes: [
      `${(100 * known).toFixed(1)} % of the readers are known; ${dropped} decisions dropped from the decision log`,
    ],
  };
}
