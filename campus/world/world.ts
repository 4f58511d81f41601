import type { Door, DoorEvent, Grant } from '../access-control/types.js';
import { createClock } from '../clock.js';
import type { CampusClock } from '../clock.js';
import { accountNumber, accountState, NO_MONEY } from './accounts.js';
import * as cards from './cards.js';
import type { Card, CardRow } from './cards.js';
import * as doors from './doors.js';
import { personIndexOf } from './people.js';
import type { DormGroup } from './dorms.js';
import type { Base } from './people.js';
import type { PowerCondition } from './power.js';
import { openStore } from './store.js';
import type { Change, Store } from './store.js';
import { yearOf } from './time.js';
import { serialsOf, uidOf } from './uid.js';

/**
 * The state of the campus and how it is read. Cards of the base population are computed; what life changed
 * lies over them. Listings are in binary order of the card number: persons (1…), temporary (2…), merchants
 * (3…), cards opened later (5…). Nothing here holds a list of all people in memory.
 */
export interface World {
  readonly base: Base;
  readonly store: Store;
  readonly clock: CampusClock;
  /** The change feed keeps this many entries. */
  readonly feedRetention: number;
  readonly eventRetention: number;
  /** What of the fault switches changes what happens, and not only what is told; set when the campus starts. */
  readonly conditions: { power: (group: DormGroup, condition: PowerCondition) => boolean };
}

export interface WorldOptions {
  readonly dir: string;
  readonly seed: number;
  /** 50 to 1,000,000. */
  readonly people: number;
  readonly wall?: () => number;
  /** Only for a new world; an old one goes on with its own clock. */
  readonly clock?: { now?: number; rate?: number };
  readonly feedRetention?: number;
  readonly eventRetention?: number;
}

export function openWorld(options: WorldOptions): World {
  const { seed, people } = options;
  if (!Number.isInteger(people) || people < 50 || people > 1_000_000) {
    throw new RangeError(`people must be 50 to 1,000,000, got ${people}`);
  }
  const wall = options.wall ?? Date.now;
  const start = options.clock?.now ?? wall();
  let created = false;
  const store = openStore(options.dir, () => {
    created = true;
    return {
      format: 1,
      base: { seed: seed >>> 0, people, epochYear: yearOf(start) },
      people,
      temporaries: cards.temporaryCount(people),
      extraCards: 0,
      addedGrants: 0,
      goneCards: 0,
      seq: 0,
      floor: 0,
      eventSeq: 0,
      eventFloor: 0,
      pending: 0,
      lifeTick: 0,
      leaveCursor: 0,
      cohorts: [],
      money: NO_MONEY,
    };
  });
  const clock = createClock(wall, store.clockState(), store.saveClock);
  if (created && options.clock !== undefined) clock.set(options.clock);
  if (store.meta.powerFrom === undefined) store.tx(() => (store.meta.powerFrom = clock.now()));
  return {
    base: store.meta.base,
    store,
    clock,
    feedRetention: options.feedRetention ?? 100_000,
    eventRetention: options.eventRetention ?? 200_000,
    conditions: { power: () => false },
  };
}

/** Base state of a card number, or null when there is no such card in the base population. */
function baseCard(world: World, no: string): Card | null {
  const { base, store } = world;
  if (no.length !== 10 || !/^\d{10}$/.test(no)) return null;
  const index = Number(no.slice(1));
  if (no.startsWith('2'))
    return index < cards.temporaryCount(base.people) ? cards.baseTemporaryCard(base, index) : null;
  if (no.startsWith('3'))
    return index < cards.merchantCount(base.people) ? cards.baseMerchantCard(base, index) : null;
  if (!no.startsWith('1')) return null;
  const person = Math.floor(index / 10);
  const slot = index % 10;
  if (person >= base.people || slot > 1 || (slot === 1 && !cards.hasSecondCard(person))) return null;
  return cards.basePersonCard(base, store.meta.cohorts, person, slot === 0 ? 0 : 1);
}

/** A card as it stands now; null when the core does not know the number (any more). */
export function cardOf(world: World, no: string): Card | null {
  if (world.store.meta.goneCards > 0 && world.store.gone.get(no) !== undefined) return null;
  return world.store.cards.get(no) ?? baseCard(world, no);
}

export const rowOf = ({ base, store }: World, card: Card): CardRow =>
  cards.cardRow(base, store.meta.cohorts, card, accountState(base, store, accountNumber(card)));

const personsCards = (world: World): number => world.base.people + cards.secondCardsBefore(world.base.people);

function counts(world: World) {
  const persons = personsCards(world);
  const temporary = cards.temporaryCount(world.base.people);
  const merchants = cards.merchantCount(world.base.people);
  return {
    persons,
    temporary,
    merchants,
    all: persons + temporary + merchants + world.store.meta.extraCards,
  };
}

/** Rows that a complete listing has. */
export const cardTotal = (world: World): number => counts(world).all - world.store.meta.goneCards;

/** Rows of a complete listing whose number passes. Walks them all. */
export function countCards(world: World, passes: (no: string) => boolean): number {
  const { gone, meta } = world.store;
  let count = 0;
  for (let place = 0; ; place += 1) {
    const no = cardNumberAt(world, place);
    if (no === null) return count;
    if (passes(no) && (meta.goneCards === 0 || gone.get(no) === undefined)) count += 1;
  }
}

