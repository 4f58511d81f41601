/**
 * The money of a card, as far as it can be checked: three amounts that are never added up silently, the chain of a
 * chip's transactions, the daily limit, and why a card was frozen (domain.md, hard cases 1–5, 21, 25). Nothing here
 * repairs anything: it says what does not agree.
 */
import type { TransactionKind } from '../contracts/types.js';
import { DAY_MS } from './time.js';

/** Fen; null where the source does not say. */
export interface Amounts {
  /** On the chip, as last seen. */
  readonly cardWalletFen: number | null;
  /** In the database of the core. */
  readonly ledgerFen: number | null;
  /** Paid in, to be claimed at a canteen POS. */
  readonly pendingClaimFen: number | null;
}

/** What real cores freeze a card for, when they level accounts. */
export type BalanceTrouble = 'CARD_ABOVE_LEDGER' | 'LEDGER_NEGATIVE' | 'CARD_AND_PENDING_NEGATIVE';

export function balanceTroubles({ cardWalletFen, ledgerFen, pendingClaimFen }: Amounts): BalanceTrouble[] {
  const troubles: BalanceTrouble[] = [];
  if (ledgerFen !== null && ledgerFen < 0) troubles.push('LEDGER_NEGATIVE');
  if (cardWalletFen === null) return troubles;
  if (ledgerFen !== null && cardWalletFen > ledgerFen) troubles.push('CARD_ABOVE_LEDGER');
  if (cardWalletFen + (pendingClaimFen ?? 0) < 0) troubles.push('CARD_AND_PENDING_NEGATIVE');
  return troubles;
}

/** Ledger and pending together; null when either is not known. */
export function totalFen({ ledgerFen, pendingClaimFen }: Amounts): number | null {
  return ledgerFen === null || pendingClaimFen === null ? null : ledgerFen + pendingClaimFen;
}

/** What a POS lets the card spend: pending money is not on the chip; a frozen or closed card spends nothing. */
export function spendableOnCardFen(amounts: Amounts, mayConsume: boolean): number | null {
  if (!mayConsume) return 0;
  return amounts.cardWalletFen === null ? null : Math.max(0, amounts.cardWalletFen);
}

export interface DayLimit {
  readonly dayPasswordThresholdFen: number | null;
  /** A lower bound while a POS is offline. */
  readonly daySpentFen: number | null;
}

/** The largest next purchase that asks for no consumption password; null when the facts are not there. */
export function withoutPasswordFen({ dayPasswordThresholdFen, daySpentFen }: DayLimit): number | null {
  if (dayPasswordThresholdFen === null || daySpentFen === null) return null;
  return Math.max(0, dayPasswordThresholdFen - daySpentFen);
}

/**
 * Whether the consumption password is asked for a purchase of so much: the day's spending, this purchase included,
 * *exceeds* the threshold (the page says both 达到 and 超过; strict is the documented assumption). A purchase of
 * nothing asks for nothing. Null: not known. The hub never sees the password itself.
 */
export function passwordRequired(limit: DayLimit, amountFen: number): boolean | null {
  const { dayPasswordThresholdFen, daySpentFen } = limit;
  if (dayPasswordThresholdFen === null || daySpentFen === null) return null;
  return amountFen > 0 && daySpentFen + amountFen > dayPasswordThresholdFen;
}

/** Money that has waited longer than this to be claimed: a notice, not an error. */
export function isClaimOverdue(pendingSinceMs: number, nowMs: number, days = 30): boolean {
  return nowMs - pendingSinceMs > days * DAY_MS;
}

/** A step of a chip's wallet, as `master.card-transaction` has it. */
export interface WalletStep {
  readonly eventId: string;
  readonly kind: TransactionKind;
  readonly amountFen: number;
  readonly balanceBeforeFen: number;
  readonly balanceAfterFen: number;
  readonly counter: number;
}

