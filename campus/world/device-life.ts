import { deviceAt, deviceId, deviceIndexOf, deviceTotal } from './devices.js';
import type { Device } from './devices.js';
import { isOffline } from './money.js';
import { compact, compactDate } from './time.js';
import type { World } from './world.js';

/**
 * The life of a device, from the application form (一卡通设备申请表) on:
 *
 *   apply ─▶ approve ─▶ install ─▶ move … ─▶ retire
 *        └─▶ refuse
 */
export const DEVICE_STEPS = ['apply', 'approve', 'refuse', 'install', 'move', 'retire'] as const;
export type DeviceStepName = (typeof DEVICE_STEPS)[number];

const FROM: Readonly<Record<DeviceStepName, readonly string[]>> = {
  apply: [''],
  approve: ['apply'],
  refuse: ['apply'],
  install: ['approve'],
  move: ['install', 'move'],
  retire: ['install', 'move'],
};

export interface DeviceLife {
  readonly device: Device;
  readonly steps: readonly { readonly step: DeviceStepName; readonly on: string; readonly place: string }[];
}

/** A device as the core lists it. */
export interface DeviceRow {
  readonly termid: string;
  readonly termtype: string;
  readonly termname: string;
  /** Transaction code that it books; POS only. */
  readonly transcode: string;
  /** 1: pending money is claimed here. */
  readonly canteenflag: string;
  readonly campus: string;
  readonly place: string;
  readonly hours: string;
  /** Parted by `;`. */
  readonly services: string;
  /** 1 online, 0 offline, 2 fault; empty: it does not report. */
  readonly health: string;
  /** yyyyMMddHHmmss, full hours: a device reports once an hour. */
  readonly healthtime: string;
  readonly applyno: string;
  readonly steps: readonly { readonly step: string; readonly date: string; readonly place: string }[];
}

const ADDED_FIRST = 90_000;

function baseLife(world: World, device: Device): DeviceLife {
  const year = world.base.epochYear - 2;
  const days = [`${year}0310`, `${year}0402`, `${year}0615`];
  const steps = (['apply', 'approve', 'install'] as const).map((step, i) => ({
    ...{ step, on: days[i] ?? '', place: step === 'install' ? device.place : '' },
  }));
  return { device, steps };
}

function lifeOf(world: World, id: string): DeviceLife | null {
  const changed = world.store.deviceLife.get(id);
  if (changed !== undefined) return changed;
  const device = deviceAt(world.base, deviceIndexOf(world.base, id));
  return device === null ? null : baseLife(world, device);
}

function rowOf(world: World, { device, steps }: DeviceLife, now: number): DeviceRow {
  const index = deviceIndexOf(world.base, device.id);
  const last = steps.at(-1)?.step ?? '';
  const works = last === 'install' || last === 'move';
  const health = !works || index < 0 ? '' : isOffline(world, index, now) ? '0' : '1';
  return {
    ...{ termid: device.id, termtype: device.type, termname: device.name, transcode: device.usage },
    canteenflag: device.usage === '11' ? '1' : '0',
    ...{ campus: device.campus, place: steps.findLast(({ place }) => place !== '')?.place ?? device.place },
    ...{ hours: device.hours, services: device.services.join(';'), health },
    healthtime: health === '' ? '' : compact(Math.floor(now / 3_600_000) * 3_600_000),
    applyno: `SQ${(steps[0]?.on ?? '').slice(0, 6)}${device.id.slice(2)}`,
    steps: steps.map(({ step, on, place }) => ({ step, date: on, place })),
  };
}

/** Ids in order: those of the base, then those applied for later. */
export function devicesAfter(world: World, after: string, limit: number, now: number) {
  const rows: DeviceRow[] = [];
  const total = deviceTotal(world.base);
  const all = total + world.store.meta.money.devices;
  let place = 0;
  while (place < all && idAt(place, total) <= after) place += 1;
  for (; place < all && rows.length < limit; place += 1) {
    const life = lifeOf(world, idAt(place, total));
    if (life !== null) rows.push(rowOf(world, life, now));
  }
  return { rows, more: place < all, total: all };
}

const idAt = (place: number, total: number): string =>
  deviceId(place < total ? place : ADDED_FIRST + place - total);

export interface DeviceRequest {
  readonly step: DeviceStepName;
  /** apply: absent, it gets one. */
  readonly id?: string;
  readonly name?: string;
  readonly place?: string;
}

/** The next step of a device's life; null when it is none from where the device stands. */
export function stepDevice(world: World, request: DeviceRequest, time: number): string | null {
  const { store } = world;
  return store.tx(() => {
    let life: DeviceLife | null;
    if (request.step === 'apply') {
      const id = deviceId(ADDED_FIRST + store.meta.money.devices);
      store.meta.money = { ...store.meta.money, devices: store.meta.money.devices + 1 };
      const name = request.name ?? '新设备';
      const place = { campus: '城阳校区', place: '', hours: '', services: ['CONSUMPTION'] };
      life = { device: { id, type: 'POS', name, usage: '11', ...place }, steps: [] };
    } else life = lifeOf(world, request.id ?? '');
    if (life === null || !FROM[request.step].includes(life.steps.at(-1)?.step ?? '')) return null;
    const step = { step: request.step, on: compactDate(time), place: request.place ?? '' };
    store.deviceLife.putSync(life.device.id, { ...life, steps: [...life.steps, step] });
    return life.device.id;
  });
}
