import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BankEntry } from '../../contracts/types.js';
import { DayRows, PaymentTable, type Payment } from './bank-tables.js';

const payment = fc.record({
  key: fc.constantFrom('core:1', 'core:2', '一卡:3', 'core:a:b'),
  amountFen: fc.nat(),
  occurredAt: fc.nat(2 ** 42),
  businessDate: fc.integer({ min: 20_000, max: 20_010 }),
  booked: fc.boolean(),
  ended: fc.boolean(),
  channel: fc.option(fc.constantFrom('BANK_APP', 'WECHAT')),
});
const whole = (of: Omit<Payment, 'reference'>): Payment => ({
  ...of,
  reference: of.key.slice(of.key.indexOf(':') + 1),
});

describe('the table of payments', () => {
  it('holds after any changes what a map would, of the days that are not forgotten', () => {
    const step = fc.oneof(payment, fc.integer({ min: 20_000, max: 20_010 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const table = new PaymentTable();
        const model = new Map<string, Payment>();
        const unended = new Set<string>();
        for (const one of steps) {
          if (typeof one !== 'number') {
            table.put(whole(one), model.get(one.key)?.businessDate ?? one.businessDate);
            model.set(one.key, whole(one));
            continue;
          }
          table.forgetBefore(one);
          for (const [key, { businessDate, ended }] of model) {
            if (businessDate >= one) continue;
            model.delete(key);
            if (!ended) unended.add(key);
          }
        }
        for (const [key, known] of model) expect(table.get(key)).toEqual(known);
        for (const key of unended) expect(table.isForgotten(key)).toBe(true);
        const near = [...model.values()].filter(({ businessDate: day }) => day >= 20_003 && day <= 20_006);
        const byTime = near.sort((a, b) => a.occurredAt - b.occurredAt || (a.key < b.key ? -1 : 1));
        expect(table.between(20_003, 20_006)).toEqual(byTime);
      }),
    );
  });

  it('does not grow with the days that pass', () => {
    const table = new PaymentTable();
    const held: number[] = [];
    for (let day = 0; day < 60; day += 1) {
      for (let n = 0; n < 900; n += 1) {
        const key = `core:2026-${day}-${n}`;
        const facts = { amountFen: 5_000, occurredAt: day * 86_400_000 + n, businessDate: day };
        table.put(whole({ key, ...facts, booked: true, ended: true, channel: 'BANK_APP' }), day);
      }
      table.forgetBefore(day - 16);
      held.push(table.holding().bytes);
    }
    expect(held[59]).toBe(held[20]);
    expect(table.holding().entries).toBe(17 * 900);
    expect(table.holding().bytes / (17 * 900)).toBeLessThan(200);
  });
});

const entry = fc.record({
  eventId: fc.constantFrom('sea:1', 'sea:2', 'sea:3', '银行:4'),
  bankReference: fc.string({ maxLength: 6 }),
  cardReference: fc.option(fc.string({ maxLength: 6 })),
  kind: fc.constantFrom('LOAD', 'POWER', 'REVERSAL', 'UNKNOWN'),
  amountFen: fc.nat(),
  occurredAt: fc.nat(2 ** 42),
  businessDate: fc.nat(30_000),
  personKey: fc.option(fc.constantFrom('hr:1', 'hr:2')),
  fileDigest: fc.constantFrom('sha256:a', 'sha256:b'),
});

describe('the rows of a file', () => {
  it('are, of each issue, the newest of each event, by key', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 30 }), (entries) => {
        const rows = new DayRows();
        const model = new Map<string, (typeof entries)[number]>();
        for (const one of entries) {
          rows.put(one as unknown as BankEntry);
          model.set(one.eventId, one);
        }
        for (const digest of ['sha256:a', 'sha256:b', 'sha256:a']) {
          const issue = [...model.values()].filter(({ fileDigest }) => fileDigest === digest);
          const expected = issue
            .sort((a, b) => (a.eventId < b.eventId ? -1 : 1))
            .map((one) => ({
              key: one.eventId,
              reference: one.cardReference ?? one.bankReference,
              ...(one.cardReference === null && { unreferenced: true }),
              amountFen: one.amountFen,
              occurredAt: one.occurredAt,
              businessDate: one.businessDate,
              booked: true,
              bankReference: one.bankReference,
              personKey: one.personKey,
              book: { LOAD: 'CORE', POWER: 'VENDOR', REVERSAL: 'REVERSAL', UNKNOWN: null }[one.kind],
            }));
          expect(rows.issue(digest)).toEqual(expected);
          expect(rows.count(digest)).toBe(issue.length);
        }
        rows.rest();
        expect(rows.holding().entries).toBe(model.size);
      }),
    );
  });
});
