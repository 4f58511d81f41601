import { afterEach, describe, expect, it } from 'vitest';
import type { Campus } from '../start.js';
import { smallCampus, temporaryFolder } from '../testing.js';
import type { LockerEvent } from '../lockers/types.js';
import type { DeskTold } from './desk-life.js';
import * as classrooms from './classrooms.js';
import * as lockers from './lockers.js';

const MONDAY = Date.UTC(2026, 2, 2, 0, 30); // 08:30 in Shanghai
let campus: Campus;
let remove: () => void;

async function start(now = MONDAY): Promise<Campus> {
  const folder = temporaryFolder();
  remove = folder.remove;
  campus = await smallCampus(folder.dir, { clock: { now, rate: 0 } });
  return campus;
}
afterEach(async () => {
  await campus.close();
  remove();
});

const events = (told: readonly DeskTold[] | undefined): readonly LockerEvent[] =>
  (told ?? []).flatMap((each) => ('lockerEvents' in each ? each.lockerEvents : []));
const types = (told: readonly DeskTold[] | undefined): string[] => events(told).map(({ type }) => type);

describe('bag lockers', () => {
  it('give a person whose card is lost the bag by staff, and the session ends', async () => {
    await start();
    const card = '1000000010';
    const [opened] = events(campus.life({ event: 'store', card }).desk);
    expect(opened).toMatchObject({ type: 'opened' });
    expect(opened?.card_id).toMatch(/^\d{10}$/);
    campus.life({ event: 'lose', card });
    const { desk } = campus.life({ event: 'staff-open' });
    expect(events(desk)).toMatchObject([
      { type: 'staff_opened', session_id: opened?.session_id, card_id: null, cause: '卡已挂失' },
      { type: 'closed', session_id: opened?.session_id },
    ]);
    expect(lockers.lockerRow(campus.world, lockers.boxIndexOf(campus.world, opened!.locker_id)).state).toBe(
      'free',
    );
  });

  it('tell a session that is too long once, twelve hours after it began', async () => {
    await start();
    campus.life({ event: 'store', card: '1000000010' });
    campus.clock.set({ advanceMs: lockers.OVERDUE_MS });
    campus.advance();
    campus.advance();
    const told = lockers.lockerEventsAfter(campus.world, 0, 10) ?? [];
    expect(told.map(({ type }) => type)).toEqual(['opened', 'overdue']);
    expect(types(campus.life({ event: 'fetch' }).desk)).toEqual(['closed']);
  });

  it('answer the kiosk’s own call over the socket', async () => {
    await start();
    const card = lockers.tenDigits(campus.world, { kind: '800', serial: 1 } as never);
    const ask = async (card_id: string): Promise<unknown> => {
      const response = await fetch(`${campus.urls.lockers}/api/rfid/handle-card`, {
        method: 'POST',
        headers: { authorization: `Token ${campus.credentials.lockers.token}` },
        body: JSON.stringify({ card_id, kiosk_id: 'K001' }),
      });
      return response.json();
    };
    expect(await ask(card)).toMatchObject({ action: 'open_locker' });
    expect(await ask('4294967295')).toEqual({ error: 'card_not_found' });
    expect(await ask('123')).toHaveProperty('error');
  });
});

describe('classroom consoles', () => {
  const teacherOf = (room: number): string =>
    classrooms.lessonOn(campus.world, room, campus.clock.now())?.teacher ?? '';
  const swipes = () => classrooms.classroomSwipesAfter(campus.world, 0, 100) ?? [];
  const roomWithLesson = (): number => {
    for (let room = 0; ; room += 1) if (teacherOf(room) !== '') return room;
  };

  it('power on for staff, refuse a student, and switch off by the timer', async () => {
    await start();
    const room = roomWithLesson();
    campus.life({ event: 'teach', room: classrooms.roomId(room), person: teacherOf(room) });
    campus.clock.set({ advanceMs: 3 * 3_600_000 });
    campus.advance();
    const actions = swipes().map(({ action }) => action);
    expect(actions[0]).toBe('power_on');
    expect(actions.at(-1)).toBe('timer_off');
    expect(swipes().at(-1)?.credential).toBeNull();
  });

  it('name the lesson of the timetable that the vendor serves', async () => {
    await start();
    const room = roomWithLesson();
    const response = await fetch(
      `${campus.urls.classrooms}/v1/timetable?room=${classrooms.roomId(room)}&date=2026-03-02`,
      { headers: { 'x-api-key': campus.credentials.classrooms.apiKey } },
    );
    const { lessons } = (await response.json()) as { lessons: { teacher: string }[] };
    expect(lessons.map(({ teacher }) => teacher)).toContain(teacherOf(room));
  });
});

it('the same seed gives the same life at the desks, however the hours are cut', async () => {
  const folders = [temporaryFolder(), temporaryFolder()];
  const lived = [];
  for (const [i, folder] of folders.entries()) {
    const one = await smallCampus(folder.dir, { clock: { now: MONDAY, rate: 0 }, life: { perHour: 10 } });
    one.advance();
    for (const step of i === 0 ? [3_600_000] : [1_000_000, 2_000_000, 600_000]) {
      one.clock.set({ advanceMs: step });
      one.advance();
    }
    lived.push({
      lockers: lockers.lockerEventsAfter(one.world, 0, 1000),
      rooms: classrooms.classroomSwipesAfter(one.world, 0, 1000),
      loans: [...one.world.store.desk.loans.getRange({})].map(({ value }) => value),
      patrons: [...one.world.store.desk.patrons.getRange({})],
    });
    await one.close();
    folder.remove();
  }
  await start();
  expect(lived[0]?.loans.length).toBeGreaterThan(20);
  expect(lived[0]?.lockers?.length).toBeGreaterThan(20);
  expect(lived[1]).toEqual(lived[0]);
});
