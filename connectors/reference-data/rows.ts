/** A place, telephone or form of the campus-card service, as a file of reference data has it. */
export interface ServicePointRow {
  readonly id: string;
  /** OFFICE, COUNTER, FORM, WEBSITE, APP, CHANNEL, PLATFORM, MACHINE. */
  readonly kind: string;
  readonly name: string;
  readonly nameEn?: string;
  readonly campus?: string;
  readonly place?: string;
  readonly telephones?: readonly string[];
  readonly address?: string;
  readonly services?: readonly string[];
  /** `1-5 08:00-17:00; 6 09:00-12:00`, 1 is Monday; absent: not stated. */
  readonly hours?: string;
  readonly note?: string;
  /** Page that it was taken from, and the date of that page (yyyy-MM-dd): of the file, or of the entry. */
  readonly origin: string;
  readonly originDate: string;
}

const text = (maxLength: number) => ({ type: 'string', maxLength }) as const;
const list = (maxLength: number) => ({ type: 'array', maxItems: 32, items: text(maxLength) }) as const;

/** JSON Schema of {@link ServicePointRow}. */
export const servicePointRowSchema: Readonly<Record<string, unknown>> = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'https://cardhub.invalid/rows/reference-data/service-point',
  type: 'object',
  required: ['id', 'kind', 'name', 'origin', 'originDate'],
  additionalProperties: false,
  properties: {
    id: { type: 'string', minLength: 1, maxLength: 64 },
    kind: { type: 'string', minLength: 1, maxLength: 32 },
    name: { type: 'string', minLength: 1, maxLength: 256 },
    ...{ nameEn: text(256), campus: text(64), place: text(256), address: text(512), hours: text(256) },
    ...{ note: text(1024), origin: text(512), originDate: text(32) },
    ...{ telephones: list(32), services: list(64) },
  },
};
