/**
 * What a mapping gives: the records of one source row, or a reject. Mappings are pure: everything they look
 * up comes through `MapContext`.
 */

import type { CompiledProfile } from './card-number.js';

/** A record before it is encoded: `value` has the shape of the topic's Avro contract. */
export interface ContractRecord {
  readonly topic: string;
  /** `{source}:{natural id}` */
  readonly key: string;
  /** Monotonic version that the source gave; 0 when it gives none (then the source position decides). */
  readonly version: number;
  readonly value: object;
  /** Event topics: id by which repeats are recognised. State topics: absent. */
  readonly eventId?: string;
  /** When it happened or was true upstream, epoch ms (CloudEvents `time`). */
  readonly time: number;
}

/** Why a row was not published although nothing is wrong with it. Closed set. */
export type FilterReason =
  'TEMPORARY_CARD' | 'MERCHANT_CARD' | 'TEST_ROW' | 'OLDER_THAN_PUBLISHED' | 'NOT_A_SWIPE';

/** Why a row went to quarantine. Closed set; the texts stand in `contracts/codes/reject-reasons.json`. */
export type RejectReason =
  | 'SCHEMA' // does not match the stream's row schema
  | 'DAMAGED_ROW' // torn line, bad encoding, wrong column count
  | 'REQUIRED_MISSING'
  | 'CARD_NUMBER_INVALID'
  | 'READER_PROFILE_MISSING'
  | 'DATE_INVALID'
  | 'TIME_INVALID'
  | 'TIME_OUT_OF_RANGE'
  | 'MONEY_INVALID'
  | 'CODE_UNKNOWN'
  | 'TEXT_INVALID'
  | 'ID_INVALID'
  | 'DUPLICATE_KEY_DIFFERENT' // the same event id with different content
  | 'TOO_LARGE'
  | 'ROOM_UNMAPPED'
  | 'ROOM_MAPPED_TWICE'
  | 'READING_NOT_UNDERSTOOD'
  | 'UNIT_INCONSISTENT';

/** Damaged but usable: published with this in `dataQuality`. Closed set. */
export type Mark =
  | 'AMBIGUOUS_CREDENTIAL'
  | 'UNKNOWN_CREDENTIAL'
  | 'POSSIBLE_REPEAT'
  | 'CLOCK_SUSPECT'
  | 'LATE_UPLOAD'
  | 'NAME_REPLACEMENT_CHARACTERS'
  | 'HOLDER_UNKNOWN'
  | 'ID_DOCUMENT_INVALID'
  | 'CODE_UNMAPPED'
  | 'UNSTABLE_UID' // random or cascade UID: no identity
  | 'DOOR_UNKNOWN'
  | 'DIRECTION_UNKNOWN'
  | 'INFERRED'
  | 'LOST_TIME_UNKNOWN' // a loss is believed even when its time cannot be read
  | 'BALANCE_UNCERTAIN'
  | 'CLAIM_NOT_AT_CANTEEN' // only a canteen POS claims pending money
  | 'METER_UNREADABLE' // the vendor answered, without a reading
  | 'METER_STALE'
  | 'PAY_SOURCE_NOT_ALLOWED'
  | 'ORDER_CONTRADICTED'
  | 'TIMETABLE_DIFFERS'; // a console's copy of the timetable is not the academic office's

export type Mapped =
  | {
      readonly kind: 'records';
      readonly records: readonly ContractRecord[];
      readonly marks: readonly Mark[];
      /** Set: the row counts as filtered; its records (hub.out-of-scope-card) are written all the same. */
      readonly filtered?: FilterReason;
    }
  | {
      readonly kind: 'reject';
      readonly reason: RejectReason;
      readonly path: string;
      readonly detail: string;
    };

/** How a credential number stands in the card list as recorded so far. */
export type CredentialMatch =
  | { readonly kind: 'one'; readonly cardKey: string }
  | { readonly kind: 'many'; readonly cardKeys: readonly string[] }
  | { readonly kind: 'none' };

/** The room of the dormitory system that a vendor's room is on a day, by the recorded mapping table. */
export type RoomMatch =
  | { readonly kind: 'one'; readonly roomId: string; readonly campus: string | null }
  | { readonly kind: 'many'; readonly roomIds: readonly string[] }
  /** `otherDays`: there are lines for this code, but none holds on that day. */
  | { readonly kind: 'none'; readonly otherDays: boolean };

export interface MapContext {
  /** The connector instance, e.g. `core`; first part of every key. */
  readonly source: string;
  /** As of which the page is true (epoch ms); part of the source position. */
  readonly asOf: number;
  /** The instance's `mapping` options from hub.yaml (profile), already validated. */
  readonly profile: Readonly<Record<string, unknown>>;
  /** Keyed pseudonym, `hmac-sha256:<base64url>`; never a plain hash. */
  readonly pseudonym: (text: string) => string;
  /** Cards that hold this credential, from the recorded card topics (rule 8). */
  readonly cardsByCredential: (scheme: string, value: string) => CredentialMatch;
  /**
   * True when another event of this stream had this tuple before, within the stated window; records it under
   * `eventId`, so that the same event asked again (after a crash) gets the same answer. The tuple holds no number.
   */
  readonly seenBefore: (tuple: string, eventId: string) => boolean;
  /** A door's key is known. */
  readonly doorKnown: (doorKey: string) => boolean;
  /** @param day business date, days since 1970-01-01 */
  readonly roomOf: (codeSystem: string, vendorRoom: string, day: number) => RoomMatch;
  /** Built-in and own reader profiles by name (`readerProfiles` in `reader-profiles.ts`). */
  readonly readerProfile: (name: string) => CompiledProfile | undefined;
}

/** Version of the mapping rules; stored in quarantine so that a replay shows which rules refused a row. */
export const RULES_VERSION = 1;
