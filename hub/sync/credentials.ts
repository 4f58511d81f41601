/**
 * Which live cards hold a credential. Two cards with the same number are both marked ambiguous and denied at
 * doors; the mark goes when the collision ends (one of them is closed, replaced or gets another number).
 */

export interface CredentialOfCard {
  readonly scheme: string;
  readonly value: string;
}

/** States in which a card no longer answers to its number. */
export const ENDED: ReadonlySet<string> = new Set(['CLOSED', 'REPLACED', 'REMOVED']);

export interface CardLike {
  readonly state: string;
  readonly credentials: readonly CredentialOfCard[];
}

function liveNumbers(card: CardLike | null): string[] {
  if (card === null || ENDED.has(card.state)) return [];
  return card.credentials.map((credential) => `${credential.scheme}:${credential.value}`);
}

export class CredentialIndex {
  readonly #holders = new Map<string, string | string[]>();

  holders(scheme: string, value: string): readonly string[] {
    return asList(this.#holders.get(`${scheme}:${value}`));
  }

  /** Whether another card holds one of this card's numbers. */
  isShared(cardKey: string, card: CardLike): boolean {
    return liveNumbers(card).some((number) =>
      asList(this.#holders.get(number)).some((key) => key !== cardKey),
    );
  }

  /**
   * Replaces what is known of one card.
   * @returns the other cards that shared a number with it before or share one now.
   */
  replace(cardKey: string, before: CardLike | null, after: CardLike | null): ReadonlySet<string> {
    const others = new Set<string>();
    const noteOthers = (number: string): void => {
      for (const key of asList(this.#holders.get(number))) if (key !== cardKey) others.add(key);
    };
    const old = liveNumbers(before);
    const now = liveNumbers(after);
    for (const number of old) {
      if (now.includes(number)) continue;
      noteOthers(number);
      this.#remove(number, cardKey);
    }
    for (const number of now) {
      noteOthers(number);
      this.#add(number, cardKey);
    }
    return others;
  }

  #add(number: string, cardKey: string): void {
    const present = this.#holders.get(number);
    if (present === undefined) this.#holders.set(number, cardKey);
    else if (!asList(present).includes(cardKey)) this.#holders.set(number, [...asList(present), cardKey]);
  }

  #remove(number: string, cardKey: string): void {
    const left = asList(this.#holders.get(number)).filter((key) => key !== cardKey);
    if (left.length === 0) this.#holders.delete(number);
    else this.#holders.set(number, left.length === 1 ? (left[0] as string) : left);
  }
}

function asList(holders: string | string[] | undefined): readonly string[] {
  if (holders === undefined) return [];
  return typeof holders === 'string' ? [holders] : holders;
}
