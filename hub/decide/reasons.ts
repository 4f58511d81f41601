/**
 * Why a decision is what it is. Closed set; the texts, the AuthZEN reasons and the vendors' codes stand in
 * `contracts/codes/decision-reasons.json`, and a test holds the two equal.
 */
export const ALLOW_REASONS = [
  'ALLOW',
  'ALLOW_WARN_FROZEN',
  'ALLOW_WARN_STALE',
  'ALLOW_EXIT_SAFETY',
  'ALLOW_EMERGENCY',
] as const;

export const DENY_REASONS = [
  'DENY_LOST',
  'DENY_FROZEN',
  'DENY_REPLACED',
  'DENY_CLOSED',
  'DENY_EXPIRED',
  'DENY_NOT_ISSUED',
  'DENY_DAMAGED',
  'DENY_LOCKED',
  'DENY_NO_RIGHT',
  'DENY_TIME',
  'DENY_NOT_YET_VALID',
  'DENY_ANTIPASSBACK',
  'DENY_UNKNOWN_CARD',
  'DENY_UNKNOWN_PERSON',
  'DENY_UNKNOWN_DOOR',
  'DENY_DOOR_DISABLED',
  'DENY_AMBIGUOUS',
  'DENY_OUT_OF_SCOPE',
  'DENY_STALE_DATA',
  'DENY_READER_PROFILE',
  'DENY_CARD_NUMBER_INVALID',
  'DENY_DIRECTION',
  'DENY_LOCKDOWN',
  'DENY_INTERLOCK',
  'DENY_PIN',
  'DENY_UNSUPPORTED',
  'DENY_HOLDER_LEFT',
  'DENY_EMERGENCY',
  'DENY_RULE',
  'DENY_UNKNOWN_SUBJECT',
  'DENY_UNKNOWN_RESOURCE',
] as const;

export type AllowReason = (typeof ALLOW_REASONS)[number];
export type DenyReason = (typeof DENY_REASONS)[number];
export type DecisionReason = AllowReason | DenyReason;

export const DECISION_REASONS: readonly DecisionReason[] = [...ALLOW_REASONS, ...DENY_REASONS];

export function isDenyReason(text: string): text is DenyReason {
  return (DENY_REASONS as readonly string[]).includes(text);
}
