/**
 * Whether banks may debit a person, as the banks say it. Three answers, and the third is not the second: no record, a
 * bank that has not decided, and knowledge that is too old are UNKNOWN, since NOT_SIGNED sends a person to the counter.
 */
import type { BankAgreement } from '../../contracts/types.js';
import type { Freshness } from './freshness.js';

/** Stream of every bank connector. */
const STREAM = 'agreements';
/** Agreements change by day; a bank that has not answered for longer says nothing certain of today. */
export const SIGNING_STALE_MS = 24 * 3_600_000;

export type SigningState = 'SIGNED' | 'NOT_SIGNED' | 'UNKNOWN';

export interface BankSigning {
  /** Of all banks together: SIGNED by one is enough, NOT_SIGNED must be said by each that knows the person. */
  readonly state: SigningState;
  /** Banks that have a record of the person, by name. Never an account number. */
  readonly banks: readonly {
    readonly bank: string;
    readonly state: SigningState;
    /** When the bank last changed it, epoch ms. */
    readonly changedAt: number;
    /** Up to when the hub has read that bank, epoch ms; null: never in full. */
    readonly asOf: number | null;
    readonly stale: boolean;
  }[];
  /** Age of the oldest knowledge that counts, ms; null: there is none. */
  readonly ageMs: number | null;
}

type Known = Pick<BankAgreement, 'source' | 'state' | 'changedAt'>;

export class BankSigningView {
  readonly #people = new Map<string, Map<string, Known>>();
  /** Agreement → person, so that a tombstone finds its person. */
  readonly #personOf = new Map<string, string>();

  constructor(readonly freshness: Pick<Freshness, 'asOf'>) {}

  /** Applies one record of master.bank-agreement; null is a tombstone. */
  apply(key: string, value: BankAgreement | null): void {
    const before = this.#personOf.get(key);
    if (before !== undefined) {
      const banks = this.#people.get(before);
      banks?.delete(key);
      if (banks?.size === 0) this.#people.delete(before);
      this.#personOf.delete(key);
    }
    if (value === null || value.state === 'REMOVED') return;
    const { personKey, source, state, changedAt } = value;
    this.#personOf.set(key, personKey);
    const banks = this.#people.get(personKey) ?? new Map<string, Known>();
    this.#people.set(personKey, banks.set(key, { source, state, changedAt }));
  }

  /** @param now epoch ms */
  of(personKey: string, now: number): BankSigning {
    const banks = [...(this.#people.get(personKey)?.values() ?? [])]
      .map(({ source, state, changedAt }) => {
        const asOf = this.freshness.asOf(source, STREAM) ?? null;
        const stale = asOf === null || now - asOf > SIGNING_STALE_MS;
        const said: SigningState = state === 'SIGNED' || state === 'NOT_SIGNED' ? state : 'UNKNOWN';
        return { bank: source, state: stale ? ('UNKNOWN' as const) : said, changedAt, asOf, stale };
      })
      .sort((a, b) => (a.bank < b.bank ? -1 : 1));
    const ages = banks.map(({ asOf }) => (asOf === null ? null : Math.max(0, now - asOf)));
    const known = ages.filter((age) => age !== null);
    return { state: together(banks), banks, ageMs: known.length === 0 ? null : Math.max(...known) };
  }
}

function together(banks: readonly { readonly state: SigningState }[]): SigningState {
  if (banks.some(({ state }) => state === 'SIGNED')) return 'SIGNED';
  return banks.length > 0 && banks.every(({ state }) => state === 'NOT_SIGNED') ? 'NOT_SIGNED' : 'UNKNOWN';
}
