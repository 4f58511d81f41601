import type { Card } from './cards.js';
import { merchantCount } from './cards.js';
import type { Base } from './people.js';
import { hash32, oneIn } from './prng.js';
import type { Store } from './store.js';

/**
 * The money side of a card. Four numbers that real systems mix up: what is on the chip, what of it the core has seen,
 * what the core's ledger says, and what has been paid in and waits to be claimed. Offline spending is on the chip at
 * once and in the ledger only after the upload.
 */
export interface AccountState {
  /** Fen. */
  readonly wallet: number;
  readonly seen: number;
  readonly ledger: number;
  readonly pending: number;
  /** Top-ups that make up `pending` (what the world began with has none). */
  readonly orders: readonly { readonly order: string; readonly amount: number; readonly channel: string }[];
  /** Uses of the chip, and how many of them the core has seen. */
  readonly counter: number;
  readonly seenCounter: number;
  readonly spent: number;
  /** `yyyymmdd` that `spent` counts; empty: of the day on which the world was made. */
  readonly spentOn: string;
  /** When an amount last changed, epoch ms; 0: never. */
  readonly changedAt: number;
}

/** Counters of the money feeds. Replaced as a whole, so that a failed transaction puts it back. */
export interface MoneyMeta {
  readonly accountSeq: number;
  readonly accountFloor: number;
  readonly tradeSeq: number;
  readonly tradeFloor: number;
  readonly topUpSeq: number;
  readonly topUpFloor: number;
  readonly waiting: number;
  readonly orders: number;
  /** Devices applied for later. */
  readonly devices: number;
}
export const NO_MONEY: MoneyMeta = {
  ...{ accountSeq: 0, accountFloor: 0, tradeSeq: 0, tradeFloor: 0, topUpSeq: 0, topUpFloor: 0 },
  ...{ waiting: 0, orders: 0, devices: 0 },
};

const [PERSONS, TEMPORARIES, MERCHANTS] = [100_000, 7_000_000, 8_000_000] as const;

export function accountNumber(card: Pick<Card, 'kind' | 'holder'>): number {
  return { '800': PERSONS, '801': TEMPORARIES, '802': MERCHANTS }[card.kind] + card.holder;
}

/** Whose account it is. */
export function holderOfAccount(account: number): Pick<Card, 'kind' | 'holder'> {
  if (account >= MERCHANTS) return { kind: '802', holder: account - MERCHANTS };
  if (account >= TEMPORARIES) return { kind: '801', holder: account - TEMPORARIES };
  return { kind: '800', holder: account - PERSONS };
}

export function baseAccount(base: Base, account: number): AccountState {
  const ledger = hash32(base.seed, 73, account) % 30_000;
  const pending = oneIn(9, base.seed, 74, account) ? 1000 * (1 + (account % 10)) : 0;
  const wallet = oneIn(200, base.seed, 76, account) ? Math.max(0, ledger - 350) : ledger;
  const counter = 1 + (hash32(base.seed, 77, account) % 900);
  return {
    ...{ wallet, seen: wallet, ledger, pending, orders: [], counter, seenCounter: counter },
    ...{ spent: (hash32(base.seed, 75, account) % 60) * 100, spentOn: '', changedAt: 0 },
  };
}

export function accountState(base: Base, store: Store, account: number): AccountState {
  return store.accounts.get(account) ?? baseAccount(base, account);
}

const counts = (base: Base, store: Store) => [
  [PERSONS, store.meta.people] as const,
  [TEMPORARIES, store.meta.temporaries] as const,
  [MERCHANTS, merchantCount(base.people)] as const,
];

export const accountTotal = (base: Base, store: Store): number =>
  counts(base, store).reduce((sum, [, count]) => sum + count, 0);

export const accountExists = (base: Base, store: Store, account: number): boolean =>
  counts(base, store).some(([from, count]) => account >= from && account < from + count);

/** Account numbers greater than `after`, in order of the number. */
export function accountsAfter(base: Base, store: Store, after: number, limit: number): number[] {
  const found: number[] = [];
  for (const [from, count] of counts(base, store)) {
    for (let at = Math.max(from, after + 1); at < from + count && found.length < limit; at += 1)
      found.push(at);
  }
  return found;
}

/** Tells readers of the account feed that an account is no longer what it was. */
export function touchAccount(store: Store, account: number, retention: number): void {
  const { accountSeq, accountFloor } = store.meta.money;
  const seq = accountSeq + 1;
  store.accountChanges.putSync(seq, account);
  let floor = accountFloor;
  for (; seq - floor > retention; floor += 1) store.accountChanges.removeSync(floor + 1);
  store.meta.money = { ...store.meta.money, accountSeq: seq, accountFloor: floor };
}
