import { expect, it } from 'vitest';
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
