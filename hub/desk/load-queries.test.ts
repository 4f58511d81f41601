import { beforeEach, describe, expect, it } from 'vitest';
import { ConnectorError, type LoadTold } from '../../connectors/sdk.js';
import type { ReconCase } from '../../contracts/types.js';
import type { ContractRecord } from '../../transforms/outcome.js';
import type { CaseWriter } from './case-writer.js';
import { LoadQueries } from './load-queries.js';

const DAY = 20_700;
const HOUR = 3_600_000;
const MORNING = DAY * 86_400_000 + 2 * HOUR;
const never = new AbortController().signal;

let now: number;
let cases: Map<string, ReconCase>;
let asked: string[];
let answer: (reference: string) => LoadTold;
let closed: number | null;
const problems: unknown[] = [];

const caseOf = (reference: string, over: Partial<ReconCase> = {}): ReconCase => ({
  ...{ caseKey: `sea:${reference}`, source: 'sea', version: 0, businessDate: DAY, book: 'CORE' },
  ...{ result: 'NOT_BOOKED_LOCALLY', state: 'OPEN', stateReason: null, advice: 'QUERY_THEN_OPEN_CASE' },
  ...{ bankFen: 5_000, localFen: 5_000, bankReference: 'B', cardReference: reference, bankEventId: null },
  ...{ localKey: null, personKey: null, bankSays: null, bankSaysFen: null, bankSaidAt: null },
  ...{ decidedBy: null, decidedAt: null, note: null, dataQuality: [] },
  ...over,
});
const have = (...list: ReconCase[]): void => {
  cases = new Map(list.map((one) => [one.caseKey, one]));
};
const writer = {
  caseOf: (key: string) => cases.get(key),
  casesOfBank: (source: string) => [...cases.values()].filter((one) => one.source === source),
  append: async (records: readonly ContractRecord[]) => {
    for (const { key, value } of records) cases.set(key, value as ReconCase);
    return records.length;
  },
} as unknown as CaseWriter;
const open = (perDay = 200, perMinute = 10): LoadQueries =>
  new LoadQueries(
    [
      {
        config: { source: 'sea', queries: { perDay, perMinute } },
        loads: {
          closedUntil: () => closed,
          load: async (reference) => {
            asked.push(reference);
            return answer(reference);
          },
        },
      },
    ],
    () => now,
    (error) => problems.push(error),
  );
const run = (queries: LoadQueries): Promise<number> => queries.run((work) => work(writer), never);
const numbered = (count: number): ReconCase[] =>
  Array.from({ length: count }, (_, i) => caseOf(`L${String(i).padStart(3, '0')}`));

beforeEach(() => {
  now = MORNING;
  asked = [];
  problems.length = 0;
  closed = null;
  answer = () => ({ says: 'DONE', fen: 5_000, at: now });
});

describe('a bank is asked about loads', () => {
  it('that one book has and the other has not, the newest days first, and once', async () => {
    have(
      caseOf('old', { businessDate: DAY - 3 }),
      caseOf('n', { result: 'MISSING_LOCALLY' }),
      caseOf('b', { result: 'MISSING_AT_BANK' }),
      caseOf('other-amount', { result: 'DIFFERENT' }),
      caseOf('waits', { result: 'WAITING' }),
      caseOf('power', { book: 'VENDOR' }),
      caseOf('decided', { state: 'IGNORED' }),
      caseOf('no-number', { cardReference: null }),
      caseOf('of-another-bank', { source: 'river' }),
    );
    const queries = open();
    expect(await run(queries)).toBe(3);
    expect(asked).toEqual(['b', 'n', 'old']);
    expect(cases.get('sea:n')).toEqual({
      ...caseOf('n', { result: 'MISSING_LOCALLY' }),
      ...{ bankSays: 'DONE', bankSaysFen: 5_000, bankSaidAt: MORNING },
    });
    expect(await run(queries)).toBe(0);
    expect(asked).toHaveLength(3);
  });

  it('so many times a minute and a day, the questions of earlier processes counted', async () => {
    have(...numbered(30));
    const queries = open(12, 5);
    for (const expected of [5, 5]) {
      await run(queries);
      expect(asked.length % 6).toBe(expected);
    }
    now += 60_000;
    await run(queries);
    now += 60_000;
    await run(queries);
    expect(asked).toHaveLength(12);
    expect(await run(open(12, 5))).toBe(0);
    now += 24 * HOUR;
    expect(await run(queries)).toBe(5);
    expect(await run(open(0))).toBe(0);
  });

  it('again after six hours where the bank had not decided', async () => {
    have(caseOf('a'));
    const queries = open();
    answer = () => ({ says: 'UNDECIDED', fen: null, at: now });
    await run(queries);
    now += 5 * HOUR;
    await run(queries);
    expect(asked).toHaveLength(1);
    now += HOUR;
    answer = () => ({ says: 'REVERSED', fen: 5_000, at: now });
    await run(queries);
    expect(cases.get('sea:a')).toMatchObject({ bankSays: 'REVERSED', bankSaidAt: MORNING + 6 * HOUR });
  });

  it('not in its window, and not while it rests after a failure', async () => {
    have(...numbered(2));
    const queries = open();
    closed = now + HOUR;
    await run(queries);
    closed = null;
    answer = () => {
      throw new ConnectorError('TIMEOUT', 'no answer', 'later');
    };
    await run(queries);
    await run(queries);
    expect([asked.length, problems.length]).toEqual([1, 1]);
    now += 60_000;
    await run(queries);
    now += 60_000;
    await run(queries);
    expect(asked, 'the second rest is longer').toHaveLength(2);
    now += 60_000;
    answer = () => ({ says: 'NO_SUCH_LOAD', fen: null, at: now });
    expect(await run(queries)).toBe(2);
  });

  it('and nothing is written where an operator has decided meanwhile', async () => {
    have(caseOf('a'));
    answer = () => {
      have(caseOf('a', { state: 'BOOKED' }));
      return { says: 'DONE', fen: 5_000, at: now };
    };
    expect(await run(open())).toBe(0);
    expect(cases.get('sea:a')).toEqual(caseOf('a', { state: 'BOOKED' }));
  });
});
