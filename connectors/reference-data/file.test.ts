import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectorContract } from '../connector.contract.js';
import type { ConnectorContext } from '../sdk.js';
import { referenceData } from './file.js';

const never = new AbortController().signal;
const SOURCE = new URL('../../examples/qau/service-points.json', import.meta.url);
const context = (baseDir: string): ConnectorContext => ({
  source: 'page',
  now: () => 0,
  random: () => 0.5,
  baseDir,
  note: () => undefined,
});
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cardhub-reference-'));
  await copyFile(SOURCE, join(dir, 'points.json'));
});
afterEach(() => rm(dir, { recursive: true }));

connectorContract('reference-data/file', {
  rows: { 'service-points': 28 },
  pageRowsMax: 5,
  async open() {
    const connector = referenceData.open({ file: 'points.json', pageRows: 5 }, context(dir));
    return { connector, dispose: () => Promise.resolve() };
  },
});

describe('a file of reference data', () => {
  const points = () =>
    referenceData.open({ file: 'points.json', pageRows: 5 }, context(dir)).stream('service-points');

  it('has every place and telephone that the page names, with page and date', async () => {
    const text = await readFile(SOURCE, 'utf8');
    for (const number of ['58957231', '58957245', '58957639', '58958088']) expect(text).toContain(number);
    for (const place of ['生物楼N区1楼', '东苑6号楼105', '文经楼南区1楼', '明德楼1楼服务大厅']) {
      expect(text).toContain(place);
    }
    const { rows } = await points().snapshotPage(null, never);
    expect(rows[0]?.data).toMatchObject({ id: 'fee-and-card-centre', originDate: '2023-07-03' });
  });

  it('has every system, channel, machine and form that the page names', async () => {
    const { servicePoints } = JSON.parse(await readFile(SOURCE, 'utf8')) as {
      servicePoints: { id: string; name: string; services?: string[]; note?: string; address?: string }[];
    };
    const named = [
      ...['学校统一身份认证', '智慧校园门户', '微信企业号', '企业微信APP', '微信公众号“青岛农业大学财务处”'],
      ...[
        '支付宝校园一卡通',
        '合作银行手机APP',
        '网银',
        '今日校园APP',
        '校园卡网站',
        '电话查询',
        '一卡通设备申请表',
      ],
      ...['自助现金充值机', '自助补卡机', '自助打印机', '圈存机', '餐厅POS机', '校园卡管理办公室'],
      ...['财务处学生服务大厅', '一卡通服务大厅（WEB版）', '一卡通服务大厅（移动版）'],
    ];
    const names = servicePoints.map(({ name }) => name);
    expect(named.filter((name) => !names.includes(name))).toEqual([]);
    const of = (id: string) => servicePoints.find((point) => point.id === id);
    expect(of('service-hall-web')?.address).toBe('https://ehall.qau.edu.cn');
    expect(of('smart-campus-portal')?.note).toContain('办事平台 → 服务分类 → 平台系统 → 一卡通服务');
    expect(of('document-printer')?.services).toHaveLength(5);
    const offering = (service: string) =>
      servicePoints.filter(({ services = [] }) => services.includes(service)).map(({ id }) => id);
    // Five ways to report a loss, the first of them by its two names.
    for (const id of [
      'wechat-finance',
      'service-hall-web',
      'jinri-xiaoyuan',
      'finance-student-hall',
      'card-office',
    ]) {
      expect(offering('CARD_LOSS')).toContain(id);
    }
    expect(offering('ELECTRICITY').filter((id) => id.startsWith('electricity'))).toEqual([
      'electricity-chengyang',
      'electricity-pingdu',
    ]);
  });

  it('that changes while it is listed is listed from its start', async () => {
    const stream = points();
    const first = await stream.snapshotPage(null, never);
    const document = JSON.parse(await readFile(SOURCE, 'utf8')) as { servicePoints: object[] };
    const fewer = { ...document, servicePoints: document.servicePoints.slice(1) };
    await writeFile(join(dir, 'points.json'), JSON.stringify(fewer));
    const again = await stream.snapshotPage(first.next, never);
    expect(again.rows[0]?.id).toBe('card-office');
    expect(again.listing).not.toBe(first.listing);
  });

  it.each([
    ['{"servicePoints": [{"id": "a"}, {"id": "a"}]}', /"a" stands twice/],
    ['[]', /expected \{"origin"/],
    ['{"servicePoints": [1]}', /expected objects/],
    ['{', /not JSON/],
  ])('that is not what it should be is refused whole: %s', async (text, message) => {
    await writeFile(join(dir, 'points.json'), text);
    await expect(points().snapshotPage(null, never)).rejects.toThrow(message);
  });

  it('that is not there says which option to look at', async () => {
    const connector = referenceData.open({ file: 'other.json' }, context(dir));
    expect(await connector.check(never)).toMatchObject([{ ok: false }]);
    await expect(connector.stream('service-points').snapshotPage(null, never)).rejects.toThrow(/option file/);
  });
});
