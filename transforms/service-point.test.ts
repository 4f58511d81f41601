import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, it } from 'vitest';
import { servicePointRowSchema, type ServicePointRow } from '../connectors/reference-data/rows.js';
import type { ServicePoint } from '../contracts/types.js';
import { contextOf, reasonOf, valueOf } from './mapping.test-support.js';
import { mapServicePoint } from './service-point.js';

const ROW = {
  id: 'dorm-section',
  kind: 'OFFICE',
  name: '学工部宿舍管理科',
  place: '东苑6号楼105',
  telephones: ['58957245', ''],
  services: ['ELECTRICITY_CASES'],
  origin: '校园一卡通',
  originDate: '2023-07-03',
};

it('a service point keeps what the page says, its origin and its date, and nothing else', () => {
  const mapped = mapServicePoint(ROW, contextOf({ source: 'page' }));
  expect(valueOf<ServicePoint>(mapped, 'master.service-point')).toMatchObject({
    servicePointKey: 'page:dorm-section',
    telephones: ['58957245'],
    campus: null,
    hours: [],
    originDate: Date.UTC(2023, 6, 3) / 86_400_000,
    state: 'ACTIVE',
  });
});

it('one without the date of its page is refused', () => {
  expect(reasonOf(mapServicePoint({ ...ROW, originDate: '' }, contextOf()))).toBe(
    'REQUIRED_MISSING originDate',
  );
});

it('the machines of the page are open when it says', () => {
  const file = new URL('../examples/qau/service-points.json', import.meta.url);
  const { servicePoints, ...page } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly servicePoints: readonly ServicePointRow[];
  };
  const valid = new Ajv2020().compile(servicePointRowSchema);
  const points = servicePoints.map((row) => {
    const whole = { ...page, ...row };
    expect(valid(whole), row.id).toBe(true);
    return valueOf<ServicePoint>(mapServicePoint(whole, contextOf()), 'master.service-point');
  });
  const of = (id: string) => points.find(({ servicePointId }) => servicePointId === id);
  const days = [1, 2, 3, 4, 5, 6, 7];
  expect(of('cash-machine')).toMatchObject({
    place: '生物楼A区门厅',
    campus: '城阳校区',
    hours: [{ days, from: '05:00', until: '16:30' }],
    services: ['CASH_RECHARGE', 'BALANCE_QUERY'],
  });
  const replacing = points.filter(
    ({ kind, services }) => kind === 'MACHINE' && services.includes('CARD_REPLACEMENT'),
  );
  expect(replacing.map(({ campus, place }) => [campus, place])).toEqual([
    ['城阳校区', '生物楼A区门厅'],
    ['平度校区', '明德楼一楼西门南侧'],
    ['蓝谷校区', null],
  ]);
  for (const { hours } of replacing) expect(hours).toEqual([{ days, from: '00:00', until: '24:00' }]);
});
