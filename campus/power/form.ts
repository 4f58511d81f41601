import type { components } from '../../openapi/power-front.js';
import type { Struck } from '../faults.js';
import type { Answer, Asked, Upstream } from '../serve.js';
import * as dorms from '../world/dorms.js';
import type { Place } from '../world/dorms.js';
import { fenForWh, PRICE_MILLI_FEN } from '../world/meters.js';
import { personAccount } from '../world/people.js';
import { powerHead, powerSteps } from '../world/power.js';
import { stamp, stampMs } from '../world/time.js';
import type { World } from '../world/world.js';
import { isRenumbered, kwh, readingOf, TROUBLE, yuan } from './faults.js';

/** The power front of 平度 (openapi/power-front.yaml): five fixed levels, energy, money, price and time of reading. */
export interface PowerFormOptions {
  readonly world: World;
  readonly apiKey: string;
}

type Schemas = components['schemas'];

interface Call {
  readonly world: World;
  readonly form: URLSearchParams;
  readonly struck: Struck;
  readonly now: number;
}

export const FORM_SYSTEM = 'pingdu';
const GROUP = 'north';
const AREA = { areaId: '2', areaName: '平度校区' };
const DISTRICT = { districtId: '1', districtName: '北区' };
const LIMIT_MAX = 1000;
const ok = { retcode: '0', msg: '成功' } as const;
const refused = (retcode: string, msg: string): object => ({ retcode, msg });
const NO_SUCH = refused('1001', '编号不存在');

const buiId = (building: number): string => String(20 + building);
const roomId = ({ building, floor, door }: Place): string =>
  `${buiId(building)}-${floor}-${String(door).padStart(2, '0')}`;
/** The room id as the front tells it now. */
const toldRoomId = (struck: Struck, place: Place): string =>
  isRenumbered(struck, place.building) ? roomId({ ...place, door: place.door + 50 }) : roomId(place);

/** A room's code in the mapping table, its five levels. */
export const formRoomCode = (place: Place): string =>
  [AREA.areaId, DISTRICT.districtId, buiId(place.building), String(place.floor), roomId(place)].join('/');

function under(form: URLSearchParams, levels: number): boolean {
  return (
    (levels < 1 || form.get('areaId') === AREA.areaId) &&
    (levels < 2 || form.get('districtId') === DISTRICT.districtId)
  );
}

const buildingOf = ({ form }: Call): number => Number(form.get('buiId') ?? '') - 20;

function placesOn(call: Call): Place[] | null {
  const building = buildingOf(call);
  const floor = Number(call.form.get('floorId') ?? '');
  if (!under(call.form, 2) || dorms.roomOf(call.world.base, { group: GROUP, building, floor, door: 1 }) < 0)
    return null;
  return dorms
    .roomsOn(call.world.base, GROUP, building, floor)
    .map((room) => dorms.placeOf(call.world.base, room));
}

function buildings({ world, form }: Call): object {
  if (!under(form, 2)) return NO_SUCH;
  const count = dorms.buildingCount(world.base, GROUP);
  const data = Array.from({ length: count }, (_, i) => ({
    buiId: buiId(i + 1),
    buiName: dorms.buildingName({ group: GROUP, building: i + 1 }),
  }));
  return { ...ok, data };
}

function floors(call: Call): object {
  const found = under(call.form, 2) ? dorms.floorsOf(call.world.base, GROUP, buildingOf(call)) : [];
  if (found.length === 0) return NO_SUCH;
  return { ...ok, data: found.map((floor) => ({ floorId: String(floor), floorName: `${floor}层` })) };
}

function rooms(call: Call): object {
  const places = placesOn(call);
  if (places === null) return NO_SUCH;
  const data = places.map((place) => ({
    roomId: toldRoomId(call.struck, place),
    roomName: dorms.doorNumber(place),
  }));
  return { ...ok, data };
}

