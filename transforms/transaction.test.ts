import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import {
  transactionRowSchema,
  type TopUpRow,
  type TransactionRow,
} from '../connectors/card-core/money-rows.js';
import type { AccountRow } from '../connectors/card-core/money-rows.js';
import type { Account, Card, CardEvent, CardTransaction, TopUp } from '../contracts/types.js';
import { mapAccount } from './account.js';
import { mapCard } from './card.js';
import { eventContent, kinds } from './kinds.js';
import { contextOf, reasonOf, recordsOf, valueOf } from './mapping.test-support.js';
import { mapTopUp } from './top-up.js';
import { mapTransaction } from './transaction.js';

const ROW: TransactionRow = {
  accdate: '20990901',
  termid: 'P-00012',
  termseqno: '88',
  devphyid: 'A0B1C2D3',
  devseqno: '000417',
  transdate: '20990901',
  transtime: '120503',
  transcode: '11',
  cardno: '1000000010',
  account: '100001',
  cardcnt: '57',
  cardbefbal: '1751',
  cardaftbal: '851',
  amount: '900',
  offlineflag: '0',
  coldate: '20990901',
  coltime: '120504',
  datatype: '1',
  status: '3',
  revflag: '0',
  mercname: '一食堂3号窗口   ',
};
const TOPIC = 'master.card-transaction';
const map = (over: Partial<TransactionRow> = {}, profile = {}) =>
  mapTransaction({ ...ROW, ...over }, contextOf({ profile }));
const transaction = (over: Partial<TransactionRow> = {}, profile = {}) =>
  valueOf<CardTransaction>(map(over, profile), TOPIC);

describe('a transaction', () => {
  it('keeps money, chip, device and times apart, under the card’s key', () => {
    expect(new Ajv2020().compile(transactionRowSchema)(ROW)).toBe(true);
    expect(recordsOf(map())[0]).toMatchObject({ key: 'core:1000000010', topic: TOPIC });
    expect(transaction()).toEqual({
      eventId: 'core:transactions:20990901-A0B1C2D3-000417',
      source: 'core',
      cardKey: 'core:1000000010',
      accountKey: 'core:100001',
      kind: 'CONSUMPTION',
      usage: 'CANTEEN_DINING',
      upstreamCode: '11',
      status: 'SUCCESS',
      amountFen: 900,
      paidFrom: 'CARD_WALLET',
      balanceBeforeFen: 1751,
      balanceAfterFen: 851,
      counter: 57,
      deviceKey: 'core:P-00012',
      deviceSequence: '000417',
      merchant: '一食堂3号窗口',
      offline: false,
      dataType: 'REAL_TIME',
      reverses: null,
      occurredAt: Date.UTC(2099, 8, 1, 4, 5, 3),
      businessDate: Date.UTC(2099, 8, 1) / 86_400_000,
      accountingDate: Date.UTC(2099, 8, 1) / 86_400_000,
      collectedAt: Date.UTC(2099, 8, 1, 4, 5, 4),
      dataQuality: [],
    });
  });

  it.each([
    ['11', 'CANTEEN_DINING'],
    ['12', 'HOT_WATER'],
    ['13', 'SUPERMARKET'],
    ['14', 'COPY_PRINT'],
    ['15', 'COMPUTER_ROOM'],
  ])('with the code %s is %s, paid from the card', (transcode, usage) => {
    expect(transaction({ transcode })).toMatchObject({ kind: 'CONSUMPTION', usage, paidFrom: 'CARD_WALLET' });
  });

  it('for electricity is debited from the linked bank card, and touches no chip', () => {
    const bank = { transcode: '16', cardcnt: '', cardbefbal: '', cardaftbal: '' };
    expect(transaction(bank)).toMatchObject({
      usage: 'ELECTRICITY',
      paidFrom: 'BANK_ACCOUNT',
      balanceAfterFen: null,
      counter: null,
      dataQuality: [],
    });
  });

  it('keeps a code that nobody knows, marked; a school’s own table explains it', () => {
    expect(transaction({ transcode: '77' })).toMatchObject({
      kind: 'UNKNOWN',
      upstreamCode: '77',
      dataQuality: ['CODE_UNMAPPED'],
    });
    const transactionCodes = { '77': { kind: 'CONSUMPTION', usage: 'HOT_WATER' } };
    expect(transaction({ transcode: '77' }, { transactionCodes }).usage).toBe('HOT_WATER');
  });

  it('that was made offline keeps its own day, and says how late it came', () => {
    const late = transaction({ offlineflag: '1', datatype: '2', accdate: '20990903', coldate: '20990902' });
    expect(late).toMatchObject({ offline: true, dataType: 'OFFLINE_AUTO', dataQuality: ['LATE_UPLOAD'] });
    expect(late.accountingDate! - late.businessDate).toBe(2);
    expect(transaction({ coltime: '110000' }).dataQuality).toEqual(['CLOCK_SUSPECT']);
  });

  it('that is uploaded again, and booked on another day, is the same event', () => {
    const first = transaction({ offlineflag: '1' });
    const again = transaction({ offlineflag: '1', accdate: '20990905', termseqno: '3', datatype: '4' });
    expect(again.eventId).toBe(first.eventId);
    expect(eventContent(TOPIC, again)).toBe(eventContent(TOPIC, first));
    const other = transaction({ offlineflag: '1', amount: '901', cardaftbal: '850' });
    expect(other.eventId).toBe(first.eventId);
    expect(eventContent(TOPIC, other)).not.toBe(eventContent(TOPIC, first));
  });

  it('without the device’s own number is named by its booking; without either it is refused', () => {
    expect(transaction({ devphyid: '', devseqno: '' }).eventId).toBe('core:transactions:20990901-P-00012-88');
    expect(reasonOf(map({ devphyid: '', termid: '' }))).toBe('REQUIRED_MISSING devseqno');
  });

  it('whose balances do not agree is published, marked', () => {
    expect(transaction({ cardaftbal: '850' }).dataQuality).toEqual(['BALANCE_UNCERTAIN']);
    expect(transaction({ transcode: '21' }).dataQuality, 'a claim adds').toEqual(['BALANCE_UNCERTAIN']);
    expect(transaction({ transcode: '21', cardaftbal: '2651' }).dataQuality).toEqual([]);
    expect(transaction({ status: '7', cardaftbal: '1751' })).toMatchObject({
      status: 'ABORTED',
      dataQuality: ['BALANCE_UNCERTAIN'],
    });
    expect(transaction({ status: '2', cardaftbal: '1751' }).dataQuality, 'no money moved').toEqual([]);
  });

  it('that takes another back names it, and is an event of its own', () => {
    const back = transaction({
      devseqno: '418',
      revflag: '1',
      revof: '20990901-A0B1C2D3-000417',
      cardaftbal: '2651',
    });
    expect(back).toMatchObject({
      kind: 'REVERSAL',
      reverses: 'core:transactions:20990901-A0B1C2D3-000417',
      dataQuality: [],
    });
  });

  it('of a temporary card or a merchant is counted and not shared', () => {
    expect(map({ cardtype: '801#临时卡' })).toMatchObject({ records: [], filtered: 'TEMPORARY_CARD' });
    expect(map({ cardtype: '802' })).toMatchObject({ records: [], filtered: 'MERCHANT_CARD' });
  });

  it('is refused where it cannot be believed', () => {
    expect(reasonOf(map({ amount: '9,00' }))).toBe('MONEY_INVALID amount');
    expect(reasonOf(map({ transtime: '250000' }))).toMatch(/^TIME_INVALID/);
    expect(reasonOf(map({ cardno: '', account: '' }))).toBe('REQUIRED_MISSING cardno');
    expect(reasonOf(map({ status: 'x' }))).toBe('CODE_UNKNOWN status');
  });
});

