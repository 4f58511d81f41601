/**
 * What may stand beside an identity check: the card's balance, and whether banks may debit its holder. Each only when it
 * is asked for (`include`), with a scope of its own, for a card that matches, and with the fields of the sharing
 * agreement alone. An open facade has no agreements, so it says neither.
 */
import type { BankSigning } from '../views/bank-signing.js';
import { AMOUNTS, type Balance } from '../views/balances.js';
import type { CardFacts } from '../decide/model.js';
import type { Caller, Scope } from './caller.js';
import { isBag } from './authzen.js';
import { problem } from './problems.js';

const SCOPE_OF = { balance: 'balance', bankSigning: 'bank-signing' } as const satisfies Record<string, Scope>;
export type Beside = keyof typeof SCOPE_OF;
const NAMES = Object.keys(SCOPE_OF) as readonly Beside[];

/** Balances by card key; undefined: not known. */
export interface BalanceSource {
  of(cardKey: string, now: number): Balance | undefined;
}

export interface BesideParts {
  readonly view: { readonly bankSigning: { of(personKey: string, now: number): BankSigning } };
  /** Absent: nobody may ask for balances here. */
  readonly balances?: BalanceSource | undefined;
}

/** What a request asks for besides, or a sentence that says what is wrong with it. */
export function parseInclude(body: unknown): readonly Beside[] | string {
  const asked = isBag(body) ? body['include'] : undefined;
  if (asked === undefined) return [];
  const wrong = `include: expected a list of ${NAMES.join(', ')}, each once`;
  if (!Array.isArray(asked) || asked.length > NAMES.length) return wrong;
  const found = NAMES.filter((name) => (asked as readonly unknown[]).includes(name));
  return found.length === asked.length ? found : wrong;
}

/** 403 for a caller without the scope of something that it asks for; undefined: it has them all. */
export function withoutScope(caller: Caller, asked: readonly Beside[]): Response | undefined {
  const missing = asked.map((name) => SCOPE_OF[name]).filter((scope) => !caller.may(scope));
  if (missing.length === 0) return undefined;
  return problem('FORBIDDEN', `include: this client needs the scope ${missing.join(' and ')} for it`, {
    'www-authenticate': `Bearer realm="cardhub", error="insufficient_scope", scope="identity ${missing.join(' ')}"`,
  });
}

export function beside(
  { view, balances }: BesideParts,
  caller: Caller,
  asked: readonly Beside[],
  card: CardFacts,
  now: number,
): object {
  return {
    ...(asked.includes('balance') && { balance: balanceOf(balances?.of(card.key, now), caller) }),
    ...(asked.includes('bankSigning') && {
      bankSigning: signingOf(
        card.holder === undefined ? NOBODY : view.bankSigning.of(card.holder, now),
        caller,
      ),
    }),
  };
}

const MONEY = { currency: 'CNY', unit: 'fen' } as const;
/** A card without a holder: nothing is known, which is not the same as not signed. */
const NOBODY: BankSigning = { state: 'UNKNOWN', banks: [], ageMs: null };

function balanceOf(balance: Balance | undefined, caller: Caller): object {
  if (balance === undefined) return { certainty: 'UNKNOWN', ...MONEY, asOf: null, ageMs: null };
  const { certainty, asOf, ageMs } = balance;
  const seen = AMOUNTS.filter((name) => caller.seesField(name)).map((name) => [name, balance[name]] as const);
  return { certainty, ...MONEY, asOf: isoTime(asOf), ageMs, ...Object.fromEntries(seen) };
}

function signingOf({ state, banks, ageMs }: BankSigning, caller: Caller): object {
  return {
    state,
    ageMs,
    ...(caller.seesField('banks') && {
      banks: banks.map(({ bank, state, changedAt, asOf }) => ({
        ...{ bank, state, changedAt: isoTime(changedAt), asOf: asOf === null ? null : isoTime(asOf) },
      })),
    }),
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
