import { describe, expect, it } from 'vitest';
import type { BankEntry, BankFile, PowerPurchase, TopUp } from '../../contracts/types.js';
import { startOfDay } from '../../transforms/time.js';
import type { BankConfig } from '../config/types.js';
import { BankBooks } from './bank-books.js';

const DAY = 20_700;
const NOON = 12 * 3_600_000;
const BANK: BankConfig = {
  source: 'sea',
  loads: { source: 'core', channels: ['BANK_APP'] },
  power: [{ source: 'power', paySources: ['BANK_CARD'] }],
  days: 14,
  queries: { perDay: 0, perMinute: 1 },
};

const file = (day: number, digest = `sha256:${day}`): BankFile => ({
  ...{ fileKey: `sea:file:${day}`, source: 'sea', version: 0, settleDate: day, state: 'RECEIVED' },
  ...{ stateReason: null, layout: 'fixed', digest, rowCount: 1, totalFen: 1, statedCount: null },
  ...{ statedFen: null, faults: [], dataQuality: [] },
});
const row = (day: number, reference: string | null, over: Partial<BankEntry> = {}): BankEntry => ({
  ...{ eventId: `sea:${day}:${reference}`, source: 'sea', settleDate: day, bankReference: `B${reference}` },
  ...{ cardReference: reference, kind: 'LOAD', amountFen: 5_000, occurredAt: startOfDay(day) + NOON },
  ...{ businessDate: day, personKey: null, terminal: null, fileDigest: `sha256:${day}`, line: 1 },
  dataQuality: [],
  ...over,
});
const step = (day: number, order: string, over: Partial<TopUp> = {}): TopUp => ({
  ...{ eventId: `core:top-ups:${order}`, source: 'core', topUpKey: `core:${order}`, accountKey: 'core:1' },
  ...{
    cardKey: null,
    stage: 'CLAIMED',
    channel: 'BANK_APP',
    amountFen: 5_000,
    deviceKey: null,
    refusal: null,
  },
  ...{ occurredAt: startOfDay(day) + NOON, businessDate: day, dataQuality: [] },
  ...over,
});

function books(fill: (books: BankBooks) => void): BankBooks {
  const made = new BankBooks(BANK);
  for (let day = DAY - 1; day <= DAY + 2; day += 1) made.addFile(file(day));
  fill(made);
  return made;
}
const results = (made: BankBooks, day: number) =>
  made
    .match(day, true)
    .books.flatMap((book) => book.results.map((one) => [book.counterpart, one.reference, one.result]));

describe('the books of a bank', () => {
  it('a top-up through a channel of another bank is no difference, unless this bank has it', () => {
    const made = books((all) => {
      all.addTopUp(step(DAY, 'a', { channel: 'WECHAT' }));
      all.addTopUp(step(DAY, 'b', { channel: 'WECHAT' }));
      all.addRow(row(DAY, 'b'));
    });
    expect(results(made, DAY)).toEqual([['CORE', 'b', 'EQUAL']]);
  });

  it('a payment that is claimed days later stays a payment of its first day', () => {
    const made = books((all) => {
      all.addTopUp(step(DAY, 'a', { stage: 'PENDING_CLAIM' }));
      all.addRow(row(DAY, 'a'));
      all.takeChanged();
      all.keepFrom(DAY + 20);
      all.addTopUp(step(DAY + 21, 'a'));
    });
    expect([...made.takeChanged()]).toEqual([]);
    expect(results(made, DAY + 21)).toEqual([]);
  });

  it('a second debit in the next file has no payment left', () => {
    const made = books((all) => {
      all.addTopUp(step(DAY, 'a'));
      all.addRow(row(DAY, 'a'));
      all.addRow(row(DAY + 1, 'a'));
    });
    expect(results(made, DAY)).toEqual([['CORE', 'a', 'EQUAL']]);
    expect(results(made, DAY + 1)).toEqual([['CORE', 'a', 'MISSING_LOCALLY']]);
  });

  it('a reversal takes its load back, also in a later file: then the core must have reversed it too', () => {
    const reversal = row(DAY + 2, 'a', { eventId: 'r', kind: 'REVERSAL' });
    const kept = books((all) => {
      all.addTopUp(step(DAY, 'a'));
      all.addRow(row(DAY, 'a'));
      all.takeChanged();
      all.addRow(reversal);
    });
    expect(kept.takeChanged().has(DAY)).toBe(true);
    expect(results(kept, DAY)).toEqual([['CORE', 'a', 'MISSING_AT_BANK']]);
    kept.addTopUp(step(DAY, 'a', { stage: 'REVERSED' }));
    expect(results(kept, DAY)).toEqual([['CORE', 'a', 'EQUAL']]);
  });

  it('only rows of the newest issue count', () => {
    const made = books((all) => {
      all.addRow(row(DAY, 'a'));
      all.addFile(file(DAY, 'sha256:again'));
      all.addRow(row(DAY, 'b', { fileDigest: 'sha256:again' }));
    });
    expect(results(made, DAY)).toEqual([['CORE', 'b', 'MISSING_LOCALLY']]);
  });

  it('electricity is matched with the vendor by its order', () => {
    const purchase = { source: 'power', orderKey: 'power:p', paySource: 'BANK_CARD', amountFen: 5_000 };
    const made = books((all) => {
      all.addRow(row(DAY, 'p', { kind: 'POWER' }));
      const at = startOfDay(DAY) + NOON;
      const order = { ...purchase, occurredAt: at, debitedAt: at, orderState: 'BANK_DEBITED' };
      all.addPurchase(order as PowerPurchase);
    });
    expect(results(made, DAY)).toEqual([['VENDOR', 'p', 'NOT_BOOKED_LOCALLY']]);
    const later = { ...purchase, occurredAt: startOfDay(DAY) + NOON + 1, debitedAt: null };
    made.addPurchase({ ...later, orderState: 'DELIVERED' } as PowerPurchase);
    expect(results(made, DAY)).toEqual([['VENDOR', 'p', 'EQUAL']]);
  });

  it('a file whose rows are not all there proves nothing missing', () => {
    const made = books((all) => all.addTopUp(step(DAY, 'a')));
    expect(made.match(DAY, false).file).toBe('FAULTY');
    expect(made.match(DAY, false).books[0]?.results).toMatchObject([{ result: 'WAITING' }]);
  });
});
