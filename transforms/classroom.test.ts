import { describe, expect, it } from 'vitest';
import type { ClassroomRow } from '../connectors/classrooms/rows.js';
import { mapClassroom } from './classroom.js';
import { contextOf } from './mapping.test-support.js';

const context = contextOf({ source: 'rooms', profile: { personSource: 'core' } });
const row = (change: Partial<ClassroomRow> = {}): ClassroomRow => ({
  roomId: 'R-0001',
  roomName: '第一教学楼101',
  lessons: [
    { id: 'L-2', from: '2026-09-10T10:00:00+08:00', until: '2026-09-10T11:40:00+08:00' },
    { id: 'L-1', from: '2026-09-10T08:00:00+08:00', until: '2026-09-10T09:40:00+08:00', teacher: '00000012' },
  ],
  ...change,
});

describe('a classroom', () => {
  it('has its lessons in order of time, with who teaches by the source of their numbers', () => {
    const from = Date.UTC(2026, 8, 10);
    expect(mapClassroom(row(), context)).toMatchObject({
      kind: 'records',
      records: [
        {
          ...{ topic: 'master.classroom', key: 'rooms:R-0001' },
          value: {
            name: '第一教学楼101',
            lessons: [
              { lessonId: 'L-1', from, until: from + 100 * 60_000, teacherKeys: ['core:00000012'] },
              { lessonId: 'L-2', from: from + 120 * 60_000, teacherKeys: [] },
            ],
          },
        },
      ],
    });
  });

  it('is refused with a lesson that ends before it begins', () => {
    const lessons = [{ id: 'L', from: '2026-09-10T10:00:00+08:00', until: '2026-09-10T10:00:00+08:00' }];
    expect(mapClassroom(row({ lessons }), context)).toMatchObject({
      ...{ kind: 'reject', reason: 'TIME_INVALID' },
      path: 'lessons.0.until',
    });
  });
});
