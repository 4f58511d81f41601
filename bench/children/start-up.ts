/** From the start of the process until the view is ready; and decisions with that view. */
import { decide } from '../../hub/decide/decide.js';
import type { Subject } from '../../hub/decide/model.js';
import { anonMiB } from '../measure.js';
import { cardKeyOf, doorKeyOf, DOORS, openView, uidOf } from '../view-log.js';

export interface StartUpArgument {
  readonly dir: string;
  readonly cards: number;
  /** Decisions of each kind in each round. */
  readonly decisions: number;
  readonly rounds: number;
}

export interface StartUpAnswer {
  readonly readyMs: number;
  /** Of all threads of the process until then. */
  readonly cpuMs: number;
  readonly cards: number;
  readonly rssMiB: number;
  /** Of it what is the process's own, without the pages of the log's file. */
  readonly anonMiB: number;
  readonly peakMiB: number;
  readonly byCard: readonly number[];
  readonly byCredential: readonly number[];
  readonly allowed: number;
}

const argument = JSON.parse(process.argv[2] as string) as StartUpArgument;
const { log, view, follower } = await openView(argument.dir);
await follower.whenReady;
/** Counted from the start of the process. */
const readyMs = performance.now();
const cpu = process.cpuUsage();
const cpuMs = (cpu.user + cpu.system) / 1_000;
const peakMiB = process.resourceUsage().maxRSS / 1_024;
globalThis.gc?.();
const memory = process.memoryUsage();

const STRIDE = 7_919;
let allowed = 0;
function rate(subjectOf: (n: number) => Subject): number {
  const policy = view.policy();
  const now = Date.now();
  const { decisions, cards } = argument;
  // Requests are made ahead: what is measured is the decision.
  const requests = Array.from({ length: decisions }, (_, i) => ({
    subject: subjectOf((i * STRIDE) % cards),
    resource: doorKeyOf(i % DOORS),
    action: 'enter' as const,
  }));
  allowed = 0;
  const from = performance.now();
  for (const request of requests) if (decide(view, policy, request, now).decision) allowed++;
  return (1_000 * decisions) / (performance.now() - from);
}
const byCard: number[] = [];
const byCredential: number[] = [];
if (argument.decisions > 0) {
  for (let round = -1; round < argument.rounds; round++) {
    const card = rate((n) => ({ type: 'card', id: cardKeyOf(n) }));
    const credential = rate((n) => ({ type: 'credential', id: uidOf(n), readerProfile: 'uid-hex' }));
    if (round < 0) continue; // warm-up
    byCard.push(card);
    byCredential.push(credential);
  }
}
const answer: StartUpAnswer = {
  ...{ readyMs, cpuMs, cards: view.cards.size, byCard, byCredential, peakMiB },
  rssMiB: memory.rss / 2 ** 20,
  anonMiB: anonMiB(),
  allowed: argument.decisions === 0 ? 0 : allowed / argument.decisions,
};
await follower.close();
await log.close();
process.send?.(answer, () => process.exit());
