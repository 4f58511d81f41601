/**
 * `changes`: evaluations over 64 connections while 5,000 changes of cards a second stream in, against the same without
 * changes, in turn; and how far the view is behind the log meanwhile. Twice: a replica that follows what another process
 * writes, and the hub of one process, which writes and answers.
 */
import { clockNow, type Beats, type Written } from './changes-writer.js';
import type { ChangesMessage, ChangesWriterArgument } from './children/changes-writer.js';
import type { Followed, FollowingArgument, FollowingMessage } from './children/following-server.js';
import { allAnswered, evaluations, perSecond, shedOf, startAsker, type Asker } from './asking.js';
import type { AskerAnswer } from './children/asker.js';
import { line, quantile, ratios, type BenchLine, type BenchOptions, type BenchResult } from './measure.js';
import { serveChild, type Serving } from './spawn.js';
import { viewLog } from './view-log.js';

const CONNECTIONS = 64;
const CHANGES_A_SECOND = 5_000;
const WARM_UP = 2;
/** The view gets so long to come to the end of what was written. */
const CATCH_UP_MS = 1_000;
const KINDS = ['replica', 'hub'] as const;
type Kind = (typeof KINDS)[number];
const NAMES: Record<Kind, string> = { replica: 'replica', hub: 'one process' };

interface Round {
  readonly answer: AskerAnswer;
  readonly cpuMs: number;
  readonly dropped: number;
  readonly lagMax: number;
  readonly written: Written | undefined;
  /** From durable to applied, ms; negative: applied before the writer was told that it is durable. */
  readonly lags: readonly number[];
}
interface Pair {
  readonly calm: Round[];
  readonly changing: Round[];
}

export async function changes(options: BenchOptions): Promise<BenchResult> {
  const cards = options.quick ? 100_000 : 1_000_000;
  const ms = options.quick ? 2_000 : 8_000;
  const dir = await viewLog(cards, options.note);
  const asker = await startAsker(CONNECTIONS);
  const found: Record<Kind, Pair> = {
    replica: { calm: [], changing: [] },
    hub: { calm: [], changing: [] },
  };
  try {
    const path = '/access/v1/evaluation';
    await asker.prepare({ name: 'evaluation', path, bodies: evaluations(cards) });
    for (const kind of KINDS) {
      options.note(NAMES[kind]);
      await measured(kind, { dir, cards, ms, rounds: options.rounds, asker, into: found[kind] });
    }
  } finally {
    await asker.stop();
  }
  return report(cards, found);
}

interface Measuring {
  readonly dir: string;
  readonly cards: number;
  readonly ms: number;
  readonly rounds: number;
  readonly asker: Asker;
  readonly into: Pair;
}

async function measured(kind: Kind, { dir, cards, ms, rounds, asker, into }: Measuring): Promise<void> {
  const writer =
    kind === 'hub'
      ? undefined
      : await serveChild('changes-writer', { of: dir, cards } satisfies ChangesWriterArgument);
  const followed = (writer?.ready['dir'] as string | undefined) ?? dir;
  const server = await serveChild('following-server', {
    dir: followed,
    kind,
    cards,
  } satisfies FollowingArgument);
  try {
    const port = server.ready['port'] as number;
    const once = (rate: number, forMs: number): Promise<Round> =>
      round({ server, writer, asker, port }, rate, forMs);
    await once(0, WARM_UP * ms);
    await once(CHANGES_A_SECOND, ms);
    for (let i = 0; i < rounds; i++) {
      into.calm.push(await once(0, ms));
      into.changing.push(await once(CHANGES_A_SECOND, ms));
    }
  } finally {
    await Promise.all([server.stop(), writer?.stop()]);
  }
}

interface Sides {
  readonly server: Serving;
  readonly writer: Serving | undefined;
  readonly asker: Asker;
  readonly port: number;
}

async function round({ server, writer, asker, port }: Sides, rate: number, ms: number): Promise<Round> {
  const tell = <T>(child: Serving, message: FollowingMessage | ChangesMessage): Promise<T> =>
    child.ask<T>(message);
  await tell(server, { begin: rate });
  if (rate > 0 && writer !== undefined) await tell(writer, { begin: rate });
  const answer = allAnswered('evaluation', await asker.run({ name: 'evaluation', port, ms }));
  const own = rate > 0 && writer !== undefined ? await tell<Written>(writer, { end: true }) : undefined;
  const until = clockNow();
  if (rate > 0 && writer !== undefined) await new Promise((resolve) => setTimeout(resolve, CATCH_UP_MS));
  const { beats, written = own, ...facts } = await tell<Followed>(server, { end: true });
  const { cpuMs, dropped, lagMax } = facts;
  return { answer, cpuMs, dropped, lagMax, written, lags: lagsOf(written?.beats ?? [], beats, until) };
}

/** @throws where the view has not applied what was durable long ago */
function lagsOf(written: Beats, applied: Beats, until: number): number[] {
  const at = new Map(applied);
  return written.flatMap(([beat, durable]) => {
    const seen = at.get(beat);
    if (seen !== undefined) return [seen - durable];
    if (until - durable > CATCH_UP_MS) throw new Error(`append ${beat} was durable, and never applied`);
    return [];
  });
}

function report(cards: number, found: Record<Kind, Pair>): BenchResult {
  return {
    name: 'changes',
    what: `POST /access/v1/evaluation, ${CONNECTIONS} connections, ${cards} cards, while ${CHANGES_A_SECOND} changes of cards a second are appended`,
    lines: KINDS.flatMap((kind) => linesOf(NAMES[kind], found[kind])),
    notes: KINDS.map((kind) => {
      const dropped = Math.max(...found[kind].changing.map((one) => one.dropped));
      const lag = Math.max(...found[kind].changing.map(({ lagMax }) => lagMax));
      const shed = shedOf(found[kind].changing.map(({ answer }) => answer));
      return `${NAMES[kind]}: ${shed} while changes came; ${dropped} decisions dropped from the decision log; at most ${lag} records known and not applied`;
    }),
  };
}

function linesOf(name: string, { calm, changing }: Pair): BenchLine[] {
  const of = (rounds: readonly Round[], value: (round: Round) => number): number[] => rounds.map(value);
  const rate = ({ answer }: Round): number => perSecond(answer.requests, answer);
  const both = (what: string, unit: string, value: (round: Round) => number): BenchLine[] => [
    line(`${name}, no changes: ${what}`, unit, of(calm, value)),
    line(`${name}, changes: ${what}`, unit, of(changing, value)),
  ];
  return [
    line(
      `${name}: changes appended`,
      'changes/s',
      of(changing, ({ written }) => (written === undefined ? NaN : perSecond(written.changes, written))),
    ),
    ...both('evaluations', 'requests/s', rate),
    line(`${name}: with changes / without`, 'ratio', ratios(of(changing, rate), of(calm, rate))),
    ...both(
      'CPU of the server an evaluation',
      'µs',
      ({ answer, cpuMs }) => (1_000 * cpuMs) / answer.requests,
    ),
    ...both('p50', 'ms', ({ answer }) => answer.p50),
    ...both('p99', 'ms', ({ answer }) => answer.p99),
    line(
      `${name}: durable → applied: p50`,
      'ms',
      of(changing, ({ lags }) => quantile(lags, 0.5)),
    ),
    line(
      `${name}: durable → applied: p99`,
      'ms',
      of(changing, ({ lags }) => quantile(lags, 0.99)),
    ),
  ];
}
