/** `start-up`: a process begins, reads a log with a million cards, and can answer. */
import type { StartUpAnswer, StartUpArgument } from './children/start-up.js';
import { below, line, type BenchOptions, type BenchResult } from './measure.js';
import { runChild } from './spawn.js';
import { viewLog } from './view-log.js';

const GOAL_S = 20;
const GOAL_MIB = 1_536;

export async function startUp(options: BenchOptions): Promise<BenchResult> {
  const cards = options.quick ? 100_000 : 1_000_000;
  const dir = await viewLog(cards, options.note);
  const answers: StartUpAnswer[] = [];
  for (let round = 0; round < options.rounds; round++) {
    const argument: StartUpArgument = { dir, cards, decisions: 0, rounds: 0 };
    answers.push(await runChild<StartUpAnswer>('start-up', argument));
  }
  const of = (value: (answer: StartUpAnswer) => number): number[] => answers.map(value);
  return {
    name: 'start-up',
    what: `embedded log with ${cards} cards (3 aliases each, group grants, 1,000 doors) → view ready`,
    lines: [
      line(
        'process start → ready',
        's',
        of((a) => a.readyMs / 1_000),
        below(GOAL_S, 's'),
      ),
      line(
        'CPU time until ready',
        's',
        of((a) => a.cpuMs / 1_000),
      ),
      line(
        'resident memory when ready',
        'MiB',
        of((a) => a.rssMiB),
        below(GOAL_MIB, 'MiB'),
      ),
      line(
        'of it its own (RssAnon)',
        'MiB',
        of((a) => a.anonMiB),
      ),
      line(
        'peak resident memory',
        'MiB',
        of((a) => a.peakMiB),
        below(GOAL_MIB, 'MiB'),
      ),
    ],
    notes: [
      'resident memory counts the pages of the log’s file that LMDB has mapped; the system may take these back',
    ],
  };
}
