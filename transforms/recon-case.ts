/** Results of matching two books (`bank-match.ts`) → hub.recon-case, one record a difference. */
import type { CodeOf } from '../contracts/codes.js';
import type { BankFileState, ReconCase } from '../contracts/types.js';
import type { Matched, ReconAdvice, ReconResult } from './bank-match.js';
import type { ContractRecord } from './outcome.js';
import { endOfDay, formatDate } from './time.js';

/** What a day of one bank has found. */
export interface MatchedDay {
  /** The bank, as named in hub.yaml. */
  readonly source: string;
  /** Days since 1970-01-01 in Shanghai. */
  readonly day: number;
  readonly file: BankFileState;
  /** Each book that was matched with the bank's. */
  readonly books: readonly {
    readonly counterpart: 'CORE' | 'VENDOR';
    readonly results: readonly Matched[];
  }[];
}

const OPEN_STATES = new Set(['OPEN', 'HELD']);

/**
 * The cases of a day: a new one for each difference; one that was open and is a difference no more is closed, never
 * removed. What an operator has decided (BOOKED, IGNORED, EXCEPTION) stays as it is.
 * @param before the published cases of this bank and day by key
 */
export function caseRecords(
  matched: MatchedDay,
  before: ReadonlyMap<string, ReconCase>,
): readonly ContractRecord[] {
  const cases = new Map<string, ReconCase>();
  const file = fileCase(matched);
  if (file !== null) cases.set(file.caseKey, file);
  for (const difference of differences(matched, file !== null)) cases.set(difference.caseKey, difference);
  const records: ReconCase[] = [];
  for (const one of cases.values()) {
    const known = before.get(one.caseKey);
    if (known === undefined) records.push(one);
    else if (known.state === 'OPEN')
      records.push({ ...one, version: known.version, ...answerIn(known), ...decisionIn(known) });
    else if (known.state === 'CLOSED') records.push({ ...one, version: known.version });
  }
  for (const known of before.values()) {
    if (cases.has(known.caseKey) || !OPEN_STATES.has(known.state)) continue;
    records.push({ ...known, state: 'CLOSED', stateReason: 'BOOKS_AGREE' });
  }
  return records.map((value) => ({
    ...{ topic: 'hub.recon-case', key: value.caseKey, version: value.version, value },
    time: endOfDay(value.businessDate),
  }));
}

/** What an operator has said of a case, which no matching takes away. */
const decisionIn = ({ decidedBy, decidedAt, note }: ReconCase) => ({ decidedBy, decidedAt, note });

/** What the bank has said of it when it was asked. */
const answerIn = ({ bankSays, bankSaysFen, bankSaidAt }: ReconCase) => ({
  bankSays,
  bankSaysFen,
  bankSaidAt,
});

/** What was found of which the bank can say more: a load that stands in one book alone, or is not booked. */
const ASKED: ReadonlySet<string> = new Set<ReconResult>([
  ...(['MISSING_LOCALLY', 'NOT_BOOKED_LOCALLY', 'MISSING_AT_BANK'] as const),
]);

/** The order number to ask the bank about; null: the case is nothing that the bank could say more of. */
export const askable = ({ book, state, result, cardReference }: ReconCase): string | null =>
  book === 'CORE' && state === 'OPEN' && ASKED.has(result) ? cardReference : null;

/** The case with the bank's answer. Nothing else of it changes: people move money. */
export function answeredCase(
  known: ReconCase,
  told: { readonly says: CodeOf<'load-states'>; readonly fen: number | null; readonly at: number },
): ContractRecord {
  const value: ReconCase = { ...known, bankSays: told.says, bankSaysFen: told.fen, bankSaidAt: told.at };
  return { topic: 'hub.recon-case', key: value.caseKey, version: value.version, value, time: told.at };
}

/** What an operator may make of a case; OPEN takes a decision back. */
export const CASE_DECISIONS = ['BOOKED', 'IGNORED', 'HELD', 'EXCEPTION', 'OPEN'] as const;
export type CaseDecision = (typeof CASE_DECISIONS)[number];

/** The case as the operator has decided; null: books that agree have closed it, and there is nothing to decide. */
export function decidedCase(
  known: ReconCase,
  decision: { readonly state: CaseDecision; readonly by: string; readonly at: number; readonly note: string },
): ReconCase | null {
  if (known.state === 'CLOSED' || known.state === 'REMOVED') return null;
  const { state, by, at, note } = decision;
  return { ...known, state, stateReason: 'OPERATOR', decidedBy: by, decidedAt: at, note };
}

/** Two payments with one reference, as when a bank debits twice, are two cases: the second is `…#2`. */
function differences(matched: MatchedDay, fileIsCase: boolean): readonly ReconCase[] {
  const times = new Map<string, number>();
  const found: ReconCase[] = [];
  for (const { counterpart, results } of matched.books) {
    for (const one of results) {
      const nth = (times.get(one.reference) ?? 0) + 1;
      times.set(one.reference, nth);
      if (one.advice === null) continue;
      // A file that is missing is one case, not one for each payment that it may have.
      if (one.result === 'WAITING' && fileIsCase) continue;
      found.push(differenceCase(one, matched, counterpart, nth));
    }
  }
  return found;
}

const compactDay = (day: number): string => formatDate(day).replaceAll('-', '');

function fileCase({ source, day, file }: MatchedDay): ReconCase | null {
  const advice: ReconAdvice | null =
    file === 'MISSING' ? 'FETCH_FILE' : file === 'FAULTY' ? 'ASK_FOR_NEW_FILE' : null;
  if (advice === null) return null;
  return caseOf({ source, day, reference: 'file', result: 'WAITING', advice, book: 'FILE' });
}

function differenceCase(
  { reference, result, advice, bank, local }: Matched,
  { source, day }: MatchedDay,
  book: ReconCase['book'],
  nth: number,
): ReconCase {
  const name = nth === 1 ? reference : `${reference}#${nth}`;
  return {
    ...caseOf({ source, day, reference: name, result, advice: advice ?? '', book }),
    bankFen: bank?.amountFen ?? null,
    localFen: local?.amountFen ?? null,
    bankReference: bank?.bankReference ?? null,
    cardReference: bank?.unreferenced === true ? null : reference,
    bankEventId: bank?.key ?? null,
    localKey: local?.key ?? null,
    personKey: bank?.personKey ?? null,
  };
}

function caseOf(facts: {
  readonly source: string;
  readonly day: number;
  readonly reference: string;
  readonly result: ReconResult;
  readonly advice: string;
  readonly book: ReconCase['book'];
}): ReconCase {
  const { source, day, reference, result, advice, book } = facts;
  return {
    caseKey: `${source}:${compactDay(day)}:${reference}`,
    ...{ source, version: 0, businessDate: day, result, book, state: 'OPEN', stateReason: null, advice },
    ...{ bankFen: null, localFen: null, bankReference: null, cardReference: null, bankEventId: null },
    ...{ localKey: null, personKey: null, bankSays: null, bankSaysFen: null, bankSaidAt: null },
    ...{ decidedBy: null, decidedAt: null, note: null, dataQuality: [] },
  };
}
