/**
 * Accounts of a card core → master.account: the ledger, the chip's balance as last seen and the pending amount stand
 * apart; what is derived from them is named so. Accounts of temporary cards and merchants are not shared.
 */
import type { AccountRow } from '../connectors/card-core/money-rows.js';
import type { Account, HolderRef } from '../contracts/types.js';
import { balanceTroubles, spendableOnCardFen, totalFen, withoutPasswordFen } from './balance.js';
import type { CardProfile } from './card-profile.js';
import { cardProfileSchema, filterOf, flag, scopeOf } from './card-profile.js';
import type { CodeTable } from './codes.js';
import { code, date, fen, instant, mapRow, optionalId, quality, requiredId } from './fields.js';
import type { RecordKind, StateTopic } from './kind.js';
import type { MapContext, Mapped, Mark } from './outcome.js';

type Derived = 'withoutPasswordFen' | 'spendableOnCardFen' | 'totalFen' | 'dataQuality';

/** Adds what is derived from an account's facts. */
export function accountOf(facts: Omit<Account, Derived>): Account {
  const marks = new Set<Mark>();
  if (balanceTroubles(facts).length > 0) marks.add('BALANCE_UNCERTAIN');
  return {
    ...facts,
    withoutPasswordFen: withoutPasswordFen(facts),
    spendableOnCardFen: spendableOnCardFen(facts, facts.state === 'OPEN' && !facts.frozen),
    totalFen: totalFen(facts),
    dataQuality: quality(marks),
  };
}

const STATE: CodeTable<'OPEN' | 'CLOSED' | 'DORMANT'> = {
  '': 'OPEN',
  '0': 'OPEN',
  '1': 'CLOSED',
  '2': 'DORMANT',
};

/** Maps an account row; see the head of this file. */
export function mapAccount(row: AccountRow, context: MapContext): Mapped {
  return mapRow(() => {
    const profile = context.profile as CardProfile;
    const { source } = context;
    const unit = profile.moneyUnit ?? 'fen';
    const accountId = requiredId(row.account, 'account');
    const filtered = filterOf(scopeOf(row.cardtype, profile));
    if (filtered !== undefined) return { kind: 'records', records: [], marks: [], filtered };
    const sno = optionalId(row.sno, 'sno');
    const holder: HolderRef = { source, key: `${source}:${sno ?? `acc-${accountId}`}` };
    const state = code(row.accstatus ?? '', STATE, profile.accountStatus, 'accstatus');
    const value = accountOf({
      accountKey: `${source}:${accountId}`,
      source,
      accountId,
      version: 0,
      holder,
      state,
      stateReason: null,
      frozen: flag(row.freezeflag, 'freezeflag'),
      cardWalletFen: fen(row.card_balance, unit, 'card_balance'),
      ledgerFen: fen(row.db_balance, unit, 'db_balance'),
      pendingClaimFen: fen(row.unsettle_amount, unit, 'unsettle_amount'),
      daySpentFen: fen(row.daycostamt, unit, 'daycostamt'),
      daySpentOn: date(row.daycostdate, 'daycostdate'),
      dayPasswordThresholdFen: fen(row.nonpwdlimit, unit, 'nonpwdlimit'),
      openedOn: date(row.createdate, 'createdate'),
      asOf: instant(row.lasttime, 'lasttime'),
    });
    const { accountKey: key } = value;
    const record = { topic: 'master.account', key, version: 0, value, time: context.asOf };
    return { kind: 'records', records: [record], marks: value.dataQuality as Mark[] };
  });
}

export const accountTopic: StateTopic<'master.account'> = { key: 'accountKey', gone: 'CLOSED' };

export const accountKind: RecordKind = {
  map: (row, context) => mapAccount(row as AccountRow, context),
  profile: cardProfileSchema,
  state: { 'master.account': accountTopic },
  rows: ['master.account'],
  events: {},
};
