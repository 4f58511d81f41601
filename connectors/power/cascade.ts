import { createTsm, type Fields, type Payload, type Tsm, type TsmKeys } from '../card-core/tsm.js';
import {
  ConnectorError,
  type Connector,
  type ConnectorContext,
  type ConnectorFactory,
  type ConnectorSpec,
  type JsonSchema,
  type Stream,
  streamsOf,
} from '../sdk.js';
import { createHttp, httpOptionsSchema, type HttpLimits } from '../sdk-http.js';
import { isObject } from '../sdk-json.js';
import { checked, reparseJson } from '../sdk-pages.js';
import { DELIVERY_MS_MAX, type ReportedState } from './orders.js';
import { codeOf, neverHere, outcomeOf, probeStream } from './probe.js';
import { cursorOf, purchasePage, startOfLog, type PurchaseEntry } from './purchases.js';
import { roomPath, type PowerRoomRow, type PowerVendorRow } from './rows.js';
import { powerOptions, powerStreams } from './spec.js';
import { shanghaiTime } from './time.js';
import { roomListing, type Branch, type Cascade } from './walk.js';

interface Options extends TsmKeys {
  readonly url: string;
  readonly aid: string;
  readonly account?: string;
  readonly pageRows?: number;
  readonly parallel?: number;
  readonly deliveryMinutes?: number;
  readonly http?: Partial<HttpLimits>;
}

const [vendors, rooms, purchases] = powerStreams();
const secret = (description: string): JsonSchema => ({
  type: 'string',
  minLength: 1,
  writeOnly: true,
  description,
});

/** Specification of `power/cascade`. */
export const powerCascadeSpec: ConnectorSpec = {
  kind: 'power/cascade',
  title: { en: 'Dormitory power: cascade behind the card core', zh: '宿舍电控：一卡通网关级联查询' },
  summary:
    'Reads rooms, what is left on their meters and orders of one power application of a Synjones-shaped card core: applications, area, building, floor, room. One instance an application, so that a vendor that is off stops no other.',
  options: {
    type: 'object',
    required: ['url', 'aid', 'appKey', 'tripleDesKey', 'privateKey', 'corePublicKey'],
    additionalProperties: false,
    properties: {
      url: { type: 'string', minLength: 1, description: 'Base address; calls go to POST {url}/gateway.' },
      aid: {
        type: 'string',
        pattern: '^\\d{1,32}$',
        examples: ['0030000000002501'],
        description: 'The power application; `cardhub connector check` lists those that there are.',
      },
      appKey: {
        type: 'string',
        minLength: 1,
        description: 'app_key; no other instance or client may use it, not even the card core’s.',
      },
      tripleDesKey: secret('3DES key, 48 hex digits.'),
      privateKey: secret('Our RSA key, PKCS#8 PEM (line ends may be written \\n).'),
      corePublicKey: {
        type: 'string',
        minLength: 1,
        description: 'The core’s RSA key, SPKI PEM; verifies answers.',
      },
      account: {
        type: 'string',
        pattern: '^\\d{1,16}$',
        description: 'A card account, where the core wants one for a query.',
      },
      ...powerOptions,
      http: httpOptionsSchema,
    },
  },
  streams: [vendors, rooms, purchases],
  quirks: [
    'What is left stands in the free text of errmsg, beside retcode 0; bal is empty. The sentence differs between groups of buildings: see the mapping option sentences.',
    'No answer says when the meter was read; a vendor that has stopped reading looks like one whose rooms use nothing.',
    'Floors may be empty, and room ids may be printed numbers or opaque ones.',
    'Stopped applications stay in the list beside new ones of nearly the same name; check tells them apart.',
    'The token is single-active for each app_key: each instance needs its own.',
    'The log of orders (`cardhub.elec.orders`) is our own method: the vendor’s payment gives no order number back.',
  ],
};

/** The core's status of a step → state of the order. */
const STATES: Readonly<Record<string, ReportedState>> = {
  '0': 'CREATED',
  '1': 'BANK_DEBIT_PENDING',
  '2': 'BANK_DEBITED',
  '3': 'VENDOR_SUBMITTED',
  '4': 'VENDOR_ACCEPTED',
  '5': 'DELIVERED',
  '6': 'OUTCOME_UNKNOWN',
  '7': 'REFUND_REVIEW',
  '9': 'FAILED',
};

const QUERY = 'synjones.onecard.query';
const ORDERS = 'cardhub.elec.orders';
const LEVELS = [
  { call: 'area', list: 'areatab', id: 'area', name: 'areaname', as: 'area' },
  { call: 'building', list: 'buildingtab', id: 'buildingid', name: 'building', as: 'buildingid' },
  { call: 'floor', list: 'floortab', id: 'floorid', name: 'floor', as: 'floorid' },
  { call: 'room', list: 'roomtab', id: 'roomid', name: 'room', as: 'roomid' },
] as const;

