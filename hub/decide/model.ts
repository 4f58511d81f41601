/**
 * What a decision needs to know, and in what form. `hub/views` gives it from memory; tests and `shadow` give
 * it from wherever they like. Nothing here waits: a view answers at once or not at all.
 */
import type { DecisionReason, DenyReason } from './reasons.js';
import type { ScheduleSpan } from './schedule.js';

/** Days since 1970-01-01 as Avro `date` has them; a card is valid to the end of that day in Shanghai. */
export type EpochDay = number;
/** Epoch milliseconds. */
export type EpochMs = number;

export type CardState = 'NORMAL' | 'NOT_ISSUED' | 'EXPIRED' | 'REPLACED' | 'CLOSED' | 'REMOVED' | 'UNKNOWN';

export interface CardFacts {
  readonly key: string;
  /** Connector instance that owns the card, e.g. `core`. */
  readonly source: string;
  readonly version: number;
  /** `out-of-scope`: temporary and merchant cards, decided by grant alone. */
  readonly scope: 'master' | 'out-of-scope';
  readonly state: CardState;
  readonly lost: boolean;
  readonly frozen: boolean;
  readonly damaged: boolean;
  readonly locked: boolean;
  readonly validFrom?: EpochDay | undefined;
  readonly validUntil?: EpochDay | undefined;
  /** Person key of the holder. */
  readonly holder?: string | undefined;
}

export interface PersonFacts {
  readonly key: string;
  readonly source: string;
  readonly version: number;
  readonly state: 'ACTIVE' | 'LEFT' | 'REMOVED' | 'UNKNOWN';
}

export interface DoorFacts {
  readonly key: string;
  readonly source: string;
  readonly version: number;
  /** PERIMETER, DORMITORY, LABORATORY …; a class that the policy does not name gets its default rules. */
  readonly doorClass: string;
  readonly building?: string | undefined;
  readonly groups: readonly string[];
  readonly readerProfile?: string | undefined;
  readonly auditRequired: boolean;
  readonly state: 'ACTIVE' | 'DISABLED' | 'REMOVED' | 'UNKNOWN';
}

/** One active grant that reaches this card at this door, whatever its time and direction. */
export interface Right {
  readonly key: string;
  readonly source: string;
  readonly version: number;
  readonly direction: 'ENTER' | 'EXIT' | 'BOTH' | 'UNKNOWN';
  /** Half-open: `validFrom <= now < validUntil`. */
  readonly validFrom?: EpochMs | undefined;
  readonly validUntil?: EpochMs | undefined;
  /** Empty: always. */
  readonly schedule: readonly ScheduleSpan[];
}

export interface Passage {
  readonly direction: 'ENTER' | 'EXIT';
  readonly occurredAt: EpochMs;
}

/** A box of a bag locker, and whose bag is in it. */
export interface LockerFacts {
  readonly key: string;
  readonly source: string;
  readonly version: number;
  readonly occupancy: 'FREE' | 'OCCUPIED' | 'UNKNOWN';
  /** The card that opened the session which is on; undefined: none is, or it is not known. */
  readonly card?: string | undefined;
  /** Person key of that card's holder. */
  readonly holder?: string | undefined;
}

/** A lesson of the timetable: half-open, without the margins that a policy gives. */
export interface LessonFacts {
  readonly id: string;
  readonly from: EpochMs;
  readonly until: EpochMs;
  /** Person keys of those who teach. */
  readonly people: readonly string[];
}

/** A multimedia classroom and its lessons of the days around now. */
export interface ClassroomFacts {
  readonly key: string;
  readonly source: string;
  readonly version: number;
  readonly lessons: readonly LessonFacts[];
}

/** A state of alarm over a door: of the whole campus, its building, or the door alone. */
export interface AlertFacts {
  readonly key: string;
  readonly source: string;
  readonly version: number;
  readonly state: 'LOCKDOWN' | 'FIRE' | 'EVACUATION';
  /** Of a lockdown; the policy says what each level means. */
  readonly level: number;
  /** When it ends by itself; the record of a decision does not keep it, since the answer does not depend on it. */
  readonly until?: EpochMs | undefined;
}

export type CredentialReading =
  | { readonly ok: true; readonly scheme: string; readonly value: string }
  | { readonly ok: false; readonly reason: 'DENY_READER_PROFILE' | 'DENY_CARD_NUMBER_INVALID' };

