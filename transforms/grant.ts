/** Grants and memberships of an access-control system → master.access-grant. */
import type { GrantRow, GrantSchedule } from '../connectors/access-control/rows.js';
import type { AccessGrant, GrantResourceType, GrantSubjectType, ScheduleSpan } from '../contracts/types.js';
import type { CodeTable, DirectionCode, DoorClass } from './codes.js';
import * as codes from './codes.js';
import { code, instant, mapRow, placeId, reject, requiredId } from './fields.js';
import { clockLimitProperties, type ClockLimits } from './holder.js';
import type { RecordKind } from './kind.js';
import type { MapContext, Mapped } from './outcome.js';
import { foldWidth, trim } from './text.js';
import { endOfDay, isNoTime, parseDate, startOfDay } from './time.js';

/** The `mapping` options of an access-control instance in hub.yaml. */
export interface AccessProfile extends ClockLimits {
  /** Source whose school numbers the system uses for people; default: the instance itself. */
  readonly personSource?: string;
  /** Source whose card numbers the system uses for cards; default: the instance itself. */
  readonly cardSource?: string;
  /** Reader profile where neither the swipe nor the door names one. */
  readonly readerProfile?: string;
  readonly doorClasses?: CodeTable<DoorClass>;
  /** Direction from a bracket at the end of the address: `第五教学楼[进门]` is door `第五教学楼`, ENTER. */
  readonly address?: { readonly open: string; readonly close: string };
  readonly directions?: CodeTable<DirectionCode>;
  /** Vendor's reason → code of `contracts/codes/decision-reasons.json`. */
  readonly reasons?: CodeTable<string>;
  /** Vendor's word for let through → true or false. */
  readonly grantedCodes?: CodeTable<boolean>;
  /** Swipes name the doors: each swipe also gives its door, with this class. */
  readonly impliesDoors?: { readonly class: DoorClass };
}

const names = (values: readonly unknown[]) => ({ type: 'object', additionalProperties: { enum: values } });

/** JSON Schema of {@link AccessProfile}. */
export const accessProfileSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  additionalProperties: false,
  properties: {
    personSource: { type: 'string' },
    cardSource: { type: 'string' },
    readerProfile: { type: 'string' },
    doorClasses: names([...Object.keys(codes.DOOR_CLASS), 'UNKNOWN']),
    address: {
      type: 'object',
      required: ['open', 'close'],
      additionalProperties: false,
      properties: { open: { type: 'string', minLength: 1 }, close: { type: 'string', minLength: 1 } },
    },
    directions: names(['ENTER', 'EXIT', 'BOTH', 'UNKNOWN']),
    reasons: { type: 'object', additionalProperties: { type: 'string' } },
    grantedCodes: names([true, false]),
    impliesDoors: {
      type: 'object',
      required: ['class'],
      additionalProperties: false,
      properties: { class: { enum: [...Object.keys(codes.DOOR_CLASS), 'UNKNOWN'] } },
    },
    ...clockLimitProperties,
  },
};

const SUBJECT: CodeTable<GrantSubjectType> = { person: 'PERSON', card: 'CARD', group: 'GROUP' };
const RESOURCE: CodeTable<GrantResourceType> = { door: 'DOOR', doorGroup: 'DOOR_GROUP', group: 'GROUP' };
const STATE: CodeTable<'ACTIVE' | 'SUSPENDED' | 'REVOKED'> = {
  active: 'ACTIVE',
  suspended: 'SUSPENDED',
  revoked: 'REVOKED',
};

/** `unit:…` and `class:…` are groups of the person record; all others are the vendor's own. */
export function groupName(id: string, source: string): string {
  if (id.startsWith('unit:') || id.startsWith('class:')) return id;
  return `${source}:group:${id.startsWith('group:') ? id.slice(6) : id}`;
}

