import type { components } from '../../openapi/power-front.js';
import {
  ConnectorError,
  type Connector,
  type ConnectorContext,
  type ConnectorFactory,
  type ConnectorSpec,
  type Stream,
  streamsOf,
} from '../sdk.js';
import { createHttp, expectOk, httpOptionsSchema, type HttpAnswer, type HttpLimits } from '../sdk-http.js';
import { excerpt, isObject, parseJson } from '../sdk-json.js';
import { checked, reparseJson } from '../sdk-pages.js';
import { DELIVERY_MS_MAX, type ReportedState } from './orders.js';
import { codeOf, neverHere, outcomeOf, probeStream } from './probe.js';
import { cursorOf, purchasePage, startOfLog, type PurchaseEntry } from './purchases.js';
import { roomPath, type PowerRoomRow, type PowerVendorRow } from './rows.js';
import { powerOptions, powerStreams } from './spec.js';
import { shanghaiTime } from './time.js';
import { roomListing, type Branch, type Cascade } from './walk.js';

type OrderStep = components['schemas']['OrderStep'];

interface Options {
  readonly url: string;
  readonly system: string;
  readonly apiKey: string;
  readonly pageRows?: number;
  readonly parallel?: number;
  readonly deliveryMinutes?: number;
  readonly wellMessages?: readonly string[];
  readonly http?: Partial<HttpLimits>;
}

const [vendors, rooms, purchases] = powerStreams();

/** Specification of `power/http-form`. */
export const powerFormSpec: ConnectorSpec = {
  kind: 'power/http-form',
  title: { en: 'Dormitory power: five-level HTTP form', zh: '宿舍电控：五级 HTTP 接口' },
  summary:
    'Reads rooms, what is left on their meters and orders from a power front that speaks `openapi/power-front.yaml`: area, district, building, floor, room.',
  options: {
    type: 'object',
    required: ['url', 'system', 'apiKey'],
    additionalProperties: false,
    properties: {
      url: { type: 'string', minLength: 1, description: 'Base address, without /elec.' },
      system: {
        type: 'string',
        pattern: '^[a-z0-9-]{1,32}$',
        description: 'Name of the power system behind the front.',
      },
      apiKey: { type: 'string', minLength: 1, writeOnly: true, description: 'Sent as X-Elec-Key.' },
      ...powerOptions,
      wellMessages: {
        type: 'array',
        maxItems: 32,
        items: { type: 'string' },
        default: ['', '成功', '查询成功', 'ok', 'success'],
        description: 'Messages that mean that all is well; another one beside retcode 0 is no reading.',
      },
      http: httpOptionsSchema,
    },
  },
  streams: [vendors, rooms, purchases],
  quirks: [
    'retcode "0" with a sentence in msg is no reading, although figures of zero stand beside it.',
    'Energy (sydl, kWh) and money (syje, yuan) are published as the vendor says them; neither is derived from the other.',
    'Systems with fewer than five levels answer with one entry whose id may be empty.',
    'Status 200 with a text that is no JSON is an error and asked for again.',
    'The log of orders is our own method: no public document has one.',
  ],
};

/** The front's status of a step → state of the order. */
const STATES: Readonly<Record<string, ReportedState>> = {
  NEW: 'CREATED',
  PAYING: 'BANK_DEBIT_PENDING',
  PAID: 'BANK_DEBITED',
  SENT: 'VENDOR_SUBMITTED',
  ACCEPTED: 'VENDOR_ACCEPTED',
  DONE: 'DELIVERED',
  UNKNOWN: 'OUTCOME_UNKNOWN',
  REFUND: 'REFUND_REVIEW',
  FAIL: 'FAILED',
};

const LEVELS = [
  { call: 'getareas', id: 'areaId', name: 'areaName' },
  { call: 'getdistricts', id: 'districtId', name: 'districtName' },
  { call: 'getbuis', id: 'buiId', name: 'buiName' },
  { call: 'getfloors', id: 'floorId', name: 'floorName' },
  { call: 'getrooms', id: 'roomId', name: 'roomName' },
] as const;

/** 1001 no such id: the room has gone since it was listed. 2001: the system behind the front does not answer. */
const NO_SUCH = '1001';
const SYSTEM_OFF = '2001';

