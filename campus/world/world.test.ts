import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { NOON, temporaryFolder } from '../testing.js';
import { uidOfCard } from './cards.js';
import type { CardRow } from './cards.js';
import { applyLife, advance } from './life.js';
import type { LifeEvent } from './life.js';
import { idCheckCharacter, person } from './people.js';
import { permute32, unpermute32 } from './prng.js';
import { uidOf, readUid } from './uid.js';
import * as world from './world.js';
import type { World } from './world.js';

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

function folder(): string {
  const { dir, remove } = temporaryFolder();
  ending.push(remove);
  return dir;
}

function open(people = 200, seed = 7, options: Partial<world.WorldOptions> = {}): World {
  const opened = world.openWorld({ dir: folder(), seed, people, clock: { now: NOON, rate: 0 }, ...options });
  ending.push(() => opened.store.close());
  return opened;
}

function listing(from: World, limit = 37): CardRow[] {
  const rows: CardRow[] = [];
  for (let after = '', more = true; more; after = rows.at(-1)?.cardno ?? '') {
    const page = world.cardsAfter(from, after, limit);
    rows.push(...page.cards.map((card) => world.rowOf(from, card)));
    more = page.more;
  }
  return rows;
}

const everything = (from: World): unknown => [
  listing(from),
  world.grantsAfter(from, '', 5000).grants,
  Array.from({ length: world.doorTotal(from) }, (_, index) => world.doorAt(from, index)),
  world.changesAfter(from, 0, 5000)?.map((it) => ({ ...it })),
  world.eventsAfter(from, 0, 50_000),
];

describe('a world', () => {
  it('is the same for the same seed, and lives the same life however the time is cut', () => {
    const one = open();
    const other = open();
    one.store.tx(() => (one.store.meta.lifeTick = NOON / 1000));
    other.store.tx(() => (other.store.meta.lifeTick = NOON / 1000));
    one.clock.set({ advanceMs: 3_600_000 });
    advance(one, 3);
    for (const step of [60_000, 1_740_000, 1_000, 1_799_000]) {
      other.clock.set({ advanceMs: step });
      advance(other, 3);
    }
    expect(one.store.meta.seq).toBeGreaterThan(10);
    expect(one.store.meta.eventSeq).toBeGreaterThan(300);
    expect(everything(other)).toEqual(everything(one));
    expect(listing(open(200, 8))).not.toEqual(listing(open(200, 7)));
  });

  it('goes on where it was after a second start, its clock standing still in between', async () => {
    const dir = folder();
    let wall = 1_000_000;
    const options = { dir, seed: 7, people: 100, wall: () => wall, clock: { now: NOON, rate: 2 } };
    const first = world.openWorld(options);
    applyLife(first, { event: 'arrive', count: 30 });
    applyLife(first, { event: 'replace', card: '1000000010' });
    applyLife(first, { event: 'swipe', count: 20 });
    wall += 5000;
    first.store.saveClock(first.clock.state());
    const before = everything(first);
    await first.store.close();
    wall += 99_999;
    const second = world.openWorld({ ...options, clock: { now: 0, rate: 1 } });
    ending.push(() => second.store.close());
    expect(everything(second)).toEqual(before);
    expect(second.clock.now()).toBe(NOON + 10_000);
    const { seq } = second.store.meta;
    expect(applyLife(second, { event: 'lose', card: '1000000020' }).changes[0]?.seq).toBe(seq + 1);
  });

  it('lists every card once, in binary order of its number, as many as it counts', () => {
    for (const people of [50, 51, 107, 1000]) {
      const from = open(people);
      applyLife(from, { event: 'arrive', count: 5 });
      const numbers = listing(from, 7).map((row) => row.cardno);
      expect(numbers).toEqual([...new Set(numbers)].sort());
      expect(numbers).toHaveLength(world.cardTotal(from));
      for (const [place, no] of numbers.entries()) expect(world.cardNumberAt(from, place)).toBe(no);
    }
  });

  it('has identity documents of the year 2099 with a valid check character', () => {
    expect(idCheckCharacter('11010519491231002')).toBe('X');
    const { base } = open(1000);
    const people = Array.from({ length: 1000 }, (_, index) => person(base, [], index));
    const documents = people.flatMap((it) => (it.cert === '' ? [] : it.cert));
    expect(documents.length).toBeGreaterThan(950);
    for (const cert of documents) expect(cert).toMatch(/^\d{6}2099\d{7}[\dX]$/);
    for (const cert of documents) expect(idCheckCharacter(cert)).toBe(cert.at(17));
    expect(new Set(people.map((it) => it.sno)).size).toBe(1000);
    expect(people.some((it) => it.name.endsWith(' '))).toBe(true);
    expect(people.some((it) => it.name.includes('·'))).toBe(true);
    expect(people.some((it) => [...it.name].length < it.name.length)).toBe(true);
  });

  it('finds a card by its chip number, and has cards that a truncated reader cannot tell apart', () => {
    const from = open(1000);
    const cards = world.cardsAfter(from, '', 5000).cards;
    const uids = cards.map((card) => uidOfCard(from.base, card));
    expect(new Set(uids).size).toBe(uids.length);
    expect(new Set(uids.map((uid) => uid.length))).toEqual(new Set([8, 14]));
    expect(uids[11 + 1]?.slice(0, 6)).toBe(uids[10 + 1]?.slice(0, 6));
    const found = cards.filter((card) => world.cardOfUid(from, uidOfCard(from.base, card))?.no === card.no);
    expect(found.length).toBeGreaterThan(cards.length * 0.98);
  });
});

