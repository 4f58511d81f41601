/**
 * Every card with its state and its numbers, in columns: a row is the id of the card's key. One million cards
 * with three numbers each take some 250 MB this way, and nothing that the garbage collector has to walk.
 *
 *   card key ─keys─▶ row ─▶ state, flags, dates, holder
 *   scheme + value ─aliases─▶ alias ─heads─▶ node ─▶ node …   each node: one card that has this number
 *                                            └─ also chained from the card's row (`firstAlias`)
 *   holder ─people row─▶ firstCard ─▶ nextOfHolder …
 */
import { MOVED } from '../../transforms/absence.js';
import { ENDED_CARD_STATES } from '../../transforms/codes.js';
import type { CardFacts, CardState } from '../decide/model.js';
import { createColumns, unlink } from '../tables/columns.js';
import { NameList } from '../tables/name-list.js';
import { TextTable } from '../tables/text-table.js';
import type { CardInView, OutOfScopeCardInView } from './fields.js';

const STATES: readonly CardState[] = [
  'UNKNOWN',
  'NORMAL',
  'NOT_ISSUED',
  'EXPIRED',
  'REPLACED',
  'CLOSED',
  'REMOVED',
];
const SCOPES = ['none', 'master', 'out-of-scope'] as const;
export type CardScope = Exclude<(typeof SCOPES)[number], 'none'>;
const LOST = 1;
const FROZEN = 2;
const DAMAGED = 4;
const LOCKED = 8;
/** Rows that end a chain or point nowhere. */
const NONE = -1;
/** A date that is not set; far outside of the days that Avro dates can sensibly hold. */
const NO_DAY = -0x80000000;
/** More cards than this behind one number are not listed: two already make it ambiguous. */
const MATCHES_MAX = 16;
const CARDS_OF_PERSON_MAX = 64;

export interface Credential {
  readonly scheme: string;
  readonly value: string;
}

export interface CardsViewOptions {
  /** Rows of people, shared with the people view: a holder may be named before his record comes. */
  readonly personKeys: TextTable;
  /** The forms in which configured readers may send this credential, itself included. */
  readonly expand: (credential: Credential) => readonly Credential[];
}

export class CardsView {
  /** Rows by card key; grants and passages use the same rows. */
  readonly keys = new TextTable();
  private readonly aliases = new TextTable();
  private readonly sources = new NameList();
  private readonly schemes = new TextTable();
  private readonly rows = createColumns(
    {
      scope: 'u8',
      state: 'u8',
      flags: 'u8',
      source: 'i32',
      version: 'f64',
      validFrom: 'i32',
      validUntil: 'i32',
      holder: 'i32',
      nextOfHolder: 'i32',
      firstAlias: 'i32',
    },
    { holder: NONE, nextOfHolder: NONE, firstAlias: NONE },
  );
  private readonly heads = createColumns({ node: 'i32' }, { node: NONE });
  private readonly holders = createColumns({ firstCard: 'i32' }, { firstCard: NONE });
  private readonly nodes = createColumns({
    alias: 'i32',
    card: 'i32',
    nextOfCard: 'i32',
    nextOfAlias: 'i32',
  });
  private nodeCount = 0;
  private freeNode = NONE; // chained by nextOfCard
  private count = 0;

  constructor(private readonly options: CardsViewOptions) {}

  /** Cards present, out-of-scope ones included. */
  get size(): number {
    return this.count;
  }

