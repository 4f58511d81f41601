import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LoanRow, LoanStep, PatronRow } from '../connectors/library/rows.js';
import type { LibraryPatron, Loan } from '../contracts/types.js';
import { mapLoan, mapPatron } from './library.js';
import { contextOf, reasonOf, recordsOf, valueOf } from './mapping.test-support.js';
import { endOfDay, parseDate } from './time.js';

const context = contextOf({ source: 'lib', profile: { personSource: 'core', cardSource: 'core' } });
const patron: PatronRow = {
  patron_id: 17,
  cardnumber: '1000000160',
  userid: '20990000016',
  category_id: 'ST',
  library_id: 'CY',
  date_enrolled: '2099-09-01',
  expiry_date: '2103-07-15',
  patron_card_lost: false,
  restricted: false,
  updated_on: '2026-03-01T10:00:00+08:00',
};
const loan: LoanRow = {
  checkout_id: 900,
  patron_id: 17,
  item_id: 5001,
  library_id: 'CY',
  checkout_date: '2026-03-01T10:00:00+08:00',
  due_date: '2026-04-01T23:59:00+08:00',
  renewals_count: 0,
  tells: ['out'],
};
const at = (text: string): number => Date.parse(text);

describe('a reader', () => {
  it('has keys of person and card, validity and version, and no name', () => {
    const value = valueOf<LibraryPatron>(
      mapPatron({ ...patron, surname: '测试甲' } as PatronRow, context),
      'master.library-patron',
    );
    expect(value).toMatchObject({
      patronKey: 'lib:17',
      holderKey: 'core:20990000016',
      cardKey: 'core:1000000160',
      version: at('2026-03-01T10:00:00+08:00'),
      cardLost: false,
      state: 'ACTIVE',
    });
    expect(JSON.stringify(value)).not.toContain('测试甲');
  });

  it('without a school number is marked, and keeps its record', () => {
    const mapped = mapPatron({ ...patron, userid: '', cardnumber: null }, context);
    expect(valueOf<LibraryPatron>(mapped, 'master.library-patron')).toMatchObject({
      holderKey: null,
      cardKey: null,
      dataQuality: ['HOLDER_UNKNOWN'],
    });
  });

  it('is refused for a date that cannot be, never guessed', () => {
    expect(reasonOf(mapPatron({ ...patron, expiry_date: '2103-02-30' }, context))).toBe(
      'DATE_INVALID expiry_date',
    );
    expect(reasonOf(mapPatron({ ...patron, updated_on: 'yesterday' }, context))).toBe(
      'TIME_INVALID updated_on',
    );
  });

  it('never lets a change of one second be older than the one before', () => {
    const second = fc.integer({ min: 1_700_000_000, max: 1_900_000_000 });
    fc.assert(
      fc.property(second, second, (a, b) => {
        const versionAt = (seconds: number): number =>
          recordsOf(mapPatron({ ...patron, updated_on: new Date(seconds * 1000).toISOString() }, context))[0]!
            .version;
        expect(Math.sign(versionAt(a) - versionAt(b))).toBe(Math.sign(a - b));
      }),
    );
  });
});

describe('a loan', () => {
  it('tells the steps that the row is the first to tell, and no others', () => {
    const row = { ...loan, renewals_count: 2, last_renewed_date: '2026-03-20T09:00:00+08:00' };
    expect(recordsOf(mapLoan({ ...row, tells: [] }, context))).toEqual([]);
    const [out, renewed] = recordsOf(mapLoan({ ...row, tells: ['out', 'renewed'] }, context)).map(
      ({ value }) => value as Loan,
    );
    expect(out).toMatchObject({ eventId: 'lib:loans:900-out', kind: 'CHECKED_OUT', dueAt: null });
    expect(renewed).toMatchObject({ eventId: 'lib:loans:900-renewed-2', kind: 'RENEWED', renewals: 2 });
  });

  it('is late by the due time, and a bare due date lasts to its end in Shanghai', () => {
    const returned = (due: string, back: string): Loan =>
      valueOf<Loan>(
        mapLoan({ ...loan, due_date: due, checkin_date: back, tells: ['in'] }, context),
        'master.loan',
      );
    expect(returned('20260401', '20260401235959').late).toBe(false);
    expect(returned('20260401', '20260402000000').late).toBe(false);
    expect(returned('20260401', '20260402000001').late).toBe(true);
    const day = parseDate('20260401');
    expect(returned('20260401', '20260402000001').dueAt).toBe(day.ok ? endOfDay(day.days) : NaN);
  });

  it('stays readable after the library has made it anonymous', () => {
    const row = { ...loan, patron_id: null, checkin_date: '2026-03-02T10:00:00+08:00', tells: ['in'] };
    expect(valueOf<Loan>(mapLoan(row as LoanRow, context), 'master.loan').patronKey).toBeNull();
  });

  it('is refused when it tells a step without its time', () => {
    expect(reasonOf(mapLoan({ ...loan, tells: ['in'] }, context))).toBe('REQUIRED_MISSING checkin_date');
  });

  it('gives each step one id, whatever order and page it comes in', () => {
    const steps = fc.subarray<LoanStep>(['out', 'renewed', 'in'], { minLength: 1 });
    const row = {
      ...loan,
      renewals_count: 1,
      last_renewed_date: '2026-03-10T10:00:00+08:00',
      checkin_date: '2026-03-11T10:00:00+08:00',
    };
    const whole = new Map(
      recordsOf(mapLoan({ ...row, tells: ['out', 'renewed', 'in'] }, context)).map((r) => [r.eventId, r]),
    );
    fc.assert(
      fc.property(steps, (tells) => {
        for (const record of recordsOf(mapLoan({ ...row, tells }, context))) {
          expect(record).toEqual(whole.get(record.eventId));
        }
      }),
    );
  });
});
