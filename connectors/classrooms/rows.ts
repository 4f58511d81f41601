/** What a multimedia-classroom console system says (`openapi/classrooms.yaml`), and its JSON Schema. */

/** A lesson in a room; times are ISO 8601 with an offset. */
export interface LessonRow {
  readonly id: string;
  readonly from: string;
  readonly until: string;
}

/** A room with its lessons of today and the coming days. */
export interface ClassroomRow {
  readonly roomId: string;
  readonly roomName?: string | null;
  readonly lessons: readonly (LessonRow & {
    /** School number. */
    readonly teacher?: string | null;
  })[];
}

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
  readonly lesson?: LessonRow | null;
  /**
   * The lessons of that room and day as the academic office has them, read by the connector when it read the swipe;
   * absent: the server could not tell.
   */
  readonly timetable?: readonly LessonRow[];
  /** The console's clock, ISO 8601 with an offset. */
  readonly occurredAt: string;
  /** The server's clock. */
  readonly uploadedAt?: string | null;
}

const required = { type: 'string', minLength: 1, maxLength: 128 } as const;
const text = { type: ['string', 'null'], maxLength: 128 } as const;
/** Lessons of a room on a day. */
export const LESSONS_MAX = 48;
const lesson = (types: 'object' | readonly ['object', 'null']) => ({
  type: types,
  required: ['id', 'from', 'until'],
  properties: { id: required, from: required, until: required },
});

/** Lessons of a room that are told at once. */
const ROOM_LESSONS_MAX = 400;

/** JSON Schema of {@link ClassroomRow}. */
export const classroomRowSchema: Readonly<Record<string, unknown>> = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'https://cardhub.invalid/rows/classrooms/room',
  type: 'object',
  required: ['roomId', 'lessons'],
  properties: {
    roomId: required,
    roomName: text,
    lessons: {
      type: 'array',
      maxItems: ROOM_LESSONS_MAX,
      items: {
        type: 'object',
        required: ['id', 'from', 'until'],
        properties: { id: required, from: required, until: required, teacher: text },
      },
    },
  },
};

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
    lesson: lesson(['object', 'null']),
    timetable: { type: 'array', maxItems: LESSONS_MAX, items: lesson('object') },
    occurredAt: required,
    uploadedAt: text,
  },
};