/** Maps a grant. Whatever says who may pass, where or when, and cannot be read, rejects the row. */
export function mapGrant(row: GrantRow, context: MapContext): Mapped {
  return mapRow(() => {
    const profile = context.profile as AccessProfile;
    const { source } = context;
    const grantId = requiredId(row.id, 'id');
    const grantKey = `${source}:${grantId}`;
    const value: AccessGrant = {
      grantKey,
      source,
      grantId,
      version: row.version ?? 0,
      ...subjectOf(row, profile, source),
      ...resourceOf(row, source),
      direction: isEmpty(row.direction)
        ? 'BOTH'
        : code(row.direction.toLowerCase(), codes.DIRECTION, profile.directions, 'direction'),
      validFrom: limit(row.validFrom, 'validFrom', startOfDay),
      validUntil: limit(row.validUntil, 'validUntil', endOfDay),
      schedule: (row.schedule ?? []).map(spanOf),
      state: isEmpty(row.state) ? 'ACTIVE' : code(row.state.toLowerCase(), STATE, undefined, 'state'),
      stateReason: null,
      dataQuality: [],
    };
    const record = {
      topic: 'master.access-grant',
      key: grantKey,
      version: value.version,
      value,
      time: context.asOf,
    };
    return { kind: 'records', records: [record], marks: [] };
  });
}

const isEmpty = (text: string | undefined): text is undefined | '' => text === undefined || text === '';

function subjectOf(row: GrantRow, profile: AccessProfile, source: string) {
  const id = requiredId(row.subject.id, 'subject.id');
  const subjectType = code(row.subject.type, SUBJECT, undefined, 'subject.type');
  if (subjectType === 'GROUP') return { subjectType, subject: groupName(id, source) };
  const owner = subjectType === 'PERSON' ? profile.personSource : profile.cardSource;
  return { subjectType, subject: `${owner ?? source}:${id}` };
}

function resourceOf(row: GrantRow, source: string) {
  const resourceType = code(row.resource.type, RESOURCE, undefined, 'resource.type');
  if (resourceType === 'DOOR') {
    return { resourceType, resource: `${source}:${placeId(row.resource.id, 'resource.id')}` };
  }
  return { resourceType, resource: groupName(requiredId(row.resource.id, 'resource.id'), source) };
}

/** A bare date means the whole of that day at either end. */
function limit(text: string | undefined, path: string, ofDay: (days: number) => number): number | null {
  if (text === undefined || isNoTime(text)) return null;
  const day = parseDate(trim(text));
  return day.ok ? ofDay(day.days) : instant(text, path);
}

function clock(text: string, path: string, most: number): string {
  const folded = foldWidth(text);
  const hour = Number(folded.slice(0, 2));
  const minute = Number(folded.slice(3));
  const good = /^\d\d:\d\d$/u.test(folded) && minute < 60 && hour * 60 + minute <= most;
  return good ? folded : reject('TIME_INVALID', path, `expected HH:MM, came ${text.length} characters`);
}

function spanOf(span: GrantSchedule, index: number): ScheduleSpan {
  const path = `schedule.${index}`;
  const days = [...new Set(span.days)].sort((a, b) => a - b);
  if (days.length === 0) reject('REQUIRED_MISSING', `${path}.days`, 'expected days 1 to 7, came none');
  if (days.some((day) => !Number.isInteger(day) || day < 1 || day > 7)) {
    reject('CODE_UNKNOWN', `${path}.days`, 'expected days 1 (Monday) to 7 (Sunday)');
  }
  return {
    days,
    from: clock(span.from, `${path}.from`, 1439),
    until: clock(span.until, `${path}.until`, 1440),
  };
}

export const grantKind: RecordKind = {
  map: (row, context) => mapGrant(row as GrantRow, context),
  profile: accessProfileSchema,
  state: { 'master.access-grant': { key: 'grantKey', gone: 'REVOKED' } },
  rows: ['master.access-grant'],
  events: {},
};
