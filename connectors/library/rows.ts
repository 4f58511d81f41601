/**
 * What a library system says, as parsed and not yet cleaned: row types that the REST and the desk-export connector
 * share, named as Koha's REST API names them, and their JSON Schemas. Times are ISO 8601 with an offset, or
 * `yyyyMMddHHmmss` and `yyyyMMdd` in Asia/Shanghai.
 */

export interface PatronRow {
  readonly patron_id: number | string;
  /** Number of the card that the library has on file: the core's card number. */
  readonly cardnumber?: string | null;
  /** School number. */
  readonly userid?: string | null;
  readonly category_id?: string | null;
  readonly library_id?: string | null;
  readonly date_enrolled?: string | null;
  readonly expiry_date?: string | null;
  readonly patron_card_lost: boolean;
  readonly restricted?: boolean;
  /** When the library last changed the reader; the row's version. */
  readonly updated_on?: string;
}

/** A step of a loan that a row is the first to tell. */
export type LoanStep = 'out' | 'renewed' | 'in';

export interface LoanRow {
  readonly checkout_id: number | string;
  /** Null once the library has made the loan anonymous. */
  readonly patron_id: number | string | null;
  readonly item_id: number | string;
  readonly library_id?: string | null;
  readonly checkout_date?: string | null;
  readonly due_date?: string | null;
  readonly last_renewed_date?: string | null;
  readonly renewals_count?: number | null;
  readonly checkin_date?: string | null;
  /** Made by the connector: what earlier readings cannot have told. */
  readonly tells: readonly LoanStep[];
}

const DRAFT = 'https://json-schema.org/draft/2020-12/schema';
const id = { type: ['integer', 'string'], minLength: 1, maxLength: 64, minimum: 0 } as const;
const text = { type: ['string', 'null'], maxLength: 64 } as const;

/** JSON Schema of {@link PatronRow}. */
export const patronRowSchema: Readonly<Record<string, unknown>> = {
  $schema: DRAFT,
  $id: 'https://cardhub.invalid/rows/library/patron',
  type: 'object',
  required: ['patron_id', 'patron_card_lost'],
  properties: {
    patron_id: id,
    cardnumber: text,
    userid: text,
    category_id: text,
    library_id: text,
    date_enrolled: text,
    expiry_date: text,
    patron_card_lost: { type: 'boolean' },
    restricted: { type: 'boolean' },
    updated_on: { type: 'string', maxLength: 64 },
  },
};

/** JSON Schema of {@link LoanRow}. */
export const loanRowSchema: Readonly<Record<string, unknown>> = {
  $schema: DRAFT,
  $id: 'https://cardhub.invalid/rows/library/loan',
  type: 'object',
  required: ['checkout_id', 'patron_id', 'item_id', 'tells'],
  properties: {
    checkout_id: id,
    patron_id: { type: ['integer', 'string', 'null'], maxLength: 64, minimum: 0 },
    item_id: id,
    library_id: text,
    checkout_date: text,
    due_date: text,
    last_renewed_date: text,
    renewals_count: { type: ['integer', 'null'], minimum: 0, maximum: 10_000 },
    checkin_date: text,
    tells: { type: 'array', maxItems: 3, items: { enum: ['out', 'renewed', 'in'] } },
  },
};
