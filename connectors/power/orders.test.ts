import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DELIVERY_MS_MAX,
  isEnded,
  ORDER_STATES,
  stepOrder,
  type Order,
  type OrderEvent,
  type ReportedState,
} from './orders.js';

const PAID_AT = 1_000_000;
const DUE = PAID_AT + DELIVERY_MS_MAX;
type Report = readonly [ReportedState, number];

/** All events of an order; a number is the clock as of which its log was read in full. */
function live(inputs: readonly (Report | number)[]): { order: Order | null; events: OrderEvent[] } {
  let order: Order | null = null;
  const events: OrderEvent[] = [];
  for (const input of inputs) {
    if (typeof input === 'number' && order === null) continue;
    const step = stepOrder(
      order,
      typeof input === 'number'
        ? { kind: 'clock', asOf: input }
        : { kind: 'reported', state: input[0], at: input[1] },
    );
    order = step.order;
    events.push(...step.events);
  }
  return { order, events };
}
const kinds = (events: readonly OrderEvent[]) => events.map(({ kind }) => kind);

describe('an order for electricity', () => {
  const paid: Report[] = [
    ['CREATED', PAID_AT - 2_000],
    ['BANK_DEBIT_PENDING', PAID_AT - 1_000],
    ['BANK_DEBITED', PAID_AT],
  ];
  const sent: Report[] = [...paid, ['VENDOR_SUBMITTED', PAID_AT + 500], ['VENDOR_ACCEPTED', PAID_AT + 900]];

  it('goes from the payment to the meter', () => {
    const { order, events } = live([...sent, ['DELIVERED', PAID_AT + 60_000], DUE + 1]);
    expect(order).toMatchObject({ state: 'DELIVERED', overdue: false, debitedAt: PAID_AT });
    expect(events.some(({ contradicted }) => contradicted)).toBe(false);
    expect(kinds(events)).not.toContain('DELIVERY_OVERDUE');
  });

  it('is overdue ten minutes after the debit, not before, and once', () => {
    expect(live([...sent, DUE - 1]).order?.state).toBe('VENDOR_ACCEPTED');
    const { order, events } = live([...sent, DUE, DUE + 60_000, DUE + 120_000]);
    expect(order?.state).toBe('DELIVERY_OVERDUE');
    expect(events.filter(({ kind }) => kind === 'DELIVERY_OVERDUE')).toEqual([
      expect.objectContaining({ at: DUE, overdue: true }),
    ]);
  });

  it('that was never debited is never overdue', () => {
    expect(live([['CREATED', PAID_AT], ['BANK_DEBIT_PENDING', PAID_AT], DUE * 2]).order?.overdue).toBe(false);
  });

  it('delivered late has been overdue, whether or not anybody looked in between', () => {
    const late: Report = ['DELIVERED', DUE + 5_000];
    const looked = live([...sent, DUE + 1, late]);
    const slept = live([...sent, late]);
    expect(slept).toEqual(looked);
    expect(slept.order).toMatchObject({ state: 'DELIVERED', overdue: true });
  });

  it('without a clear answer may be submitted again, and be paid back in the end', () => {
    const { order, events } = live([
      ...paid,
      ['VENDOR_SUBMITTED', PAID_AT + 1],
      ['OUTCOME_UNKNOWN', PAID_AT + 2],
      ['VENDOR_SUBMITTED', PAID_AT + 3],
      ['REFUND_REVIEW', PAID_AT + 4],
      DUE,
      ['FAILED', DUE + 9],
    ]);
    expect(order).toMatchObject({ state: 'FAILED', overdue: false });
    expect(events.some(({ contradicted }) => contradicted)).toBe(false);
  });

  it('that has ended is not changed by what is said later', () => {
    const { order, events } = live([...sent, ['DELIVERED', DUE - 1], ['FAILED', DUE + 1]]);
    expect(order?.state).toBe('DELIVERED');
    expect(events.at(-1)).toMatchObject({ kind: 'FAILED', state: 'DELIVERED', contradicted: true });
  });

  it('does not go back on the straight way', () => {
    expect(live([...sent, ['BANK_DEBIT_PENDING', PAID_AT + 999]]).events.at(-1)).toMatchObject({
      state: 'VENDOR_ACCEPTED',
      contradicted: true,
    });
  });

  const reported = ORDER_STATES.filter((state): state is ReportedState => state !== 'DELIVERY_OVERDUE');
  /** Steps in order of time, over half an hour. */
  const log = fc
    .array(fc.tuple(fc.constantFrom(...reported), fc.integer({ min: 0, max: 1_800_000 })), {
      minLength: 1,
      maxLength: 12,
    })
    .map((steps) => steps.map(([state, at]): Report => [state, at]).sort((a, b) => a[1] - b[1]));

  it('has the same events and the same end however often and whenever its log is read', () => {
    fc.assert(
      fc.property(
        log,
        fc.array(fc.integer({ min: 0, max: 1_800_000 }), { maxLength: 20 }),
        (steps, looks) => {
          const end = 3_600_000;
          const cut = [...steps, ...looks]
            .map((input) => ({ input, at: typeof input === 'number' ? input : input[1] }))
            // A look sees the steps of its own instant.
            .sort(
              (a, b) =>
                a.at - b.at || Number(typeof a.input === 'number') - Number(typeof b.input === 'number'),
            )
            .map(({ input }) => input);
          const whole = live([...steps, end]);
          const often = live([...cut, end]);
          const sorted = (events: readonly OrderEvent[]) =>
            events.map((event) => JSON.stringify(event)).sort();
          // An order that is not read to its end until `end` may be overdue as of then.
          expect(often.order).toEqual(whole.order);
          expect(sorted(often.events)).toEqual(sorted(whole.events));
        },
      ),
    );
  });

  it('is overdue exactly when it was debited and had no end and no refund within the time', () => {
    fc.assert(
      fc.property(log, (steps) => {
        const { events } = live([...steps, 3_600_000]);
        const told = events.filter(({ contradicted }) => !contradicted);
        const debit = told.find(({ debitedAt }) => debitedAt !== null)?.debitedAt ?? null;
        const overdue = told.filter(({ kind }) => kind === 'DELIVERY_OVERDUE');
        expect(overdue.length).toBeLessThanOrEqual(1);
        const ends = ['DELIVERED', 'FAILED', 'REFUND_REVIEW'];
        const inTime =
          debit !== null && told.some(({ kind, at }) => ends.includes(kind) && at < debit + DELIVERY_MS_MAX);
        expect(overdue.length).toBe(debit !== null && !inTime ? 1 : 0);
      }),
    );
  });

  it('stays ended', () => {
    fc.assert(
      fc.property(log, (steps) => {
        let order: Order | null = null;
        for (const [state, at] of steps) {
          const before: Order | null = order;
          ({ order } = stepOrder(order, { kind: 'reported', state, at }));
          if (before !== null && isEnded(before)) expect(order).toEqual(before);
        }
      }),
    );
  });
});
