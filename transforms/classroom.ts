/** Rooms and their timetable → master.classroom. */
import type { ClassroomRow } from '../connectors/classrooms/rows.js';
import type { Classroom, Lesson } from '../contracts/types.js';
import { classroomProfileSchema, type ClassroomProfile } from './classroom-use.js';
import { mapRow, optionalId, placeId, reject, requiredId, requiredInstant } from './fields.js';
import type { RecordKind } from './kind.js';
import type { MapContext, Mapped } from './outcome.js';
import { textOrNull } from './text.js';

/** Maps a room. One lesson that cannot be read refuses the room: half a timetable would deny who teaches the other half. */
export function mapClassroom(row: ClassroomRow, context: MapContext): Mapped {
  return mapRow(() => {
    const { personSource } = context.profile as ClassroomProfile;
    const { source } = context;
    const roomId = placeId(row.roomId, 'roomId');
    const lessons = row.lessons.map((lesson, i): Lesson => {
      const from = requiredInstant(lesson.from, `lessons.${i}.from`);
      const until = requiredInstant(lesson.until, `lessons.${i}.until`);
      if (until <= from) reject('TIME_INVALID', `lessons.${i}.until`, 'expected an end after its beginning');
      const teacher = optionalId(lesson.teacher ?? undefined, `lessons.${i}.teacher`);
      return {
        ...{ lessonId: requiredId(lesson.id, `lessons.${i}.id`), from, until },
        teacherKeys: teacher === null ? [] : [`${personSource ?? source}:${teacher}`],
      };
    });
    const value: Classroom = {
      roomKey: `${source}:${roomId}`,
      ...{ source, roomId, version: 0 },
      name: textOrNull(row.roomName ?? undefined),
      lessons: lessons.sort((a, b) => a.from - b.from || (a.lessonId < b.lessonId ? -1 : 1)),
      state: 'ACTIVE',
      stateReason: null,
      dataQuality: [],
    };
    const { roomKey: key } = value;
    return {
      kind: 'records',
      records: [{ topic: 'master.classroom', key, version: 0, value, time: context.asOf }],
      marks: [],
    };
  });
}

export const classroomKind: RecordKind = {
  map: (row, context) => mapClassroom(row as ClassroomRow, context),
  profile: classroomProfileSchema,
  state: { 'master.classroom': { key: 'roomKey', gone: 'DISABLED' } },
  rows: ['master.classroom'],
  events: {},
};
