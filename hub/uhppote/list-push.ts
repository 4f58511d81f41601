/**
 * The list in a controller's own memory, for the time in which nobody can be asked. It knows days and doors, and no
 * expiry by the hour, so what it cannot keep is left out: it never opens where the signed list would not.
 *
 *   an entry at any time            the door, up to the day on which the list ends
 *   an entry by a profile           no door: online only
 *   a door that closes on old data  no door: online only
 *   a list that has expired         nobody
 */
import type { ControllerConfig } from '../config/types.js';
import type { HeldList } from '../doors/offline.js';
import { localTime } from './codec.js';
import type { Device } from './device.js';
import { cardNumber } from './events.js';

/** Card number → doors 1 to 4 and the last day, `1100 2026-11-24`. */
export type Stored = Map<number, string>;

/** What no list says of a card. */
const PERHAPS = '';
/** A slot whose card was deleted. */
const DELETED = 0xffff_ffff;
const SLOTS_MAX = 200_000;

/** What the controller has, when nothing is known of it. */
export async function readCards(device: Device, stored: Stored): Promise<void> {
  const { count } = await device.request('get-cards', {});
  stored.clear();
  let found = 0;
  for (let index = 1; found < count && index <= SLOTS_MAX; index++) {
    const slot = await device.request('get-card-by-index', { index });
    if (slot.card === 0 || slot.card === DELETED) continue;
    found++;
    const doors = [slot.door1, slot.door2, slot.door3, slot.door4].join('');
    stored.set(slot.card, `${doors} ${slot.to}`);
  }
}

/** Cards that are put at once: a second or so, after which there may be a newer list. */
const PUT_AT_ONCE = 1_000;

/** @returns whether the controller has taken all of it; `more`: the rest waits for the next call */
export async function pushList(
  device: Device,
  controller: ControllerConfig,
  held: HeldList,
  stored: Stored,
  now: number,
): Promise<boolean | 'more'> {
  const wanted = wantedOf(controller, held, now);
  // First who may not enter any more.
  for (const card of [...stored.keys()]) {
    if (wanted.has(card)) continue;
    await device.request('delete-card', { card });
    stored.delete(card);
  }
  let isWhole = true;
  let put = 0;
  for (const [card, want] of wanted) {
    if (stored.get(card) === want) continue;
    if (put === PUT_AT_ONCE) return 'more';
    const [doors = '', to = ''] = want.split(' ');
    const [door1 = 0, door2 = 0, door3 = 0, door4 = 0] = [...doors].map(Number);
    const from = localTime(now - 86_400_000).slice(0, 10);
    // Noted before: it may be there although its reply is lost, and must be taken off then too.
    stored.set(card, PERHAPS);
    const { done } = await device.request('put-card', { card, from, to, door1, door2, door3, door4 });
    if (done) {
      stored.set(card, want);
      put += 1;
    } else {
      stored.delete(card);
      isWhole = false; // its memory is full
    }
  }
  return isWhole;
}

function wantedOf(controller: ControllerConfig, held: HeldList, now: number): Map<number, string> {
  const wanted = new Map<number, string>();
  const { statement } = held;
  if (statement === undefined || now >= statement.exp * 1_000) return wanted;
  const to = localTime(statement.exp * 1_000).slice(0, 10);
  const keeps = new Set(
    controller.doors
      .filter(({ number }) => statement.doors[String(number)]?.until === undefined)
      .map(({ number }) => String(number)),
  );
  for (const [text, entry] of held.entries) {
    const card = cardNumber(text);
    if (card === undefined) continue;
    const open = entry.split(',').filter((door) => keeps.has(door));
    // Without rights it is a card that is known, and the hub is asked about it all the same.
    wanted.set(card, `${[1, 2, 3, 4].map((n) => (open.includes(String(n)) ? 1 : 0)).join('')} ${to}`);
  }
  return wanted;
}
