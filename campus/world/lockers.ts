import type { Handled, LockerEvent, LockerRow } from '../lockers/types.js';
import type { Card } from './cards.js';
import { holderOf, uidOfCard } from './cards.js';
import { countOf, nextOf } from './desk-store.js';
import type { BoxState } from './desk-store.js';
import { hash32 } from './prng.js';
import { stamp } from './time.js';
import type { World } from './world.js';
import { cardOf } from './world.js';

/**
 * Bag lockers: kiosks of 24 boxes. The kiosk knows a card only as the ten digits that its reader prints; a session
 * begins when a box is taken and ends when it is emptied. Who has lost the card gets the bag from staff.
 */
export const OVERDUE_MS = 12 * 3_600_000;
const BOXES_OF_KIOSK = 24;
const SIZES = ['S', 'M', 'L'] as const;
const PLACES = ['图书馆一层东门', '图书馆一层西门', '图书馆二层大厅', '平度校区图书馆', '蓝谷校区图书馆'];
const CAMPUSES = ['城阳校区', '城阳校区', '城阳校区', '平度校区', '蓝谷校区'];
const FREE: BoxState = { version: 1, broken: false, session: '', card: '', since: 0, told: false };

/** One box for 20 people, whole kiosks, at most 100 of them. */
export const kioskCount = (world: World): number =>
  Math.max(1, Math.min(100, Math.ceil(world.base.people / 20 / BOXES_OF_KIOSK)));
export const boxTotal = (world: World): number => kioskCount(world) * BOXES_OF_KIOSK;
const kioskId = (kiosk: number): string => `K${String(kiosk + 1).padStart(3, '0')}`;
export const boxId = (index: number): string =>
  `${kioskId(Math.floor(index / BOXES_OF_KIOSK))}-${String((index % BOXES_OF_KIOSK) + 1).padStart(2, '0')}`;

export function boxIndexOf(world: World, id: string): number {
  const match = /^K(\d{3})-(\d{2})$/.exec(id);
  const index = match === null ? -1 : (Number(match[1]) - 1) * BOXES_OF_KIOSK + Number(match[2]) - 1;
  return index >= 0 && index < boxTotal(world) && boxId(index) === id ? index : -1;
}

const baseBox = (world: World, id: string): BoxState => ({
  ...FREE,
  broken: hash32(world.base.seed, 95, boxIndexOf(world, id)) % 60 === 0,
});
const boxOf = (world: World, id: string): BoxState => world.store.desk.boxes.get(id) ?? baseBox(world, id);

/** The kiosk's reader prints the first four bytes, last byte first, as ten decimal digits. */
export function tenDigits(world: World, card: Card): string {
  return String(Buffer.from(uidOfCard(world.base, card), 'hex').readUInt32LE(0)).padStart(10, '0');
}

export function lockerRow(world: World, index: number): LockerRow {
  const id = boxId(index);
  const box = boxOf(world, id);
  const kiosk = Math.floor(index / BOXES_OF_KIOSK);
  const inUse = box.session !== '';
  return {
    ...{ locker_id: id, box_no: id.slice(-2), kiosk_id: kioskId(kiosk) },
    ...{ place: PLACES[kiosk % PLACES.length] ?? '', campus: CAMPUSES[kiosk % CAMPUSES.length] ?? '' },
    size: SIZES[index % SIZES.length] ?? 'S',
    state: box.broken ? 'out_of_order' : inUse ? 'occupied' : 'free',
    session_id: inUse ? box.session : null,
    occupied_since: inUse ? stamp(box.since) : null,
    version: box.version,
  };
}

type Told = Pick<LockerEvent, 'type'> & Partial<Pick<LockerEvent, 'card_id' | 'staff_no' | 'cause'>>;

function tell(world: World, id: string, session: string, time: number, told: Told): LockerEvent {
  const { desk } = world.store;
  const seq = nextOf(desk, 'locker-events');
  const event: LockerEvent = {
    ...{ event_id: `LE${String(seq).padStart(9, '0')}`, seq, session_id: session, locker_id: id },
    ...{ card_id: null, staff_no: null, cause: null, ...told },
    ...{ occurred_at: stamp(time), uploaded_at: stamp(time) },
  };
  desk.lockerEvents.putSync(seq, event);
  desk.lockerEvents.removeSync(seq - world.eventRetention);
  return event;
}

function put(world: World, id: string, change: Partial<BoxState>): void {
  const { boxes, boxesInUse, boxesOfCard } = world.store.desk;
  const before = boxOf(world, id);
  const next = { ...before, ...change, version: before.version + 1 };
  if (before.session !== '') {
    boxesInUse.removeSync([before.since, id]);
    boxesOfCard.removeSync(before.card);
  }
  boxes.putSync(id, next);
  if (next.session === '') return;
  boxesInUse.putSync([next.since, id], 1);
  boxesOfCard.putSync(next.card, id);
}

