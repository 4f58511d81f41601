/** `overload`: three times as many decisions asked for as can be given, then an ordinary load again. */
import type { FloodAnswer, FloodArgument } from './children/flood.js';
import type { LoadAnswer, LoadArgument } from './children/load.js';
import type { ServerArgument } from './children/server.js';
import { atLeast, below, line, type BenchOptions, type BenchResult } from './measure.js';
import { serveChild } from './spawn.js';
import { viewLog } from './view-log.js';

/** As many as the issue asks percentiles for. */
const CAPACITY_CONNECTIONS = 64;
const FLOOD_CONNECTIONS = 1_000;
const TIMES = 3;
/** Of the capacity, asked for right after the flood. */
const ORDINARY = 0.3;
const P99_GOAL_MS = 50;

interface Round {
  readonly capacity: number;
  readonly flood: FloodAnswer;
  readonly after: FloodAnswer;
}

export async function overload(options: BenchOptions): Promise<BenchResult> {
  const cards = options.quick ? 100_000 : 1_000_000;
  const ms = options.quick ? 2_000 : 5_000;
  const dir = await viewLog(cards, options.note);
  const server = await serveChild('server', { kind: 'hub', dir } satisfies ServerArgument);
  const steady = await serveChild('load', {
    cards,
    connections: CAPACITY_CONNECTIONS,
  } satisfies LoadArgument);
  const bad = await serveChild('flood', { cards, connections: FLOOD_CONNECTIONS } satisfies FloodArgument);
  const rounds: Round[] = [];
  try {
    const { port } = server.ready;
    await steady.ask<LoadAnswer>({ port, ms: 3 * ms });
    for (let round = 0; round < options.rounds; round++) {
      const loaded = await steady.ask<LoadAnswer>({ port, ms });
      const capacity = (1_000 * loaded.requests) / loaded.ms;
      const flood = await bad.ask<FloodAnswer>({ port, ms, rate: TIMES * capacity });
      const after = await bad.ask<FloodAnswer>({ port, ms: 1_000, rate: ORDINARY * capacity });
      if (flood.wrong + after.wrong > 0)
        throw new Error(
          `${flood.wrong + after.wrong} answers were neither a decision nor 503 with Retry-After`,
        );
      rounds.push({ capacity, flood, after });
    }
  } finally {
    await Promise.all([server, steady, bad].map((child) => child.stop()));
  }
  return report(cards, rounds);
}

function report(cards: number, rounds: readonly Round[]): BenchResult {
  const of = (value: (round: Round) => number): number[] => rounds.map(value);
  const perSecond = (count: number, { flood }: Round): number => (1_000 * count) / flood.ms;
  return {
    name: 'overload',
    what: `${TIMES} times the capacity over ${FLOOD_CONNECTIONS} connections that ignore Retry-After, ${cards} cards`,
    lines: [
      line(
        `capacity (${CAPACITY_CONNECTIONS} connections)`,
        'requests/s',
        of(({ capacity }) => capacity),
      ),
      line(
        'asked for',
        'requests/s',
        of((r) => perSecond(r.flood.admitted + r.flood.shed + r.flood.unsent, r)),
      ),
      line(
        'sent',
        'requests/s',
        of((r) => perSecond(r.flood.admitted + r.flood.shed, r)),
      ),
      line(
        'admitted',
        'decisions/s',
        of((r) => perSecond(r.flood.admitted, r)),
      ),
      line(
        'admitted / capacity',
        'ratio',
        of((r) => perSecond(r.flood.admitted, r) / r.capacity),
      ),
      line(
        'admitted: p50',
        'ms',
        of(({ flood }) => flood.p50),
      ),
      line(
        'admitted: p99',
        'ms',
        of(({ flood }) => flood.p99),
        below(P99_GOAL_MS, 'ms'),
      ),
      line(
        'admitted: slowest',
        'ms',
        of(({ flood }) => flood.max),
      ),
      line(
        '503 with Retry-After: p99',
        'ms',
        of(({ flood }) => flood.shedP99),
      ),
      line(
        'the second after it: admitted of all',
        'ratio',
        of(({ after }) => after.admitted / (after.admitted + after.shed + after.unsent)),
        atLeast(0.99),
      ),
      line(
        'the second after it: p99',
        'ms',
        of(({ after }) => after.p99),
      ),
    ],
  };
}
