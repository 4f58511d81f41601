/** Rooms and health of a power vendor → master.power-room, master.power-vendor. */
import type { PowerRoomRow, PowerVendorRow } from '../connectors/power/rows.js';
import type { PowerRoom, PowerVendor, VendorHealth } from '../contracts/types.js';
import { parseScaled } from './decimal.js';
import { instant, mapRow, placeId, quality, reject, requiredId } from './fields.js';
import type { RecordKind } from './kind.js';
import type { MapContext, Mapped, Mark } from './outcome.js';
import { mappedRoom, powerProfileSchema, type PowerProfile } from './power-profile.js';
import { KNOWN_SENTENCES, saysTrouble, sentenceReader, type SentenceReader } from './power-reading.js';
import { foldWidth, textOrNull } from './text.js';
import { businessDate } from './time.js';

const DEFAULTS = { energyKwhMax: 2_000, yuanMax: 2_000, staleHours: 26 };
const HOUR_MS = 3_600_000;
/** Money may differ so much from energy times price: vendors round each of the three. */
const ROUNDING = { share: 0.02, fen: 2 };
const MESSAGE_MAX = 120;

interface Left {
  readonly remainingEnergyWh: number | null;
  readonly subsidyEnergyWh: number | null;
  readonly remainingFen: number | null;
}
const NOTHING: Left = { remainingEnergyWh: null, subsidyEnergyWh: null, remainingFen: null };

/** Maps a room; a room without a reading is published as such, one whose reading is in doubt is refused. */
export function mapPowerRoom(row: PowerRoomRow, context: MapContext): Mapped {
  return mapRow(() => {
    const profile = context.profile as PowerProfile;
    const marks = new Set<Mark>();
    const vendorRoom = requiredId(row.path, 'path');
    const room = mappedRoom(vendorRoom, businessDate(context.asOf), context);
    const price = priceOf(row.price);
    const left = row.failure === undefined ? leftOf(row, profile, price) : null;
    if (left === null) marks.add('METER_UNREADABLE');
    const meterReadAt = left === null ? null : instant(row.readTime, 'readTime');
    const staleMs = (profile.staleHours ?? DEFAULTS.staleHours) * HOUR_MS;
    if (meterReadAt !== null && context.asOf - meterReadAt > staleMs) marks.add('METER_STALE');
    const dataQuality = quality(marks);
    const key = `${context.source}:${vendorRoom}`;
    const value: PowerRoom = {
      powerRoomKey: key,
      source: context.source,
      vendorKey: `${context.source}:${requiredId(row.vendor, 'vendor')}`,
      vendorRoom,
      version: 0,
      ...room,
      name: textOrNull(row.room) ?? vendorRoom,
      building: textOrNull(row.building),
      floor: textOrNull(row.floor),
      ...(left ?? NOTHING),
      priceMilliFenPerKwh: price,
      meterReadAt,
      vendorHealth: left === null ? 'DEGRADED' : 'UP',
      vendorMessage: left === null ? messageOf(row) : null,
      state: 'ACTIVE',
      stateReason: null,
      dataQuality,
    };
    const record = { topic: 'master.power-room', key, version: 0, value, time: context.asOf };
    return { kind: 'records', records: [record], marks: dataQuality };
  });
}

function messageOf(row: PowerRoomRow): string | null {
  const text = textOrNull(row.failure?.message ?? row.sentence);
  return text === null ? null : [...text].slice(0, MESSAGE_MAX).join('');
}

/** Null: the vendor says that there is no reading. */
function leftOf(row: PowerRoomRow, profile: PowerProfile, price: number | null): Left | null {
  const left = row.sentence === undefined ? fromFigures(row) : fromSentence(row.sentence, profile);
  if (left === null) return null;
  const { energyKwhMax = DEFAULTS.energyKwhMax, yuanMax = DEFAULTS.yuanMax } = profile;
  const energy = Math.max(left.remainingEnergyWh ?? 0, left.subsidyEnergyWh ?? 0);
  if (energy > energyKwhMax * 1_000) {
    reject('READING_NOT_UNDERSTOOD', 'sydl', `expected at most ${energyKwhMax} kWh; the unit may be wrong`);
  }
  if ((left.remainingFen ?? 0) > yuanMax * 100) {
    reject('READING_NOT_UNDERSTOOD', 'syje', `expected at most ${yuanMax} yuan; the unit may be wrong`);
  }
  assertConsistent(left, price);
  return left;
}