/** `power/cascade` */
export const powerCascade: ConnectorFactory = {
  spec: powerCascadeSpec,
  open(given: Record<string, unknown>, context: ConnectorContext): Connector {
    const options = given as unknown as Options;
    const http = createHttp(options.url, options.http ?? {}, context);
    const tsm = createTsm(http, options, context);
    const byName = new Map<string, Stream>([
      ['vendors', probeStream(vendors, (signal) => probe(tsm, options, signal), context)],
      ['rooms', roomStream(tsm, options, context)],
      ['purchases', orderStream(tsm, options)],
    ]);
    const skew = async (signal: AbortSignal): Promise<number> => {
      const before = context.now();
      const now = await tsm.call(ORDERS, { aid: options.aid, after: '0', limit: '1' }, clockOf, signal);
      return now - (before + context.now()) / 2;
    };
    return {
      spec: powerCascadeSpec,
      check: async (signal) => [
        await checked('login and clock', signal, async () => {
          const ms = Math.round(await skew(signal));
          return {
            ok: Math.abs(ms) <= 60_000,
            detail: `signature verified; the core’s clock is ${ms} ms from ours`,
          };
        }),
        await checked('application', signal, () => checkApplication(tsm, options.aid, signal)),
      ],
      stream: streamsOf(powerCascadeSpec.kind, byName.values()),
      clockSkewMs: skew,
      close: () => http.close(),
    };
  },
};

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

interface Application {
  readonly aid: string;
  readonly name: string;
  readonly running: boolean;
}

function applications(tsm: Tsm, signal: AbortSignal): Promise<Application[]> {
  const read = (payload: Payload): Application[] =>
    listIn(payload, 'app', 'applist').map((app) => ({
      aid: textOf(app['aid']) ?? '',
      name: textOf(app['name']) ?? '',
      // Status 2 is a stopped one; cores that give no status list running ones only.
      running: app['status'] !== '2',
    }));
  return tsm.call(`${QUERY}.applist`, { apptype: 'elec' }, read, signal);
}

async function checkApplication(tsm: Tsm, aid: string, signal: AbortSignal) {
  const all = await applications(tsm, signal);
  const shown = all.map((app) => `${app.aid} ${app.name}${app.running ? '' : ' (stopped)'}`).join(', ');
  const found = all.find((app) => app.aid === aid);
  if (found?.running === true) return { ok: true, detail: `${found.name}; the core has: ${shown}` };
  const trouble = found === undefined ? 'is not there' : 'is stopped';
  return { ok: false, detail: `expected a running application; ${aid} ${trouble}; the core has: ${shown}` };
}

function listIn(payload: Payload, name: string, what: string): readonly Readonly<Record<string, unknown>>[] {
  const list = payload[name];
  if (Array.isArray(list) && list.every(isObject)) return list;
  throw new ConnectorError('PROTOCOL', `${what}: ${name} must be a list of objects`, 'now');
}

/** Ids of the levels above, under the names that the methods want. */
function where(options: Options, ids: readonly string[]): Fields {
  const levels = ids.map((id, i) => [LEVELS[i]?.as ?? '', id] as const);
  const account = options.account === undefined ? {} : { account: options.account };
  return { aid: options.aid, ...account, ...Object.fromEntries(levels) };
}

function level(tsm: Tsm, options: Options, ids: readonly string[], signal: AbortSignal): Promise<Branch[]> {
  const { call, list, id, name } = LEVELS[ids.length] ?? LEVELS[0];
  const branches = (payload: Payload): Branch[] => {
    const entries = listIn(payload, list, `elec.${call}`);
    // A vendor without floors lists none; its rooms are asked for without one.
    if (call === 'floor' && entries.length === 0) return [{ id: '', name: '' }];
    return entries.map((entry) => {
      const found = textOf(entry[id]);
      if (found === undefined)
        throw new ConnectorError('PROTOCOL', `elec.${call}: an entry without ${id}`, 'later');
      return { id: found, name: textOf(entry[name]) ?? found };
    });
  };
  return tsm.call(`${QUERY}.elec.${call}`, where(options, ids), branches, signal);
}

function roomStream(tsm: Tsm, options: Options, context: ConnectorContext): Stream {
  const cascade: Cascade = {
    depth: LEVELS.length,
    children: (ids, signal) => level(tsm, options, ids, signal),
    room: (branches, signal) => readRoom(tsm, options, branches, signal),
  };
  return roomListing(rooms, cascade, options, context.now);
}