type Body = Readonly<Record<string, unknown>>;
type Call = <T>(
  method: string,
  form: Readonly<Record<string, string>>,
  accept: (body: Body, answer: HttpAnswer) => T,
  signal: AbortSignal,
) => Promise<T>;

/** `power/http-form` */
export const powerForm: ConnectorFactory = {
  spec: powerFormSpec,
  open(given: Record<string, unknown>, context: ConnectorContext): Connector {
    const options = given as unknown as Options;
    const http = createHttp(options.url, options.http ?? {}, context);
    const call: Call = (method, form, accept, signal) =>
      http.read(
        {
          method: 'POST',
          path: `/elec/${options.system}/${method}`,
          headers: {
            'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
            'x-elec-key': options.apiKey,
          },
          body: new URLSearchParams(form).toString(),
        },
        (answer) => accept(opened(answer, method), answer),
        signal,
      );
    const byName = new Map<string, Stream>([
      ['vendors', vendorStream(call, options, context)],
      ['rooms', roomStream(call, options, context)],
      ['purchases', orderStream(call, options)],
    ]);
    const skew = async (signal: AbortSignal): Promise<number> => {
      const before = context.now();
      const now = await call('getorders', { after: '0', limit: '1' }, (body) => clockOf(body), signal);
      return now - (before + context.now()) / 2;
    };
    return {
      spec: powerFormSpec,
      check: async (signal) => [
        await checked('key and clock', signal, async () => {
          const ms = Math.round(await skew(signal));
          return { ok: Math.abs(ms) <= 60_000, detail: `the front’s clock is ${ms} ms from ours` };
        }),
        await checked('areas', signal, async () => {
          const areas = await level(call, [], signal);
          return {
            ok: areas.length > 0,
            detail: `${areas.length} areas: ${areas.map(({ name }) => name).join(', ')}`,
          };
        }),
      ],
      stream: streamsOf(powerFormSpec.kind, byName.values()),
      clockSkewMs: skew,
      close: () => http.close(),
    };
  },
};

