/**
 * The datagrams of the UHPPOTE family: 64 bytes over UDP, little-endian, dates as binary-coded decimals in the
 * controller's own time. Request and reply have the same function code. Facts of the wire format: the messages of
 * uhppoted/uhppote-core, and captures of the vendor's own program.
 *
 *   0     1         2  4              8 …
 *   0x17  function  0  serial number  fields by function
 *
 * An event is a datagram with the function of get-status that nobody asked for; old firmware begins it with 0x19.
 */
import { SHANGHAI_OFFSET_MS } from '../../transforms/time.js';

export const DATAGRAM_BYTES = 64;
const START = 0x17;
const START_OLD_EVENT = 0x19;
/** Guards what changes how a controller works. */
const MAGIC = 0x55aaaa55;

type FieldType = 'u8' | 'u16' | 'u32' | 'bool' | 'date' | 'datetime' | 'time' | 'shortdate' | 'ip';
type Field = readonly [offset: number, type: FieldType];
type Fields = Readonly<Record<string, Field>>;

const EVENT = {
  index: [8, 'u32'],
  type: [12, 'u8'],
  granted: [13, 'bool'],
  door: [14, 'u8'],
  direction: [15, 'u8'],
  card: [16, 'u32'],
  at: [20, 'datetime'],
  reason: [27, 'u8'],
} as const satisfies Fields;
const STATUS = { ...EVENT, time: [37, 'time'], date: [51, 'shortdate'], relays: [49, 'u8'] } as const;
const CARD = {
  card: [8, 'u32'],
  from: [12, 'date'],
  to: [16, 'date'],
  door1: [20, 'u8'],
  door2: [21, 'u8'],
  door3: [22, 'u8'],
  door4: [23, 'u8'],
} as const satisfies Fields;
const DONE = { done: [8, 'bool'] } as const satisfies Fields;
const INDEX = { index: [8, 'u32'] } as const satisfies Fields;
const NUMBER = { card: [8, 'u32'] } as const satisfies Fields;
const MAGIC_FIRST = { magic: [8, 'u32'] } as const satisfies Fields;

/** Functions by name: code, fields of the request, fields of the reply. */
export const FUNCTIONS = {
  'get-status': { code: 0x20, request: {}, reply: STATUS },
  'set-time': { code: 0x30, request: { at: [8, 'datetime'] }, reply: { at: [8, 'datetime'] } },
  'open-door': { code: 0x40, request: { door: [8, 'u8'] }, reply: DONE },
  'put-card': { code: 0x50, request: CARD, reply: DONE },
  'delete-card': { code: 0x52, request: NUMBER, reply: DONE },
  'delete-cards': { code: 0x54, request: MAGIC_FIRST, reply: DONE },
  'get-cards': { code: 0x58, request: {}, reply: { count: [8, 'u32'] } },
  'get-card-by-index': { code: 0x5c, request: INDEX, reply: CARD },
  'set-listener': {
    code: 0x90,
    request: { host: [8, 'ip'], port: [12, 'u16'], interval: [14, 'u8'] },
    reply: DONE,
  },
  'set-pc-control': {
    code: 0xa0,
    request: { ...MAGIC_FIRST, enabled: [12, 'bool'] },
    reply: DONE,
  },
  'get-event': { code: 0xb0, request: INDEX, reply: EVENT },
} as const satisfies Readonly<
  Record<string, { readonly code: number; readonly request: Fields; readonly reply: Fields }>
>;

export type FunctionName = keyof typeof FUNCTIONS;
/** Of `type` below: the controller has overwritten that event. */
export const OVERWRITTEN = 0xff;

type ValueOf<T extends FieldType> = T extends 'bool'
  ? boolean
  : T extends 'u8' | 'u16' | 'u32'
    ? number
    : string;
/** Dates `YYYY-MM-DD`, times `YYYY-MM-DDTHH:MM:SS+08:00`; empty: none. */
export type Values<F extends Fields> = { -readonly [K in keyof F]: ValueOf<F[K][1]> };
export type Request<N extends FunctionName> = Omit<Values<(typeof FUNCTIONS)[N]['request']>, 'magic'>;
export type Reply<N extends FunctionName> = Values<(typeof FUNCTIONS)[N]['reply']>;
export type DeviceEvent = Values<typeof EVENT>;

