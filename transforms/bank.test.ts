import { describe, expect, it } from 'vitest';
import type { AgreementRow, ReconEntryRow, ReconFileRow } from '../connectors/bank/rows.js';
import type { BankAgreement, BankEntry, BankFile, BankNotice } from '../contracts/types.js';
import { mapAgreement, mapRecon } from './bank.js';
import { contextOf, reasonOf, topicsOf, valueOf } from './mapping.test-support.js';

const context = contextOf({ source: 'bank', profile: { personSource: 'core' } });
const agreement = (over: Partial<AgreementRow> = {}): AgreementRow => ({
  ...{ customerNo: '20990001', state: 'signed', accountTail: '3456', limit: '500.00', limitUnit: 'yuan' },
  ...{ changedAt: '2026-09-01T08:00:00.000+08:00', reference: 'S1' },
  ...over,
});
const stateOf = (row: AgreementRow) =>
  valueOf<BankAgreement>(mapAgreement(row, context), 'master.bank-agreement');

describe('an agreement', () => {
  it('is SIGNED, NOT_SIGNED, or UNKNOWN while the bank decides; a code that nobody knows is UNKNOWN and marked', () => {
    expect(stateOf(agreement())).toMatchObject({
      state: 'SIGNED',
      limitFen: 50_000,
      personKey: 'core:20990001',
    });
    expect(stateOf(agreement({ state: 'cancelled' })).state).toBe('NOT_SIGNED');
    expect(stateOf(agreement({ state: 'undecided' }))).toMatchObject({ state: 'UNKNOWN', dataQuality: [] });
    expect(stateOf(agreement({ state: 'Z' }))).toMatchObject({
      state: 'UNKNOWN',
      dataQuality: ['CODE_UNMAPPED'],
    });
  });

  it('has the bank’s time of the change as its version, and never more of the account than four digits', () => {
    const compact = agreement({ changedAt: '20260901080000', limit: '50000', limitUnit: 'fen' });
    expect(stateOf(compact)).toEqual(stateOf(agreement()));
    expect(stateOf(agreement({ accountTail: '6222000011113456' })).accountTail).toBe('3456');
    expect(stateOf(agreement({ accountTail: '**34' })).accountTail).toBeNull();
    expect(reasonOf(mapAgreement(agreement({ changedAt: 'soon' }), context))).toBe('TIME_INVALID changedAt');
  });

  it('told by the bank itself is an event as well, named by the bank’s reference', () => {
    expect(topicsOf(mapAgreement(agreement(), context))).toEqual(['master.bank-agreement']);
    const told = mapAgreement(agreement({ notice: 'sign' }), context);
    expect(valueOf<BankNotice>(told, 'hub.bank-notice')).toMatchObject({
      eventId: 'bank:agreements:notice-S1',
      kind: 'SIGNED',
      agreementKey: 'bank:20990001',
    });
  });
});

const file = (over: Partial<ReconFileRow> = {}): ReconFileRow => ({
  ...{
    type: 'file',
    settleDate: '20260909',
    state: 'received',
    layout: 'total',
    digest: 'd1',
    rows: 1,
    fen: 5,
  },
  faults: [],
  ...over,
});
const entry = (over: Partial<ReconEntryRow> = {}): ReconEntryRow => ({
  ...{
    type: 'entry',
    settleDate: '20260909',
    digest: 'd1',
    line: 1,
    bankReference: 'B1',
    cardReference: 'L1',
  },
  ...{ code: '404101', amountFen: '000000005000', bankDate: '20260909', time: '20260909225958' },
  ...over,
});

describe('a reconciliation file', () => {
  const stateOfFile = (over: Partial<ReconFileRow>) =>
    valueOf<BankFile>(mapRecon(file(over), context), 'hub.bank-file').state;

  it('missing is not empty, and one that is not whole is faulty', () => {
    expect(stateOfFile({})).toBe('RECEIVED');
    expect(stateOfFile({ rows: 0 })).toBe('EMPTY');
    expect(stateOfFile({ state: 'missing', rows: 0 })).toBe('MISSING');
    expect(stateOfFile({ faults: ['CONTROL_TOTAL'] })).toBe('FAULTY');
    expect(stateOfFile({ rows: 0, faults: ['TRUNCATED'] })).toBe('FAULTY');
    expect(stateOfFile({ faults: ['LATE', 'OTHER_DAY', 'REISSUED'] })).toBe('RECEIVED');
  });

  it('a row says what was paid, by whom and when', () => {
    const row = mapRecon(entry({ customerNo: '20990001' }), context);
    expect(valueOf<BankEntry>(row, 'hub.bank-entry')).toMatchObject({
      ...{ kind: 'LOAD', amountFen: 5_000, personKey: 'core:20990001', cardReference: 'L1' },
      occurredAt: Date.parse('2026-09-09T22:59:58+08:00'),
    });
    const other = mapRecon(entry({ code: '77' }), context);
    expect(valueOf<BankEntry>(other, 'hub.bank-entry')).toMatchObject({
      kind: 'OTHER',
      dataQuality: ['CODE_UNMAPPED'],
    });
    expect(reasonOf(mapRecon(entry({ amountFen: '' }), context))).toBe('REQUIRED_MISSING amountFen');
    expect(reasonOf(mapRecon(entry({ bankReference: 'a b' }), context))).toBe('ID_INVALID bankReference');
  });
});
