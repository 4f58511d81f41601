import type { Grant } from '../access-control/types.js';
import { accountNumber, touchAccount } from './accounts.js';
import * as cards from './cards.js';
import type { Card, FrozenTrade } from './cards.js';
import { grantId } from './doors.js';
import { entryYear } from './people.js';
import type { Change } from './store.js';
import { compactDate, isoShanghai, yearOf } from './time.js';
import type { World } from './world.js';
import { cardOf, cardsOfPerson, grantOf, grantTotal } from './world.js';

/**
 * What can happen to a card. States and transitions (domain.md 1.4, hard cases 8–13):
 *
 *   open(1) ─▶ normal ⇄ lost (3/6) ─ replace ─▶ old: replaced (8), new: normal (5)
 *              normal ⇄ frozen (4/7)          a frozen card cannot be replaced
 *              any of them ─ close ─▶ closed (2)   expire: date in the past, status 4, told as 2 / `expired`
 *
 * A repeat changes nothing (a second loss report does not move the first loss time).
 */
export type Refusal = 'NO_SUCH_CARD' | 'NOTHING_CHANGES' | 'ENDED' | 'FROZEN';
export type Outcome =
  | { readonly ok: true; readonly changes: readonly Change[] }
  | { readonly ok: false; readonly reason: Refusal };

export interface Circumstances {
  readonly time: number;
  readonly channel?: string;
  readonly cause?: string;
  /** freeze: the transaction that it refers to, where no cause is given. */
  readonly trade?: FrozenTrade;
}

const no = (reason: Refusal): Outcome => ({ ok: false, reason });
const ended = (card: Card): boolean => card.status === 2 || card.status === 6;

/** Writes the card and its entry in the feed; trims the feed to what it keeps. */
function record(world: World, type: Change['type'], card: Card, how: Circumstances, related = ''): Change {
  const { meta, cards: overlay, changes, marks, byPerson } = world.store;
  const before = overlay.get(card.no);
  meta.seq += 1;
  const { channel = '', cause = '', time } = how;
  const change: Change = { seq: meta.seq, type, time, channel, cause, related, card };
  overlay.putSync(card.no, card);
  changes.putSync(meta.seq, change);
  touchAccount(world.store, accountNumber(card), world.feedRetention);
  if (before === undefined && card.no >= cards.EXTRA_FIRST && card.kind === '800')
    byPerson.putSync([card.holder, card.no], 1);
  for (const [name, on] of [
    ['lost', card.lost],
    ['frozen', card.frozen],
  ] as const) {
    if (on && !ended(card)) marks.putSync(`${name}:${card.no}`, 1);
    else marks.removeSync(`${name}:${card.no}`);
  }
  while (meta.seq - meta.floor > world.feedRetention) {
    meta.floor += 1;
    changes.removeSync(meta.floor);
  }
  return change;
}

const grown = (card: Card, change: Partial<Card>): Card => ({ ...card, ...change, ver: card.ver + 1 });

function change(
  world: World,
  number: string,
  step: (card: Card) => Outcome | { type: Change['type']; change: Partial<Card>; card?: Card },
  how: Circumstances,
): Outcome {
  return world.store.tx(() => {
    const card = cardOf(world, number);
    if (card === null) return no('NO_SUCH_CARD');
    const next = step(card);
    if ('ok' in next) return next;
    return { ok: true, changes: [record(world, next.type, grown(next.card ?? card, next.change), how)] };
  });
}

export const lose = (world: World, number: string, how: Circumstances): Outcome =>
  change(
    world,
    number,
    (card) => {
      if (ended(card)) return no('ENDED');
      return card.lost ? no('NOTHING_CHANGES') : { type: 3, change: { lost: true, lostAt: how.time } };
    },
    how,
  );

export const unlose = (world: World, number: string, how: Circumstances): Outcome =>
  change(
    world,
    number,
    (card) => {
      if (ended(card)) return no('ENDED');
      return card.lost ? { type: 6, change: { lost: false, lostAt: 0 } } : no('NOTHING_CHANGES');
    },
    how,
  );

export const freeze = (world: World, number: string, how: Circumstances): Outcome =>
  change(
    world,
    number,
    (card) => {
      if (ended(card)) return no('ENDED');
      const cause = how.cause === '1' || how.cause === '2' || how.cause === '3' ? how.cause : '';
      const refers = how.trade === undefined ? {} : { frozenTrade: how.trade };
      return card.frozen
        ? no('NOTHING_CHANGES')
        : { type: 4, change: { frozen: true, frozenCause: cause, ...refers } };
    },
    how,
  );

export const unfreeze = (world: World, number: string, how: Circumstances): Outcome =>
  change(
    world,
    number,
    (card) => {
      if (ended(card)) return no('ENDED');
      if (!card.frozen) return no('NOTHING_CHANGES');
      const { frozenTrade: _, ...rest } = card;
      return { type: 7, card: rest, change: { frozen: false, frozenCause: '' } };
    },
    how,
  );

export const close = (world: World, number: string, how: Circumstances): Outcome =>
  change(world, number, (card) => (ended(card) ? no('ENDED') : { type: 2, change: { status: 2 } }), how);

export const expire = (world: World, number: string, how: Circumstances): Outcome =>
  change(
    world,
    number,
    (card) => {
      if (ended(card)) return no('ENDED');
      if (card.status === 4) return no('NOTHING_CHANGES');
      return { type: 2, change: { status: 4, expdate: compactDate(how.time - 86_400_000) } };
    },
    { ...how, cause: 'expired' },
  );

