/**
 * Swipes of an access-control system → master.door-event (and master.door, where swipes are all that names a door).
 *
 * A swipe by a card that nobody knows, or that several cards share, is published all the same, under a keyed
 * pseudonym of the number and with a mark: it happened. Two swipes in one minute are two events; the later one is
 * marked POSSIBLE_REPEAT and kept.
 */
import type { SwipeRow } from '../connectors/access-control/rows.js';
import type { Direction, Door, DoorEvent } from '../contracts/types.js';
import * as codes from './codes.js';
import { code, mapRow, optionalId, placeId, quality, reject } from './fields.js';
import { doorTopic } from './door.js';
import { accessProfileSchema, type AccessProfile } from './grant.js';
import { deviceTimes, holderOfCredential } from './holder.js';
import type { RecordKind } from './kind.js';
import type { ContractRecord, MapContext, Mapped, Mark } from './outcome.js';
import { cleanText, foldWidth, textOrNull } from './text.js';
import { businessDate } from './time.js';

const MINUTE_MS = 60_000;
/** Stream name of every access-control connector; part of the event's id. */
const STREAM = 'swipes';

/** Maps a swipe; see the head of this file. */
export function mapSwipe(row: SwipeRow, context: MapContext): Mapped {
  return mapRow(() => {
    const profile = context.profile as AccessProfile;
    const { source } = context;
    const marks = new Set<Mark>();
    const eventId = `${source}:${STREAM}:${naturalId(row)}`;
    if (row.noCard === true) return { kind: 'records', records: [], marks: [], filtered: 'NOT_A_SWIPE' };
    const place = placeOf(row, profile, marks);
    const doorKey = row.doorKey ?? `${source}:${place.doorId}`;
    if (profile.impliesDoors === undefined && !context.doorKnown(doorKey)) marks.add('DOOR_UNKNOWN');
    const { credential } = row;
    const named = credential.profile === '' ? undefined : credential.profile;
    const holder = holderOfCredential(
      { profile: named ?? profile.readerProfile, value: credential.value },
      { profile: 'credential.profile', value: 'credential.value' },
      marks,
      context,
    );
    const { occurredAt, collectedAt } = deviceTimes(
      { text: row.occurredAt, path: 'occurredAt' },
      { text: row.uploadedAt, path: 'uploadedAt' },
      profile,
      marks,
    );
    const who = holder.cardKey ?? holder.credentialPseudonym;
    if (context.seenBefore(tupleOf(who, occurredAt, doorKey, place.direction), eventId))
      marks.add('POSSIBLE_REPEAT');
    const dataQuality = quality(marks);
    const value: DoorEvent = {
      eventId,
      source,
      doorKey,
      ...holder,
      direction: place.direction,
      ...outcomeOf(row, profile),
      occurredAt,
      businessDate: businessDate(occurredAt),
      collectedAt,
      deviceIndex: row.index === undefined || row.index === '' ? null : String(row.index),
      dataQuality,
    };
    const key = holder.cardKey ?? `${source}:anon:${holder.credentialPseudonym}`;
    const records: ContractRecord[] = [
      { topic: 'master.door-event', key, version: 0, value, eventId, time: occurredAt },
    ];
    if (profile.impliesDoors !== undefined) records.push(impliedDoor(place.doorId, profile, context));
    return { kind: 'records', records, marks: dataQuality };
  });
}

/** Two swipes with one tuple may be one. The parts name it as well as its number does, and hold no number. */
function tupleOf(who: string | null, occurredAt: number, doorKey: string, direction: Direction): string {
  return `${who ?? ''}|${Math.floor(occurredAt / MINUTE_MS)}|${doorKey}|${direction}`;
}

function naturalId(row: SwipeRow): string {
  const id = optionalId(row.id, 'id');
  if (id !== null) return id;
  const controller = optionalId(row.controllerId, 'controllerId');
  if (controller !== null && row.index !== undefined && row.index !== '') return `${controller}-${row.index}`;
  return (
    optionalId(row.contentKey, 'contentKey') ??
    reject('REQUIRED_MISSING', 'id', 'expected id, controllerId with index, or contentKey; came none')
  );
}

function placeOf(
  row: SwipeRow,
  profile: AccessProfile,
  marks: Set<Mark>,
): { doorId: string; direction: Direction } {
  let doorId = cleanText(row.doorId);
  let word = row.direction === undefined ? '' : foldWidth(row.direction);
  const { address } = profile;
  if (address !== undefined && doorId.endsWith(address.close)) {
    const at = doorId.lastIndexOf(address.open);
    if (at > 0) {
      if (word === '') word = doorId.slice(at + address.open.length, doorId.length - address.close.length);
      doorId = cleanText(doorId.slice(0, at));
    }
  }
  const known =
    codes.lookUp(word, codes.DIRECTION, profile.directions) ??
    codes.lookUp(word.toLowerCase(), codes.DIRECTION);
  const direction = known === undefined || known === 'BOTH' ? 'UNKNOWN' : known;
  if (direction === 'UNKNOWN') marks.add('DIRECTION_UNKNOWN');
  return { doorId: placeId(doorId, 'doorId'), direction };
}

function outcomeOf(row: SwipeRow, profile: AccessProfile) {
  const { granted } = row;
  const upstreamReason = textOrNull(row.reason);
  return {
    granted:
      granted === undefined || granted === ''
        ? null
        : typeof granted === 'boolean'
          ? granted
          : code(granted, codes.GRANTED, profile.grantedCodes, 'granted'),
    upstreamReason,
    reason: upstreamReason === null ? null : (codes.lookUp(upstreamReason, {}, profile.reasons) ?? null),
  };
}

function impliedDoor(doorId: string, profile: AccessProfile, context: MapContext): ContractRecord {
  const doorKey = `${context.source}:${doorId}`;
  const value: Door = {
    doorKey,
    source: context.source,
    doorId,
    version: 0,
    name: doorId,
    doorClass: profile.impliesDoors?.class ?? 'UNKNOWN',
    building: doorId,
    campus: null,
    groups: [],
    readerProfile: profile.readerProfile ?? null,
    auditRequired: false,
    state: 'ACTIVE',
    stateReason: null,
    dataQuality: [],
  };
  return { topic: 'master.door', key: doorKey, version: 0, value, time: context.asOf };
}

export const swipeKind: RecordKind = {
  map: (row, context) => mapSwipe(row as SwipeRow, context),
  profile: accessProfileSchema,
  // Where swipes are all that names a door.
  state: { 'master.door': doorTopic },
  rows: [],
  events: {
    'master.door-event': {
      says: ['occurredAt', 'doorKey', 'direction', 'granted'],
      tuple: ({ cardKey, credentialPseudonym, occurredAt, doorKey, direction }) =>
        tupleOf(cardKey ?? credentialPseudonym, occurredAt, doorKey, direction),
    },
  },
  looksUpCards: true,
};
