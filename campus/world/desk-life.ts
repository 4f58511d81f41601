import type { LockerEvent } from '../lockers/types.js';
import type { Swipe } from '../classrooms/types.js';
import type { Card } from './cards.js';
import * as classrooms from './classrooms.js';
import { countOf, nextOf } from './desk-store.js';
import type { LoanState } from './desk-store.js';
import * as library from './library.js';
import * as lockers from './lockers.js';
import type { Rng } from './prng.js';
import type { World } from './world.js';
import { cardsOfPerson } from './world.js';

/** What people do at the library, the bag lockers and the classroom consoles. */
export const DESK_EVENTS = ['borrow', 'renew', 'return', 'store', 'fetch', 'staff-open', 'teach'] as const;
export type DeskEvent = (typeof DESK_EVENTS)[number];
export const isDeskEvent = (event: string): event is DeskEvent =>
  (DESK_EVENTS as readonly string[]).includes(event);

export interface DeskRequest {
  /** borrow: the copy. */
  readonly item?: number;
  /** renew, return: the loan. */
  readonly loan?: number;
  /** staff-open: the box. */
  readonly locker?: string;
  /** teach: the room. */
  readonly room?: string;
  /** store, fetch: only look, leave the bag in. */
  readonly again?: boolean;
}

export type DeskTold =
  | { readonly loan: LoanState }
  | { readonly lockerEvents: readonly LockerEvent[] }
  | { readonly swipe: Swipe };
export type DeskOutcome =
  { readonly ok: true; readonly told: DeskTold } | { readonly ok: false; readonly reason: string };

const no = (reason: string): DeskOutcome => ({ ok: false, reason });
const ofLoan = (outcome: library.LoanOutcome): DeskOutcome =>
  outcome.ok ? { ok: true, told: { loan: outcome.loan } } : outcome;
const ofLocker = (outcome: lockers.LockerOutcome): DeskOutcome =>
  outcome.ok ? { ok: true, told: { lockerEvents: outcome.events } } : outcome;

/** @param card the one that was named, or any; null: there is none */
export function deskLife(
  world: World,
  event: DeskEvent,
  request: DeskRequest,
  card: Card | null,
  time: number,
  rng: Rng,
): DeskOutcome {
  library.hearFromCore(world, time);
  nextOf(world.store.desk, 'asked');
  switch (event) {
    case 'borrow': {
      if (card === null || card.kind !== '800') return no('NO_CANDIDATE');
      const item = request.item ?? 1 + rng.below(library.itemTotal(world));
      return ofLoan(library.borrow(world, card.holder, item, time));
    }
    case 'renew':
    case 'return': {
      const start = 1 + rng.below(1 + library.loanTotal(world, 'out') + library.loanTotal(world, 'in'));
      const loan = request.loan ?? library.openLoanFrom(world, start);
      if (loan === null) return no('NO_CANDIDATE');
      return ofLoan((event === 'renew' ? library.renew : library.giveBack)(world, loan, time));
    }
    case 'store':
      if (card === null) return no('NO_CANDIDATE');
      return ofLocker(
        lockers.atKiosk(world, card, rng.below(lockers.kioskCount(world)), time, request.again),
      );
    case 'fetch': {
      const mine = lockers.oldestUser(world);
      if (mine === null || mine.lost) return no('NO_CANDIDATE');
      return ofLocker(lockers.atKiosk(world, mine, 0, time, request.again));
    }
    case 'staff-open': {
      const found = lockers.boxForStaff(world);
      const box = request.locker ?? found?.id;
      if (box === undefined) return no('NO_CANDIDATE');
      const staff = `0000${String(1000 + rng.below(9)).padStart(4, '0')}`;
      return ofLocker(lockers.staffOpen(world, box, staff, found?.cause ?? '超时清柜', time));
    }
    case 'teach':
      return teach(world, request, card, time, rng);
  }
}

/** The teacher of the lesson that is on, nine times in ten; else whoever comes by. */
function teach(world: World, request: DeskRequest, card: Card | null, time: number, rng: Rng): DeskOutcome {
  const room =
    request.room === undefined
      ? rng.below(classrooms.roomCount(world))
      : classrooms.roomIndexOf(world, request.room);
  if (room < 0) return no('NO_SUCH_ROOM');
  const lesson = classrooms.lessonOn(world, room, time);
  const isTeacher = lesson !== null && rng.below(10) > 0;
  const theirs = isTeacher
    ? cardsOfPerson(world, lesson.teacherIndex).filter((each) => each.status === 1)
    : [];
  const shown = theirs.at(-1) ?? card;
  if (shown === null) return no('NO_CANDIDATE');
  return { ok: true, told: { swipe: classrooms.swipeConsole(world, room, shown, time) } };
}

/** What happens by the clock alone: bags left too long, timers of consoles. Returns how many things did. */
export function deskDue(world: World, now: number): number {
  return lockers.tellOverdue(world, now) + classrooms.switchOff(world, now);
}

/** Grows with everything that was asked for here, so that two requests in a row choose differently. */
export const deskSequence = (world: World): number => countOf(world.store.desk, 'asked');

/** Events per hour on a campus of this size. */
export function deskRatesPerHour(people: number): Readonly<Record<DeskEvent, number>> {
  return {
    borrow: 10 + 0.03 * people,
    renew: 2 + 0.005 * people,
    return: 9 + 0.028 * people,
    store: 12 + 0.02 * people,
    fetch: 12 + 0.02 * people,
    'staff-open': 0.5 + 0.0005 * people,
    teach: 6 + 0.01 * people,
  };
}
