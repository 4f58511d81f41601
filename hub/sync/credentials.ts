import { ENDED_CARD_STATES } from '../../transforms/codes.js';
import { createColumns, unlink } from '../tables/columns.js';
import { TextTable } from '../tables/text-table.js';

/**
 * Which live cards hold a credential. Two cards with the same number are both marked ambiguous and denied at
 * doors; the mark goes when the collision ends (one of them is closed, replaced or gets another number).
 */

export interface CredentialOfCard {
  readonly scheme: string;
  readonly value: string;
}

export interface CardLike {
  readonly state: string;
  readonly credentials: readonly CredentialOfCard[];
}

function liveNumbers(card: CardLike | null): string[] {
  if (card === null || ENDED_CARD_STATES.has(card.state)) return [];
  return card.credentials.map((credential) => `${credential.scheme}:${credential.value}`);
}

/** Ends a chain. */
const NONE = -1;

/**
 * In columns (`hub/tables`), since a million cards have several numbers each:
 *
 *   card key ─cards─▶ row ─firstNode─▶ node ─nextOfCard─▶ …      a node: this card holds this number
 *   number ─numbers─▶ row ─headNode─▶ node ─nextOfNumber─▶ …
 */
export class CredentialIndex {
  readonly #cards = new TextTable();
  readonly #numbers = new TextTable();
  readonly #cardRows = createColumns({ firstNode: 'i32' }, { firstNode: NONE });
  readonly #numberRows = createColumns({ headNode: 'i32' }, { headNode: NONE });
  readonly #nodes = createColumns({ card: 'i32', number: 'i32', nextOfCard: 'i32', nextOfNumber: 'i32' });
  #nodeCount = 0;
  #freeNode = NONE; // chained by nextOfCard

  holders(scheme: string, value: string): readonly string[] {
    return this.#holdersOf(this.#numbers.find(`${scheme}:${value}`)).map((card) => this.#cards.text(card));
  }

  /** Whether another card holds one of this card's numbers. */
  isShared(cardKey: string, card: CardLike): boolean {
    const own = this.#cards.find(cardKey);
    return liveNumbers(card).some((number) =>
      this.#holdersOf(this.#numbers.find(number)).some((holder) => holder !== own),
    );
  }

  /**
   * Replaces what is known of one card.
   * @returns the other cards that shared a number with it before or share one now.
   */
  replace(cardKey: string, after: CardLike | null): ReadonlySet<string> {
    const now = liveNumbers(after);
    const others = new Set<number>();
    const card = now.length === 0 ? this.#cards.find(cardKey) : this.#cards.intern(cardKey);
    if (card < 0) return NOBODY;
    this.#cardRows.ensure(card);
    const numbers = new Set(now.map((number) => this.#numbers.intern(number)));
    for (const number of this.#numbersOf(card)) {
      if (numbers.delete(number)) this.#note(number, card, others);
      else {
        this.#note(number, card, others);
        this.#unlink(card, number);
      }
    }
    for (const number of numbers) {
      this.#link(card, number);
      this.#note(number, card, others);
    }
    return others.size === 0 ? NOBODY : new Set([...others].map((other) => this.#cards.text(other)));
  }

  #note(number: number, card: number, others: Set<number>): void {
    for (const holder of this.#holdersOf(number)) if (holder !== card) others.add(holder);
  }

  #holdersOf(number: number): number[] {
    const { card, nextOfNumber } = this.#nodes.columns;
    const found: number[] = [];
    let node = number < 0 ? NONE : (this.#numberRows.columns.headNode[number] ?? NONE);
    for (; node !== NONE; node = nextOfNumber[node] ?? NONE) found.push(card[node] ?? NONE);
    return found;
  }

  #numbersOf(card: number): number[] {
    const { number, nextOfCard } = this.#nodes.columns;
    const found: number[] = [];
    let node = this.#cardRows.columns.firstNode[card] ?? NONE;
    for (; node !== NONE; node = nextOfCard[node] ?? NONE) found.push(number[node] ?? NONE);
    return found;
  }

  #link(card: number, number: number): void {
    this.#numberRows.ensure(number);
    let node = this.#freeNode;
    if (node === NONE) this.#nodes.ensure((node = this.#nodeCount++));
    else this.#freeNode = this.#nodes.columns.nextOfCard[node] ?? NONE;
    const nodes = this.#nodes.columns;
    const { firstNode } = this.#cardRows.columns;
    const { headNode } = this.#numberRows.columns;
    nodes.card[node] = card;
    nodes.number[node] = number;
    nodes.nextOfCard[node] = firstNode[card] ?? NONE;
    nodes.nextOfNumber[node] = headNode[number] ?? NONE;
    firstNode[card] = node;
    headNode[number] = node;
  }

  #unlink(card: number, number: number): void {
    const nodes = this.#nodes.columns;
    let node = this.#numberRows.columns.headNode[number] ?? NONE;
    while (node !== NONE && nodes.card[node] !== card) node = nodes.nextOfNumber[node] ?? NONE;
    if (node === NONE) return;
    unlink(this.#numberRows.columns.headNode, nodes.nextOfNumber, number, node);
    unlink(this.#cardRows.columns.firstNode, nodes.nextOfCard, card, node);
    nodes.nextOfCard[node] = this.#freeNode;
    this.#freeNode = node;
  }
}

const NOBODY: ReadonlySet<string> = new Set();
