/** Results of matching two books (`bank-match.ts`) → hub.recon-case, one record a difference. */
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
  readonly counterpart: 'CORE' | 'VENDOR';
  readonly file: BankFileState;
  readonly results: readonly Matched[];
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
  for (const one of matched.results) {
    if (one.advice === null) continue;
    // A file that is missing is one case, not one for each payment that it may have.
    if (one.result === 'WAITING' && file !== null) continue;
    const difference = differenceCase(one, matched);
    cases.set(difference.caseKey, difference);
  }
  const records: ReconCase[] = [];
  for (const one of cases.values()) {
    const known = before.get(one.caseKey);
    if (known === undefined) records.push(one);
    else if (known.state === 'OPEN' || known.state === 'CLOSED')
      records.push({ ...one, version: known.version });
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

const compactDay = (day: number): string => formatDate(day).replaceAll('-', '');

function fileCase({ source, day, file }: MatchedDay): ReconCase | null {
  const advice: ReconAdvice | null =
    file === 'MISSING' ? 'FETCH_FILE' : file === 'FAULTY' ? 'ASK_FOR_NEW_FILE' : null;
  if (advice === null) return null;
  return caseOf({ source, day, reference: 'file', result: 'WAITING', advice, book: 'FILE' });
}

function differenceCase({ reference, result, advice, bank, local }: Matched, day: MatchedDay): ReconCase {
  return {
    ...caseOf({
      source: day.source,
      day: day.day,
      reference,
      result,
      advice: advice ?? '',
      book: day.counterpart,
    }),
    bankFen: bank?.amountFen ?? null,
    localFen: local?.amountFen ?? null,
    cardReference: reference,
    bankEventId: bank?.key ?? null,
    localKey: local?.key ?? null,
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
    ...{ localKey: null, personKey: null, dataQuality: [] },
  };
}