  /** Applies a record of `master.card` or `hub.out-of-scope-card`; null is a tombstone. */
  apply(scope: CardScope, key: string, value: CardInView | OutOfScopeCardInView | null): void {
    const row = this.keys.intern(key);
    this.rows.ensure(row);
    const r = this.rows.columns;
    if (value === null) return this.remove(scope, row);
    const present = SCOPES[r.scope[row] ?? 0] ?? 'none';
    if (present !== 'none' && present !== scope) {
      // The end on the topic that the card has left may be read after its record on the other one.
      if (value.stateReason === MOVED || value.version < (r.version[row] ?? 0)) return;
    }
    if (present === 'none') this.count++;
    r.scope[row] = SCOPES.indexOf(scope);
    r.state[row] = Math.max(0, STATES.indexOf(value.state));
    r.flags[row] =
      (value.lost ? LOST : 0) |
      (value.frozen ? FROZEN : 0) |
      (value.damaged ? DAMAGED : 0) |
      (value.locked ? LOCKED : 0);
    r.source[row] = this.sources.intern(value.source);
    r.version[row] = value.version;
    r.validFrom[row] = value.validFrom ?? NO_DAY;
    r.validUntil[row] = value.validUntil ?? NO_DAY;
    const holder = 'holder' in value ? (value.holder?.key ?? null) : null;
    this.setHolder(row, holder === null ? NONE : this.options.personKeys.intern(holder));
    this.removeAliases(row);
    if (value.state === 'REMOVED') return; // its numbers are free again; the record says why it is gone
    for (const credential of value.credentials) {
      for (const alias of this.options.expand(credential)) this.addAlias(row, alias);
    }
  }

  get(key: string): CardFacts | undefined {
    const row = this.keys.find(key);
    return row < 0 ? undefined : this.facts(row);
  }

  byCredential(scheme: string, value: string): readonly CardFacts[] {
    const found: CardFacts[] = [];
    const schemeId = this.schemes.find(scheme);
    const alias = schemeId < 0 ? -1 : this.aliases.find(aliasText(schemeId, value));
    if (alias < 0) return found;
    const n = this.nodes.columns;
    let node = this.heads.columns.node[alias] ?? NONE;
    for (; node !== NONE && found.length < MATCHES_MAX; node = n.nextOfAlias[node] ?? NONE) {
      const card = this.facts(n.card[node] ?? 0);
      if (card !== undefined) found.push(card);
    }
    return found;
  }

  /** Keys of all cards with this number that are in use, however many. */
  keysInUse(scheme: string, value: string): readonly string[] {
    const schemeId = this.schemes.find(scheme);
    const alias = schemeId < 0 ? -1 : this.aliases.find(aliasText(schemeId, value));
    const keys: string[] = [];
    const { card, nextOfAlias } = this.nodes.columns;
    let node = alias < 0 ? NONE : (this.heads.columns.node[alias] ?? NONE);
    for (; node !== NONE; node = nextOfAlias[node] ?? NONE) {
      const row = card[node] ?? 0;
      if (!ENDED_CARD_STATES.has(STATES[this.rows.columns.state[row] ?? 0] ?? 'UNKNOWN'))
        keys.push(this.keys.text(row));
    }
    return keys;
  }

  /** The card's numbers in this scheme, longer numbers cut to it; a removed card has none. */
  numbersOf(key: string, scheme: string): readonly string[] {
    const row = this.keys.find(key);
    const schemeId = this.schemes.find(scheme);
    if (row < 0 || schemeId < 0) return [];
    const prefix = aliasText(schemeId, '');
    const numbers: string[] = [];
    const { alias, nextOfCard } = this.nodes.columns;
    let node = this.rows.columns.firstAlias[row] ?? NONE;
    for (; node !== NONE; node = nextOfCard[node] ?? NONE) {
      const text = this.aliases.text(alias[node] ?? 0);
      if (text.startsWith(prefix)) numbers.push(text.slice(prefix.length));
    }
    return numbers;
  }

  /** Says whether a card's numbers are those of before: the same text for the same numbers. */
  numbersMark(key: string): string {
    const row = this.keys.find(key);
    const { alias, nextOfCard } = this.nodes.columns;
    const found: number[] = [];
    let node = row < 0 ? NONE : (this.rows.columns.firstAlias[row] ?? NONE);
    for (; node !== NONE; node = nextOfCard[node] ?? NONE) found.push(alias[node] ?? 0);
    return found.sort((a, b) => a - b).join();
  }

