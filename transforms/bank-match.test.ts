import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchDay, totalsOf, type BookEntry, type DayOfBooks } from './bank-match.js';
import { endOfDay, startOfDay } from './time.js';

const DAY = 20_700;
const NOON = startOfDay(DAY) + 12 * 3_600_000;

const entry = (reference: string, over: Partial<BookEntry> = {}): BookEntry => ({
  ...{
    key: `k:${reference}`,
    reference,
    amountFen: 5_000,
    occurredAt: NOON,
    businessDate: DAY,
    booked: true,
  },
  ...over,
});
const books = (over: Partial<DayOfBooks>): DayOfBooks => ({
  ...{ day: DAY, counterpart: 'CORE' as const, bank: [], local: [], bankBeside: new Set<string>() },
  ...{ file: 'RECEIVED' as const, nextFileThere: true },
  ...over,
});
const signs = (over: Partial<DayOfBooks>) =>
  matchDay(books(over)).map(({ reference, result, advice }) => [reference, result, advice]);

describe('the books of a day', () => {
  it('= X N U B', () => {
    const bank = [entry('a'), entry('b', { amountFen: 1 }), entry('c'), entry('d')];
    const local = [entry('a'), entry('b'), entry('d', { booked: false }), entry('e')];
    expect(signs({ bank, local })).toEqual([
      ['a', 'EQUAL', null],
      ['b', 'DIFFERENT', 'CHECK_AMOUNT'],
      ['c', 'MISSING_LOCALLY', 'QUERY_THEN_OPEN_CASE'],
      ['d', 'NOT_BOOKED_LOCALLY', 'QUERY_THEN_OPEN_CASE'],
      ['e', 'MISSING_AT_BANK', 'REVIEW_REVERSAL'],
    ]);
  });

  it('I: a file that is missing or not whole proves nothing', () => {
    const local = [entry('a')];
    expect(signs({ local, file: 'MISSING' })).toEqual([['a', 'WAITING', 'FETCH_FILE']]);
    expect(signs({ local, file: 'FAULTY' })).toEqual([['a', 'WAITING', 'ASK_FOR_NEW_FILE']]);
    expect(signs({ local, file: 'EMPTY' })).toEqual([['a', 'MISSING_AT_BANK', 'REVIEW_REVERSAL']]);
  });

  it('electricity that was paid and not delivered goes to the dorm office', () => {
    expect(signs({ counterpart: 'VENDOR', bank: [entry('p')] })).toEqual([
      ['p', 'MISSING_LOCALLY', 'CALL_DORM_OFFICE'],
    ]);
  });

  it('a payment at 22:59:58 waits for the next file, and is no difference when that one has it', () => {
    const local = [entry('m', { occurredAt: endOfDay(DAY) - 3_602_000 })];
    expect(signs({ local, nextFileThere: false })).toEqual([['m', 'WAITING', 'WAIT_FOR_NEXT_DAY']]);
    expect(signs({ local, bankBeside: new Set(['m']) })).toEqual([]);
    expect(signs({ local })).toEqual([['m', 'MISSING_AT_BANK', 'REVIEW_REVERSAL']]);
  });

  it('a row of the bank finds its payment on the day before or after', () => {
    const local = [entry('m', { businessDate: DAY - 1 }), entry('n', { businessDate: DAY + 1 })];
    expect(signs({ bank: [entry('m'), entry('n')], local })).toEqual([
      ['m', 'EQUAL', null],
      ['n', 'EQUAL', null],
    ]);
  });

  it('what nobody paid is no difference', () => {
    expect(signs({ local: [entry('a', { booked: false })] })).toEqual([['a', 'EQUAL', null]]);
  });
});

const arbitrary = fc
  .uniqueArray(
    fc.record({
      reference: fc.stringMatching(/^[a-d]{1,3}$/),
      atBank: fc.boolean(),
      atLocal: fc.boolean(),
      booked: fc.boolean(),
      bankFen: fc.integer({ min: 1, max: 3 }),
      localFen: fc.integer({ min: 1, max: 3 }),
      minute: fc.integer({ min: 0, max: 1_439 }),
    }),
    { selector: ({ reference }) => reference, maxLength: 40 },
  )
  .map((payments) => {
    const at = (minute: number) => startOfDay(DAY) + minute * 60_000;
    const bank = payments.filter(({ atBank }) => atBank);
    const local = payments.filter(({ atLocal }) => atLocal);
    return {
      bank: bank.map((p) => entry(p.reference, { amountFen: p.bankFen, occurredAt: at(p.minute) })),
      local: local.map((p) =>
        entry(p.reference, { amountFen: p.localFen, booked: p.booked, occurredAt: at(p.minute) }),
      ),
    };
  });
const files = fc.constantFrom('RECEIVED' as const, 'EMPTY' as const, 'MISSING' as const, 'FAULTY' as const);

describe('any books', () => {
  it('every payment of either book is judged once', () => {
    fc.assert(
      fc.property(arbitrary, files, fc.boolean(), ({ bank, local }, file, nextFileThere) => {
        const results = matchDay(books({ bank, local, file, nextFileThere }));
        const keys = (side: 'bank' | 'local') => results.flatMap((one) => one[side]?.key ?? []).sort();
        expect(keys('bank')).toEqual(bank.map(({ key }) => key).sort());
        expect(keys('local')).toEqual(local.map(({ key }) => key).sort());
      }),
    );
  });

  it('the differences explain the difference of the sums to the fen', () => {
    fc.assert(
      fc.property(arbitrary, ({ bank, local }) => {
        const results = matchDay(books({ bank, local }));
        const { bankFen, localFen } = totalsOf(results);
        const explained = results
          .filter(({ result }) => result !== 'EQUAL')
          .reduce(
            (sum, one) => sum + (one.bank?.amountFen ?? 0) - (one.local?.booked ? one.local.amountFen : 0),
            0,
          );
        expect(bankFen).toBe(bank.reduce((sum, { amountFen }) => sum + amountFen, 0));
        expect(localFen).toBe(local.reduce((sum, one) => sum + (one.booked ? one.amountFen : 0), 0));
        expect(explained).toBe(bankFen - localFen);
      }),
    );
  });

  it('are judged the same in any order, and equal books have no difference', () => {
    fc.assert(
      fc.property(arbitrary, ({ bank, local }) => {
        const turned = { bank: [...bank].reverse(), local: [...local].reverse() };
        expect(matchDay(books(turned))).toEqual(matchDay(books({ bank, local })));
        const same = matchDay(books({ bank, local: bank }));
        expect(same.every(({ result }) => result === 'EQUAL')).toBe(true);
      }),
    );
  });

  it('nothing is missing at the bank by a file that is not whole', () => {
    fc.assert(
      fc.property(arbitrary, fc.constantFrom('MISSING' as const, 'FAULTY' as const), ({ local }, file) => {
        const results = matchDay(books({ local, file }));
        expect(results.every(({ result }) => result === 'WAITING')).toBe(true);
      }),
    );
  });
});
