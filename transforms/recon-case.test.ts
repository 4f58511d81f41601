import { describe, expect, it } from 'vitest';
import type { ReconCase } from '../contracts/types.js';
import { matchDay, type BookEntry, type DayOfBooks } from './bank-match.js';
import { contractBreach } from './mapping.test-support.js';
import {
  answeredCase,
  askable,
  CASE_DECISIONS,
  caseRecords,
  decidedCase,
  type MatchedDay,
} from './recon-case.js';
import { startOfDay } from './time.js';

const DAY = 20_705;
const entry = (reference: string, over: Partial<BookEntry> = {}): BookEntry => ({
  ...{ key: `k:${reference}`, reference, amountFen: 5_000, occurredAt: startOfDay(DAY) + 43_200_000 },
  ...{ businessDate: DAY, booked: true },
  ...over,
});
function day(
  bank: readonly BookEntry[],
  local: readonly BookEntry[],
  file: DayOfBooks['file'] = 'RECEIVED',
): MatchedDay {
  const books: DayOfBooks = {
    ...{ day: DAY, counterpart: 'CORE', bank, local, bankBeside: new Set(), file, nextFileThere: true },
  };
  return { source: 'sea', day: DAY, file, books: [{ counterpart: 'CORE', results: matchDay(books) }] };
}
function cases(matched: MatchedDay, before = new Map<string, ReconCase>()): Map<string, ReconCase> {
  const records = caseRecords(matched, before);
  for (const record of records) expect(contractBreach(record)).toBeUndefined();
  return new Map(records.map(({ key, value }) => [key, value as ReconCase]));
}

describe('the cases of a day', () => {
  const differing = day([entry('a'), entry('b')], [entry('a'), entry('c')]);

  it('are its differences, each with what to do', () => {
    const found = cases(differing);
    expect([...found.keys()]).toEqual(['sea:20260909:b', 'sea:20260909:c']);
    expect(found.get('sea:20260909:b')).toMatchObject({
      ...{
        result: 'MISSING_LOCALLY',
        advice: 'QUERY_THEN_OPEN_CASE',
        state: 'OPEN',
        bankFen: 5_000,
        localFen: null,
      },
    });
  });

  it('are closed by books that agree, and never by themselves otherwise', () => {
    const open = cases(differing);
    expect([...cases(differing, open).values()]).toEqual([...open.values()]);
    const agreed = cases(
      day([entry('a'), entry('b'), entry('c')], [entry('a'), entry('b'), entry('c')]),
      open,
    );
    expect([...agreed.values()].map(({ state, stateReason }) => [state, stateReason])).toEqual(
      Array(2).fill(['CLOSED', 'BOOKS_AGREE']),
    );
  });

  it('keep what the bank has said of a load, which changes neither result nor advice', () => {
    const open = cases(differing);
    const [b, c] = [...open.values()] as [ReconCase, ReconCase];
    expect([askable(b), askable(c), askable({ ...b, state: 'IGNORED' })]).toEqual(['b', 'c', null]);
    expect(askable({ ...b, book: 'VENDOR' })).toBeNull();
    expect(askable({ ...b, result: 'DIFFERENT' })).toBeNull();
    const told = answeredCase(b, { says: 'DONE', fen: 5_000, at: 7 });
    expect(contractBreach(told)).toBeUndefined();
    expect(told.value).toEqual({ ...b, bankSays: 'DONE', bankSaysFen: 5_000, bankSaidAt: 7 });
    const again = cases(differing, new Map([...open, [told.key, told.value as ReconCase]]));
    expect(again.get(told.key)).toEqual(told.value);
  });

  it('that an operator has decided stay as he decided', () => {
    const [first] = cases(differing).values();
    const decided = new Map([[first!.caseKey, { ...first!, state: 'IGNORED' as const }]]);
    expect([...cases(differing, decided).keys()]).toEqual(['sea:20260909:c']);
    expect(cases(day([], []), decided).size).toBe(0);
  });

  it('are decided by who says why, until books that agree have closed them', () => {
    const [first] = cases(differing).values();
    const says = { by: 'ops', at: 7, note: 'asked the bank' };
    for (const state of CASE_DECISIONS) {
      const held = decidedCase(first!, { state, ...says })!;
      expect(held).toMatchObject({
        state,
        stateReason: 'OPERATOR',
        decidedBy: 'ops',
        decidedAt: 7,
        note: says.note,
      });
      const again = cases(differing, new Map([[held.caseKey, held]])).get(held.caseKey);
      // A case that was opened again is published again, with who did so.
      if (state === 'OPEN') expect(again).toMatchObject({ decidedBy: 'ops', note: says.note });
      else expect(again).toBeUndefined();
    }
    expect(decidedCase({ ...first!, state: 'CLOSED' }, { state: 'BOOKED', ...says })).toBeNull();
  });

  it('a second debit with one reference is a case of its own', () => {
    const twice = [entry('a', { key: 'k:1' }), entry('a', { key: 'k:2' }), entry('a', { key: 'k:3' })];
    expect([...cases(day(twice, [entry('a')])).keys()]).toEqual(['sea:20260909:a#2', 'sea:20260909:a#3']);
  });

  it('a missing file is one case, and it closes when the file is there', () => {
    const missing = cases(day([], [entry('a'), entry('b')], 'MISSING'));
    expect([...missing.values()]).toMatchObject([
      { caseKey: 'sea:20260909:file', advice: 'FETCH_FILE', book: 'FILE' },
    ]);
    const there = cases(day([entry('a'), entry('b')], [entry('a'), entry('b')]), missing);
    expect([...there.values()]).toMatchObject([{ caseKey: 'sea:20260909:file', state: 'CLOSED' }]);
  });
});