export type LockerOutcome =
  | { readonly ok: true; readonly events: readonly LockerEvent[] }
  | { readonly ok: false; readonly reason: string };
const no = (reason: string): LockerOutcome => ({ ok: false, reason });

/** A card at a kiosk: takes a box, or (`again`) opens the one it has, or empties it. */
export function atKiosk(world: World, card: Card, kiosk: number, time: number, again = false): LockerOutcome {
  return world.store.tx(() => {
    const digits = tenDigits(world, card);
    const mine = world.store.desk.boxesOfCard.get(card.no);
    if (mine !== undefined) {
      const { session } = boxOf(world, mine);
      const type = again ? 'reopened' : 'closed';
      const event = tell(world, mine, session, time, { type, card_id: digits });
      if (!again) put(world, mine, { session: '', card: '', since: 0, told: false });
      return { ok: true, events: [event] };
    }
    const first = (kiosk % kioskCount(world)) * BOXES_OF_KIOSK;
    for (let index = first; index < first + BOXES_OF_KIOSK; index += 1) {
      const id = boxId(index);
      const box = boxOf(world, id);
      if (box.broken || box.session !== '') continue;
      const session = `LS${String(nextOf(world.store.desk, 'locker-sessions')).padStart(8, '0')}`;
      put(world, id, { session, card: card.no, since: time, told: false });
      return { ok: true, events: [tell(world, id, session, time, { type: 'opened', card_id: digits })] };
    }
    return no('NO_LOCKERS');
  });
}

/** Staff open a box for its user (identity was shown), and the session ends. */
export function staffOpen(
  world: World,
  id: string,
  staff: string,
  cause: string,
  time: number,
): LockerOutcome {
  return world.store.tx(() => {
    const box = boxOf(world, id);
    if (box.session === '') return no('NOT_IN_USE');
    const opened = tell(world, id, box.session, time, { type: 'staff_opened', staff_no: staff, cause });
    const closed = tell(world, id, box.session, time, { type: 'closed' });
    put(world, id, { session: '', card: '', since: 0, told: false });
    return { ok: true, events: [opened, closed] };
  });
}

/** A box in use whose card is lost by now, else any; null: none is in use. */
export function boxForStaff(world: World): { readonly id: string; readonly cause: string } | null {
  let any: string | null = null;
  for (const [, id] of world.store.desk.boxesInUse.getKeys({ limit: 200 })) {
    any ??= id;
    const card = cardOf(world, boxOf(world, id).card);
    if (card === null || card.lost || card.status !== 1) return { id, cause: '卡已挂失' };
  }
  return any === null ? null : { id: any, cause: '超时清柜' };
}

/** The card whose bag has been in a box for longest. */
export function oldestUser(world: World): Card | null {
  for (const [, id] of world.store.desk.boxesInUse.getKeys({ limit: 1 }))
    return cardOf(world, boxOf(world, id).card);
  return null;
}

/** Sessions that have become too long by now. Returns how many were told. */
export function tellOverdue(world: World, now: number): number {
  const { boxesInUse } = world.store.desk;
  const due: [number, string][] = [];
  for (const key of boxesInUse.getKeys({ end: [now - OVERDUE_MS + 1, ''], limit: 1_000 })) {
    if (!boxOf(world, key[1]).told) due.push(key);
  }
  if (due.length === 0) return 0;
  return world.store.tx(() => {
    for (const [since, id] of due) {
      tell(world, id, boxOf(world, id).session, since + OVERDUE_MS, { type: 'overdue' });
      put(world, id, { told: true });
    }
    return due.length;
  });
}

/** The kiosk's call: a card it has never heard of opens nothing. */
export function handleCard(world: World, card: Card | null, kiosk: string, time: number): Handled {
  if (card === null || holderOf(world.base, world.store.meta.cohorts, card).sno === '')
    return { error: 'card_not_found' };
  const outcome = atKiosk(world, card, Math.max(0, Number(kiosk.slice(1)) - 1), time);
  const event = outcome.ok ? outcome.events[0] : undefined;
  if (event === undefined) return { error: 'no_lockers' };
  return { action: 'open_locker', locker_id: event.locker_id, session_id: event.session_id };
}

export const lockerSeq = (world: World): number => countOf(world.store.desk, 'locker-events');

export function lockerEventsAfter(world: World, after: number, limit: number): LockerEvent[] | null {
  const floor = Math.max(0, lockerSeq(world) - world.eventRetention);
  if (after !== 0 && after < floor) return null;
  const { lockerEvents } = world.store.desk;
  return [...lockerEvents.getRange({ start: Math.max(after, floor) + 1, limit })].map(({ value }) => value);
}
