import { cardCore } from '../card-core/gateway.js';
import type { Method, MethodContext, Payload, Request } from '../card-core/method.js';
import type { CampusKeys } from '../credentials.js';
import type { Upstream } from '../serve.js';
import * as dorms from '../world/dorms.js';
import type { Place } from '../world/dorms.js';
import { fenForWh } from '../world/meters.js';
import { personAccount } from '../world/people.js';
import { powerHead, powerSteps } from '../world/power.js';
import type { OrderStatus } from '../world/power.js';
import { hash32 } from '../world/prng.js';
import { stamp, stampMs } from '../world/time.js';
import type { World } from '../world/world.js';
import { isRenumbered, kwh, readingOf, TROUBLE, yuan } from './faults.js';

/**
 * The power cascade behind the card core's gateway (domain.md 2.1): applications, areas, buildings, floors, rooms, and
 * what is left in the free text of an error message. Both groups of 城阳 come this way, each under an app_key of its
 * own, and each with its own habits:
 *
 *   east  …2501  ids are names or hashes, no floors, room ids as printed; 房间当前剩余电量36.78
 *   west  …2505  small numbers, opaque room ids; 房间剩余金额12.50元
 *
 * `cardhub.elec.orders` is ours: no order number comes back from the vendor's own payment method.
 */
export const CASCADE_GROUPS = ['east', 'west'] as const;
export type CascadeGroup = (typeof CASCADE_GROUPS)[number];

export const AIDS: Readonly<Record<CascadeGroup, string>> = {
  east: '0030000000002501',
  west: '0030000000002505',
};
const APP_NAMES: Readonly<Record<CascadeGroup, string>> = { east: '城阳东苑电费', west: '城阳西苑电费' };
const LIMIT_MAX = 1000;
const ok = { retcode: '0', errmsg: '' } as const;
const failed = (retcode: string, errmsg: string): Payload => ({ retcode, errmsg });
const NO_SUCH = failed('60003', '房间信息不存在');

const STATUS: Readonly<Record<OrderStatus, string>> = {
  NEW: '0',
  PAYING: '1',
  PAID: '2',
  SENT: '3',
  ACCEPTED: '4',
  DONE: '5',
  UNKNOWN: '6',
  REFUND: '7',
  FAIL: '9',
};

/** How one group writes its ids and its sentence. */
interface Habits {
  readonly area: { readonly area: string; readonly areaname: string };
  building(world: World, building: number): string;
  floor(floor: number): string;
  roomid(place: Place): string;
  sentence(wh: number, confused: boolean): string;
}

const HABITS: Readonly<Record<CascadeGroup, Habits>> = {
  east: {
    area: { area: '城阳校区', areaname: '城阳校区' },
    building: (world, building) =>
      String(1_500_000_000 + (hash32(world.base.seed, 120, building) % 99_999_999)),
    floor: () => '',
    roomid: (place) => `B${dorms.doorNumber(place)}`,
    sentence: (wh, confused) => `房间当前剩余电量${confused ? String(Math.round(wh / 10)) : kwh(wh)}`,
  },
  west: {
    area: { area: '2', areaname: '城阳校区西苑' },
    building: (_world, building) => String(14 + building),
    floor: (floor) => String(floor),
    roomid: ({ building, floor, door }) => String(9_318_000 + building * 1000 + floor * 100 + door),
    sentence: (wh, confused) => {
      const fen = fenForWh(wh);
      return `房间剩余金额${confused ? String(fen) : yuan(fen)}元`;
    },
  },
};

interface Asked extends MethodContext {
  readonly group: CascadeGroup;
  readonly habits: Habits;
  readonly request: Request;
}

const buildingOf = ({ world, group, habits, request }: Asked): number => {
  const count = dorms.buildingCount(world.base, group);
  for (let building = 1; building <= count; building += 1) {
    if (habits.building(world, building) === request.buildingid) return building;
  }
  return 0;
};

