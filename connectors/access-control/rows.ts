/**
 * What an access-control system says, as parsed and not yet cleaned: row types that the REST and the file
 * connector share, and their JSON Schemas. Times are ISO 8601 with an offset, or in the formats that the
 * instance's mapping profile names.
 */

export interface DoorRow {
  readonly id: string;
  readonly name?: string;
  /** perimeter, dormitory, laboratory, classroom, office, library, turnstile; any case. */
  readonly class?: string;
  readonly building?: string;
  readonly campus?: string;
  readonly groups?: readonly string[];
  /** Name of the reader profile of the door's readers. */
  readonly readerProfile?: string;
  readonly auditRequired?: boolean;
  /** active or disabled; absent: active. */
  readonly state?: string;
  readonly version?: number;
}

export interface GrantSchedule {
  /** 1 Monday … 7 Sunday. */
  readonly days: readonly number[];
  /** HH:MM; `until` may be 24:00, and not after `from` when the span crosses midnight. */
  readonly from: string;
  readonly until: string;
}

export interface GrantRow {
  readonly id: string;
  /** person: school number; card: the core's card number; group: `unit:…`, `class:…` or the vendor's own. */
  readonly subject: { readonly type: string; readonly id: string };
  /** door, doorGroup, or group: then the row says that the subject is a member of that group. */
  readonly resource: { readonly type: string; readonly id: string };
  /** both, enter, exit; absent: both. */
  readonly direction?: string;
  /** Half-open interval; "" or absent: no limit. A bare date in `validUntil` counts to the end of that day. */
  readonly validFrom?: string;
  readonly validUntil?: string;
  readonly schedule?: readonly GrantSchedule[];
  /** active, suspended, revoked; absent: active. */
  readonly state?: string;
  readonly version?: number;
}

export interface SwipeRow {
  /** Upstream's id of the event; absent: `contentKey`, or controller and index, names it. */
  readonly id?: string;
  /** Arrival order at the upstream's server. */
  readonly seq?: number;
  /** Door id, or the address as the export prints it (`第五教学楼[进门]`). */
  readonly doorId: string;
  /** Complete key of the door, where hub.yaml says which one it is; `doorId` is the controller's own number then. */
  readonly doorKey?: string;
  readonly controllerId?: string;
  /** The device's own running number. */
  readonly index?: number | string;
  /** What the reader read. `profile` absent or "": the mapping profile's `readerProfile` stands. */
  readonly credential: { readonly profile?: string; readonly value: string };
  /** An event of the door without a card (a button, a forced door): it has an index and is no swipe. */
  readonly noCard?: boolean;
  /** enter, exit, unknown; absent: taken from the address where the profile says how. */
  readonly direction?: string;
  /** A boolean, or 1/0 as files print it; absent: not told. */
  readonly granted?: boolean | string;
  /** The vendor's code or text. */
  readonly reason?: string;
  /** The device's clock. */
  readonly occurredAt: string;
  /** The server's clock. */
  readonly uploadedAt?: string;
  /**
   * Files without any key column: a digest of the row's content and its ordinal among equal rows of the
   * file, made by the connector (architecture.md, rule 7).
   */
  readonly contentKey?: string;
}

const DRAFT = 'https://json-schema.org/draft/2020-12/schema';
const text = (max: number) => ({ type: 'string', maxLength: max }) as const;
const required = (max: number) => ({ type: 'string', minLength: 1, maxLength: max }) as const;
const version = { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER } as const;
const reference = {
  type: 'object',
  required: ['type', 'id'],
  properties: { type: required(32), id: required(128) },
} as const;

/** JSON Schema of {@link DoorRow}. */
export const doorRowSchema: Readonly<Record<string, unknown>> = {
  $schema: DRAFT,
  $id: 'https://cardhub.invalid/rows/access-control/door',
  type: 'object',
  required: ['id'],
  properties: {
    id: required(128),
    name: text(256),
    class: text(64),
    building: text(256),
    campus: text(256),
    groups: { type: 'array', maxItems: 256, items: required(128) },
    readerProfile: text(64),
    auditRequired: { type: 'boolean' },
    state: text(32),
    version,
  },
};

/** JSON Schema of {@link GrantRow}. */
export const grantRowSchema: Readonly<Record<string, unknown>> = {
  $schema: DRAFT,
  $id: 'https://cardhub.invalid/rows/access-control/grant',
  type: 'object',
  required: ['id', 'subject', 'resource'],
  properties: {
    id: required(128),
    subject: reference,
    resource: reference,
    direction: text(32),
    validFrom: text(64),
    validUntil: text(64),
    schedule: {
      type: 'array',
      maxItems: 64,
      items: {
        type: 'object',
        required: ['days', 'from', 'until'],
        properties: {
          days: { type: 'array', maxItems: 7, items: { type: 'integer', minimum: 1, maximum: 7 } },
          from: text(8),
          until: text(8),
        },
      },
    },
    state: text(32),
    version,
  },
};

/** JSON Schema of {@link SwipeRow}. */
export const swipeRowSchema: Readonly<Record<string, unknown>> = {
  $schema: DRAFT,
  $id: 'https://cardhub.invalid/rows/access-control/swipe',
  type: 'object',
  required: ['doorId', 'credential', 'occurredAt'],
  properties: {
    id: text(192),
    seq: version,
    doorId: required(256),
    doorKey: required(256),
    noCard: { type: 'boolean' },
    controllerId: text(128),
    index: { type: ['integer', 'string'], maxLength: 64 },
    credential: {
      type: 'object',
      required: ['value'],
      properties: { profile: text(64), value: text(256) },
    },
    direction: text(32),
    granted: { type: ['boolean', 'string'], maxLength: 16 },
    reason: text(256),
    occurredAt: text(64),
    uploadedAt: text(64),
    contentKey: text(192),
  },
};
