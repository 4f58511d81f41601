import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import iconv from 'iconv-lite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Account, CardTransaction, Device, TopUp } from '../contracts/types.js';
import { kindOf } from './kinds.js';
import { contextOf, reasonOf, valueOf } from './mapping.test-support.js';
import { connectorContract, drain } from '../connectors/connector.contract.js';
import type { Connector, Page } from '../connectors/sdk.js';
import { cardFiles } from '../connectors/card-core/files.js';

/** Money of a card core that writes export files: GBK, its own headers, amounts in yuan. */

const never = new AbortController().signal;
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cardhub-money-files-'));
});
afterEach(() => rm(dir, { recursive: true }));

const file = { folder: '.', encoding: 'gb18030', complete: 'always', pageRows: 7 };
const OPTIONS = {
  accounts: {
    ...{ ...file, pattern: 'acc*.csv' },
    columns: {
      ...{ account: '账号', sno: '学工号', cardtype: '卡类型', accstatus: '状态', db_balance: '库余额' },
      ...{ card_balance: '卡余额', unsettle_amount: '过渡余额', daycostamt: '当日消费', nonpwdlimit: '限额' },
    },
  },
  transactions: {
    ...{ ...file, pattern: 'trade*.csv' },
    columns: {
      ...{
        devphyid: '设备',
        devseqno: '流水号',
        occurredAt: '交易时间',
        collectedAt: '入库时间',
        cardno: '卡号',
      },
      ...{ transcode: '类型', amount: '金额', cardbefbal: '交易前', cardaftbal: '交易后', cardcnt: '次数' },
      ...{ offlineflag: '脱机', mercname: '商户' },
    },
    constants: { status: '3' },
  },
  'top-ups': {
    ...{ ...file, pattern: 'load*.csv' },
    columns: {
      orderno: '订单',
      account: '账号',
      stage: '步骤',
      channel: '渠道',
      amount: '金额',
      time: '时间',
    },
  },
  devices: {
    ...{ ...file, pattern: 'dev*.csv' },
    columns: {
      ...{ termid: '编号', termtype: '类型', termname: '名称', place: '位置', hours: '开放时间' },
      ...{ applyno: '申请表', applyDate: '申请', installDate: '安装', retireDate: '撤除' },
    },
  },
};

const TRADES = '设备,流水号,交易时间,入库时间,卡号,类型,金额,交易前,交易后,次数,脱机,商户\n';
const trade = (n: number, more = ''): string =>
  `A0B1,${n},2099-09-01 12:05:${String(n % 60).padStart(2, '0')},2099-09-02 08:00:00,1000000010,11,9.00,17.51,8.51,${n},1,一食堂㙍${more}\n`;
const write = (name: string, text: string) => writeFile(join(dir, name), iconv.encode(text, 'gb18030'));

async function writeAll(): Promise<void> {
  const accounts = Array.from(
    { length: 12 },
    (_, i) => `10000${i},0209900${i},800,0,17.51,17.51,50.00,42.00,50`,
  );
  await write(
    'acc1.csv',
    `账号,学工号,卡类型,状态,库余额,卡余额,过渡余额,当日消费,限额\n${accounts.join('\n')}\n`,
  );
  await write('trade1.csv', TRADES + Array.from({ length: 30 }, (_, i) => trade(i)).join(''));
  await write('trade2.csv', TRADES + Array.from({ length: 30 }, (_, i) => trade(100 + i)).join(''));
  const steps = Array.from(
    { length: 20 },
    (_, i) => `T${i >> 1},100001,${1 + (i & 1)},wechat,50.00,20990901080000`,
  );
  await write('load1.csv', `订单,账号,步骤,渠道,金额,时间\n${steps.join('\n')}\n`);
  const devices = Array.from(
    { length: 12 },
    (_, i) => `D${i + 10},CASH_MACHINE,充值机,生物楼A区门厅,1-7 05:00-16:30,F${i},20990101,20990201,`,
  );
  await write('dev1.csv', `编号,类型,名称,位置,开放时间,申请表,申请,安装,撤除\n${devices.join('\n')}\n`);
}

function open(options: Record<string, unknown> = OPTIONS, baseDir = dir): Connector {
  const valid = new Ajv2020({ strict: false }).compile(cardFiles.spec.options);
  expect(valid(options), JSON.stringify(valid.errors)).toBe(true);
  return cardFiles.open(options, {
    ...{ source: 'core', baseDir, now: () => Date.UTC(2099, 8, 3), random: () => 0.5, note: () => undefined },
  });
}

connectorContract('card-core/files with money', {
  rows: { accounts: 12, transactions: 60, 'top-ups': 20, devices: 12 },
  pageRowsMax: 7,
  async open() {
    const own = await mkdtemp(join(tmpdir(), 'cardhub-money-contract-'));
    const before = dir;
    dir = own;
    await writeAll();
    dir = before;
    return { connector: open(OPTIONS, own), dispose: () => rm(own, { recursive: true }) };
  },
});