describe('a top-up', () => {
  const row: TopUpRow = {
    orderno: 'T2099090100017',
    account: '100001',
    stage: '2',
    channel: 'wechat',
    amount: '5000',
    time: '20990901080000',
  };
  const topUp = (over: Partial<TopUpRow> = {}) =>
    valueOf<TopUp>(mapTopUp({ ...row, ...over }, contextOf()), 'master.top-up');

  it('is one event a step, under the account’s key', () => {
    expect(topUp()).toMatchObject({
      eventId: 'core:top-ups:T2099090100017-PENDING_CLAIM',
      topUpKey: 'core:T2099090100017',
      stage: 'PENDING_CLAIM',
      channel: 'WECHAT',
      amountFen: 5000,
    });
    expect(topUp({ stage: '3' }).eventId).not.toBe(topUp().eventId);
    expect(topUp({ channel: '数字人民币' }).channel, 'a new channel keeps its name').toBe('数字人民币');
  });

  it('is claimed at a canteen POS; elsewhere that is a mark', () => {
    const claim = { stage: '3', termid: 'P-00012' };
    expect(topUp({ ...claim, canteenflag: '1' }).dataQuality).toEqual([]);
    expect(topUp({ ...claim, canteenflag: '0' }).dataQuality).toEqual(['CLAIM_NOT_AT_CANTEEN']);
    expect(topUp({ ...claim, canteenflag: '0', channel: 'cash' }).dataQuality, 'paid in on the chip').toEqual(
      [],
    );
    expect(topUp(claim).dataQuality, 'the core does not say').toEqual([]);
  });

  it.each([
    ['wechat', 'WECHAT'],
    ['alipay', 'ALIPAY'],
    ['hall', 'SERVICE_HALL'],
    ['bank', 'BANK_APP'],
    ['ebank', 'ONLINE_BANK'],
    ['cash', 'CASH_MACHINE'],
    ['load', 'LOAD_MACHINE'],
  ])('through %s comes by %s', (channel, expected) => {
    expect(topUp({ channel }).channel).toBe(expected);
  });

  it('that was refused says why, in either script and with either comma', () => {
    const refused = { stage: '4', errmsg: '未綁定銀行卡，不能進行充值' };
    expect(topUp(refused)).toMatchObject({ stage: 'REFUSED', refusal: 'NOT_BOUND' });
    expect(topUp({ stage: '4', errmsg: ' 未签约。' }).refusal).toBe('NOT_SIGNED');
    expect(topUp({ stage: '4', errmsg: '系统繁忙' }).refusal, 'another reason').toBeNull();
    expect(topUp({ ...refused, stage: '1' }).refusal, 'not refused').toBeNull();
  });

  it('whose step nobody knows is refused, not guessed', () => {
    expect(reasonOf(mapTopUp({ ...row, stage: '9' }, contextOf()))).toBe('CODE_UNKNOWN stage');
    expect(reasonOf(mapTopUp({ ...row, amount: '-1' }, contextOf()))).toBe('MONEY_INVALID amount');
  });
});