function roomInfo(call: Call): object {
  const { world, struck, form, now } = call;
  const place = (placesOn(call) ?? []).find((it) => toldRoomId(struck, it) === form.get('roomId'));
  if (place === undefined) return NO_SUCH;
  const head = { areaId: AREA.areaId, buiId: buiId(place.building), roomId: toldRoomId(struck, place) };
  const names = { ...head, roomName: dorms.doorNumber(place) };
  if (struck.has('meter-trouble')) {
    // Zeros that are no reading.
    return { retcode: '0', msg: TROUBLE, ...names, sydl: '0', syje: '0', price: '', readTime: '' };
  }
  const { wh, readAt } = readingOf(world, struck, dorms.roomOf(world.base, place), now);
  // What is shown has two decimals, and the money is that of what is shown.
  const shown = Math.round(wh / 10) * 10;
  const fen = fenForWh(shown);
  const info: Schemas['RoomInfo'] = {
    ...{ ...ok, ...names, sydl: kwh(shown) },
    syje: struck.has('unit-confusion') ? String(fen) : yuan(fen),
    price: (PRICE_MILLI_FEN / 100_000).toFixed(4),
    readTime: stamp(readAt),
  };
  return info;
}

function orders({ world, form, now }: Call): object {
  const limit = Number(form.get('limit') ?? '100');
  const after = /^\d{1,15}$/.test(form.get('after') ?? '') ? Number(form.get('after')) : -1;
  if (after < 0 || !Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX)
    return refused('1002', '参数错误');
  const steps = powerSteps(world, GROUP, after, limit);
  const head = powerHead(world, GROUP);
  const data = steps.map(({ seq, at, order }): Schemas['OrderStep'] => {
    const place = dorms.placeOf(world.base, order.room);
    return {
      ...{ seq: String(seq), orderNo: order.no, status: order.status, time: stamp(at) },
      ...{ areaId: AREA.areaId, districtId: DISTRICT.districtId, buiId: buiId(place.building) },
      ...{ floorId: String(place.floor), roomId: roomId(place), payer: personAccount(order.payer) },
      ...{ money: yuan(order.fen), energy: '', payWay: order.wallet ? 'CARD' : 'BANK' },
      bankRef: order.bankRef,
      ...(order.told === undefined ? {} : { reason: order.told }),
    };
  });
  const more = (steps.at(-1)?.seq ?? after) < head ? '1' : '0';
  return { ...ok, asOf: stampMs(now), more, head: String(head), data };
}

const CALLS: Readonly<Record<string, (call: Call) => object>> = {
  getareas: () => ({ ...ok, data: [AREA] }),
  getdistricts: ({ form }) => (under(form, 1) ? { ...ok, data: [DISTRICT] } : NO_SUCH),
  getbuis: buildings,
  getfloors: floors,
  getrooms: rooms,
  getroominfo: roomInfo,
  getorders: orders,
};

const text = (status: number, body: string, headers = {}): Answer => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8', ...headers },
  body,
});

function answer(options: PowerFormOptions, asked: Asked, struck: Struck): Answer {
  if (asked.headers['x-elec-key'] !== options.apiKey || struck.has('token-killed'))
    return text(401, 'X-Elec-Key is missing or not known.');
  const [, elec, system, method = ''] = asked.url.pathname.split('/');
  const run = Object.hasOwn(CALLS, method) ? CALLS[method] : undefined;
  if (asked.method !== 'POST' || elec !== 'elec' || system !== FORM_SYSTEM || run === undefined)
    return text(404, 'There is no such method.');
  if (struck.has('rate-limited')) return text(429, 'Slow down.', { 'retry-after': '1' });
  if (struck.has('busy')) return text(500, '系统异常!');
  // The front's own network is gone: a proxy answers in its place.
  if (struck.has('network-cut')) return text(504, 'Gateway Timeout');
  const now = options.world.clock.now() + (struck.get('clock-skew')?.offsetMs ?? 0);
  const call: Call = { world: options.world, form: new URLSearchParams(asked.body), struck, now };
  // Orders are kept by the front and not by the power system behind it.
  const off = method !== 'getorders' && struck.has('vendor-off');
  const body = off ? refused('2001', '电控系统无应答') : run(call);
  return {
    status: 200,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(body),
    page: true,
  };
}

export function powerForm(options: PowerFormOptions): Upstream {
  return {
    target: 'power-form',
    what: (asked) => asked.url.pathname,
    handle: (asked, struck) => answer(options, asked, struck),
  };
}
