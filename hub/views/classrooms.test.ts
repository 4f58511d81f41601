import { describe, expect, it } from 'vitest';
import { card, fixtureView, NOW, person, position } from './view.fixture.js';
import { DEFAULT_POLICY_DOCUMENT } from '../decide/default-policy.js';
import { evaluate } from '../decide/evaluate.js';
import type { PlaceRules } from '../decide/policy.js';
import { compilePolicy } from '../decide/policy.js';

const ROOM = 'rooms:R-1';
const MINUTE = 60_000;

/** The room has a lesson of `core:20260001` at NOW for 100 minutes; the timetable was read a minute ago. */
function view(change: { readonly ageMs?: number } = {}) {
  const made = fixtureView();
  const sourcePartition = 'qau/rooms/rooms/0';
  const asOf = NOW - (change.ageMs ?? MINUTE);
  made.apply('hub.positions', sourcePartition, position({ sourcePartition, asOf }));
  made.apply('master.classroom', ROOM, {
    ...{ roomKey: ROOM, source: 'rooms', roomId: 'R-1', version: 0, name: '101', state: 'ACTIVE' },
    ...{ stateReason: null, dataQuality: [] },
    lessons: [
      { lessonId: 'L1', from: NOW, until: NOW + 100 * MINUTE, teacherKeys: ['core:20260001'] },
      { lessonId: 'L2', from: NOW + 240 * MINUTE, until: NOW + 340 * MINUTE, teacherKeys: ['core:t2'] },
    ],
  });
  made.apply('hub.person-source', 'core:t2', person({ personKey: 'core:t2', schoolNumber: 't2' }));
  made.apply(
    'master.card',
    'core:2',
    card({ cardKey: 'core:2', holder: { source: 'core', key: 'core:t2' } }),
  );
  return made;
}

interface Asked {
  readonly id?: string;
  readonly room?: string;
  readonly classroom?: Partial<PlaceRules>;
  readonly of?: ReturnType<typeof view>;
}

const powerOn = (at: number, { id = 'core:1', room = ROOM, classroom = {}, of = view() }: Asked = {}) => {
  const policy = compilePolicy({ ...DEFAULT_POLICY_DOCUMENT, places: { classroom } });
  const request = { subject: { type: 'card' as const, id }, resource: room, resourceType: 'classroom' };
  return evaluate(of, policy, { ...request, action: 'power_on' }, at).reason;
};

describe('power in a classroom', () => {
  it('goes to whoever has a lesson there, from 20 minutes before it to 20 after', () => {
    expect(powerOn(NOW - 20 * MINUTE - 1)).toBe('DENY_TIME');
    expect(powerOn(NOW - 20 * MINUTE)).toBe('ALLOW');
    expect(powerOn(NOW + 50 * MINUTE)).toBe('ALLOW');
    expect(powerOn(NOW + 120 * MINUTE - 1)).toBe('ALLOW');
    expect(powerOn(NOW + 120 * MINUTE)).toBe('DENY_TIME');
    const of = view();
    expect(powerOn(NOW, { of, id: 'core:2' }), 'the next lesson’s teacher').toBe('DENY_TIME');
    expect(powerOn(NOW, { of, room: 'rooms:R-9' }), 'no such room').toBe('DENY_NO_RIGHT');
  });

  it('is refused to a lost card, and to everybody else’s', () => {
    const of = view();
    of.apply('master.card', 'core:3', card({ cardKey: 'core:3', holder: null }));
    expect(powerOn(NOW, { of, id: 'core:3' })).toBe('DENY_NO_RIGHT');
    of.apply('master.card', 'core:1', card({ lost: true, version: 2 }));
    expect(powerOn(NOW, { of })).toBe('DENY_LOST');
  });

  it('warns on an old timetable, or denies where the policy says so', () => {
    const of = view({ ageMs: 25 * 60 * MINUTE });
    expect(powerOn(NOW, { of })).toBe('ALLOW_WARN_STALE');
    expect(powerOn(NOW, { of, classroom: { whenStale: 'deny' } })).toBe('DENY_STALE_DATA');
    expect(powerOn(NOW, { of, classroom: { staleAfterMs: 26 * 60 * MINUTE } })).toBe('ALLOW');
    of.apply('master.classroom', ROOM, null);
    expect(powerOn(NOW, { of })).toBe('DENY_NO_RIGHT');
  });
});