/** What a use of the wallet does to it; null: either way. */
const DIRECTION: Readonly<Record<TransactionKind, 1 | -1 | null>> = {
  CONSUMPTION: -1,
  PENDING_CLAIMED: 1,
  TOP_UP: 1,
  REVERSAL: null,
  BALANCE_TRANSFER: null,
  OTHER: null,
  UNKNOWN: null,
};

/** Whether before, amount and after agree. */
export function addsUp(step: Omit<WalletStep, 'eventId' | 'counter'>): boolean {
  const moved = step.balanceAfterFen - step.balanceBeforeFen;
  const direction = DIRECTION[step.kind];
  return direction === null ? Math.abs(moved) === step.amountFen : moved === direction * step.amountFen;
}

export type LedgerFinding =
  /** So many uses of the chip are missing before this one: offline transactions that have not arrived. */
  | {
      readonly code: 'MISSING_BEFORE';
      readonly eventId: string;
      readonly missing: number;
      readonly gapFen: number;
    }
  /** Nothing is missing, and yet this one does not begin where the last one ended. */
  | {
      readonly code: 'BALANCE_JUMP';
      readonly eventId: string;
      readonly expectedFen: number;
      readonly cameFen: number;
    }
  /** Two transactions with one counter. */
  | { readonly code: 'COUNTER_REPEATED'; readonly eventId: string; readonly other: string }
  | { readonly code: 'DOES_NOT_ADD_UP'; readonly eventId: string }
  | { readonly code: 'NEGATIVE'; readonly eventId: string };

/**
 * Replays a chip's wallet: each step begins where the one before ended, and its counter is one higher. The order of
 * arrival does not matter: offline uploads come late, and the counter is their order.
 */
export function replayWallet(steps: readonly WalletStep[]): LedgerFinding[] {
  const findings: LedgerFinding[] = [];
  const ordered = [...steps].sort((a, b) => a.counter - b.counter || (a.eventId < b.eventId ? -1 : 1));
  let before: WalletStep | undefined;
  for (const step of ordered) {
    const { eventId } = step;
    if (!addsUp(step)) findings.push({ code: 'DOES_NOT_ADD_UP', eventId });
    if (step.balanceAfterFen < 0) findings.push({ code: 'NEGATIVE', eventId });
    if (before !== undefined) findings.push(...between(before, step));
    before = step;
  }
  return findings;
}

function between(before: WalletStep, step: WalletStep): LedgerFinding[] {
  const { eventId } = step;
  if (step.counter === before.counter) return [{ code: 'COUNTER_REPEATED', eventId, other: before.eventId }];
  const missing = step.counter - before.counter - 1;
  const gapFen = step.balanceBeforeFen - before.balanceAfterFen;
  if (missing > 0) return [{ code: 'MISSING_BEFORE', eventId, missing, gapFen }];
  if (gapFen === 0) return [];
  const [expectedFen, cameFen] = [before.balanceAfterFen, step.balanceBeforeFen];
  return [{ code: 'BALANCE_JUMP', eventId, expectedFen, cameFen }];
}

/** The transaction before a freeze, as the core's freeze entry refers to it. */
export interface FreezingTransaction {
  readonly kind: TransactionKind;
  /** The chip left the reader before the end (status 7). */
  readonly pulledOut: boolean;
  readonly offline: boolean;
}

export type FreezeCause = 'LIFTED_TOO_FAST_PAY' | 'LIFTED_TOO_FAST_TOPUP' | 'POS_OFFLINE_NETWORK';

/** Cores rarely tell why they froze a card. What this concludes is published as inferred; null: nothing to go by. */
export function inferFreezeCause({ kind, pulledOut, offline }: FreezingTransaction): FreezeCause | null {
  if (pulledOut && kind === 'CONSUMPTION') return 'LIFTED_TOO_FAST_PAY';
  if (pulledOut && (kind === 'TOP_UP' || kind === 'PENDING_CLAIMED')) return 'LIFTED_TOO_FAST_TOPUP';
  return offline ? 'POS_OFFLINE_NETWORK' : null;
}