async function readRoom(
  tsm: Tsm,
  options: Options,
  branches: readonly Branch[],
  signal: AbortSignal,
): Promise<PowerRoomRow> {
  const [area, building, floor, room] = branches;
  const ids = branches.map(({ id }) => id);
  const head = {
    vendor: options.aid,
    path: roomPath(ids),
    area: area?.name ?? '',
    building: building?.name ?? '',
    floor: floor?.name ?? '',
    room: room?.name ?? '',
  };
  const reading = (payload: Payload): PowerRoomRow => {
    const told = payload['room'];
    if (isObject(told) && told['roomid'] !== undefined && told['roomid'] !== ids.at(-1)) {
      throw new ConnectorError('PROTOCOL', 'elec.roominfo: the answer is of another room', 'now');
    }
    const price = textOf(payload['price']);
    return {
      ...head,
      sentence: textOf(payload['errmsg']) ?? '',
      ...(price === undefined ? {} : { price }),
    };
  };
  try {
    return await tsm.call(`${QUERY}.elec.roominfo`, where(options, ids), reading, signal);
  } catch (error) {
    if (!(error instanceof ConnectorError) || error.details.reason !== 'NOT_FOUND') throw error;
    // Gone since it was listed.
    return { ...head, failure: { code: error.details.upstreamCode ?? '', message: '房间信息不存在' } };
  }
}

async function probe(tsm: Tsm, options: Options, signal: AbortSignal): Promise<PowerVendorRow> {
  // The list is the core's own answer: when it fails, the core is in trouble, and nothing is known of the vendor.
  const app = (await applications(tsm, signal)).find(({ aid }) => aid === options.aid);
  const vendor = { vendor: options.aid, name: app?.name ?? options.aid };
  if (app?.running !== true)
    return { ...vendor, outcome: 'refused', code: app === undefined ? 'absent' : '2' };
  try {
    await level(tsm, options, [], signal);
    return { ...vendor, outcome: 'answered' };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ConnectorError)) throw error;
    // The core's words for a network between it and the vendor that is cut.
    const cut = error.details.upstreamCode === '60046' || error.details.upstreamCode === '60037';
    return { ...vendor, outcome: cut ? 'network' : outcomeOf(error), ...codeOf(error) };
  }
}

function clockOf(payload: Payload): number {
  const at = shanghaiTime(payload['asof']);
  if (at !== undefined) return at;
  throw new ConnectorError('PROTOCOL', `${ORDERS}: asof is no time`, 'later');
}

function orderStream(tsm: Tsm, options: Options): Stream {
  const limit = String(options.pageRows ?? 100);
  const withinMs = (options.deliveryMinutes ?? DELIVERY_MS_MAX / 60_000) * 60_000;
  return {
    spec: purchases,
    reparse: reparseJson,
    snapshotPage: async () => neverHere(purchases, 'listing'),
    feedStart: async () => startOfLog('0'),
    async changes(given, signal) {
      signal.throwIfAborted();
      const cursor = cursorOf(given);
      const page = (payload: Payload) => {
        const entries = listIn(payload, 'order', ORDERS).map((step) => entryOf(step, options.aid));
        const log = { entries, more: payload['more'] === '1', asOf: clockOf(payload) };
        return purchasePage(log, cursor, withinMs, ORDERS);
      };
      return tsm.call(ORDERS, { aid: options.aid, after: cursor.seq, limit }, page, signal);
    },
  };
}

function entryOf(step: Readonly<Record<string, unknown>>, aid: string): PurchaseEntry {
  const text = (name: string): string => textOf(step[name]) ?? '';
  const seq = text('seq');
  if (!/^\d{1,15}$/.test(seq) || text('orderno') === '') {
    throw new ConnectorError('PROTOCOL', `${ORDERS}: a step without seq and orderno`, 'later');
  }
  const status = text('status');
  const row = {
    vendor: aid,
    orderNo: text('orderno'),
    seq,
    path: roomPath([text('areaid'), text('buildingid'), text('floorid'), text('roomid')]),
    account: text('account'),
    amount: text('tran'),
    amountUnit: 'fen' as const,
    paySource: text('paytype'),
    bankRef: text('bankref'),
    ...(text('errmsg') === '' ? {} : { refusal: text('errmsg') }),
    ...(text('errcode') === '' ? {} : { refusalCode: text('errcode') }),
    status,
    time: text('time'),
  };
  const state = Object.hasOwn(STATES, status) ? STATES[status] : undefined;
  return { seq, row, state, at: shanghaiTime(step['time']) };
}
