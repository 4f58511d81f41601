import type { CheckoutRow, PatronRow } from '../library/types.js';
import { basePersonCard } from './cards.js';
import { nextOf, countOf } from './desk-store.js';
import type { LoanState, PatronState } from './desk-store.js';
import { entryYear, person } from './people.js';
import { hash32, oneIn } from './prng.js';
import type { Change } from './store.js';
import type { World } from './world.js';
import { changesAfter } from './world.js';

/**
 * The library: readers and loans. Every person is a reader with number `index + 1`. The library does not ask the
 * core: a staging server hands it the core's changes a minute later, and loses one in twenty losses (the two systems
 * agree mostly, as real ones do). It lends by what it knows itself.
 *
 * All readers were brought over in one migration, so that they share one time of change.
 */
const STAGING_MS = 60_000;
const DAY_MS = 86_400_000;
const SHANGHAI_MS = 8 * 3_600_000;
const LOAN_DAYS = 31;
const LOANS_MAX = 10;
const RENEWALS_MAX = 2;
const BRANCHES = ['CY', 'PD', 'LG'] as const;
const CATEGORIES = { '01': 'ST', '02': 'T', '03': 'R', '09': 'V' } as const;
const GRADUATED = 'graduated';

const migratedAt = (world: World): number =>
  Date.UTC(world.base.epochYear - 1, 7, 20) - SHANGHAI_MS + 10_800_000;
const wholeSecond = (ms: number): number => Math.floor(ms / 1000) * 1000;

export const isoSeconds = (ms: number): string =>
  new Date(ms + SHANGHAI_MS).toISOString().slice(0, 19) + '+08:00';

function basePatron(world: World, id: number): PatronState | null {
  const index = id - 1;
  if (index < 0 || index >= world.base.people) return null;
  // The card as it was at the migration: what life changed since comes through the staging server.
  const { base, store } = world;
  const first = basePersonCard(base, store.meta.cohorts, index, 0);
  const card = first.status === 6 ? basePersonCard(base, store.meta.cohorts, index, 1) : first;
  return { cardnumber: card.no, lost: card.lost, gone: false, updatedAt: migratedAt(world) };
}

export function patronOf(world: World, id: number): PatronState | null {
  const state = world.store.desk.patrons.get(id) ?? basePatron(world, id);
  return state === null || state.gone ? null : state;
}

/** Readers in a complete listing. */
export const patronTotal = (world: World): number =>
  world.base.people + countOf(world.store.desk, 'patrons-added') - countOf(world.store.desk, 'patrons-gone');

const lastPatronId = (world: World): number =>
  Math.max(world.base.people, countOf(world.store.desk, 'patrons-last'));

function putPatron(world: World, id: number, state: PatronState): void {
  const { patrons, patronsByChange } = world.store.desk;
  const before = patrons.get(id);
  if (before !== undefined) patronsByChange.removeSync([before.updatedAt, id]);
  patrons.putSync(id, state);
  if (!state.gone) patronsByChange.putSync([state.updatedAt, id], 1);
}

/** What a change of a card means to the reader; null: nothing. */
function heard(patron: PatronState, change: Change): Partial<PatronState> | null {
  const { no } = change.card;
  if (change.type === 1 || change.type === 5) return { cardnumber: no, lost: false };
  if (no !== patron.cardnumber) return null;
  if (change.type === 3) return { lost: true };
  if (change.type === 6) return { lost: false };
  return change.type === 2 && change.cause === GRADUATED ? { gone: true } : null;
}

function applyChange(world: World, change: Change): void {
  if (change.card.kind !== '800') return;
  if (change.type === 3 && oneIn(20, world.base.seed, 90, change.seq)) return;
  const id = change.card.holder + 1;
  const updatedAt = wholeSecond(change.time + STAGING_MS);
  const patron = patronOf(world, id);
  if (patron === null) {
    if (change.type !== 1 || id <= lastPatronId(world)) return;
    nextOf(world.store.desk, 'patrons-added');
    world.store.desk.counters.putSync('patrons-last', id);
    putPatron(world, id, { cardnumber: change.card.no, lost: false, gone: false, updatedAt });
    return;
  }
  const news = heard(patron, change);
  if (news === null) return;
  if (news.gone === true) nextOf(world.store.desk, 'patrons-gone');
  putPatron(world, id, { ...patron, ...news, updatedAt });
}

const CATCH_UP_ROWS = 1_000;