function fromFigures(row: PowerRoomRow): Left {
  const energy = figure(row.sydl, 3, 'sydl');
  const money = figure(row.syje, 2, 'syje');
  if (energy === null && money === null) {
    reject('READING_NOT_UNDERSTOOD', 'sydl', 'expected energy (sydl) or money (syje), came neither');
  }
  return { remainingEnergyWh: energy, subsidyEnergyWh: null, remainingFen: money };
}

function figure(text: string | undefined, shift: number, path: string): number | null {
  const folded = foldWidth(text ?? '');
  if (folded === '') return null;
  const value = parseScaled(folded, shift);
  return (
    value ?? reject('READING_NOT_UNDERSTOOD', path, `expected a decimal, came ${folded.length} characters`)
  );
}

/** Yuan for a kWh in thousandths of a fen. Vendors write "0" where they do not tell it. */
function priceOf(text: string | undefined): number | null {
  const folded = foldWidth(text ?? '');
  if (folded === '') return null;
  const price = parseScaled(folded, 5);
  if (price === undefined || price < 0) {
    return reject('MONEY_INVALID', 'price', `expected yuan for a kWh, came ${folded.length} characters`);
  }
  return price === 0 ? null : price;
}

function assertConsistent({ remainingEnergyWh, remainingFen }: Left, price: number | null): void {
  if (remainingEnergyWh === null || remainingFen === null || price === null) return;
  const worth = (remainingEnergyWh * price) / 1_000_000;
  if (Math.abs(worth - remainingFen) <= ROUNDING.fen + ROUNDING.share * Math.abs(worth)) return;
  reject('UNIT_INCONSISTENT', 'syje', 'energy times price is not the money: one of the units is wrong');
}

/** Readers by their profile object, which lives as long as the instance: templates are compiled once. */
const readers = new WeakMap<PowerProfile, SentenceReader>();

function fromSentence(sentence: string, profile: PowerProfile): Left | null {
  let reader = readers.get(profile);
  if (reader === undefined) {
    reader = sentenceReader(profile.sentences ?? KNOWN_SENTENCES, profile.decimals);
    readers.set(profile, reader);
  }
  const reading = reader.read(sentence);
  if (reading !== undefined) {
    const { energyWh, subsidyWh, fen } = reading;
    return { remainingEnergyWh: energyWh, subsidyEnergyWh: subsidyWh, remainingFen: fen };
  }
  if (saysTrouble(sentence)) return null;
  const shown = [...sentence].slice(0, 40).join('').replaceAll(/\d/gu, '9');
  return reject(
    'READING_NOT_UNDERSTOOD',
    'sentence',
    `no template of mapping.sentences fits ${JSON.stringify(shown)}; add one that says what the number is`,
  );
}

const HEALTH: Readonly<Record<PowerVendorRow['outcome'], readonly [VendorHealth, string | null]>> = {
  answered: ['UP', null],
  off: ['DOWN', 'VENDOR_OFF'],
  network: ['DOWN', 'NETWORK'],
  'not-understood': ['DEGRADED', 'NOT_UNDERSTOOD'],
  refused: ['DEGRADED', 'REFUSED'],
};

/** Maps a vendor's probe. */
export function mapPowerVendor(row: PowerVendorRow, context: MapContext): Mapped {
  return mapRow(() => {
    const vendorId = placeId(row.vendor, 'vendor');
    const key = `${context.source}:${vendorId}`;
    const [health, reason] = HEALTH[row.outcome];
    const value: PowerVendor = {
      vendorKey: key,
      source: context.source,
      vendorId,
      version: 0,
      name: textOrNull(row.name) ?? vendorId,
      health,
      reason,
      upstreamCode: textOrNull(row.code),
      state: 'ACTIVE',
      stateReason: null,
      dataQuality: [],
    };
    const record = { topic: 'master.power-vendor', key, version: 0, value, time: context.asOf };
    return { kind: 'records', records: [record], marks: [] };
  });
}

export const powerRoomKind: RecordKind = {
  map: (row, context) => mapPowerRoom(row as PowerRoomRow, context),
  profile: powerProfileSchema,
  state: { 'master.power-room': { key: 'powerRoomKey', gone: 'CLOSED' } },
  rows: ['master.power-room'],
  events: {},
  looksUpRooms: true,
};

export const powerVendorKind: RecordKind = {
  map: (row, context) => mapPowerVendor(row as PowerVendorRow, context),
  profile: powerProfileSchema,
  state: { 'master.power-vendor': { key: 'vendorKey', gone: 'CLOSED' } },
  rows: ['master.power-vendor'],
  events: {},
};
