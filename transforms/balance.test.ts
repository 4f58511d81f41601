import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addsUp,
  balanceTroubles,
  inferFreezeCause,
  isClaimOverdue,
  passwordRequired,
  replayWallet,
  spendableOnCardFen,
  totalFen,
  withoutPasswordFen,
  type WalletStep,
} from './balance.js';

const amounts = (cardWalletFen: number | null, ledgerFen: number | null, pendingClaimFen: number | null) => ({
  cardWalletFen,
  ledgerFen,
  pendingClaimFen,
});

/** A chip that lives: eats, claims, tops up, is corrected. */
const life = fc
  .tuple(
    fc.integer({ min: 0, max: 100_000 }),
    fc.array(
      fc.record({
        kind: fc.constantFrom('CONSUMPTION', 'PENDING_CLAIMED', 'TOP_UP', 'REVERSAL' as const),
        amountFen: fc.integer({ min: 0, max: 5_000 }),
      }),
      { minLength: 1, maxLength: 40 },
    ),
  )
  .map(([start, uses]) => {
    const steps: WalletStep[] = [];
    let balance = start;
    for (const [i, { kind, amountFen }] of uses.entries()) {
      const amount = kind === 'CONSUMPTION' ? Math.min(amountFen, balance) : amountFen;
      const after = kind === 'CONSUMPTION' ? balance - amount : balance + amount;
      const step = { kind, amountFen: amount, balanceBeforeFen: balance, balanceAfterFen: after };
      steps.push({ ...step, eventId: `e${i}`, counter: 100 + i });
      balance = after;
    }
    return steps;
  });

describe('a chip’s wallet, replayed', () => {
  it('agrees with itself in whatever order its transactions arrived', () => {
    fc.assert(
      fc.property(
        life.chain((steps) => fc.shuffledSubarray(steps, { minLength: steps.length })),
        (steps) => {
          expect(replayWallet(steps)).toEqual([]);
        },
      ),
    );
  });

  it('shows each transaction that is missing, where it is missing, and what it moved', () => {
    fc.assert(
      fc.property(life, fc.nat(), (steps, at) => {
        fc.pre(steps.length > 2);
        const gone = 1 + (at % (steps.length - 2));
        const lost = steps[gone] as WalletStep;
        expect(replayWallet(steps.filter((step) => step !== lost))).toEqual([
          {
            code: 'MISSING_BEFORE',
            eventId: steps[gone + 1]?.eventId,
            missing: 1,
            gapFen: lost.balanceAfterFen - lost.balanceBeforeFen,
          },
        ]);
      }),
    );
  });

  it('shows a balance that was changed, and never the transactions before it', () => {
    fc.assert(
      fc.property(life, fc.nat(), fc.integer({ min: 1, max: 500 }), (steps, at, by) => {
        const i = at % steps.length;
        const wrong = steps.map((step, n) =>
          n === i ? { ...step, balanceAfterFen: step.balanceAfterFen + by } : step,
        );
        const findings = replayWallet(wrong);
        expect(findings.length).toBeGreaterThan(0);
        const touched = [steps[i]?.eventId, steps[i + 1]?.eventId];
        for (const { eventId } of findings) expect(touched).toContain(eventId);
      }),
    );
  });

  it('shows two uses with one counter, and a chip that fell below nothing', () => {
    const step = { kind: 'CONSUMPTION', amountFen: 5, balanceBeforeFen: 3, balanceAfterFen: -2 } as const;
    const findings = replayWallet([
      { ...step, eventId: 'a', counter: 1 },
      { ...step, eventId: 'b', counter: 1 },
    ]);
    expect(findings.map(({ code }) => code)).toEqual(['NEGATIVE', 'NEGATIVE', 'COUNTER_REPEATED']);
    expect(addsUp({ ...step, kind: 'TOP_UP' })).toBe(false);
  });
});

describe('the three amounts of an account', () => {
  it('are in trouble when the card has more than the ledger, or less than nothing', () => {
    expect(balanceTroubles(amounts(100, 100, 50))).toEqual([]);
    expect(balanceTroubles(amounts(60, 100, 0)), 'spent offline, not yet collected').toEqual([]);
    expect(balanceTroubles(amounts(101, 100, 0))).toEqual(['CARD_ABOVE_LEDGER']);
    expect(balanceTroubles(amounts(-30, -10, 20))).toEqual(['LEDGER_NEGATIVE', 'CARD_AND_PENDING_NEGATIVE']);
    expect(balanceTroubles(amounts(null, null, null))).toEqual([]);
  });

  it('are never added up where one of them is not known', () => {
    expect(totalFen(amounts(null, 100, 50))).toBe(150);
    expect(totalFen(amounts(100, 100, null))).toBeNull();
    expect(spendableOnCardFen(amounts(70, 100, 5000), true), 'pending money is not on the card').toBe(70);
    expect(spendableOnCardFen(amounts(70, 100, 0), false)).toBe(0);
    expect(spendableOnCardFen(amounts(null, 100, 0), true)).toBeNull();
  });
});

describe('the consumption password', () => {
  const day = (daySpentFen: number | null) => ({ dayPasswordThresholdFen: 5000, daySpentFen });

  it('is asked above 50 yuan of the day, not at 50', () => {
    expect(passwordRequired(day(4200), 800)).toBe(false);
    expect(passwordRequired(day(4200), 801)).toBe(true);
    expect(passwordRequired(day(6000), 0)).toBe(false);
    expect(passwordRequired(day(null), 100)).toBeNull();
  });

  it('is asked for exactly those purchases that exceed what is left without it', () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.integer({ min: 1, max: 10_000 }), (spent, amount) => {
        const free = withoutPasswordFen(day(spent)) as number;
        expect(passwordRequired(day(spent), amount)).toBe(amount > free);
      }),
    );
  });
});

it('a freeze is concluded from the transaction that it refers to, or not at all', () => {
  const pulled = { pulledOut: true, offline: false };
  expect(inferFreezeCause({ kind: 'CONSUMPTION', ...pulled })).toBe('LIFTED_TOO_FAST_PAY');
  expect(inferFreezeCause({ kind: 'PENDING_CLAIMED', ...pulled })).toBe('LIFTED_TOO_FAST_TOPUP');
  expect(inferFreezeCause({ kind: 'TOP_UP', ...pulled })).toBe('LIFTED_TOO_FAST_TOPUP');
  const offline = { kind: 'UNKNOWN', pulledOut: false, offline: true } as const;
  expect(inferFreezeCause(offline)).toBe('POS_OFFLINE_NETWORK');
  expect(inferFreezeCause({ ...offline, offline: false })).toBeNull();
});

it('pending money is overdue after so many days, not on the last of them', () => {
  const day = 86_400_000;
  expect(isClaimOverdue(0, 30 * day)).toBe(false);
  expect(isClaimOverdue(0, 30 * day + 1)).toBe(true);
  expect(isClaimOverdue(0, 8 * day, 7)).toBe(true);
});