/** The staging server's work up to `now`. Changes that the core's feed has dropped never reach the library. */
export function hearFromCore(world: World, now: number): void {
  const { desk, meta, tx } = world.store;
  const until = now - STAGING_MS;
  let from = Math.max(countOf(desk, 'library-heard'), meta.floor);
  for (let done = false; !done && from < meta.seq;) {
    tx(() => {
      const changes = changesAfter(world, from, CATCH_UP_ROWS) ?? [];
      const due = changes.filter((change) => change.time <= until);
      for (const change of due) applyChange(world, change);
      from = due.at(-1)?.seq ?? from;
      done = due.length < changes.length || changes.length === 0;
      desk.counters.putSync('library-heard', from);
    });
  }
}

export function patronRow(world: World, id: number, state: PatronState): PatronRow {
  const index = id - 1;
  const { cohorts } = world.store.meta;
  const holder = person(world.base, cohorts, index);
  const since = holder.pidcode === '01' ? entryYear(world.base, cohorts, index) : world.base.epochYear - 5;
  return {
    patron_id: id,
    cardnumber: state.cardnumber,
    userid: holder.sno,
    surname: holder.name,
    category_id: CATEGORIES[holder.pidcode],
    library_id: BRANCHES[hash32(world.base.seed, 91, index) % BRANCHES.length] ?? 'CY',
    date_enrolled: `${since}-09-01`,
    expiry_date: `${holder.pidcode === '01' ? since + 4 : world.base.epochYear + 5}-07-15`,
    patron_card_lost: state.lost,
    restricted: oneIn(150, world.base.seed, 92, index),
    updated_on: isoSeconds(state.updatedAt),
  };
}

export interface Place {
  readonly time: number;
  readonly id: number;
}

/** Readers with a number greater than `after`, in order of it. */
export function patronsAfter(world: World, after: number, limit: number): PatronRow[] {
  const rows: PatronRow[] = [];
  for (let id = after + 1; id <= lastPatronId(world) && rows.length < limit; id += 1) {
    const state = patronOf(world, id);
    if (state !== null) rows.push(patronRow(world, id, state));
  }
  return rows;
}

/** Readers that changed behind this place, in order of time and number. */
export function patronsChangedAfter(world: World, place: Place, limit: number): PatronRow[] {
  const rows: PatronRow[] = [];
  const base = migratedAt(world);
  if (place.time <= base) {
    let id = place.time < base ? 1 : place.id + 1;
    for (; id <= world.base.people && rows.length < limit; id += 1) {
      const state = patronOf(world, id);
      if (state !== null && state.updatedAt === base) rows.push(patronRow(world, id, state));
    }
  }
  const start: [number, number] = [Math.max(place.time, base + 1), place.time > base ? place.id + 1 : 0];
  for (const [, id] of world.store.desk.patronsByChange.getKeys({ start, limit: limit - rows.length })) {
    const state = patronOf(world, id);
    if (state !== null) rows.push(patronRow(world, id, state));
  }
  return rows;
}

export function checkoutRow(loan: LoanState): CheckoutRow {
  return {
    checkout_id: loan.id,
    patron_id: loan.patron,
    item_id: loan.item,
    library_id: loan.branch,
    checkout_date: isoSeconds(loan.outAt),
    due_date: isoSeconds(loan.dueAt),
    last_renewed_date: loan.renewedAt === 0 ? null : isoSeconds(loan.renewedAt),
    renewals_count: loan.renewals,
    checkin_date: loan.inAt === 0 ? null : isoSeconds(loan.inAt),
    timestamp: isoSeconds(loan.updatedAt),
  };
}

/** Open or closed loans that changed behind this place. */
export function loansChangedAfter(
  world: World,
  list: 'out' | 'in',
  place: Place,
  limit: number,
): CheckoutRow[] {
  const { loans, loansByChange } = world.store.desk;
  const start: [string, number, number] = [list, place.time, place.id + 1];
  const end: [string, number, number] = [list, Number.MAX_SAFE_INTEGER, 0];
  return [...loansByChange.getKeys({ start, end, limit })].flatMap(([, , id]) => {
    const loan = loans.get(id);
    return loan === undefined ? [] : [checkoutRow(loan)];
  });
}

export const loanTotal = (world: World, list: 'out' | 'in'): number => {
  const closed = countOf(world.store.desk, 'loans-closed');
  return list === 'in' ? closed : countOf(world.store.desk, 'loans') - closed;
};

