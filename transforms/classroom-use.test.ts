import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClassroomSwipeRow } from '../connectors/classrooms/rows.js';
import type { ClassroomUse } from '../contracts/types.js';
import { mapClassroomSwipe } from './classroom-use.js';
import { contextOf, reasonOf, valueOf } from './mapping.test-support.js';

const MINUTE = 60_000;
const FROM = Date.parse('2026-03-02T08:00:00+08:00');
const UNTIL = Date.parse('2026-03-02T09:40:00+08:00');
const iso = (ms: number): string => new Date(ms).toISOString();
const context = contextOf({
  source: 'rooms',
  profile: { readerProfile: 'uid-hex', reasons: { '6': 'DENY_NO_RIGHT' } },
  cardsByCredential: () => ({ kind: 'one', cardKey: 'core:1000000010' }),
});
const row: ClassroomSwipeRow = {
  id: 'C-1-7',
  roomId: 'R-101',
  roomName: '第一教学楼101',
  consoleId: 'C-1',
  index: 7,
  credential: { value: '5630F009' },
  action: 'power_on',
  lesson: { id: 'L-9', from: iso(FROM), until: iso(UNTIL) },
  occurredAt: iso(FROM),
};
const use = (over: Partial<ClassroomSwipeRow>): ClassroomUse =>
  valueOf<ClassroomUse>(mapClassroomSwipe({ ...row, ...over }, context), 'master.classroom-use');

describe('a card at a classroom console', () => {
  it('is a use of the room by that card, in its lesson', () => {
    expect(use({})).toMatchObject({
      eventId: 'rooms:swipes:C-1-7',
      roomKey: 'rooms:R-101',
      kind: 'POWERED_ON',
      cardKey: 'core:1000000010',
      lessonId: 'L-9',
      timetable: 'IN_LESSON',
    });
  });

  it('is checked against the lesson, half-open, with twenty minutes around it', () => {
    const span = fc.integer({ min: -120, max: 240 });
    fc.assert(
      fc.property(span, (minutes) => {
        const at = FROM + minutes * MINUTE;
        const inside = at >= FROM - 20 * MINUTE && at < UNTIL + 20 * MINUTE;
        expect(use({ occurredAt: iso(at) }).timetable).toBe(inside ? 'IN_LESSON' : 'OUTSIDE_LESSON');
      }),
    );
  });

  it('without a lesson says so, and with a clock that cannot be right says nothing of the timetable', () => {
    expect(use({ lesson: null }).timetable).toBe('NO_LESSON');
    const wrong = use({ occurredAt: '2000-01-01T00:00:09+08:00', uploadedAt: iso(FROM) });
    expect(wrong).toMatchObject({ timetable: 'UNKNOWN' });
    expect(wrong.dataQuality).toContain('CLOCK_SUSPECT');
  });

  it('is checked against the academic office’s timetable where it was read, and marked where the console’s differs', () => {
    const hour = (h: number, id = `C${h}`) => ({
      id,
      ...{
        from: `2099-09-01T${String(h).padStart(2, '0')}:00:00+08:00`,
        until: `2099-09-01T${h + 1}:40:00+08:00`,
      },
    });
    const at = (time: string) => ({ occurredAt: `2099-09-01T${time}:00+08:00`, uploadedAt: null });
    const timetable = [hour(10), hour(14)];
    const seen = (over: object) => {
      const { timetable: is, lessonId, dataQuality } = use({ ...at('10:05'), timetable, ...over });
      return [is, lessonId, dataQuality];
    };
    expect(seen({ lesson: hour(10) })).toEqual(['IN_LESSON', 'C10', []]);
    expect(seen({ lesson: null })).toEqual(['IN_LESSON', 'C10', ['TIMETABLE_DIFFERS']]);
    expect(seen({ lesson: hour(9, 'OLD') }), 'an old copy').toEqual([
      'IN_LESSON',
      'C10',
      ['TIMETABLE_DIFFERS'],
    ]);
    expect(seen({ lesson: null, ...at('12:30') }), 'between two lessons').toEqual(['NO_LESSON', null, []]);
    expect(seen({ lesson: null, ...at('13:45') }), 'a little early').toEqual(['IN_LESSON', 'C14', []]);
    expect(seen({ lesson: hour(14), ...at('12:30') })).toEqual(['OUTSIDE_LESSON', 'C14', []]);
    expect(seen({ lesson: null, action: 'timer_off' }), 'a timer checks nobody').toEqual([
      'NO_LESSON',
      null,
      [],
    ]);
  });

  it('that was refused keeps the vendor’s reason and ours', () => {
    expect(use({ action: 'refused', reason: '6' })).toMatchObject({
      kind: 'REFUSED',
      upstreamReason: '6',
      reason: 'DENY_NO_RIGHT',
    });
  });

  it('may be a timer without any card', () => {
    expect(use({ action: 'timer_off', credential: null })).toMatchObject({
      kind: 'POWERED_OFF_BY_TIMER',
      cardKey: null,
      credentialPseudonym: null,
    });
  });

  it('needs a name of its own', () => {
    expect(use({ id: '' }).eventId).toBe('rooms:swipes:C-1-7');
    expect(reasonOf(mapClassroomSwipe({ ...row, id: '', consoleId: null }, context))).toBe(
      'REQUIRED_MISSING id',
    );
  });
});