/** Number of the card at this place of the listing (cards that are gone keep their place). */
export function cardNumberAt(world: World, place: number): string | null {
  const { persons, temporary, merchants, all } = counts(world);
  if (place < 0 || place >= all) return null;
  if (place < persons) {
    let person = Math.floor((place * 25) / 26);
    while (person + cards.secondCardsBefore(person) > place) person -= 1;
    while (person + 1 + cards.secondCardsBefore(person + 1) <= place) person += 1;
    return doors.baseCardNumber(person, place - person - cards.secondCardsBefore(person));
  }
  if (place < persons + temporary) return doors.temporaryCardNumber(place - persons);
  const rest = place - persons - temporary;
  return rest < merchants ? cards.merchantCardNumber(rest) : cards.extraCardNumber(rest - merchants);
}

/** First place whose number is greater than `after` (binary search: places are in order of the number). */
export function placeAfter(world: World, after: string): number {
  let low = 0;
  let high = counts(world).all;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((cardNumberAt(world, middle) ?? '') > after) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Cards of places `from` ≤ place < `until` that are still there. */
export function cardsBetween(world: World, from: number, until: number): Card[] {
  const found: Card[] = [];
  for (let place = Math.max(0, from); place < until; place += 1) {
    const no = cardNumberAt(world, place);
    if (no === null) break;
    const card = cardOf(world, no);
    if (card !== null) found.push(card);
  }
  return found;
}

/** A keyset page: up to `limit` cards with a number greater than `after`, and whether more follow. */
export function cardsAfter(world: World, after: string, limit: number): { cards: Card[]; more: boolean } {
  const found: Card[] = [];
  let place = placeAfter(world, after);
  const { all } = counts(world);
  for (; place < all && found.length < limit; place += 1)
    found.push(...cardsBetween(world, place, place + 1));
  return { cards: found, more: place < all };
}

/** All cards that a person has or had, oldest first. */
export function cardsOfPerson(world: World, person: number): Card[] {
  const numbers =
    person < world.base.people ? [doors.baseCardNumber(person, 0), doors.baseCardNumber(person, 1)] : [];
  for (const key of world.store.byPerson.getKeys({ start: [person, ''], end: [person + 1, ''] }))
    numbers.push(key[1]);
  return numbers.flatMap((no) => cardOf(world, no) ?? []);
}

export const personOfNumber = (world: World, sno: string): number =>
  personIndexOf(world.base, world.store.meta.cohorts, world.store.meta.people, sno);

/** The card with this chip number; chips with truncated look-alikes and later cards included. */
export function cardOfUid(world: World, uid: string): Card | null {
  if (!/^([0-9A-F]{8}|[0-9A-F]{14})$/.test(uid)) return null;
  const { temporary, second, merchant, extra } = cards.SERIALS;
  for (const serial of serialsOf(world.base.seed, uid)) {
    if (uidOf(world.base.seed, serial) !== uid) continue;
    let no = doors.baseCardNumber(serial, 0);
    if (serial >= extra) no = cards.extraCardNumber(serial - extra);
    else if (serial >= merchant) no = cards.merchantCardNumber(serial - merchant);
    else if (serial >= temporary) no = doors.temporaryCardNumber(serial - temporary);
    else if (serial >= second) no = doors.baseCardNumber(serial - second, 1);
    const card = no.length === 10 ? cardOf(world, no) : null;
    if (card !== null) return card;
  }
  return null;
}

/** Changes after `after`, or null when the feed no longer goes back so far. */
export function changesAfter(world: World, after: number, limit: number): Change[] | null {
  if (after < world.store.meta.floor) return null;
  return [...world.store.changes.getRange({ start: after + 1, limit })].map((entry) => entry.value);
}

export function eventsAfter(world: World, after: number, limit: number): DoorEvent[] | null {
  const { eventFloor } = world.store.meta;
  // 0 is no cursor of a reader: it asks for whatever is still kept.
  if (after !== 0 && after < eventFloor) return null;
  return [...world.store.events.getRange({ start: Math.max(after, eventFloor) + 1, limit })].map(
    (entry) => entry.value,
  );
}

export const doorTotal = (world: World): number => doors.doorCount(world.base.people);
export const doorAt = (world: World, index: number): Door => doors.door(world.base, index);

const baseGrants = (world: World): number =>
  doors.grantCounts(world.base, cards.temporaryCount(world.base.people)).total;

export const grantTotal = (world: World): number => baseGrants(world) + world.store.meta.addedGrants;

export function grantOf(world: World, id: string): Grant | null {
  const changed = world.store.grants.get(id);
  if (changed !== undefined) return changed;
  const index = /^G-\d{8}$/.test(id) ? Number(id.slice(2)) : -1;
  if (index < 0 || index >= baseGrants(world)) return null;
  return doors.grant(world.base, world.store.meta.cohorts, cards.temporaryCount(world.base.people), index);
}

/** Grants are numbered without gaps; those added later follow the base ones. */
export function grantsAfter(world: World, after: string, limit: number): { grants: Grant[]; more: boolean } {
  let index = 0;
  if (after !== '') {
    const digits = /^G-(\d{8})$/.exec(after)?.[1];
    index = digits !== undefined ? Number(digits) + 1 : after < 'G-' ? 0 : grantTotal(world);
  }
  const until = Math.min(grantTotal(world), index + limit);
  const grants: Grant[] = [];
  for (; index < until; index += 1) {
    const grant = grantOf(world, doors.grantId(index));
    if (grant !== null) grants.push(grant);
  }
  return { grants, more: index < grantTotal(world) };
}
