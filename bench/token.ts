/**
 * `token`: what it costs to verify an access token (first seen, and known), against jose's `jwtVerify` alone; and what
 * a token that is known adds to an evaluation over HTTP: a guarded facade against an open one.
 */
import { allAnswered, evaluations, perSecond, shedOf, startAsker, type Asker } from './asking.js';
import type { AskerAnswer } from './children/asker.js';
import type { GuardedServerArgument } from './children/guarded-server.js';
import type { Cost, VerifyTokenAnswer, VerifyTokenArgument } from './children/verify-token.js';
import { line, ratios, type BenchLine, type BenchOptions, type BenchResult } from './measure.js';
import { runChild, serveChild, type Serving } from './spawn.js';
import { viewLog } from './view-log.js';

const CONNECTIONS = 32;
const WARM_UP = 3;
const KINDS = ['open', 'guarded'] as const;
type Kind = (typeof KINDS)[number];
const NAMES: Record<Kind, string> = { open: 'open facade', guarded: 'guarded facade, known token' };

interface Round extends AskerAnswer {
  readonly cpuUs: number;
}

export async function token(options: BenchOptions): Promise<BenchResult> {
  const cards = options.quick ? 100_000 : 1_000_000;
  const argument: VerifyTokenArgument = { tokens: options.quick ? 500 : 3_000, rounds: options.rounds };
  const alone = await runChild<VerifyTokenAnswer>('verify-token', argument);
  const over = await overHttp(options, cards);
  const clock = (costs: readonly Cost[]): number[] => costs.map(({ clockUs }) => clockUs);
  const cpu = (costs: readonly Cost[]): number[] => costs.map(({ cpuUs }) => cpuUs);
  const { bare, cold, warm, bytes } = alone;
  return {
    name: 'token',
    what: `ES256 access tokens of ${bytes} characters, ${argument.tokens} of them one after the other; then ${CONNECTIONS} connections, ${cards} cards`,
    lines: [
      line('jose jwtVerify', 'µs', clock(bare)),
      line('first seen', 'µs', clock(cold)),
      line('known', 'µs', clock(warm)),
      line('first seen / jwtVerify', 'ratio', ratios(clock(cold), clock(bare))),
      line('known / jwtVerify', 'ratio', ratios(clock(warm), clock(bare))),
      line('jose jwtVerify: CPU', 'µs', cpu(bare)),
      line('first seen: CPU', 'µs', cpu(cold)),
      line('known: CPU', 'µs', cpu(warm)),
      ...httpLines(over),
    ],
    notes: KINDS.map((kind) => `${NAMES[kind]}: ${shedOf(over[kind])}`),
  };
}

async function overHttp(options: BenchOptions, cards: number): Promise<Record<Kind, Round[]>> {
  const ms = options.quick ? 2_000 : 4_000;
  const dir = await viewLog(cards, options.note);
  const asker = await startAsker(CONNECTIONS);
  const servers = {} as Record<Kind, Serving>;
  const rounds: Record<Kind, Round[]> = { open: [], guarded: [] };
  try {
    const bodies = evaluations(cards);
    const path = '/access/v1/evaluation';
    for (const kind of KINDS) {
      const argument: GuardedServerArgument = { dir, guarded: kind === 'guarded' };
      servers[kind] = await serveChild('guarded-server', argument);
    }
    const tokens = servers.guarded.ready['tokens'] as string[];
    const authorization = tokens.map((one) => `Bearer ${one}`);
    await asker.prepare({ name: 'open', path, bodies });
    await asker.prepare({ name: 'guarded', path, bodies, headers: { authorization } });
    for (const kind of KINDS) await once(servers[kind], asker, kind, WARM_UP * ms);
    for (let round = 0; round < options.rounds; round++) {
      for (const kind of KINDS) rounds[kind].push(await once(servers[kind], asker, kind, ms));
    }
  } finally {
    await Promise.all([asker, ...Object.values(servers)].map((child) => child.stop()));
  }
  return rounds;
}

async function once(server: Serving, asker: Asker, kind: Kind, ms: number): Promise<Round> {
  const before = await server.ask<{ cpuMs: number }>({});
  const answer = await asker.run({ name: kind, port: server.ready['port'] as number, ms });
  const after = await server.ask<{ cpuMs: number }>({});
  return { ...allAnswered(kind, answer), cpuUs: (1_000 * (after.cpuMs - before.cpuMs)) / answer.requests };
}

function httpLines(rounds: Record<Kind, Round[]>): BenchLine[] {
  const of = (kind: Kind, value: (round: Round) => number): number[] => rounds[kind].map(value);
  const rate = (round: Round): number => perSecond(round.requests, round);
  const cpu = (round: Round): number => round.cpuUs;
  const added = of('guarded', cpu).map((us, i) => us - (of('open', cpu)[i] as number));
  return [
    ...KINDS.map((kind) => line(NAMES[kind], 'requests/s', of(kind, rate))),
    line('guarded / open', 'ratio', ratios(of('guarded', rate), of('open', rate))),
    line('open facade: CPU a request', 'µs', of('open', cpu)),
    line('added to it by the token: CPU a request', 'µs', added),
    ...KINDS.map((kind) =>
      line(
        `${NAMES[kind]}: p50`,
        'ms',
        of(kind, ({ p50 }) => p50),
      ),
    ),
    ...KINDS.map((kind) =>
      line(
        `${NAMES[kind]}: p99`,
        'ms',
        of(kind, ({ p99 }) => p99),
      ),
    ),
  ];
}