const rowsOf = (pages: readonly Page[]) => pages.flatMap(({ rows }) => rows);
const context = contextOf({ profile: { moneyUnit: 'yuan' } });

describe('money in export files', () => {
  const listing = async (name: string, connector = open()) =>
    rowsOf(await drain((cursor) => connector.stream(name).snapshotPage(cursor, never), null));
  const feed = async (name: string, connector = open()) =>
    rowsOf(await drain((cursor) => connector.stream(name).changes(cursor, never), null));
  const first = <T extends object>(maps: string, data: unknown, topic: string): T =>
    valueOf<T>(kindOf(maps).map(data, context), topic);

  it('is mapped as the money of the gateway is: yuan and times of the export become fen and instants', async () => {
    await writeAll();
    expect(first<Account>('account', (await listing('accounts'))[1]?.data, 'master.account')).toMatchObject({
      ...{ accountKey: 'core:100001', ledgerFen: 1_751, cardWalletFen: 1_751, pendingClaimFen: 5_000 },
      ...{ daySpentFen: 4_200, withoutPasswordFen: 800 },
    });
    const [row] = await feed('transactions');
    expect(row?.id).toBe('20990901-A0B1-0');
    expect(first<CardTransaction>('transaction', row?.data, 'master.card-transaction')).toMatchObject({
      eventId: 'core:transactions:20990901-A0B1-0',
      ...{ usage: 'CANTEEN_DINING', amountFen: 900, balanceAfterFen: 851, offline: true, status: 'SUCCESS' },
      ...{ merchant: '一食堂㙍', occurredAt: Date.UTC(2099, 8, 1, 4, 5), dataQuality: ['LATE_UPLOAD'] },
    });
    const topUps = (await feed('top-ups')).map(({ data }) => first<TopUp>('top-up', data, 'master.top-up'));
    expect(topUps.slice(0, 2).map(({ eventId, amountFen }) => [eventId, amountFen])).toEqual([
      ['core:top-ups:T0-ACCEPTED', 5_000],
      ['core:top-ups:T0-PENDING_CLAIM', 5_000],
    ]);
    expect(first<Device>('device', (await listing('devices'))[0]?.data, 'master.device')).toMatchObject({
      ...{ deviceKey: 'core:D10', applicationId: 'F0', state: 'INSTALLED', place: '生物楼A区门厅' },
      life: [{ step: 'APPLIED' }, { step: 'INSTALLED' }],
    });
  });

  it('without the device’s own number is refused: two equal purchases could not be told apart', async () => {
    const { devseqno: _, ...columns } = OPTIONS.transactions.columns;
    await write('trade1.csv', TRADES + trade(1));
    const [row] = await feed('transactions', open({ transactions: { ...OPTIONS.transactions, columns } }));
    expect(reasonOf(kindOf('transaction').map(row?.data, context))).toBe('REQUIRED_MISSING devseqno');
  });

  it('keeps a time that is none as it is written, for the mapping to refuse', async () => {
    await write('trade1.csv', TRADES + trade(1).replace('2099-09-01 12:05:01', '昨天'));
    const [row] = await feed('transactions');
    expect(reasonOf(kindOf('transaction').map(row?.data, context))).toMatch(/^(DATE|TIME)_INVALID trans/);
  });

  it('in files of its own takes the account away from the cards’ rows, since one stream owns a key', async () => {
    await write('cards.csv', '卡号\n1000000010\n');
    const cards = { ...file, pattern: 'cards.csv', columns: { cardno: '卡号' } };
    const maps = (options: object) => open({ ...options }).stream('cards').spec.maps;
    expect(maps({ ...cards, accounts: OPTIONS.accounts })).toBe('card-alone');
    expect(maps(cards)).toBe('card');
    expect(cardFiles.spec.configured?.({ ...cards, accounts: OPTIONS.accounts })).toEqual([
      'cards',
      'accounts',
    ]);
    expect(open(cards).streams).toEqual(['cards']);
    expect(() => open(cards).stream('accounts')).toThrow(/has no stream "accounts"; it has: cards/);
  });

  it('holds a folder of cards without columns for a mistake', () => {
    const valid = new Ajv2020({ strict: false }).compile(cardFiles.spec.options);
    for (const wrong of [{}, { folder: '.' }, { columns: { cardno: 'a' } }, { ...OPTIONS, folder: '.' }])
      expect(valid(wrong)).toBe(false);
  });

  it('that is exported again as a whole is read again, and says the same', async () => {
    await write('trade1.csv', TRADES + trade(1));
    const connector = open();
    const stream = connector.stream('transactions');
    const page = (await drain((cursor) => stream.changes(cursor, never), null)).at(-1)!;
    await write('trade1.csv', TRADES + trade(1) + trade(2));
    await utimes(join(dir, 'trade1.csv'), 4_000_000_000, 4_000_000_000);
    const again = rowsOf(await drain((cursor) => stream.changes(cursor, never), page.next));
    expect(again.map(({ id }) => id)).toEqual(['20990901-A0B1-1', '20990901-A0B1-2']);
  });
});
