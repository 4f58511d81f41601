/**
 * What is wrong with a card, for a purpose. Four independent flags (lost, frozen, damaged, locked) stand
 * beside one state, as real cores have them; frozen is not lost (domain.md, standing decision 2).
 */
import type { CardFacts, PersonFacts } from './model.js';
import { CARD_CONDITIONS } from './policy.js';
import type { CardCondition, Policy, Purpose } from './policy.js';
import type { DenyReason } from './reasons.js';
import { shanghaiDay } from './schedule.js';

export const CONDITION_REASON: Readonly<Record<CardCondition, DenyReason>> = {
  LOST: 'DENY_LOST',
  CLOSED: 'DENY_CLOSED',
  REPLACED: 'DENY_REPLACED',
  NOT_ISSUED: 'DENY_NOT_ISSUED',
  UNKNOWN_STATE: 'DENY_UNSUPPORTED',
  EXPIRED: 'DENY_EXPIRED',
  NOT_YET_VALID: 'DENY_NOT_YET_VALID',
  LOCKED: 'DENY_LOCKED',
  DAMAGED: 'DENY_DAMAGED',
  OUT_OF_SCOPE: 'DENY_OUT_OF_SCOPE',
  HOLDER_LEFT: 'DENY_HOLDER_LEFT',
  FROZEN: 'DENY_FROZEN',
};

/** Whether the condition holds for the card at `now`. Expiry is computed: the end of that day in Shanghai. */
export function holds(
  condition: CardCondition,
  card: CardFacts,
  holder: PersonFacts | undefined,
  now: number,
): boolean {
  switch (condition) {
    case 'LOST':
      return card.lost;
    case 'CLOSED':
      return card.state === 'CLOSED' || card.state === 'REMOVED';
    case 'REPLACED':
      return card.state === 'REPLACED';
    case 'NOT_ISSUED':
      return card.state === 'NOT_ISSUED';
    case 'UNKNOWN_STATE':
      return card.state === 'UNKNOWN';
    case 'EXPIRED':
      return (
        card.state === 'EXPIRED' || (card.validUntil !== undefined && shanghaiDay(now) > card.validUntil)
      );
    case 'NOT_YET_VALID':
      return card.validFrom !== undefined && shanghaiDay(now) < card.validFrom;
    case 'LOCKED':
      return card.locked;
    case 'DAMAGED':
      return card.damaged;
    case 'OUT_OF_SCOPE':
      return card.scope === 'out-of-scope';
    case 'HOLDER_LEFT':
      return holder !== undefined && (holder.state === 'LEFT' || holder.state === 'REMOVED');
    case 'FROZEN':
      return card.frozen;
  }
}

export interface CardVerdict {
  readonly deny?: DenyReason;
  /** First condition that the policy only warns of. */
  readonly warning?: DenyReason;
}

const GOOD: CardVerdict = {};

/** Judges the card alone: no door, no grant. */
export function judgeCard(
  policy: Policy,
  purpose: Purpose,
  card: CardFacts,
  holder: PersonFacts | undefined,
  now: number,
): CardVerdict {
  let warning: DenyReason | undefined;
  for (const condition of CARD_CONDITIONS) {
    if (!holds(condition, card, holder, now)) continue;
    const verdict = policy.verdict(purpose, condition);
    if (verdict === 'deny' || verdict === 'staff') return { deny: CONDITION_REASON[condition] };
    if (verdict === 'warn') warning ??= CONDITION_REASON[condition];
  }
  return warning === undefined ? GOOD : { warning };
}
