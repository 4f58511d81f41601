import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BankAgreement } from '../../contracts/types.js';
import { BankSigningView, SIGNING_STALE_MS } from './bank-signing.js';

const NOW = Date.UTC(2099, 8, 1);
const agreement = (source: string, state: BankAgreement['state']): BankAgreement => ({
  ...{ agreementKey: `${source}:1`, source, personKey: 'core:1', version: 1, state, stateReason: null },
  ...{ accountTail: '0017', limitFen: null, limitFrequency: null, signedOn: null, changedAt: NOW - 5 },
  ...{ reference: 'S1', dataQuality: [] },
});

function view(ages: Readonly<Record<string, number>> = { sea: 1_000, river: 2_000 }) {
  const asOf = (source: string, stream: string) =>
    stream === 'agreements' && ages[source] !== undefined ? NOW - ages[source] : undefined;
  const signing = new BankSigningView({ asOf });
  const put = (source: string, state: BankAgreement['state'] | null) =>
    signing.apply(`${source}:1`, state === null ? null : agreement(source, state));
  return { put, of: () => signing.of('core:1', NOW) };
}

describe('whether a bank may debit a person', () => {
  it('is SIGNED, NOT_SIGNED or UNKNOWN, with how old that knowledge is', () => {
    const { put, of } = view();
    expect(of(), 'nobody has said anything').toEqual({ state: 'UNKNOWN', banks: [], ageMs: null });
    put('sea', 'NOT_SIGNED');
    expect(of()).toMatchObject({ state: 'NOT_SIGNED', ageMs: 1_000 });
    put('sea', 'UNKNOWN');
    expect(of().state, 'the bank has not decided').toBe('UNKNOWN');
    put('sea', 'SIGNED');
    expect(of()).toEqual({
      state: 'SIGNED',
      banks: [{ bank: 'sea', state: 'SIGNED', changedAt: NOW - 5, asOf: NOW - 1_000, stale: false }],
      ageMs: 1_000,
    });
    put('sea', null);
    expect(of().state).toBe('UNKNOWN');
  });

  it('is signed when one of several banks has signed, and not signed when all say so', () => {
    const { put, of } = view();
    put('sea', 'NOT_SIGNED');
    put('river', 'UNKNOWN');
    expect(of().state).toBe('UNKNOWN');
    put('river', 'NOT_SIGNED');
    expect(of()).toMatchObject({ state: 'NOT_SIGNED', ageMs: 2_000 });
    put('river', 'SIGNED');
    expect(of().state).toBe('SIGNED');
  });

  it('is never NOT_SIGNED by knowledge that is too old, or from a bank that was never read in full', () => {
    const states = fc.constantFrom<BankAgreement['state']>('SIGNED', 'NOT_SIGNED', 'UNKNOWN');
    const age = fc.option(fc.integer({ min: 0, max: 2 * SIGNING_STALE_MS }), { nil: undefined });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('sea', 'river'), states)),
        age,
        age,
        (steps, sea, river) => {
          const ages = { ...(sea !== undefined && { sea }), ...(river !== undefined && { river }) };
          const { put, of } = view(ages);
          for (const [source, state] of steps) put(source, state);
          const last = new Map(steps);
          const fresh = (source: string) => (ages[source as 'sea'] ?? Infinity) <= SIGNING_STALE_MS;
          const found = of();
          expect(found.state === 'SIGNED').toBe(
            [...last].some(([source, is]) => is === 'SIGNED' && fresh(source)),
          );
          if (found.state !== 'NOT_SIGNED') return;
          expect([...last].every(([source, is]) => is === 'NOT_SIGNED' && fresh(source))).toBe(true);
        },
      ),
    );
  });
});
