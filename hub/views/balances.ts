/**
 * The money of cards, for those who may ask about it: what the card core says of the account of each card, with how old
 * that is. Beside the other views and not among them, since no decision needs it (docs/decisions/0016).
 *
 *   card key ─row of the cards view─▶ account ─▶ amounts, flags, source ─▶ source ─▶ age
 *
 * Some 70 bytes an account in columns. Fen in a double are exact far beyond what a campus holds.
 */
import type { Account, Card, Position } from '../../contracts/types.js';
import { spendableOnCardFen, totalFen } from '../../transforms/balance.js';
import { createColumns } from '../tables/columns.js';
import { NameList } from '../tables/name-list.js';
import { TextTable } from '../tables/text-table.js';
import { Freshness } from './freshness.js';

/** The topics that it stands on; positions say how old they are. */
export const BALANCE_TOPICS = ['hub.positions', 'master.account', 'master.card'] as const;
export type BalanceTopic = (typeof BALANCE_TOPICS)[number];

const ACCOUNT_FIELDS = [
  ...(['source', 'state', 'frozen', 'cardWalletFen', 'ledgerFen', 'pendingClaimFen', 'dataQuality'] as const),
] as const satisfies readonly (keyof Account)[];

export interface BalanceValue {
  readonly 'hub.positions': Position;
  readonly 'master.account': Pick<Account, (typeof ACCOUNT_FIELDS)[number]>;
  readonly 'master.card': Pick<Card, 'accountKey'>;
}

/** What is decoded of the topics with a million records. */
export const BALANCE_PROJECTED: Readonly<Record<'master.account' | 'master.card', readonly string[]>> = {
  'master.account': ACCOUNT_FIELDS,
  'master.card': ['accountKey'],
};

/** Amounts that an answer may show, each a field of the sharing agreement. Fen; null: the core does not say. */
export const AMOUNTS = [
  'cardWalletFen',
  'ledgerFen',
  'pendingClaimFen',
  'spendableOnCardFen',
  'totalFen',
] as const;

export interface Balance extends Readonly<Record<(typeof AMOUNTS)[number], number | null>> {
  /** UNCERTAIN: the core's own amounts do not agree (mark BALANCE_UNCERTAIN). */
  readonly certainty: 'CERTAIN' | 'UNCERTAIN';
  /** Up to when the hub has read the core's accounts, epoch ms. */
  readonly asOf: number;
  readonly ageMs: number;
}

const OPEN = 1;
const FROZEN = 2;
const UNCERTAIN = 4;
/** Neither account nor row. */
const NONE = -1;

export class BalancesView {
  private readonly accounts = new TextTable();
  private readonly sources = new NameList();
  private readonly rows = createColumns({
    ...({ present: 'u8', flags: 'u8', source: 'i32' } as const),
    ...({ cardWallet: 'f64', ledger: 'f64', pending: 'f64' } as const),
  });
  private readonly ofCard = createColumns({ account: 'i32' }, { account: NONE });
  /** Streams of each source that have ever written accounts: a core may have a stream of its own for them. */
  private readonly writers = new Map<string, Set<string>>();
  private readonly freshness: Freshness;

  /** @param cardKeys rows of cards, shared with the cards view */
  constructor(
    private readonly cardKeys: Pick<TextTable, 'intern' | 'find'>,
    now: () => number,
  ) {
    this.freshness = new Freshness(new Set(BALANCE_TOPICS), now);
    // What a position has written is cumulative (docs/decisions/0009): nothing is adopted before it is applied.
    this.freshness.start();
  }

  /** Applies one record; null is a tombstone. */
  apply<T extends BalanceTopic>(topic: T, key: string, value: BalanceValue[T] | null): void {
    if (topic === 'master.account') this.account(key, value as BalanceValue['master.account'] | null);
    else if (topic === 'master.card') this.card(key, value as BalanceValue['master.card'] | null);
    else if (value !== null) this.position(value as Position);
  }

  /** Everything before `next` in this partition has been applied. */
  advance(topic: BalanceTopic, partition: number, next: number): void {
    this.freshness.advance(topic, partition, next);
  }

  /** A record could not be applied: what the topic says is not known any more, so it only gets older. */
  break(topic: BalanceTopic): void {
    this.freshness.break(topic);
  }

  /** Undefined: the card has no account that is known, or it is not known how old the account's data is. */
  of(cardKey: string, now: number): Balance | undefined {
    const card = this.cardKeys.find(cardKey);
    const row = card < 0 ? NONE : (this.ofCard.columns.account[card] ?? NONE);
    const { present, flags, source, cardWallet, ledger, pending } = this.rows.columns;
    if (row === NONE || present[row] !== 1) return undefined;
    const asOf = this.asOf(this.sources.text(source[row] ?? 0));
    if (asOf === undefined) return undefined;
    const amounts = {
      cardWalletFen: amount(cardWallet[row]),
      ledgerFen: amount(ledger[row]),
      pendingClaimFen: amount(pending[row]),
    };
    const flag = flags[row] ?? 0;
    return {
      ...amounts,
      spendableOnCardFen: spendableOnCardFen(amounts, (flag & (OPEN | FROZEN)) === OPEN),
      totalFen: totalFen(amounts),
      certainty: (flag & UNCERTAIN) === 0 ? 'CERTAIN' : 'UNCERTAIN',
      asOf,
      ageMs: Math.max(0, now - asOf),
    };
  }

  private account(key: string, value: BalanceValue['master.account'] | null): void {
    const row = this.accounts.intern(key);
    this.rows.ensure(row);
    const { present, flags, source, cardWallet, ledger, pending } = this.rows.columns;
    present[row] = value === null || value.state === 'REMOVED' ? 0 : 1;
    if (value === null) return;
    const uncertain = value.dataQuality.includes('BALANCE_UNCERTAIN');
    flags[row] =
      (value.state === 'OPEN' ? OPEN : 0) | (value.frozen ? FROZEN : 0) | (uncertain ? UNCERTAIN : 0);
    source[row] = this.sources.intern(value.source);
    cardWallet[row] = value.cardWalletFen ?? NaN;
    ledger[row] = value.ledgerFen ?? NaN;
    pending[row] = value.pendingClaimFen ?? NaN;
  }

  private card(key: string, value: BalanceValue['master.card'] | null): void {
    const row = this.cardKeys.intern(key);
    this.ofCard.ensure(row);
    const accountKey = value?.accountKey ?? null;
    this.ofCard.columns.account[row] = accountKey === null ? NONE : this.accounts.intern(accountKey);
  }

  private position(position: Position): void {
    this.freshness.position(position);
    if (!position.written.some(({ topic }) => topic === 'master.account')) return;
    const [, source = '', stream = ''] = position.sourcePartition.split('/');
    const streams = this.writers.get(source) ?? new Set<string>();
    this.writers.set(source, streams.add(stream));
  }

  /** The oldest of those that write the source's accounts; none while one of them is in its first listing (0). */
  private asOf(source: string): number | undefined {
    const ages = [...(this.writers.get(source) ?? [])].map((stream) => this.freshness.asOf(source, stream));
    const oldest = Math.min(...ages.map((asOf) => asOf ?? 0));
    return ages.length === 0 || oldest <= 0 ? undefined : oldest;
  }
}

function amount(fen: number | undefined): number | null {
  return fen === undefined || Number.isNaN(fen) ? null : fen;
}