function putLoan(world: World, loan: LoanState, before: LoanState | null): LoanState {
  const { desk } = world.store;
  const listOf = (each: LoanState): string => (each.inAt === 0 ? 'out' : 'in');
  if (before !== null) desk.loansByChange.removeSync([listOf(before), before.updatedAt, loan.id]);
  desk.loans.putSync(loan.id, loan);
  desk.loansByChange.putSync([listOf(loan), loan.updatedAt, loan.id], 1);
  if (loan.inAt === 0) {
    desk.openLoans.putSync(loan.id, 1);
    desk.itemsOut.putSync(loan.item, loan.id);
  } else {
    desk.openLoans.removeSync(loan.id);
    desk.itemsOut.removeSync(loan.item);
    nextOf(desk, 'loans-closed');
  }
  return loan;
}

export type LoanOutcome =
  { readonly ok: true; readonly loan: LoanState } | { readonly ok: false; readonly reason: string };
const no = (reason: string): LoanOutcome => ({ ok: false, reason });

export const itemTotal = (world: World): number => world.base.people * 5;

/** The desk lends by the library's own data, so that a loss it has not heard of does not stop anyone. */
export function borrow(world: World, holder: number, item: number, time: number): LoanOutcome {
  return world.store.tx(() => {
    const { desk } = world.store;
    const patron = patronOf(world, holder + 1);
    if (patron === null) return no('NO_SUCH_PATRON');
    const row = patronRow(world, holder + 1, patron);
    if (patron.lost) return no('CARD_LOST');
    if (row.restricted) return no('RESTRICTED');
    if (desk.itemsOut.get(item) !== undefined) return no('ITEM_OUT');
    const held = countOf(desk, `held:${holder}`);
    if (held >= LOANS_MAX) return no('TOO_MANY');
    desk.counters.putSync(`held:${holder}`, held + 1);
    const outAt = wholeSecond(time);
    const endOfDay = Math.floor((outAt + SHANGHAI_MS) / DAY_MS) * DAY_MS - SHANGHAI_MS + DAY_MS - 60_000;
    const loan: LoanState = {
      ...{ id: nextOf(desk, 'loans'), patron: holder + 1, item, branch: row.library_id ?? 'CY' },
      ...{
        outAt,
        dueAt: endOfDay + LOAN_DAYS * DAY_MS,
        renewedAt: 0,
        renewals: 0,
        inAt: 0,
        updatedAt: outAt,
      },
    };
    return { ok: true, loan: putLoan(world, loan, null) };
  });
}

export function renew(world: World, id: number, time: number): LoanOutcome {
  return world.store.tx(() => {
    const loan = world.store.desk.loans.get(id);
    if (loan === undefined || loan.inAt !== 0) return no('NOT_OUT');
    if (loan.renewals >= RENEWALS_MAX) return no('TOO_MANY_RENEWALS');
    const at = wholeSecond(time);
    const next = { ...loan, dueAt: loan.dueAt + LOAN_DAYS * DAY_MS, renewedAt: at, updatedAt: at };
    return { ok: true, loan: putLoan(world, { ...next, renewals: loan.renewals + 1 }, loan) };
  });
}

/** A return needs no card at all: the book is enough. */
export function giveBack(world: World, id: number, time: number): LoanOutcome {
  return world.store.tx(() => {
    const { desk } = world.store;
    const loan = desk.loans.get(id);
    if (loan === undefined || loan.inAt !== 0) return no('NOT_OUT');
    const at = wholeSecond(time);
    const holder = loan.patron - 1;
    desk.counters.putSync(`held:${holder}`, Math.max(0, countOf(desk, `held:${holder}`) - 1));
    return { ok: true, loan: putLoan(world, { ...loan, inAt: at, updatedAt: at }, loan) };
  });
}

/** The loan by which this item is out, or null. */
export function openLoanOf(world: World, item: number): LoanState | null {
  const { itemsOut, loans } = world.store.desk;
  const id = itemsOut.get(item);
  return id === undefined ? null : (loans.get(id) ?? null);
}

/** An open loan from a random place on, or null. */
export function openLoanFrom(world: World, start: number): number | null {
  const { openLoans } = world.store.desk;
  for (const from of [start, 0]) for (const id of openLoans.getKeys({ start: from, limit: 1 })) return id;
  return null;
}
