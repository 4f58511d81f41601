/** Cards at the consoles of multimedia classrooms → master.classroom-use. */
import type { ClassroomSwipeRow } from '../connectors/classrooms/rows.js';
import type { ClassroomUse, ClassroomUseKind, TimetableCheck } from '../contracts/types.js';
import * as codes from './codes.js';
import type { CodeTable } from './codes.js';
import { code, mapRow, optionalId, placeId, quality, reject, requiredId, requiredInstant } from './fields.js';
import { clockLimitProperties, deviceTimes, holderOfCredential, type ClockLimits } from './holder.js';
import type { RecordKind } from './kind.js';
import type { MapContext, Mapped, Mark } from './outcome.js';
import { foldWidth, textOrNull } from './text.js';
import { businessDate } from './time.js';

/** The `mapping` options of a classroom instance in hub.yaml. */
export interface ClassroomProfile extends ClockLimits {
  /** Source whose school numbers the timetable uses for teachers; default: the instance itself. */
  readonly personSource?: string;
  /** Reader profile where the swipe names none. */
  readonly readerProfile?: string;
  /** Vendor's word → what the console did. */
  readonly useKinds?: CodeTable<ClassroomUseKind>;
  /** Vendor's reason → code of `contracts/codes/decision-reasons.json`. */
  readonly reasons?: CodeTable<string>;
  /** A lesson's equipment may be used from so long before it … Default 20 min. */
  readonly beforeLessonMs?: number;
  /** … until so long after it. Default 20 min. */
  readonly afterLessonMs?: number;
}

const MARGIN_MS = 20 * 60_000;
const KINDS = ['POWERED_ON', 'POWERED_OFF', 'POWERED_OFF_BY_TIMER', 'REFUSED'] as const;

/** JSON Schema of {@link ClassroomProfile}. */
export const classroomProfileSchema: Readonly<Record<string, unknown>> = {
  type: 'object',
  additionalProperties: false,
  properties: {
    personSource: { type: 'string' },
    readerProfile: { type: 'string' },
    useKinds: { type: 'object', additionalProperties: { enum: KINDS } },
    reasons: { type: 'object', additionalProperties: { type: 'string' } },
    beforeLessonMs: { type: 'integer', minimum: 0 },
    afterLessonMs: { type: 'integer', minimum: 0 },
    ...clockLimitProperties,
  },
};

const USE: CodeTable<ClassroomUseKind> = {
  power_on: 'POWERED_ON',
  power_off: 'POWERED_OFF',
  timer_off: 'POWERED_OFF_BY_TIMER',
  refused: 'REFUSED',
};
/** Stream name of every classroom connector; part of the events' ids. */
const SWIPES = 'swipes';

const text = (value: string | null | undefined): string | undefined => value ?? undefined;

export function mapClassroomSwipe(row: ClassroomSwipeRow, context: MapContext): Mapped {
  return mapRow(() => {
    const profile = context.profile as ClassroomProfile;
    const { source } = context;
    const marks = new Set<Mark>();
    const eventId = `${source}:${SWIPES}:${naturalId(row)}`;
    const roomKey = `${source}:${placeId(row.roomId, 'roomId')}`;
    const { credential } = row;
    const holder =
      credential === null || credential === undefined
        ? { cardKey: null, credentialPseudonym: null }
        : holderOfCredential(
            { profile: credential.profile ?? profile.readerProfile, value: credential.value },
            { profile: 'credential.profile', value: 'credential.value' },
            marks,
            context,
          );
    const times = deviceTimes(
      { text: row.occurredAt, path: 'occurredAt' },
      { text: text(row.uploadedAt), path: 'uploadedAt' },
      profile,
      marks,
    );
    const upstreamReason = textOrNull(text(row.reason));
    const kind = code(foldWidth(row.action).toLowerCase(), USE, profile.useKinds, 'action');
    const lesson = lessonOf(row, kind, times.occurredAt, profile, marks);
    const dataQuality = quality(marks);
    const value: ClassroomUse = {
      eventId,
      source,
      roomKey,
      room: textOrNull(text(row.roomName)),
      kind,
      ...holder,
      ...lesson,
      upstreamReason,
      reason: upstreamReason === null ? null : (codes.lookUp(upstreamReason, {}, profile.reasons) ?? null),
      occurredAt: times.occurredAt,
      businessDate: businessDate(times.occurredAt),
      collectedAt: times.collectedAt,
      deviceIndex: row.index === undefined || row.index === null ? null : String(row.index),
      dataQuality,
    };
    const time = times.occurredAt;
    const record = { topic: 'master.classroom-use', key: roomKey, version: 0, value, eventId, time };
    return { kind: 'records', records: [record], marks: dataQuality };
  });
}