describe('chip numbers', () => {
  it('are written as the vectors of the domain say', () => {
    const vectors = [
      ['wg26-3-5-be', '5630F009', 'wg26-3-5-be', '08612528'],
      ['wg26-3-5-le', '5630F009', 'wg26-3-5-le', '24012374'],
      ['dec10-le', '5630F009', 'dec10-le', '0166735958'],
      ['dec10-be', '5630F009', 'dec10-be', '1446047753'],
      ['dec10-be', '00A1B2C3', 'dec10-be', '0010597059'],
      ['dec10-be', '04A3B2C1D0E180', 'dec17-be', '01305888058040704'],
      ['dec10-le', '04A3B2C1D0E180', 'dec17-le', '36277083738120964'],
      ['uid-hex', '5630F009', 'uid-hex', '5630F009'],
      ['uid-hex-reversed', '5630F009', 'uid-hex-reversed', '09F03056'],
    ] as const;
    for (const [reader, uid, profile, value] of vectors)
      expect(readUid(reader, uid)).toEqual({ profile, value });
  });

  it('come from a permutation that can be undone', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: 0xffffffff }), (seed, value) => {
        expect(unpermute32(seed, permute32(seed, value))).toBe(value);
      }),
    );
    expect(uidOf(7, 1)).toMatch(/^([0-9A-F]{8}|[0-9A-F]{14})$/);
  });
});

const EVENTS: readonly LifeEvent[] = [
  ...(['lose', 'unlose', 'freeze', 'unfreeze', 'replace', 'expire', 'close', 'open'] as const),
  ...(['temporary', 'arrive', 'leave'] as const),
];

describe('the change feed', () => {
  it('replayed over a listing taken at its head gives the listing', () => {
    const step = fc.record({
      event: fc.constantFrom(...EVENTS),
      count: fc.integer({ min: 1, max: 6 }),
      card: fc.option(fc.nat({ max: 4 }), { nil: undefined }),
    });
    fc.assert(
      // Long stretches of life on few cards: that is where events meet.
      fc.property(fc.array(step, { minLength: 30, maxLength: 60 }), fc.nat({ max: 20 }), (steps, cut) => {
        const from = open(50, cut);
        const live = (part: typeof steps): void => {
          for (const { event, count, card } of part) {
            applyLife(from, {
              event,
              count,
              ...(card !== undefined && { card: `1${String(card).padStart(8, '0')}0` }),
            });
          }
        };
        live(steps.slice(0, cut));
        const head = from.store.meta.seq;
        const view = new Map(listing(from).map((row) => [row.cardno, row]));
        live(steps.slice(cut));
        for (const change of world.changesAfter(from, head, 100_000) ?? []) {
          const row = world.rowOf(from, change.card);
          expect(Number(row.cardver)).toBe(Number(view.get(row.cardno)?.cardver ?? '0') + 1);
          view.set(row.cardno, row);
        }
        expect([...view.values()].sort((a, b) => (a.cardno < b.cardno ? -1 : 1))).toEqual(listing(from));
      }),
      { numRuns: 12 },
    );
  });

  it('forgets what is older than it keeps', () => {
    const from = open(50, 1, { feedRetention: 10 });
    applyLife(from, { event: 'arrive', count: 25 });
    expect(world.changesAfter(from, 14, 5)).toBeNull();
    expect(world.changesAfter(from, 15, 50)?.map((it) => it.seq)).toEqual([
      16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
    ]);
  });
});