  ofPerson(personKey: string): readonly CardFacts[] {
    const found: CardFacts[] = [];
    const person = this.options.personKeys.find(personKey);
    const next = this.rows.columns.nextOfHolder;
    let row = person < 0 ? NONE : (this.holders.columns.firstCard[person] ?? NONE);
    for (; row !== NONE && found.length < CARDS_OF_PERSON_MAX; row = next[row] ?? NONE) {
      const card = this.facts(row);
      if (card !== undefined) found.push(card);
    }
    return found;
  }

  private addAlias(row: number, { scheme, value }: Credential): void {
    const alias = this.aliases.intern(aliasText(this.schemes.intern(scheme), value));
    this.heads.ensure(alias);
    const r = this.rows.columns;
    const before = this.nodes.columns;
    // The card's own chain is short; that of a number which many cards share may not be.
    for (let at = r.firstAlias[row] ?? NONE; at !== NONE; at = before.nextOfCard[at] ?? NONE) {
      if (before.alias[at] === alias) return;
    }
    let node = this.freeNode;
    if (node === NONE) this.nodes.ensure((node = this.nodeCount++));
    else this.freeNode = before.nextOfCard[node] ?? NONE;
    const n = this.nodes.columns;
    n.alias[node] = alias;
    n.card[node] = row;
    n.nextOfCard[node] = r.firstAlias[row] ?? NONE;
    n.nextOfAlias[node] = this.heads.columns.node[alias] ?? NONE;
    r.firstAlias[row] = node;
    this.heads.columns.node[alias] = node;
  }

  private removeAliases(row: number): void {
    const n = this.nodes.columns;
    let node = this.rows.columns.firstAlias[row] ?? NONE;
    while (node !== NONE) {
      const next = n.nextOfCard[node] ?? NONE;
      unlink(this.heads.columns.node, n.nextOfAlias, n.alias[node] ?? 0, node);
      n.nextOfCard[node] = this.freeNode;
      this.freeNode = node;
      node = next;
    }
    this.rows.columns.firstAlias[row] = NONE;
  }

  private setHolder(row: number, holder: number): void {
    const r = this.rows.columns;
    const before = r.holder[row] ?? NONE;
    if (before === holder) return;
    if (before !== NONE) unlink(this.holders.columns.firstCard, r.nextOfHolder, before, row);
    r.holder[row] = holder;
    if (holder === NONE) return;
    this.holders.ensure(holder);
    r.nextOfHolder[row] = this.holders.columns.firstCard[holder] ?? NONE;
    this.holders.columns.firstCard[holder] = row;
  }

  private remove(scope: CardScope, row: number): void {
    // A card that changed its scope has a record on one topic and a tombstone on the other, in any order.
    if (SCOPES[this.rows.columns.scope[row] ?? 0] !== scope) return;
    this.rows.columns.scope[row] = 0;
    this.removeAliases(row);
    this.setHolder(row, NONE);
    this.count--;
  }

  private facts(row: number): CardFacts | undefined {
    const r = this.rows.columns;
    const scope = SCOPES[r.scope[row] ?? 0];
    if (scope === undefined || scope === 'none') return undefined;
    const flags = r.flags[row] ?? 0;
    const validFrom = r.validFrom[row] ?? NO_DAY;
    const validUntil = r.validUntil[row] ?? NO_DAY;
    const holder = r.holder[row] ?? NONE;
    return {
      key: this.keys.text(row),
      source: this.sources.text(r.source[row] ?? 0),
      version: r.version[row] ?? 0,
      scope,
      state: STATES[r.state[row] ?? 0] ?? 'UNKNOWN',
      lost: (flags & LOST) !== 0,
      frozen: (flags & FROZEN) !== 0,
      damaged: (flags & DAMAGED) !== 0,
      locked: (flags & LOCKED) !== 0,
      validFrom: validFrom === NO_DAY ? undefined : validFrom,
      validUntil: validUntil === NO_DAY ? undefined : validUntil,
      holder: holder === NONE ? undefined : this.options.personKeys.text(holder),
    };
  }
}

/** One character for the scheme, then the number: short keys, one table. */
function aliasText(scheme: number, value: string): string {
  return String.fromCharCode(33 + scheme) + value;
}
