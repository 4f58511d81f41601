/** What a multimedia-classroom console system says (`openapi/classrooms.yaml`), and its JSON Schema. */

export interface ClassroomSwipeRow {
  readonly id?: string;
  /** Order of arrival at the server. */
  readonly seq?: number;
  readonly roomId: string;
  readonly roomName?: string | null;
  readonly consoleId?: string | null;
  /** The console's own running number. */
  readonly index?: number | string | null;
  /** Absent where a timer acted. `profile` absent: the mapping profile's `readerProfile` stands. */
  readonly credential?: { readonly profile?: string; readonly value: string } | null;
  /** power_on, power_off, timer_off, refused; any case. */
  readonly action: string;
  readonly reason?: string | null;
  /** What the console found in its copy of the timetable when the card was shown; null: no lesson. */
  readonly lesson?: { readonly id: string; readonly from: string; readonly until: string } | null;
  /** The console's clock, ISO 8601 with an offset. */
  readonly occurredAt: string;
  /** The server's clock. */
  readonly uploadedAt?: string | null;
}

const required = { type: 'string', minLength: 1, maxLength: 128 } as const;
const text = { type: ['string', 'null'], maxLength: 128 } as const;

/** JSON Schema of {@link ClassroomSwipeRow}. */
export const classroomSwipeRowSchema: Readonly<Record<string, unknown>> = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'https://cardhub.invalid/rows/classrooms/swipe',
  type: 'object',
  required: ['roomId', 'action', 'occurredAt'],
  properties: {
    id: text,
    seq: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    roomId: required,
    roomName: text,
    consoleId: text,
    index: { type: ['integer', 'string', 'null'], maxLength: 64 },
    credential: {
      type: ['object', 'null'],
      required: ['value'],
      properties: { profile: { type: 'string', maxLength: 64 }, value: required },
    },
    action: required,
    reason: text,
    lesson: {
      type: ['object', 'null'],
      required: ['id', 'from', 'until'],
      properties: { id: required, from: required, until: required },
    },
    occurredAt: required,
    uploadedAt: text,
  },
};