describe('life', () => {
  it('a second loss report changes nothing and does not move the first loss time', () => {
    const from = open();
    applyLife(from, { event: 'lose', card: '1000000010' });
    const lost = world.cardOf(from, '1000000010');
    from.clock.set({ advanceMs: 60_000 });
    const again = applyLife(from, { event: 'lose', card: '1000000010' });
    expect(again).toMatchObject({ done: 0, refused: [{ card: '1000000010', reason: 'NOTHING_CHANGES' }] });
    expect(world.cardOf(from, '1000000010')).toEqual(lost);
  });

  it('a replacement closes the old card before it opens the new one, and names both', () => {
    const from = open();
    const { changes } = applyLife(from, { event: 'replace', card: '1000000010' });
    expect(changes.map((it) => it.type)).toEqual([3, 8, 5]);
    expect(world.cardOf(from, '1000000010')).toMatchObject({ status: 6, replacedBy: '5000000000' });
    expect(world.cardOf(from, '5000000000')).toMatchObject({ status: 1, replaces: '1000000010', holder: 1 });
    expect(applyLife(from, { event: 'unlose', card: '1000000010' }).refused[0]?.reason).toBe('ENDED');
  });

  it('a frozen card cannot be replaced', () => {
    const from = open();
    applyLife(from, { event: 'lose', card: '1000000010' });
    applyLife(from, { event: 'freeze', card: '1000000010', cause: '3' });
    expect(applyLife(from, { event: 'replace', card: '1000000010' }).refused[0]?.reason).toBe('FROZEN');
  });

  it('eight thousand come with a card each, and eight thousand others leave', () => {
    const from = open(10_000);
    const total = world.cardTotal(from);
    expect(applyLife(from, { event: 'arrive' }).done).toBe(8000);
    expect(world.cardTotal(from)).toBe(total + 8000);
    const left = applyLife(from, { event: 'leave' });
    expect(left.done).toBeGreaterThanOrEqual(8000);
    expect(world.changesAfter(from, 8000, 1)?.[0]).toMatchObject({ type: 2, cause: 'graduated' });
    expect(world.cardTotal(from)).toBe(total + 8000);
  });

  it('a late upload has a new sequence number and an old time', () => {
    const from = open();
    applyLife(from, { event: 'swipe', card: '1000000010', door: 'D-00000', lateMs: 600_000 });
    applyLife(from, { event: 'swipe', card: '1000000020', door: 'D-00000' });
    from.clock.set({ advanceMs: 600_000 });
    advance(from, 0);
    const [first, late] = world.eventsAfter(from, 0, 10) ?? [];
    expect([first?.index, late?.index]).toEqual([2, 1]);
    expect(late?.seq).toBe(2);
    expect(Date.parse(late?.occurredAt ?? '')).toBe(NOON);
    expect(Date.parse(late?.uploadedAt ?? '')).toBe(NOON + 600_000);
  });

  it('a purged card is gone from the listing without a word in the feed', () => {
    const from = open();
    const { seq } = from.store.meta;
    applyLife(from, { event: 'purge', card: '1000000010' });
    expect(listing(from).some((row) => row.cardno === '1000000010')).toBe(false);
    expect(listing(from)).toHaveLength(world.cardTotal(from));
    expect(from.store.meta.seq).toBe(seq);
  });
});
