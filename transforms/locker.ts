/** Boxes and sessions of bag lockers → master.locker, master.locker-use. */
import type { LockerEventRow, LockerRow } from '../connectors/lockers/rows.js';
import type { Locker, LockerOccupancy, LockerUse, LockerUseKind } from '../contracts/types.js';
import type { CodeTable } from './codes.js';
import { code, instant, mapRow, optionalId, quality, requiredId } from './fields.js';
import { clockLimitProperties, deviceTimes, holderOfCredential, type ClockLimits } from './holder.js';
import type { RecordKind } from './kind.js';
import type { MapContext, Mapped, Mark } from './outcome.js';
import { foldWidth, textOrNull } from './text.js';
import { businessDate } from './time.js';

/** The `mapping` options of a locker instance in hub.yaml. */
export interface LockerProfile extends ClockLimits {
  /** How the kiosks' readers write card numbers; without it a use with a card is refused. */
  readonly readerProfile?: string;
  /** Vendor's word → what happened. */
  readonly useKinds?: CodeTable<LockerUseKind>;
}

const KINDS = ['OPENED', 'REOPENED', 'CLOSED', 'OVERDUE', 'OPENED_BY_STAFF'] as const;

/** JSON Schema of {@link LockerProfile}. */
export const lockerProfileSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  additionalProperties: false,
  properties: {
    readerProfile: { type: 'string' },
    useKinds: { type: 'object', additionalProperties: { enum: KINDS } },
    ...clockLimitProperties,
  },
};

interface BoxState {
  readonly state: Locker['state'];
  readonly occupancy: LockerOccupancy;
}
const BOX: CodeTable<BoxState> = {
  free: { state: 'ACTIVE', occupancy: 'FREE' },
  occupied: { state: 'ACTIVE', occupancy: 'OCCUPIED' },
  // Whatever is in it cannot be told from outside.
  out_of_order: { state: 'DISABLED', occupancy: 'UNKNOWN' },
};
const USE: CodeTable<LockerUseKind> = {
  opened: 'OPENED',
  reopened: 'REOPENED',
  closed: 'CLOSED',
  overdue: 'OVERDUE',
  staff_opened: 'OPENED_BY_STAFF',
};
/** Stream name of every locker connector's sessions; part of the events' ids. */
const USES = 'uses';

const text = (value: string | null | undefined): string | undefined => value ?? undefined;

export function mapLocker(row: LockerRow, context: MapContext): Mapped {
  return mapRow(() => {
    const { source, asOf } = context;
    const lockerId = requiredId(row.locker_id, 'locker_id');
    const box = code(foldWidth(row.state).toLowerCase(), BOX, undefined, 'state');
    const value: Locker = {
      lockerKey: `${source}:${lockerId}`,
      source,
      lockerId,
      version: row.version ?? 0,
      name: textOrNull(row.box_no) ?? lockerId,
      kiosk: optionalId(row.kiosk_id, 'kiosk_id'),
      place: textOrNull(row.place),
      campus: textOrNull(row.campus),
      size: textOrNull(row.size),
      occupancy: box.occupancy,
      sessionId: optionalId(text(row.session_id), 'session_id'),
      occupiedSince: instant(text(row.occupied_since), 'occupied_since'),
      state: box.state,
      stateReason: null,
      dataQuality: [],
    };
    const { lockerKey: key, version } = value;
    return {
      kind: 'records',
      records: [{ topic: 'master.locker', key, version, value, time: asOf }],
      marks: [],
    };
  });
}

/**
 * Maps one event of a session. Losing the card must not lock somebody's bag in: an opening by staff needs no card, and
 * the session's id, not the card, holds its events together.
 */
export function mapLockerUse(row: LockerEventRow, context: MapContext): Mapped {
  return mapRow(() => {
    const profile = context.profile as LockerProfile;
    const { source } = context;
    const marks = new Set<Mark>();
    const eventId = `${source}:${USES}:${requiredId(row.event_id, 'event_id')}`;
    const sessionId = requiredId(row.session_id, 'session_id');
    const kind = code(foldWidth(row.type).toLowerCase(), USE, profile.useKinds, 'type');
    const card = textOrNull(text(row.card_id));
    const holder =
      card === null
        ? { cardKey: null, credentialPseudonym: null }
        : holderOfCredential(
            { profile: profile.readerProfile, value: card },
            { profile: 'mapping.readerProfile', value: 'card_id' },
            marks,
            context,
          );
    const staff = textOrNull(text(row.staff_no));
    const times = deviceTimes(
      { text: row.occurred_at, path: 'occurred_at' },
      { text: text(row.uploaded_at), path: 'uploaded_at' },
      profile,
      marks,
    );
    const dataQuality = quality(marks);
    const value: LockerUse = {
      eventId,
      source,
      lockerKey: `${source}:${requiredId(row.locker_id, 'locker_id')}`,
      sessionId,
      kind,
      ...holder,
      staffPseudonym: staff === null ? null : context.pseudonym(`staff:${foldWidth(staff)}`),
      cause: textOrNull(text(row.cause)),
      occurredAt: times.occurredAt,
      businessDate: businessDate(times.occurredAt),
      collectedAt: times.collectedAt,
      dataQuality,
    };
    const record = {
      topic: 'master.locker-use',
      key: `${source}:${sessionId}`,
      version: 0,
      value,
      eventId,
      time: times.occurredAt,
    };
    return { kind: 'records', records: [record], marks: dataQuality };
  });
}

export const lockerKind: RecordKind = {
  map: (row, context) => mapLocker(row as LockerRow, context),
  profile: lockerProfileSchema,
  state: { 'master.locker': { key: 'lockerKey', gone: 'DISABLED' } },
  rows: ['master.locker'],
  events: {},
};

export const lockerUseKind: RecordKind = {
  map: (row, context) => mapLockerUse(row as LockerEventRow, context),
  profile: lockerProfileSchema,
  state: {},
  rows: [],
  events: { 'master.locker-use': { says: ['sessionId', 'lockerKey', 'kind', 'occurredAt'] } },
  looksUpCards: true,
};
