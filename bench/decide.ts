/** `decide`: the pure function alone, with a view of a million cards. */
import type { StartUpAnswer, StartUpArgument } from './children/start-up.js';
import { line, type BenchOptions, type BenchResult } from './measure.js';
import { runChild } from './spawn.js';
import { viewLog } from './view-log.js';

export async function decideAlone(options: BenchOptions): Promise<BenchResult> {
  const cards = options.quick ? 100_000 : 1_000_000;
  const dir = await viewLog(cards, options.note);
  const argument: StartUpArgument = { dir, cards, decisions: 200_000, rounds: options.rounds };
  const { byCard, byCredential, allowed } = await runChild<StartUpAnswer>('start-up', argument);
  return {
    name: 'decide',
    what: `decide() alone, ${cards} cards, 1,000 doors, 1,000 rights of groups`,
    lines: [line('by card', 'decisions/s', byCard), line('by credential', 'decisions/s', byCredential)],
    notes: [`${(100 * allowed).toFixed(1)} % of the requests by credential were allowed`],
  };
}