function newCard(world: World, of: Pick<Card, 'kind' | 'holder'>, time: number, expdate: string): Card {
  const index = world.store.meta.extraCards;
  world.store.meta.extraCards += 1;
  const created = compactDate(time);
  return {
    ...{
      no: cards.extraCardNumber(index),
      kind: of.kind,
      holder: of.holder,
      serial: cards.SERIALS.extra + index,
    },
    ...{ status: 1, ver: 1, lost: false, frozen: false, bad: false, locked: false, lostAt: 0 },
    ...{ indate: created, expdate, created, replacedBy: '', replaces: '', frozenCause: '' },
  };
}

/** Reports the loss if nobody has, then swaps: the old card's entry (8) comes before the new one's (5). */
export function replace(world: World, number: string, how: Circumstances): Outcome {
  return world.store.tx(() => {
    const reported = lose(world, number, how);
    if (!reported.ok && reported.reason !== 'NOTHING_CHANGES') return reported;
    const card = cardOf(world, number);
    if (card === null) return no('NO_SUCH_CARD');
    if (card.frozen) return reported.ok ? reported : no('FROZEN');
    const fresh = { ...newCard(world, card, how.time, card.expdate), replaces: card.no };
    const old = grown(card, { status: 6, replacedBy: fresh.no });
    const swaps = [record(world, 8, old, how, fresh.no), record(world, 5, fresh, how, old.no)];
    return { ok: true, changes: [...(reported.ok ? reported.changes : []), ...swaps] };
  });
}

/** A card for a person who is already known. */
export function openCard(world: World, person: number, how: Circumstances): Outcome {
  return world.store.tx(() => {
    if (person < 0 || person >= world.store.meta.people) return no('NO_SUCH_CARD');
    const expdate = `${yearOf(how.time) + 4}0715`;
    const card = newCard(world, { kind: '800', holder: person }, how.time, expdate);
    return { ok: true, changes: [record(world, 1, card, how)] };
  });
}

/** New students, each with a card: the day when 8,000 come. */
export function arrive(world: World, count: number, how: Circumstances): Outcome {
  return world.store.tx(() => {
    const { meta } = world.store;
    const from = meta.people;
    meta.cohorts = [...meta.cohorts, { from, count, year: yearOf(how.time) }];
    meta.people += count;
    const changes: Change[] = [];
    for (let person = from; person < from + count; person += 1) {
      const expdate = `${entryYear(world.base, meta.cohorts, person) + 4}0715`;
      changes.push(record(world, 1, newCard(world, { kind: '800', holder: person }, how.time, expdate), how));
    }
    return { ok: true, changes };
  });
}

/** Students leave, oldest numbers first; every card that they still have is closed. */
export function leave(world: World, count: number, how: Circumstances): Outcome {
  return world.store.tx(() => {
    const { meta } = world.store;
    const changes: Change[] = [];
    let left = 0;
    for (; left < count && meta.leaveCursor < meta.people; meta.leaveCursor += 1) {
      const person = meta.leaveCursor;
      const theirs = cardsOfPerson(world, person).filter((card) => !ended(card));
      if (theirs.length === 0 || !isStudent(world, person)) continue;
      left += 1;
      for (const card of theirs) {
        const outcome = close(world, card.no, { ...how, cause: 'graduated' });
        if (outcome.ok) changes.push(...outcome.changes);
      }
    }
    return { ok: true, changes };
  });
}

const isStudent = (world: World, person: number): boolean =>
  cards.holderOf(world.base, world.store.meta.cohorts, { kind: '800', holder: person } as Card).pidcode ===
  '01';

/** A temporary card with the right to pass the gates for a week. */
export function openTemporary(world: World, how: Circumstances): Outcome & { grant?: Grant } {
  return world.store.tx(() => {
    const { meta } = world.store;
    const card = newCard(
      world,
      { kind: '801', holder: meta.temporaries },
      how.time,
      compactDate(how.time + 7 * 86_400_000),
    );
    meta.temporaries += 1;
    const grant = addGrant(world, {
      subject: { type: 'card', id: card.no },
      resource: { type: 'doorGroup', id: 'all-perimeter' },
      direction: 'both',
      validFrom: isoShanghai(how.time),
      validUntil: isoShanghai(how.time + 7 * 86_400_000),
      schedule: [],
    });
    return { ok: true, changes: [record(world, 1, card, how)], grant };
  });
}

/** The card vanishes from the core without a word in the feed (a clean-up by hand). */
export function purge(world: World, number: string): Outcome {
  return world.store.tx(() => {
    if (cardOf(world, number) === null) return no('NO_SUCH_CARD');
    world.store.gone.putSync(number, 1);
    world.store.meta.goneCards += 1;
    return { ok: true, changes: [] };
  });
}

export function addGrant(world: World, grant: Omit<Grant, 'id' | 'state' | 'version'>): Grant {
  return world.store.tx(() => {
    const added: Grant = { ...grant, id: grantId(grantTotal(world)), state: 'active', version: 1 };
    world.store.meta.addedGrants += 1;
    world.store.grants.putSync(added.id, added);
    return added;
  });
}

export function setGrantState(world: World, id: string, state: Grant['state']): Grant | null {
  return world.store.tx(() => {
    const grant = grantOf(world, id);
    if (grant === null || grant.state === state) return grant;
    const next = { ...grant, state, version: grant.version + 1 };
    world.store.grants.putSync(id, next);
    return next;
  });
}
