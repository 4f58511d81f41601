/**
 * `evaluations`: POST /access/v1/evaluations by the size of the batch and by semantic, against the single endpoint with
 * the same swipes. Every fifth swipe is one of an unknown card, so that the two semantics that cut have something to cut at.
 */
import { allAnswered, perSecond, REQUESTS, startAsker, swipeOf, type Asker } from './asking.js';
import type { AskerAnswer } from './children/asker.js';
import type { ServerArgument } from './children/server.js';
import { line, ratios, type BenchLine, type BenchOptions, type BenchResult } from './measure.js';
import { serveChild, type Serving } from './spawn.js';
import { doorKeyOf, DOORS, viewLog } from './view-log.js';

const CONNECTIONS = 16;
const STRIDE = 7_919;
/** One in so many swipes is of a card that nobody has. */
const UNKNOWN_EVERY = 5;
type Semantic = 'execute_all' | 'deny_on_first_deny' | 'permit_on_first_permit';
/** A body of 64 KiB holds some 450 swipes; as many items as are let in (1,000) fit where they share all but the door. */
const ITEMS_MAX = 1_000;

interface Form {
  readonly name: string;
  readonly path: string;
  readonly bodies: readonly string[];
}
interface Round extends AskerAnswer {
  readonly cpuMs: number;
}

export async function evaluations(options: BenchOptions): Promise<BenchResult> {
  const cards = options.quick ? 100_000 : 1_000_000;
  const ms = options.quick ? 1_000 : 4_000;
  const forms = formsOf(cards);
  const dir = await viewLog(cards, options.note);
  const server = await serveChild('server', { kind: 'hub', dir } satisfies ServerArgument);
  const asker = await startAsker(CONNECTIONS);
  const rounds = new Map<string, Round[]>(forms.map(({ name }) => [name, []]));
  try {
    for (const form of forms) await asker.prepare(form);
    for (const form of forms) await once(server, asker, form, ms);
    for (let round = 0; round < options.rounds; round++) {
      for (const form of forms) rounds.get(form.name)?.push(await once(server, asker, form, ms));
    }
  } finally {
    await Promise.all([server.stop(), asker.stop()]);
  }
  return report(cards, forms, rounds);
}

function formsOf(cards: number): Form[] {
  const path = '/access/v1/evaluations';
  const swipe = (i: number): object =>
    swipeOf(i % UNKNOWN_EVERY === UNKNOWN_EVERY - 1 ? cards + i : (i * STRIDE) % cards, i % DOORS);
  const action = { name: 'enter' };
  const single = Array.from({ length: REQUESTS }, (_, i) => JSON.stringify({ ...swipe(i), action }));
  const batch = (size: number, semantic: Semantic): Form => ({
    name: `${size} ${semantic}`,
    path,
    bodies: Array.from({ length: Math.ceil(REQUESTS / size) }, (_, b) =>
      JSON.stringify({
        action,
        options: { evaluations_semantic: semantic },
        evaluations: Array.from({ length: size }, (_item, i) => swipe(b * size + i)),
      }),
    ),
  });
  const doors = Array.from({ length: ITEMS_MAX }, (_, i) => ({
    resource: { type: 'door', id: doorKeyOf(i % DOORS) },
  }));
  const everywhere = Array.from({ length: 50 }, (_, i) =>
    JSON.stringify({ ...swipeOf((i * STRIDE) % cards, 0), action, evaluations: doors }),
  );
  return [
    { name: 'single', path: '/access/v1/evaluation', bodies: single },
    ...[1, 10, 50].map((size) => batch(size, 'execute_all')),
    { name: `${ITEMS_MAX} execute_all, one card`, path, bodies: everywhere },
    batch(50, 'deny_on_first_deny'),
    batch(50, 'permit_on_first_permit'),
  ];
}

async function once(server: Serving, asker: Asker, { name }: Form, ms: number): Promise<Round> {
  const before = await server.ask<{ cpuMs: number }>({});
  const answer = await asker.run({ name, port: server.ready['port'] as number, ms });
  const after = await server.ask<{ cpuMs: number }>({});
  return { ...allAnswered(name, answer), cpuMs: after.cpuMs - before.cpuMs };
}

const decisionsOf = ({ permits, denies }: AskerAnswer): number => permits + denies;

function report(cards: number, forms: readonly Form[], rounds: ReadonlyMap<string, Round[]>): BenchResult {
  const of = (name: string, value: (round: Round) => number): number[] => (rounds.get(name) ?? []).map(value);
  const rate = (name: string): number[] => of(name, (round) => perSecond(decisionsOf(round), round));
  const lines = forms.flatMap(({ name }): BenchLine[] => [
    line(`${name}: decisions`, 'decisions/s', rate(name)),
    ...(name === 'single' ? [] : [line(`${name} / single`, 'ratio', ratios(rate(name), rate('single')))]),
    line(
      `${name}: CPU a decision`,
      'µs',
      of(name, (round) => (1_000 * round.cpuMs) / decisionsOf(round)),
    ),
    line(
      `${name}: p99 of a request`,
      'ms',
      of(name, ({ p99 }) => p99),
    ),
  ]);
  const each = forms.map(({ name }) => {
    const all = rounds.get(name) ?? [];
    const given = all.reduce((sum, round) => sum + decisionsOf(round), 0);
    return `${name} ${(given / all.reduce((sum, { requests }) => sum + requests, 0)).toFixed(1)}`;
  });
  return {
    name: 'evaluations',
    what: `POST /access/v1/evaluations, ${CONNECTIONS} connections, ${cards} cards, every decision logged`,
    lines,
    notes: [`decisions given in a request: ${each.join(', ')}`],
  };
}