export function encodeRequest<N extends FunctionName>(name: N, serial: number, values: Request<N>): Buffer {
  const { code, request } = FUNCTIONS[name];
  const bytes = Buffer.alloc(DATAGRAM_BYTES);
  bytes[0] = START;
  bytes[1] = code;
  bytes.writeUInt32LE(serial, 4);
  const given = { magic: MAGIC, ...values } as Readonly<Record<string, unknown>>;
  for (const [field, [at, type]] of Object.entries(request as Fields)) write(bytes, at, type, given[field]);
  return bytes;
}

/** @returns undefined for anything that is no datagram of this family */
export function headOf(bytes: Buffer): { readonly code: number; readonly serial: number } | undefined {
  if (bytes.length !== DATAGRAM_BYTES) return undefined;
  const start = bytes[0];
  const code = bytes[1] ?? 0;
  const isOldEvent = start === START_OLD_EVENT && code === FUNCTIONS['get-status'].code;
  if (start !== START && !isOldEvent) return undefined;
  return { code, serial: bytes.readUInt32LE(4) };
}

export function decodeReply<N extends FunctionName>(name: N, bytes: Buffer): Reply<N> {
  const { reply } = FUNCTIONS[name];
  const values = Object.entries(reply as Fields).map(([field, [at, type]]) => [field, read(bytes, at, type)]);
  return Object.fromEntries(values) as Reply<N>;
}

/** Milliseconds between the time of the event and the controller's own clock when it sent the datagram. */
export function ageOf(status: Reply<'get-status'>): number {
  const sent = Date.parse(`${status.date}T${status.time}+08:00`);
  return sent - Date.parse(status.at);
}

/** The controller's clock, epoch ms; NaN when it has none. */
export function clockOf({ date, time }: Reply<'get-status'>): number {
  return Date.parse(`${date}T${time}+08:00`);
}

/** Date and time of an instant in Shanghai, as controllers keep them. */
export function localTime(at: number): string {
  return `${new Date(at + SHANGHAI_OFFSET_MS).toISOString().slice(0, 19)}+08:00`;
}

function write(bytes: Buffer, at: number, type: FieldType, value: unknown): void {
  switch (type) {
    case 'u8':
    case 'bool':
      bytes[at] = Number(value);
      break;
    case 'u16':
      bytes.writeUInt16LE(Number(value), at);
      break;
    case 'u32':
      bytes.writeUInt32LE(Number(value), at);
      break;
    case 'ip':
      for (const [i, part] of String(value).split('.').entries()) bytes[at + i] = Number(part);
      break;
    case 'date':
      bytes.write(digits(value, 8), at, 'hex');
      break;
    case 'datetime':
      bytes.write(digits(value, 14), at, 'hex');
      break;
    case 'time':
    case 'shortdate':
      throw new Error(`${type} stands in replies only`);
  }
}

function read(bytes: Buffer, at: number, type: FieldType): unknown {
  const hex = (length: number): string => bytes.toString('hex', at, at + length);
  switch (type) {
    case 'u8':
      return bytes[at];
    case 'bool':
      return bytes[at] === 1;
    case 'u16':
      return bytes.readUInt16LE(at);
    case 'u32':
      return bytes.readUInt32LE(at);
    case 'ip':
      return [...bytes.subarray(at, at + 4)].join('.');
    case 'date':
      return isoDate(hex(4));
    case 'shortdate':
      return isoDate(`20${hex(3)}`);
    case 'time':
      return hex(3).replace(/(..)(..)(..)/, '$1:$2:$3');
    case 'datetime': {
      const date = isoDate(hex(4));
      const time = hex(7)
        .slice(8)
        .replace(/(..)(..)(..)/, '$1:$2:$3');
      return date === '' ? '' : `${date}T${time}+08:00`;
    }
  }
}

/** `20190102` → `2019-01-02`; empty where there is no date. */
function isoDate(text: string): string {
  return /^\d{8}$/.test(text) && Number(text) > 0 ? text.replace(/(....)(..)(..)/, '$1-$2-$3') : '';
}

function digits(value: unknown, length: number): string {
  const text = String(value).replace(/\+.*$/, '').replaceAll(/\D/g, '');
  if (text.length !== length)
    throw new RangeError(`expected ${length} digits of a date, came ${text.length}`);
  return text;
}
