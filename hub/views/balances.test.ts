import { describe, expect, it } from 'vitest';
import { TextTable } from '../tables/text-table.js';
import { BalancesView, type BalanceValue } from './balances.js';
import { NOW, position } from './view.fixture.js';

const account = (change: Partial<BalanceValue['master.account']> = {}): BalanceValue['master.account'] => ({
  ...{ source: 'core', state: 'OPEN', frozen: false, dataQuality: [] },
  ...{ cardWalletFen: 1_751, ledgerFen: 1_751, pendingClaimFen: 5_000 },
  ...change,
});

/** `core:1` has the account `core:a1`; the streams named wrote it and were read a second ago. */
function view(...streams: readonly string[]) {
  const balances = new BalancesView(new TextTable(), () => NOW);
  balances.apply('master.card', 'core:1', { accountKey: 'core:a1' });
  balances.apply('master.account', 'core:a1', account());
  for (const [i, stream] of streams.entries()) {
    const written = [{ topic: 'master.account', partition: 0, offset: 0 }];
    const sourcePartition = `qau/core/${stream}/0`;
    balances.apply(
      'hub.positions',
      sourcePartition,
      position({ sourcePartition, written, asOf: NOW - 1_000 * (i + 1) }),
    );
  }
  return balances;
}

describe('the balance of a card', () => {
  it('is unknown until it is known how old it is', () => {
    expect(view().of('core:1', NOW), 'nobody says how old').toBeUndefined();
    const balances = view('accounts');
    expect(balances.of('core:1', NOW), 'its offsets are not applied').toBeUndefined();
    balances.advance('master.account', 0, 1);
    expect(balances.of('core:1', NOW)).toEqual({
      ...{ cardWalletFen: 1_751, ledgerFen: 1_751, pendingClaimFen: 5_000 },
      ...{ spendableOnCardFen: 1_751, totalFen: 6_751, certainty: 'CERTAIN' },
      ...{ asOf: NOW - 1_000, ageMs: 1_000 },
    });
    expect(balances.of('core:2', NOW)).toBeUndefined();
  });

  it('is unknown while the first listing of accounts is read', () => {
    const balances = view('accounts');
    balances.advance('master.account', 0, 1);
    const [sourcePartition, written] = [
      'qau/core/cards/0',
      [{ topic: 'master.account', partition: 0, offset: 0 }],
    ];
    balances.apply('hub.positions', sourcePartition, position({ sourcePartition, written, asOf: 0 }));
    expect(balances.of('core:1', NOW)).toBeUndefined();
  });

  it('is as old as the oldest of the streams that write accounts', () => {
    const balances = view('accounts', 'cards');
    balances.advance('master.account', 0, 1);
    expect(balances.of('core:1', NOW)?.ageMs).toBe(2_000);
  });

  it('lets a frozen or closed card spend nothing, and tells what does not agree', () => {
    const balances = view('accounts');
    balances.advance('master.account', 0, 1);
    const after = (change: Partial<BalanceValue['master.account']>) => {
      balances.apply('master.account', 'core:a1', account(change));
      return balances.of('core:1', NOW);
    };
    expect(after({ frozen: true })).toMatchObject({ spendableOnCardFen: 0, cardWalletFen: 1_751 });
    expect(after({ state: 'CLOSED' })).toMatchObject({ spendableOnCardFen: 0 });
    expect(after({ dataQuality: ['BALANCE_UNCERTAIN'] })).toMatchObject({ certainty: 'UNCERTAIN' });
    expect(after({ ledgerFen: null })).toMatchObject({ ledgerFen: null, totalFen: null });
    expect(after({ state: 'REMOVED' })).toBeUndefined();
  });

  it('goes with the account, whichever card it is', () => {
    const balances = view('accounts');
    balances.advance('master.account', 0, 1);
    balances.apply('master.card', 'core:2', { accountKey: 'core:a1' });
    expect(balances.of('core:2', NOW)).toEqual(balances.of('core:1', NOW));
    balances.apply('master.card', 'core:1', null);
    expect(balances.of('core:1', NOW)).toBeUndefined();
  });

  it('gets no younger after a record that could not be read', () => {
    const balances = view();
    balances.break('master.account');
    const written = [{ topic: 'master.account', partition: 0, offset: 0 }];
    balances.apply('hub.positions', 'qau/core/accounts/0', position({ written }));
    balances.advance('master.account', 0, 1);
    expect(balances.of('core:1', NOW)).toBeUndefined();
  });
});
