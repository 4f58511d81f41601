/** The record kinds by the name that a stream's spec gives (`maps`), and what they say of their topics. */
import { accountKind } from './account.js';
import { cardAloneKind, cardKind } from './card.js';
import { agreementKind, reconKind } from './bank.js';

import { classroomKind } from './classroom.js';
import { classroomSwipeKind } from './classroom-use.js';
import { deviceKind } from './device.js';
import { swipeKind } from './door-event.js';
import { doorKind } from './door.js';
import { grantKind } from './grant.js';
import { loanKind, patronKind } from './library.js';
import { lockerKind, lockerUseKind } from './locker.js';
import { powerPurchaseKind } from './power-purchase.js';
import { powerRoomKind, powerVendorKind } from './power-room.js';
import { roomXrefKind } from './room-xref.js';
import type { EventTopic, ProfileSchema, RecordKind, StateTopic } from './kind.js';
import { servicePointKind } from './service-point.js';
import { topUpKind } from './top-up.js';
import { transactionKind } from './transaction.js';

export const kinds = {
  card: cardKind,
  'card-alone': cardAloneKind,
  account: accountKind,
  transaction: transactionKind,
  'top-up': topUpKind,
  device: deviceKind,
  'service-point': servicePointKind,
  door: doorKind,
  grant: grantKind,
  swipe: swipeKind,
  patron: patronKind,
  loan: loanKind,
  locker: lockerKind,
  'locker-use': lockerUseKind,
  classroom: classroomKind,
  'classroom-swipe': classroomSwipeKind,
  'power-room': powerRoomKind,
  'power-vendor': powerVendorKind,
  'power-purchase': powerPurchaseKind,
  'room-xref': roomXrefKind,
  'bank-agreement': agreementKind,
  'bank-recon': reconKind,
} as const satisfies Readonly<Record<string, RecordKind>>;

export type KindName = keyof typeof kinds;

/** Throws where a spec names a kind that there is not. */
export function kindOf(maps: string): RecordKind {
  const kind = (kinds as Readonly<Record<string, RecordKind>>)[maps];
  if (kind === undefined) throw new Error(`no mapping is called ${maps}`);
  return kind;
}

const all: readonly RecordKind[] = Object.values(kinds);
const entries = <V>(of: (kind: RecordKind) => Readonly<Record<string, V | undefined>>) =>
  new Map(all.flatMap((kind) => Object.entries(of(kind)) as [string, V][]));
// Their functions and fields belong to the topic's own values; by a topic's name only they are met again.
const stateTopics = entries(({ state }) => state as Readonly<Record<string, StateTopic>>);
const eventTopics = entries(({ events }) => events as Readonly<Record<string, EventTopic>>);

/** How things on this topic end; undefined: absence ends nothing there. */
export function stateTopic(topic: string): StateTopic | undefined {
  return stateTopics.get(topic);
}

/** True in a state after which a thing's absence is no news. */
export function hasEnded(topic: string, state: string): boolean {
  const facts = stateTopics.get(topic);
  if (facts === undefined || state === 'REMOVED' || state === facts.gone) return true;
  return (facts.ended as readonly string[] | undefined)?.includes(state) ?? false;
}

function eventTopic(topic: string): EventTopic {
  const facts = eventTopics.get(topic);
  if (facts === undefined) throw new Error(`no record kind declares the event topic ${topic}`);
  return facts;
}

/** The part of an event that its source row alone decides (`EventTopic.says`), as one text. */
export function eventContent(topic: string, value: object): string {
  const event = value as Readonly<Record<string, unknown>>;
  return eventTopic(topic)
    .says.map((field) => event[field])
    .join('|');
}

/** The tuple by which the event's mapping asks `seenBefore`, read back from the published event. */
export function eventTuple(topic: string, value: object): string | null {
  const { tuple } = eventTopic(topic) as { readonly tuple?: (event: object) => string | null };
  return tuple?.(value) ?? null;
}

/** The thing and form of an event that a later reading tells in its newest form only; null for all others. */
export function eventRetold(topic: string, value: object): readonly [thing: string, form: string] | null {
  const { retold } = eventTopic(topic) as {
    readonly retold?: (event: object) => readonly [thing: string, form: string];
  };
  return retold?.(value) ?? null;
}

/** True where an upstream that is asked again tells things of this topic in their newest form only. */
export function isRetold(topic: string): boolean {
  return eventTopic(topic).retold !== undefined;
}

/**
 * JSON Schema of the `mapping` section of a connector whose streams map as these: its streams share one section, so
 * it may hold what any of them reads.
 */
export function profileSchema(maps: readonly string[]): ProfileSchema {
  const schemas = [...new Set(maps.map((name) => kindOf(name).profile))];
  if (schemas.length === 1) return schemas[0] as ProfileSchema;
  const properties = Object.assign({}, ...schemas.map((schema) => schema['properties'])) as object;
  return { type: 'object', additionalProperties: false, properties };
}
