/**
 * Asks banks what became of loads that one book has and the other has not, and writes the answer into the open case.
 * It changes no result and moves no money: a person decides.
 *
 *   case open ─▶ asked ─▶ DONE, FAILED, REVERSED, NO_SUCH_LOAD, UNKNOWN    not asked again
 *                  └────▶ UNDECIDED ─ six hours ─▶ asked
 *
 * Newest days first, so many questions a day and a minute, one after the other; none in the bank's window. A bank that
 * does not answer is left alone for a while. A question that was asked and whose answer was lost (the hub was killed) is
 * asked again: it only reads.
 */
import type { KnowsLoads } from '../../connectors/sdk.js';
import { ConnectorError } from '../../connectors/sdk.js';
import type { ReconCase } from '../../contracts/types.js';
import { answeredCase, askable } from '../../transforms/recon-case.js';
import { businessDate } from '../../transforms/time.js';
import type { BankConfig } from '../config/types.js';
import type { CaseWriter } from './case-writer.js';

const UNDECIDED_MS = 6 * 3_600_000;
const MINUTE_MS = 60_000;
/** How long a bank is left alone after a failure: doubled with each that follows, to the second. */
const [REST_MS, REST_MS_MAX] = [MINUTE_MS, 60 * MINUTE_MS];

export interface AskedBank {
  readonly config: Pick<BankConfig, 'source' | 'queries'>;
  readonly loads: KnowsLoads;
}

/** Does something with the one writer of cases, alone. */
export type WithWriter = <T>(work: (writer: CaseWriter) => Promise<T>) => Promise<T>;

interface Count {
  /** Number of the day or minute that is counted. */
  at: number;
  asked: number;
}

export class LoadQueries {
  readonly #days = new Map<string, Count>();
  readonly #minutes = new Map<string, Count>();
  readonly #rests = new Map<string, { readonly until: number; readonly ms: number }>();
  constructor(
    readonly banks: readonly AskedBank[],
    readonly now: () => number,
    readonly onProblem: (error: unknown) => void,
  ) {}

  /** Asks what may be asked now. @returns how many answers were written */
  async run(withWriter: WithWriter, signal: AbortSignal): Promise<number> {
    let written = 0;
    for (const bank of this.banks) {
      if (signal.aborted) break;
      try {
        written += await this.#ask(bank, withWriter, signal);
      } catch (error) {
        if (signal.aborted || !(error instanceof ConnectorError)) throw error;
        this.#rest(bank, error);
      }
    }
    return written;
  }

  async #ask({ config, loads }: AskedBank, withWriter: WithWriter, signal: AbortSignal): Promise<number> {
    const { source, queries } = config;
    const now = this.now();
    if (queries.perDay === 0 || now < (this.#rests.get(source)?.until ?? 0)) return 0;
    if (loads.closedUntil(now) !== null) return 0;
    const { due, today } = await withWriter(async (writer) => this.#due(writer, source, now));
    const day = counted(this.#days, source, businessDate(now), today);
    const minute = counted(this.#minutes, source, Math.floor(now / MINUTE_MS), 0);
    let written = 0;
    for (const { caseKey, reference } of due) {
      if (day.asked >= queries.perDay || minute.asked >= queries.perMinute || signal.aborted) break;
      day.asked += 1;
      minute.asked += 1;
      const told = await loads.load(reference, signal);
      this.#rests.delete(source);
      written += await withWriter(async (writer) => {
        // Books that agree by now have closed it, or an operator has decided.
        const known = writer.caseOf(caseKey);
        return known === undefined || askable(known) === null
          ? 0
          : writer.append([answeredCase(known, told)], 0);
      });
    }
    return written;
  }

  /** Cases to ask about, and how many of this day's questions earlier processes have asked. */
  #due(writer: CaseWriter, source: string, now: number) {
    const due: { readonly caseKey: string; readonly reference: string; readonly day: number }[] = [];
    let today = 0;
    for (const one of writer.casesOfBank(source)) {
      if (one.bankSaidAt !== null && businessDate(one.bankSaidAt) === businessDate(now)) today += 1;
      const reference = askable(one);
      if (reference === null || !isDue(one, now)) continue;
      due.push({ caseKey: one.caseKey, reference, day: one.businessDate });
    }
    due.sort((a, b) => b.day - a.day || (a.caseKey < b.caseKey ? -1 : 1));
    return { due, today };
  }

  #rest({ config: { source } }: AskedBank, error: ConnectorError): void {
    const before = this.#rests.get(source)?.ms ?? REST_MS / 2;
    const ms = Math.min(REST_MS_MAX, Math.max(2 * before, error.details.retryAfterMs ?? 0));
    this.#rests.set(source, { until: this.now() + ms, ms });
    this.onProblem(error);
  }
}

const isDue = ({ bankSays, bankSaidAt }: ReconCase, now: number): boolean =>
  bankSays === null || (bankSays === 'UNDECIDED' && now - (bankSaidAt ?? 0) >= UNDECIDED_MS);

function counted(counts: Map<string, Count>, source: string, at: number, least: number): Count {
  let count = counts.get(source);
  if (count?.at !== at) counts.set(source, (count = { at, asked: 0 }));
  count.asked = Math.max(count.asked, least);
  return count;
}
