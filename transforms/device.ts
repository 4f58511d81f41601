/**
 * Devices of the card system → master.device, from the application form (一卡通设备申请表) on. Where a device stands is
 * the place of its last step that has one; a device that was moved is installed, elsewhere.
 */
import type { DeviceRow, DeviceStepRow } from '../connectors/card-core/device-rows.js';
import { CODES } from '../contracts/codes.js';
import type { Device, DeviceHealth, DeviceState, DeviceStep } from '../contracts/types.js';
import { cardProfileSchema, flag, type CardProfile } from './card-profile.js';
import type { CodeTable } from './codes.js';
import { code, date, instant, mapRow, optionalCode, quality, reject, requiredId } from './fields.js';
import { hoursOf } from './hours.js';
import type { RecordKind } from './kind.js';
import type { MapContext, Mapped, Mark } from './outcome.js';
import { textOrNull } from './text.js';
import { TRANSACTION_CODE } from './transaction-codes.js';

const TYPES: CodeTable<string> = Object.fromEntries(CODES['device-types'].map(({ code }) => [code, code]));
const HEALTH: CodeTable<DeviceHealth> = { '0': 'OFFLINE', '1': 'ONLINE', '2': 'FAULT' };

interface Step {
  readonly step: string;
  readonly state: Exclude<DeviceState, 'REMOVED' | 'UNKNOWN'>;
}
const STEPS: CodeTable<Step> = {
  apply: { step: 'APPLIED', state: 'APPLIED' },
  approve: { step: 'APPROVED', state: 'APPROVED' },
  refuse: { step: 'REFUSED', state: 'REFUSED' },
  install: { step: 'INSTALLED', state: 'INSTALLED' },
  move: { step: 'MOVED', state: 'INSTALLED' },
  retire: { step: 'RETIRED', state: 'RETIRED' },
};

/** Maps a device; see the head of this file. */
export function mapDevice(row: DeviceRow, context: MapContext): Mapped {
  return mapRow(() => {
    const profile = context.profile as CardProfile;
    const { source } = context;
    const marks = new Set<Mark>();
    const deviceId = requiredId(row.termid, 'termid');
    const steps = (row.steps ?? []).map(readStep);
    const life = steps.map(({ life: one }) => one);
    const usage = optionalCode(row.transcode, TRANSACTION_CODE, profile.transactionCodes, marks)?.usage;
    const value: Device = {
      deviceKey: `${source}:${deviceId}`,
      source,
      deviceId,
      version: 0,
      // A new type keeps its name: the contract's list may grow.
      deviceType: optionalCode(row.termtype, TYPES, undefined, marks) ?? row.termtype,
      name: textOrNull(row.termname) ?? deviceId,
      usage: usage ?? null,
      claimsPending: flag(row.canteenflag, 'canteenflag'),
      services: (row.services ?? '').split(/[;；]/u).flatMap((text) => textOrNull(text) ?? []),
      campus: textOrNull(row.campus),
      place: life.findLast(({ place }) => place !== null)?.place ?? textOrNull(row.place),
      hours: hoursOf(row.hours, 'hours'),
      health: optionalCode(row.health, HEALTH, undefined, marks) ?? 'UNKNOWN',
      healthAt: instant(row.healthtime, 'healthtime'),
      state: steps.at(-1)?.state ?? 'INSTALLED',
      stateReason: null,
      applicationId: textOrNull(row.applyno),
      life,
      dataQuality: quality(marks),
    };
    const { deviceKey: key } = value;
    const record = { topic: 'master.device', key, version: 0, value, time: context.asOf };
    return { kind: 'records', records: [record], marks: quality(marks) };
  });
}

function readStep(row: DeviceStepRow, index: number): { life: DeviceStep; state: Step['state'] } {
  const { step, state } = code(row.step, STEPS, undefined, `steps.${index}.step`);
  const on = date(row.date, `steps.${index}.date`);
  if (on === null) reject('REQUIRED_MISSING', `steps.${index}.date`, 'expected a date, came nothing');
  return { life: { step, on, place: textOrNull(row.place) }, state };
}

export const deviceKind: RecordKind = {
  map: (row, context) => mapDevice(row as DeviceRow, context),
  profile: cardProfileSchema,
  state: { 'master.device': { key: 'deviceKey', gone: 'REMOVED', ended: ['RETIRED', 'REFUSED'] } },
  rows: ['master.device'],
  events: {},
};
