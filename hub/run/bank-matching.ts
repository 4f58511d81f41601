import { BankMatching, matchingId, type BankReconDeps, type DayReport } from '../desk/bank-recon.js';
import { openCaseWriter, type CaseWriter } from '../desk/case-writer.js';
import { LoadQueries, type AskedBank } from '../desk/load-queries.js';
import { LogError, type Log } from '../log/log.js';
import type { RecordCodec } from '../sync/rows.js';
import type { OwnedTask } from './owner.js';
import { pause } from '../pause.js';
import { turns } from '../turns.js';

/** `cardhub banks match` */
export interface MatchRequest {
  /** Days since 1970-01-01 in Shanghai. */
  readonly day: number;
  /** Null: every bank of hub.yaml. */
  readonly bank: string | null;
}

/** The matching of banks in the running hub: looks once a minute, and when it is asked. */
export interface MatchingTask extends OwnedTask {
  /** @throws LogError UNAVAILABLE when another hub does the matching, or this one has just begun to */
  match(request: MatchRequest): Promise<readonly DayReport[]>;
  /** An operator's command for it is on the log: look now. */
  nudge(): void;
}

export interface MatchingOptions extends BankReconDeps {
  readonly log: Log;
  readonly codec: RecordCodec;
  readonly everyMs?: number;
  readonly now: () => number;
  /** Banks that can be asked what became of a load. */
  readonly asked: readonly AskedBank[];
  readonly onProblem: (error: unknown) => void;
}

const EVERY_MS = 60_000;

/** One day, from the log as it stands: somebody asks now, so nothing is waited for. */
export async function matchOne(
  deps: BankReconDeps,
  writer: CaseWriter,
  { day, bank }: MatchRequest,
): Promise<readonly DayReport[]> {
  const banks = deps.banks.filter(({ source }) => bank === null || source === bank);
  return new BankMatching({ ...deps, banks }, day).run(writer, true);
}

export function matchingTask(options: MatchingOptions): MatchingTask {
  const { log, codec, tenant, everyMs = EVERY_MS } = options;
  const id = matchingId(tenant);
  let writer: CaseWriter | null = null;
  let owned: AbortSignal | null = null;
  /** Another hub writes: only a new assignment may make this one a writer again. */
  let fenced: LogError | null = null;
  let books: BankMatching | null = null;
  const turn = turns();
  let wake = new AbortController();
  /** One at a time; a writer that has failed is opened again at the next. */
  const exclusive = <T>(work: (writer: CaseWriter) => Promise<T>): Promise<T> =>
    turn(async () => {
      if (owned === null || owned.aborted) throw notOwned();
      if (fenced !== null) throw fenced;
      writer ??= await openCaseWriter(log, codec, id);
      try {
        return await work(writer);
      } catch (error) {
        if (error instanceof LogError && error.code === 'FENCED') fenced = error;
        await writer.close().catch(() => undefined);
        writer = null;
        throw error;
      }
    });
  return {
    id,
    async run(signal) {
      owned = signal;
      fenced = null;
      const stop = (): void => wake.abort();
      signal.addEventListener('abort', stop, { once: true });
      let matching = (books = new BankMatching({ ...options, signal }));
      const queries = new LoadQueries(options.asked, options.now, options.onProblem);
      try {
        while (!signal.aborted) {
          try {
            await exclusive((open) => matching.run(open, false));
            await queries.run(exclusive, signal);
          } catch (error) {
            if (signal.aborted) break;
            if (error instanceof LogError && (error.code === 'FENCED' || error.retry === 'never'))
              throw error;
            // Days that it had taken up may be unwritten: all is read again.
            matching = books = new BankMatching({ ...options, signal });
            options.onProblem(error);
          }
          await pause(everyMs, wake.signal);
          wake = new AbortController();
        }
      } finally {
        signal.removeEventListener('abort', stop);
        owned = null;
        books = null;
        await turn(async () => undefined);
        await writer?.close().catch(() => undefined);
        writer = null;
      }
    },
    holdings: () => books?.holdings() ?? [],
    nudge: () => wake.abort(),
    match: (request) => exclusive((open) => matchOne(options, open, request)),
  };
}

function notOwned(): LogError {
  const message =
    'expected to own the matching of banks; another hub does, or this one has just begun. Try again';
  return new LogError('UNAVAILABLE', message, 'later');
}