describe('an account of its own stream', () => {
  const row: AccountRow = {
    account: '100001',
    sno: '020990001',
    accstatus: '0',
    freezeflag: '0',
    db_balance: '1751',
    unsettle_amount: '5000',
    card_balance: '1751',
    daycostamt: '4200',
    daycostdate: '20990901',
    nonpwdlimit: '5000',
    lasttime: '20990901120503',
  };
  const account = (over: Partial<AccountRow> = {}) =>
    valueOf<Account>(mapAccount({ ...row, ...over }, contextOf()), 'master.account');

  it('has three amounts, and what is derived from them under names of its own', () => {
    expect(account()).toMatchObject({
      accountKey: 'core:100001',
      holder: { source: 'core', key: 'core:020990001' },
      cardWalletFen: 1751,
      ledgerFen: 1751,
      pendingClaimFen: 5000,
      spendableOnCardFen: 1751,
      totalFen: 6751,
      daySpentFen: 4200,
      withoutPasswordFen: 800,
      daySpentOn: Date.UTC(2099, 8, 1) / 86_400_000,
      asOf: Date.UTC(2099, 8, 1, 4, 5, 3),
      dataQuality: [],
    });
    expect(account({ card_balance: '1800' }).dataQuality).toEqual(['BALANCE_UNCERTAIN']);
    expect(account({ accstatus: '1' }).state).toBe('CLOSED');
    expect(mapAccount({ ...row, cardtype: '801' }, contextOf())).toMatchObject({
      filtered: 'TEMPORARY_CARD',
    });
  });

  it('that is frozen can spend nothing on its card', () => {
    expect(account({ freezeflag: '1' })).toMatchObject({
      frozen: true,
      spendableOnCardFen: 0,
      totalFen: 6751,
    });
  });

  it('is the only writer of accounts beside the cards of the same core', () => {
    const card = { cardno: '1', account: '100001', sno: '1', db_balance: '3' };
    const topics = recordsOf(kinds['card-alone'].map(card, contextOf())).map(({ topic }) => topic);
    expect(topics).toEqual(['hub.person-source', 'master.card']);
    expect(valueOf<Card>(kinds['card-alone'].map(card, contextOf()), 'master.card').accountKey).toBe(
      'core:100001',
    );
    expect(Object.keys(kinds['card-alone'].state)).not.toContain('master.account');
  });
});

describe('a freeze', () => {
  const change = { type: '4', seq: '9', time: '2099-09-01 12:00:00.000' };
  const frozen = { cardno: '1', freezeflag: '1', change };
  const both = (row: object) => {
    const mapped = mapCard({ ...frozen, ...row }, contextOf());
    return [valueOf<Card>(mapped, 'master.card'), valueOf<CardEvent>(mapped, 'master.card-event')] as const;
  };

  it('has the cause that the core gives', () => {
    const [card, event] = both({ frozen_cause: '2', change: { ...change, cause: '2' } });
    expect(card).toMatchObject({ frozenCause: 'LIFTED_TOO_FAST_TOPUP' });
    expect(event).toMatchObject({ cause: 'LIFTED_TOO_FAST_TOPUP', inferred: false });
  });

  it('has the cause that its transaction shows, marked as concluded', () => {
    const [card, event] = both({ frozen_trade: { status: '7', transcode: '11', offlineflag: '0' } });
    expect(card).toMatchObject({ frozenCause: 'LIFTED_TOO_FAST_PAY' });
    expect(card.dataQuality).toContain('INFERRED');
    expect(event).toMatchObject({ kind: 'FROZEN', cause: 'LIFTED_TOO_FAST_PAY', inferred: true });
  });

  it('has no cause where nothing shows it', () => {
    const [card, event] = both({ frozen_trade: { status: '3', transcode: '11' } });
    expect(card.frozenCause).toBeNull();
    expect(event).toMatchObject({ cause: null, inferred: false });
  });
});