function naturalId(row: ClassroomSwipeRow): string {
  const id = optionalId(text(row.id), 'id');
  if (id !== null) return id;
  const device = optionalId(text(row.consoleId), 'consoleId');
  if (device !== null && row.index !== undefined && row.index !== null) return `${device}-${row.index}`;
  reject('REQUIRED_MISSING', 'id', 'expected id, or consoleId with index; came neither');
}

/**
 * The lesson that counts: the academic office's where its timetable was read with the swipe, else the console's. Where
 * the console's copy says something else than the office, the use is marked.
 */
function officeLesson(
  { lesson: told, timetable }: ClassroomSwipeRow,
  occurredAt: number,
  { beforeLessonMs = MARGIN_MS, afterLessonMs = MARGIN_MS }: ClassroomProfile,
  marks: Set<Mark>,
): ClassroomSwipeRow['lesson'] {
  if (timetable === undefined) return told;
  const lessons = timetable.map((lesson, i) => ({
    lesson,
    from: requiredInstant(lesson.from, `timetable.${i}.from`),
    until: requiredInstant(lesson.until, `timetable.${i}.until`),
  }));
  const during = lessons.find(({ from, until }) => from <= occurredAt && occurredAt < until);
  const near = lessons.find(
    ({ from, until }) => from - beforeLessonMs <= occurredAt && occurredAt < until + afterLessonMs,
  );
  if (told === null || told === undefined) {
    if (during !== undefined) marks.add('TIMETABLE_DIFFERS');
    return (during ?? near)?.lesson;
  }
  const [from, until] = [
    requiredInstant(told.from, 'lesson.from'),
    requiredInstant(told.until, 'lesson.until'),
  ];
  const same = lessons.find((one) => one.lesson.id === told.id);
  if (same?.from !== from || same.until !== until) marks.add('TIMETABLE_DIFFERS');
  return (during ?? same ?? near)?.lesson ?? told;
}

/** Checks the console's word: its copy of the timetable may be old, and its clock wrong. */
function lessonOf(
  row: ClassroomSwipeRow,
  kind: ClassroomUseKind,
  occurredAt: number,
  profile: ClassroomProfile,
  marks: Set<Mark>,
): Pick<ClassroomUse, 'lessonId' | 'lessonFrom' | 'lessonUntil' | 'timetable'> {
  const isTimed = !marks.has('CLOCK_SUSPECT');
  const checked = (found: TimetableCheck): TimetableCheck => (isTimed ? found : 'UNKNOWN');
  // Only who switches on is checked.
  const isChecked = isTimed && (kind === 'POWERED_ON' || kind === 'REFUSED');
  const lesson = isChecked ? officeLesson(row, occurredAt, profile, marks) : row.lesson;
  if (lesson === undefined || lesson === null) {
    return { lessonId: null, lessonFrom: null, lessonUntil: null, timetable: checked('NO_LESSON') };
  }
  const lessonFrom = requiredInstant(lesson.from, 'lesson.from');
  const lessonUntil = requiredInstant(lesson.until, 'lesson.until');
  const { beforeLessonMs = MARGIN_MS, afterLessonMs = MARGIN_MS } = profile;
  const within = occurredAt >= lessonFrom - beforeLessonMs && occurredAt < lessonUntil + afterLessonMs;
  const timetable = checked(within ? 'IN_LESSON' : 'OUTSIDE_LESSON');
  return { lessonId: requiredId(lesson.id, 'lesson.id'), lessonFrom, lessonUntil, timetable };
}

export const classroomSwipeKind: RecordKind = {
  map: (row, context) => mapClassroomSwipe(row as ClassroomSwipeRow, context),
  profile: classroomProfileSchema,
  state: {},
  rows: [],
  events: { 'master.classroom-use': { says: ['roomKey', 'kind', 'occurredAt', 'lessonId'] } },
  looksUpCards: true,
};
