/** What a bag-locker system says (`openapi/lockers.yaml`), as parsed and not yet cleaned, and its JSON Schemas. */

export interface LockerRow {
  readonly locker_id: string;
  /** Number on the door. */
  readonly box_no?: string;
  readonly kiosk_id?: string;
  readonly place?: string;
  readonly campus?: string;
  readonly size?: string;
  /** free, occupied, out_of_order; any case. */
  readonly state: string;
  readonly session_id?: string | null;
  /** `yyyy-MM-dd HH:mm:ss`, Asia/Shanghai. */
  readonly occupied_since?: string | null;
  readonly version?: number;
}

export interface LockerEventRow {
  readonly event_id: string;
  /** Order of arrival at the vendor's server. */
  readonly seq?: number;
  readonly session_id: string;
  readonly locker_id: string;
  /** opened, reopened, closed, overdue, staff_opened; any case. */
  readonly type: string;
  /** Ten decimal digits with leading zeros, as a text; absent where no card was used. */
  readonly card_id?: string | null;
  /** staff_opened: who of the staff. */
  readonly staff_no?: string | null;
  readonly cause?: string | null;
  /** The kiosk's clock, `yyyy-MM-dd HH:mm:ss`, Asia/Shanghai. */
  readonly occurred_at: string;
  /** The server's clock. */
  readonly uploaded_at?: string | null;
}

const DRAFT = 'https://json-schema.org/draft/2020-12/schema';
const required = { type: 'string', minLength: 1, maxLength: 128 } as const;
const text = { type: ['string', 'null'], maxLength: 128 } as const;

/** JSON Schema of {@link LockerRow}. */
export const lockerRowSchema: Readonly<Record<string, unknown>> = {
  $schema: DRAFT,
  $id: 'https://cardhub.invalid/rows/lockers/locker',
  type: 'object',
  required: ['locker_id', 'state'],
  properties: {
    locker_id: required,
    box_no: text,
    kiosk_id: text,
    place: text,
    campus: text,
    size: text,
    state: required,
    session_id: text,
    occupied_since: text,
    version: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
  },
};

/** JSON Schema of {@link LockerEventRow}. */
export const lockerEventRowSchema: Readonly<Record<string, unknown>> = {
  $schema: DRAFT,
  $id: 'https://cardhub.invalid/rows/lockers/event',
  type: 'object',
  required: ['event_id', 'session_id', 'locker_id', 'type', 'occurred_at'],
  properties: {
    event_id: required,
    seq: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    session_id: required,
    locker_id: required,
    type: required,
    // A number would have lost its leading zeros: only a text is believed.
    card_id: text,
    staff_no: text,
    cause: text,
    occurred_at: required,
    uploaded_at: text,
  },
};
