import { describe, expect, it } from 'vitest';
import type { DeviceRow } from '../connectors/card-core/device-rows.js';
import type { Device } from '../contracts/types.js';
import { mapDevice } from './device.js';
import { contextOf, reasonOf, valueOf } from './mapping.test-support.js';

const ROW: DeviceRow = {
  termid: 'T-00000',
  termtype: 'CASH_MACHINE',
  termname: '自助现金充值机',
  canteenflag: '0',
  campus: '城阳校区',
  place: '生物楼A区门厅',
  hours: '1-7 05:00-16:30',
  services: 'CASH_RECHARGE;BALANCE_QUERY',
  health: '1',
  healthtime: '20990901120000',
  applyno: 'SQ20970300000',
  steps: [
    { step: 'apply', date: '20970310' },
    { step: 'approve', date: '20970402' },
    { step: 'install', date: '20970615', place: '生物楼A区门厅' },
  ],
};
const map = (over: Partial<DeviceRow> = {}) => mapDevice({ ...ROW, ...over }, contextOf());
const device = (over: Partial<DeviceRow> = {}) => valueOf<Device>(map(over), 'master.device');
const every = [1, 2, 3, 4, 5, 6, 7];

describe('a device', () => {
  it('says where it stands, when it may be used, whether it works, and how it came there', () => {
    expect(device()).toMatchObject({
      deviceKey: 'core:T-00000',
      services: ['CASH_RECHARGE', 'BALANCE_QUERY'],
      hours: [{ days: every, from: '05:00', until: '16:30' }],
      health: 'ONLINE',
      state: 'INSTALLED',
      applicationId: 'SQ20970300000',
      usage: null,
      dataQuality: [],
    });
    expect(device().life.map(({ step, place }) => [step, place])).toEqual([
      ['APPLIED', null],
      ['APPROVED', null],
      ['INSTALLED', '生物楼A区门厅'],
    ]);
  });

  it('that was moved is installed where it was moved to', () => {
    const move = { step: 'move', date: '20980101', place: '教学楼大厅' };
    expect(device({ steps: [...ROW.steps!, move] })).toMatchObject({
      state: 'INSTALLED',
      place: '教学楼大厅',
    });
    const retire = { step: 'retire', date: '20990101' };
    expect(device({ steps: [...ROW.steps!, move, retire] })).toMatchObject({
      state: 'RETIRED',
      place: '教学楼大厅',
    });
  });

  it('that is applied for is on the list before it stands anywhere', () => {
    const applied = { steps: [{ step: 'apply', date: '20990101' }], place: '', health: '' };
    expect(device(applied)).toMatchObject({ state: 'APPLIED', place: null, health: 'UNKNOWN' });
  });

  it('is open round the clock, or at no stated time, but never at a time that cannot be read', () => {
    expect(device({ hours: '1-7 00:00-24:00' }).hours).toEqual([
      { days: every, from: '00:00', until: '24:00' },
    ]);
    expect(device({ hours: '' }).hours).toEqual([]);
    expect(device({ hours: '1-3,5 08:00-11:30；6 22:00-02:00' }).hours).toEqual([
      { days: [1, 2, 3, 5], from: '08:00', until: '11:30' },
      { days: [6], from: '22:00', until: '02:00' },
    ]);
    for (const hours of ['daily', '1-7 05:00', '1-7 25:00-26:00', '1-7 05:00-16:60', '0 05:00-16:30']) {
      expect(reasonOf(map({ hours })), hours).toBe('TIME_INVALID hours');
    }
  });

  it('of a canteen claims pending money, and says what it sells', () => {
    const pos = device({ termtype: 'POS', transcode: '11', canteenflag: '1' });
    expect(pos).toMatchObject({ usage: 'CANTEEN_DINING', claimsPending: true });
  });

  it('of a new type keeps its name, marked; a step that nobody knows is refused', () => {
    expect(device({ termtype: 'FACE_GATE' })).toMatchObject({
      deviceType: 'FACE_GATE',
      dataQuality: ['CODE_UNMAPPED'],
    });
    expect(reasonOf(map({ steps: [{ step: 'lend', date: '20990101' }] }))).toBe('CODE_UNKNOWN steps.0.step');
  });
});