/** The room id as the cascade tells it now. */
function toldRoomId({ habits, struck }: Asked, place: Place): string {
  const id = habits.roomid(place);
  return isRenumbered(struck, place.building) ? id.replace(/^B/, 'C').replace(/^9/, '8') : id;
}

function areas({ habits }: Asked): Payload {
  return { ...ok, areatab: [habits.area] };
}

function buildings({ world, group, habits }: Asked): Payload {
  const count = dorms.buildingCount(world.base, group);
  const buildingtab = Array.from({ length: count }, (_, i) => ({
    buildingid: habits.building(world, i + 1),
    building: dorms.buildingName({ group, building: i + 1 }),
  }));
  return { ...ok, buildingtab };
}

function floors(asked: Asked): Payload {
  const building = buildingOf(asked);
  if (building === 0) return NO_SUCH;
  const { world, group, habits } = asked;
  const all = dorms.floorsOf(world.base, group, building);
  if (habits.floor(1) === '') return { ...ok, floortab: [{ floorid: '', floor: '' }] };
  return { ...ok, floortab: all.map((floor) => ({ floorid: habits.floor(floor), floor: `${floor}层` })) };
}

function placesOn(asked: Asked): Place[] {
  const { world, group, habits, request } = asked;
  const building = buildingOf(asked);
  const wanted = dorms
    .floorsOf(world.base, group, building)
    .filter((floor) => habits.floor(floor) === (request.floorid ?? ''));
  return wanted
    .flatMap((floor) => dorms.roomsOn(world.base, group, building, floor))
    .map((room) => dorms.placeOf(world.base, room));
}

function rooms(asked: Asked): Payload {
  if (buildingOf(asked) === 0) return NO_SUCH;
  const roomtab = placesOn(asked).map((place) => ({
    roomid: toldRoomId(asked, place),
    room: asked.group === 'east' ? toldRoomId(asked, place) : dorms.doorNumber(place),
  }));
  return { ...ok, roomtab };
}

function roomInfo(asked: Asked): Payload {
  const { world, habits, request, struck, now, group } = asked;
  const place = placesOn(asked).find((it) => toldRoomId(asked, it) === request.roomid);
  if (place === undefined) return NO_SUCH;
  const { wh } = readingOf(world, struck, dorms.roomOf(world.base, place), now);
  // A retcode of 0 is no promise: the meter's own trouble stands where the number should.
  const errmsg = struck.has('meter-trouble') ? TROUBLE : habits.sentence(wh, struck.has('unit-confusion'));
  return {
    ...{ retcode: '0', errmsg, aid: AIDS[group], account: request.account ?? '' },
    ...{ meterflag: 'amt', bal: '', price: '0', pkgflag: 'none', area: habits.area },
    building: { buildingid: request.buildingid, building: dorms.buildingName(place) },
    floor: { floorid: request.floorid ?? '', floor: habits.floor(place.floor) },
    room: { roomid: request.roomid, room: request.roomid },
    pkgtab: [],
  };
}

function orders({ world, group, habits, request, now }: Asked): Payload {
  const limit = Number(request.limit ?? '100');
  const after = /^\d{1,15}$/.test(request.after ?? '') ? Number(request.after) : -1;
  if (after < 0 || !Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX)
    return failed('60001', 'after 或 limit 不正确');
  const steps = powerSteps(world, group, after, limit);
  const head = powerHead(world, group);
  const last = steps.at(-1)?.seq ?? after;
  return {
    ...ok,
    ...{ asof: stampMs(now), head: String(head), more: last < head ? '1' : '0' },
    order: steps.map(({ seq, at, order }) => {
      const place = dorms.placeOf(world.base, order.room);
      return {
        ...{ seq: String(seq), orderno: order.no, status: STATUS[order.status], time: stamp(at) },
        ...{ aid: AIDS[group], areaid: habits.area.area },
        ...{ buildingid: habits.building(world, place.building), floorid: habits.floor(place.floor) },
        ...{ roomid: habits.roomid(place), account: personAccount(order.payer), tran: String(order.fen) },
        ...{ paytype: order.wallet ? '2' : '1', bankref: order.bankRef },
        ...(order.told === undefined ? {} : { errmsg: order.told }),
      };
    }),
  };
}