/** The body of an answer with retcode 0. @throws ConnectorError */
function opened(answer: HttpAnswer, what: string): Body {
  expectOk(answer, what);
  const body = parseJson(answer.body, what);
  if (!isObject(body)) throw new ConnectorError('PROTOCOL', `${what}: an object was expected`, 'now');
  const { retcode, msg } = body;
  if (retcode === '0') return body;
  const upstreamCode = typeof retcode === 'string' ? retcode : 'absent';
  const said = typeof msg === 'string' ? excerpt(msg) : 'no message';
  const message = `${what}: retcode ${upstreamCode} (${said})`;
  if (upstreamCode === SYSTEM_OFF) {
    const advice = 'the power system behind the front does not answer (电控系统无应答)';
    throw new ConnectorError('BUSINESS', `${message}; ${advice}`, 'now', {
      upstreamCode,
      reason: 'UPSTREAM',
    });
  }
  const reason = upstreamCode === NO_SUCH ? 'NOT_FOUND' : 'UNKNOWN';
  throw new ConnectorError('BUSINESS', message, 'later', { upstreamCode, reason });
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

function clockOf(body: Body): number {
  const at = shanghaiTime(body['asOf']);
  if (at !== undefined) return at;
  throw new ConnectorError('PROTOCOL', 'getorders: asOf is no time', 'later');
}

function formOf(ids: readonly string[]): Record<string, string> {
  return Object.fromEntries(ids.map((id, i) => [LEVELS[i]?.id ?? '', id]));
}

function level(call: Call, ids: readonly string[], signal: AbortSignal): Promise<Branch[]> {
  const { call: method, id, name } = LEVELS[ids.length] ?? LEVELS[0];
  const branches = (body: Body): Branch[] => {
    const { data } = body;
    if (!Array.isArray(data) || !data.every(isObject)) {
      throw new ConnectorError('PROTOCOL', `${method}: data must be a list of objects`, 'now');
    }
    return data.map((entry) => {
      const found = textOf(entry[id]);
      if (found === undefined)
        throw new ConnectorError('PROTOCOL', `${method}: an entry without ${id}`, 'later');
      return { id: found, name: textOf(entry[name]) ?? found };
    });
  };
  return call(method, formOf(ids), branches, signal);
}

function roomStream(call: Call, options: Options, context: ConnectorContext): Stream {
  const well = new Set(
    (options.wellMessages ?? ['', '成功', '查询成功', 'ok', 'success']).map((text) => text.toLowerCase()),
  );
  const cascade: Cascade = {
    depth: LEVELS.length,
    children: (ids, signal) => level(call, ids, signal),
    room: (branches, signal) => readRoom(call, options.system, branches, well, signal),
  };
  return roomListing(rooms, cascade, options, context.now);
}

async function readRoom(
  call: Call,
  system: string,
  branches: readonly Branch[],
  well: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<PowerRoomRow> {
  const [area, district, building, floor, room] = branches;
  const ids = branches.map(({ id }) => id);
  const head = {
    vendor: system,
    path: roomPath(ids),
    area: area?.name ?? '',
    district: district?.name ?? '',
    building: building?.name ?? '',
    floor: floor?.name ?? '',
    room: room?.name ?? '',
  };
  const reading = (body: Body): PowerRoomRow => {
    if (body['roomId'] !== undefined && body['roomId'] !== ids.at(-1)) {
      throw new ConnectorError('PROTOCOL', 'getroominfo: the answer is of another room', 'now');
    }
    const message = textOf(body['msg']) ?? '';
    if (!well.has(message.trim().toLowerCase())) return { ...head, failure: { code: '0', message } };
    const figures = ['sydl', 'syje', 'price', 'readTime'].flatMap((name) => {
      const text = textOf(body[name]);
      return text === undefined ? [] : [[name, text] as const];
    });
    return { ...head, ...Object.fromEntries(figures) };
  };
  try {
    return await call('getroominfo', formOf(ids), reading, signal);
  } catch (error) {
    if (!(error instanceof ConnectorError) || error.details.reason !== 'NOT_FOUND') throw error;
    return { ...head, failure: { code: NO_SUCH, message: error.message } };
  }
}

function vendorStream(call: Call, options: Options, context: ConnectorContext): Stream {
  const probe = async (signal: AbortSignal): Promise<PowerVendorRow> => {
    const vendor = { vendor: options.system, name: options.system };
    try {
      await level(call, [], signal);
      return { ...vendor, outcome: 'answered' };
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof ConnectorError)) throw error;
      return { ...vendor, outcome: outcomeOf(error), ...codeOf(error) };
    }
  };
  return probeStream(vendors, probe, context);
}

function orderStream(call: Call, options: Options): Stream {
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
      const page = (body: Body) => {
        const { data, more } = body;
        if (!Array.isArray(data) || !data.every(isObject)) {
          throw new ConnectorError('PROTOCOL', 'getorders: data must be a list of objects', 'now');
        }
        const entries = data.map((step) => entryOf(step as unknown as OrderStep, options.system));
        const log = { entries, more: more === '1', asOf: clockOf(body) };
        return purchasePage(log, cursor, withinMs, 'getorders');
      };
      return call('getorders', { after: cursor.seq, limit }, page, signal);
    },
  };
}

function entryOf(step: OrderStep, system: string): PurchaseEntry {
  const { seq, orderNo, status, time, payer, energy, payWay, bankRef, reason: refusal } = step;
  if (typeof seq !== 'string' || !/^\d{1,15}$/.test(seq) || typeof orderNo !== 'string') {
    throw new ConnectorError('PROTOCOL', 'getorders: a step without seq and orderNo', 'later');
  }
  const ids = [step.areaId, step.districtId, step.buiId, step.floorId, step.roomId].map((id) => String(id));
  const optional = { account: payer, energy, paySource: payWay, bankRef, refusal };
  const row = {
    vendor: system,
    orderNo,
    seq,
    path: roomPath(ids),
    amount: String(step.money),
    amountUnit: 'yuan' as const,
    status: String(status),
    time: String(time),
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => typeof value === 'string')),
  };
  const state = Object.hasOwn(STATES, row.status) ? STATES[row.status] : undefined;
  return { seq, row, state, at: shanghaiTime(time) };
}
