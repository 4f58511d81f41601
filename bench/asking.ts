/** What the benchmarks ask over HTTP, and the clients that ask it (children/asker.ts). */
import type { AskerAnswer, AskerArgument, AskerMessage, Asking, Prepared } from './children/asker.js';
import { serveChild } from './spawn.js';
import { doorKeyOf, DOORS, uidOf } from './view-log.js';

/** Spread over the cards, so that neighbours in time are none in memory. */
const STRIDE = 7_919;
/** Requests that are made ahead. */
export const REQUESTS = 20_000;

export interface Asker {
  prepare(what: Prepared): Promise<void>;
  run(how: Asking & { readonly ms: number }): Promise<AskerAnswer>;
  begin(how: Asking): Promise<void>;
  end(): Promise<AskerAnswer>;
  stop(): Promise<void>;
}

/** Clients in a process of their own. */
export async function startAsker(connections: number): Promise<Asker> {
  const child = await serveChild('asker', { connections } satisfies AskerArgument);
  const ask = <T>(message: AskerMessage): Promise<T> => child.ask<T>(message);
  return {
    prepare: async (what) => void (await ask({ prepare: what })),
    run: (how) => ask({ run: how }),
    begin: async (how) => void (await ask({ begin: how })),
    end: () => ask({ end: true }),
    stop: () => child.stop(),
  };
}

/** @param n of a card of the log of `view-log.ts`; beyond them: an unknown card */
export function swipeOf(n: number, door: number): object {
  return {
    subject: { type: 'credential', id: uidOf(n), properties: { readerProfile: 'uid-hex' } },
    resource: { type: 'door', id: doorKeyOf(door) },
  };
}

/** Bodies of single evaluations over all cards and doors. */
export function evaluations(cards: number): string[] {
  return Array.from({ length: REQUESTS }, (_, i) =>
    JSON.stringify({ ...swipeOf((i * STRIDE) % cards, i % DOORS), action: { name: 'enter' } }),
  );
}

/** @throws where an answer was none */
export function allAnswered(of: string, answer: AskerAnswer): AskerAnswer {
  if (answer.wrong > 0) throw new Error(`${of}: ${answer.wrong} answers had another status than 200 and 503`);
  return answer;
}

/** How many of all were told to come again. */
export function shedOf(answers: readonly AskerAnswer[]): string {
  const sum = (of: (one: AskerAnswer) => number): number =>
    answers.reduce((total, one) => total + of(one), 0);
  const shed = sum((one) => one.shed);
  return `${shed} of ${shed + sum(({ requests }) => requests)} answers were 503`;
}

export const perSecond = (count: number, { ms }: { readonly ms: number }): number => (1_000 * count) / ms;
