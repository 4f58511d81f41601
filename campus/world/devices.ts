import type { Base } from './people.js';

/**
 * The devices of the card system. The machines stand where the university's page says; how many POS there are hangs on
 * the size of the campus. Everything is a function of the number; what life changed lies in `store.devices`.
 */
export type DeviceType = 'POS' | 'CASH_MACHINE' | 'REPLACEMENT_MACHINE' | 'PRINTER' | 'LOAD_MACHINE';
/** Transaction code of what a POS sells (see `transactions.ts`). */
export type Usage = '11' | '12' | '13' | '14' | '15';

export interface Device {
  readonly id: string;
  readonly type: DeviceType;
  readonly name: string;
  /** POS only. */
  readonly usage: Usage | '';
  readonly campus: string;
  readonly place: string;
  /** `1-7 05:00-16:30`; empty: not stated. */
  readonly hours: string;
  readonly services: readonly string[];
}

const [CHENGYANG, PINGDU, LANGU] = ['城阳校区', '平度校区', '蓝谷校区'] as const;
const ALWAYS = '1-7 00:00-24:00';
const machine = (type: DeviceType, name: string, campus: string, place: string, hours: string) => ({
  ...{ type, name, campus, place, hours, usage: '' as const },
});

/** As the page names them; it gives no place for the load machines. */
const MACHINES: readonly (Omit<Device, 'id' | 'services'> & { services: readonly string[] })[] = [
  {
    ...machine('CASH_MACHINE', '自助现金充值机', CHENGYANG, '生物楼A区门厅', '1-7 05:00-16:30'),
    services: ['CASH_RECHARGE', 'BALANCE_QUERY'],
  },
  ...(
    [
      [CHENGYANG, '生物楼A区门厅'],
      [PINGDU, '明德楼一楼西门南侧'],
      [LANGU, ''],
    ] as const
  ).map(([campus, place]) => ({
    ...machine('REPLACEMENT_MACHINE', '自助补卡机', campus, place, ALWAYS),
    services: ['CARD_REPLACEMENT'],
  })),
  {
    ...machine('PRINTER', '自助打印机', CHENGYANG, '教务处大厅走廊处', ''),
    services: [
      'TRANSCRIPT',
      'ENROLMENT_CERTIFICATE',
      'CET_CERTIFICATE',
      'MINOR_CERTIFICATE',
      'GRADUATION_CERTIFICATE',
    ],
  },
  ...[CHENGYANG, PINGDU].map((campus) => ({
    ...machine('LOAD_MACHINE', '圈存机', campus, '', ''),
    services: ['BANK_TRANSFER', 'SELF_UNLOSS'],
  })),
];

const USAGES = [
  ['11', 60, 6, '食堂', '号窗口'],
  ['12', 200, 2, '开水房', '号水控'],
  ['13', 400, 2, '超市', '号收银台'],
  ['14', 800, 1, '图文室', '号机'],
  ['15', 800, 1, '机房', '号机'],
] as const;

const posOf = (people: number): number[] =>
  USAGES.map(([, peopleEach, least]) => Math.max(least, Math.ceil(people / peopleEach)));

export const deviceId = (index: number): string => `T-${String(index).padStart(5, '0')}`;
export const CASH_MACHINE = 0;
/** The first of them, at Chengyang. */
export const LOAD_MACHINE = MACHINES.findIndex(({ type }) => type === 'LOAD_MACHINE');
export const deviceTotal = (base: Base): number =>
  MACHINES.length + posOf(base.people).reduce((sum, count) => sum + count, 0);

/** The device with this number; null when there is none. */
export function deviceAt(base: Base, index: number): Device | null {
  const fixed = MACHINES[index];
  if (fixed !== undefined) return { id: deviceId(index), ...fixed };
  let left = index - MACHINES.length;
  if (left < 0) return null;
  for (const [at, count] of posOf(base.people).entries()) {
    const [usage = '11', , , where, what] = USAGES[at] ?? [];
    if (left < count) {
      const campus = left % 5 === 4 ? PINGDU : CHENGYANG;
      const place = `${1 + (left % 3)}${String(where)}`;
      const name = `${place}${1 + Math.floor(left / 3)}${String(what)}`;
      const services = ['CONSUMPTION'];
      return { id: deviceId(index), type: 'POS', name, usage, campus, place, hours: '', services };
    }
    left -= count;
  }
  return null;
}

export function deviceIndexOf(base: Base, id: string): number {
  const index = /^T-\d{5}$/.test(id) ? Number(id.slice(2)) : -1;
  return index >= 0 && index < deviceTotal(base) ? index : -1;
}

/** Numbers of the POS that sell this, as from–until. */
export function posRange(base: Base, usage: Usage): { from: number; until: number } {
  let from = MACHINES.length;
  for (const [at, count] of posOf(base.people).entries()) {
    if (USAGES[at]?.[0] === usage) return { from, until: from + count };
    from += count;
  }
  return { from, until: from };
}