/** A room's code in the mapping table: area, building, floor and room. */
export function cascadeRoomCode(world: World, group: CascadeGroup, place: Place): string {
  const habits = HABITS[group];
  const building = habits.building(world, place.building);
  return [habits.area.area, building, habits.floor(place.floor), habits.roomid(place)].join('/');
}

/** Everything but the list of applications is answered by the vendor behind the core, if it answers. */
function ofVendor(group: CascadeGroup, run: (asked: Asked) => Payload): Method {
  return (context, request) => {
    if (request.aid !== AIDS[group]) return failed('60003', '应用不存在');
    if (context.struck.has('vendor-off')) return failed('60047', '第三方系统失败');
    if (context.struck.has('network-cut')) return failed('60046', '请求第三方网络错误');
    return run({ ...context, group, habits: HABITS[group], request });
  };
}

function methodsOf(group: CascadeGroup): ReadonlyMap<string, Method> {
  const appList: Method = (_context, request) => {
    if (request.apptype !== 'elec') return failed('60001', 'apptype 不支持');
    const app = CASCADE_GROUPS.map((each) => ({ aid: AIDS[each], name: APP_NAMES[each], status: '1' }));
    // A stopped application stays in the list, under nearly the name of the new one.
    return { ...ok, app: [...app, { aid: '0030000000006701', name: '城阳东苑电费(旧)', status: '2' }] };
  };
  // The core keeps the orders itself: they can be read while the vendor is off.
  const orderLog: Method = (context, request) =>
    request.aid === AIDS[group]
      ? orders({ ...context, group, habits: HABITS[group], request })
      : failed('60003', '应用不存在');
  const prefix = 'synjones.onecard.query';
  return new Map<string, Method>([
    [`${prefix}.applist`, appList],
    [`${prefix}.elec.area`, ofVendor(group, areas)],
    [`${prefix}.elec.building`, ofVendor(group, buildings)],
    [`${prefix}.elec.floor`, ofVendor(group, floors)],
    [`${prefix}.elec.room`, ofVendor(group, rooms)],
    [`${prefix}.elec.roominfo`, ofVendor(group, roomInfo)],
    ['cardhub.elec.orders', orderLog],
  ]);
}

export interface CascadeOptions {
  readonly world: World;
  readonly keys: CampusKeys;
  readonly timestampToleranceMs: number | null;
}

/** A gateway session for each app_key. `match` of a fault switch is compared with `{method} {group}`. */
export function powerCascade(options: CascadeOptions): Upstream {
  const { core, power } = options.keys.credentials;
  const byKey = new Map(
    CASCADE_GROUPS.map((group) => {
      const credentials = { ...options.keys.credentials, core: { ...core, appKey: power.appKeys[group] } };
      const keys = { ...options.keys, credentials };
      return [
        power.appKeys[group],
        { group, gateway: cardCore({ ...options, keys, methods: methodsOf(group) }) },
      ];
    }),
  );
  const found = (body: string) => byKey.get(new URLSearchParams(body).get('app_key') ?? '');
  const [first] = byKey.values();
  return {
    target: 'power-cascade',
    what: (asked) =>
      `${new URLSearchParams(asked.body).get('method') ?? ''} ${found(asked.body)?.group ?? ''}`,
    // A key that nobody has is refused by any session.
    handle: (asked, struck) =>
      (found(asked.body) ?? first)?.gateway.handle(asked, struck) ?? { status: 503, headers: {}, body: '' },
  };
}