export interface DecisionView {
  /** What the reader sent, read with the profile of that name; an unknown profile is never guessed around. */
  readCredential(profile: string, text: string): CredentialReading;
  card(key: string): CardFacts | undefined;
  /** Every card that has this credential, ended ones too: two of them make the number ambiguous. */
  cardsByCredential(scheme: string, value: string): readonly CardFacts[];
  person(key: string): PersonFacts | undefined;
  cardsOfPerson(key: string): readonly CardFacts[];
  door(key: string): DoorFacts | undefined;
  /** Active grants to the card, its holder or their groups (as of `now`) at the door or its door groups. */
  rights(card: CardFacts, door: DoorFacts, now: EpochMs): readonly Right[];
  /** The last admitted passage of the card through a door of that area, from door events only. */
  lastPassage(cardKey: string, area: string, now: EpochMs): Passage | undefined;
  /** Upstream's `asOf` of the last poll of that stream which the view has applied in full. */
  asOf(source: string, stream: 'cards' | 'grants' | 'uses' | 'rooms'): EpochMs | undefined;
  /** STUDENT, STAFF …; asked only where a rule of the policy does. */
  personClass?(personKey: string): string | undefined;
  /** The gravest alarm over that door that lasts at `now`; absent or undefined: none. */
  alert?(door: DoorFacts, now: EpochMs): AlertFacts | undefined;
  locker?(key: string): LockerFacts | undefined;
  classroom?(key: string): ClassroomFacts | undefined;
}

export type Subject =
  | { readonly type: 'credential'; readonly id: string; readonly readerProfile?: string }
  | { readonly type: 'card'; readonly id: string }
  | { readonly type: 'person'; readonly id: string };

export interface DecisionRequest {
  readonly subject: Subject;
  /** Door key. */
  readonly resource: string;
  /** `enter` or `exit`; anything else is denied as unsupported. */
  readonly action: string;
  /** What else the caller says; only rules of the policy look at it. */
  readonly sent?: SentAttributes | undefined;
}

/** The open parts of an AuthZEN request. */
export interface SentAttributes {
  readonly subject?: Readonly<Record<string, unknown>> | undefined;
  readonly resource?: Readonly<Record<string, unknown>> | undefined;
  readonly action?: Readonly<Record<string, unknown>> | undefined;
  readonly context?: Readonly<Record<string, unknown>> | undefined;
}

/** What shadow replay switches off: recorded swipes say nothing about how old our data was then. */
export interface DecisionOptions {
  readonly ignoreDataAge?: boolean;
  readonly ignoreAntiPassback?: boolean;
  /** Filled with every question in the order in which it was asked. */
  readonly trace?: TraceStep[];
}

/** One question of a decision and its answer. `decides`: it gave the reason of the decision. */
export interface TraceStep {
  readonly step:
    | 'resource'
    | 'subject'
    | 'card-state'
    | 'alert'
    | 'rule'
    | 'right'
    | 'hours'
    | 'anti-passback'
    | 'data-age'
    | 'exit';
  readonly outcome: 'passes' | 'warns' | 'denies' | 'permits' | 'skipped';
  readonly reason?: DenyReason | undefined;
  /** Key of the record or id of the rule that was looked at. */
  readonly on?: string | undefined;
  readonly detail?: string | undefined;
}

export type FactKind =
  | ('card' | 'person' | 'door' | 'grant' | 'alert' | 'event' | 'credential' | 'rule' | 'entity' | 'request')
  | ('locker' | 'classroom');

/** A fact that the decision stands on; no personal data, so that it can be kept. */
export interface Fact {
  readonly kind: FactKind;
  readonly key: string;
  readonly version: number;
  readonly source: string;
  readonly ageMs?: number | undefined;
  /** The record as the view had it; kept with the decision without personal data (`recorded.ts`). */
  readonly of?: object | undefined;
}

export interface Decision {
  readonly decision: boolean;
  readonly reason: DecisionReason;
  /** What would have denied under a stricter policy, e.g. DENY_FROZEN beside ALLOW_WARN_FROZEN. */
  readonly warning?: DenyReason | undefined;
  readonly policyVersion: string;
  /** Age of the oldest data used; absent: that stream was never polled in full. */
  readonly dataAgeMs?: number | undefined;
  /** How long the answer may be cached; null: until the next event of anything among the facts. */
  readonly ttlMs: number | null;
  readonly facts: readonly Fact[];
  /** The card that was judged, if one was found. */
  readonly cardKey?: string | undefined;
}
