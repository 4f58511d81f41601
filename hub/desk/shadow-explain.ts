/** Why a recorded swipe and our decision differ: the first of these that holds, told from the log alone. */
import type { DoorEvent } from '../../contracts/types.js';
import type { Decision } from '../decide/model.js';
import type { Observation } from './propose.js';
import type { CardDay, Segment } from './shadow.js';

export const EXPLANATIONS = {
  UNKNOWN_CARD_ADMITTED: {
    en: 'The access system let in a number that the card list does not have (a temporary card, perhaps).',
    zh: '门禁放行了卡片名单中没有的卡号（可能是临时卡）。',
  },
  AMBIGUOUS_CARD_ADMITTED: {
    en: 'The number belongs to several cards; the hub does not guess whose it was.',
    zh: '该卡号对应多张卡，系统不作猜测。',
  },
  CARD_CHANGED_SINCE: {
    en: 'The card’s record changed after the swipe; then it may have been good.',
    zh: '刷卡之后卡片状态发生过变化。',
  },
  CARD_STATE: {
    en: 'The card’s state forbids it (see our reason).',
    zh: '卡片状态不允许通行（见判定原因）。',
  },
  REFUSED_BEFORE: {
    en: 'In the evidence days the access system only refused this card here; now it let it in.',
    zh: '取证期内该卡在此门只被拒绝，现在被放行。',
  },
  NO_GRANT_DESPITE_EVIDENCE: {
    en: 'The card was let in here in the evidence days, yet no grant says so (below the minimum, or taken out in review).',
    zh: '取证期内该卡曾在此门放行，但没有对应授权（次数不足或审核时删除）。',
  },
  NEVER_SEEN_HERE: {
    en: 'In the evidence days the card was seen at other doors only, so nothing was proposed for this one.',
    zh: '取证期内该卡只在其他门出现过，因此未提出此门授权。',
  },
  NEVER_SEEN: {
    en: 'The card was not seen at any door in the evidence days.',
    zh: '取证期内该卡未在任何门出现过。',
  },
  OUR_RULE: {
    en: 'A rule of the policy or of the grant denies it (see our reason).',
    zh: '策略或授权规则拒绝（见判定原因）。',
  },
  EXIT_FREE: {
    en: 'The policy leaves exits of this class of door free.',
    zh: '策略规定此类门出门不受限。',
  },
  REFUSED_BEFORE_TOO: {
    en: 'The access system refused this card here in the evidence days too, beside letting it in.',
    zh: '取证期内门禁对该卡在此门既有放行也有拒绝。',
  },
  REFUSED_ALL_DAY: {
    en: 'The access system refused this card everywhere that day.',
    zh: '当天门禁在所有门都拒绝了该卡。',
  },
  ADMITTED_SAME_DAY: {
    en: 'The access system let this card in here on the same day.',
    zh: '同一天门禁在此门放行过该卡。',
  },
  REFUSED_NOW: {
    en: 'The access system let this card in here before and refused it now; its reason is given.',
    zh: '门禁此前在此门放行过该卡，这次拒绝（附门禁原因）。',
  },
  GRANT_WITHOUT_EVIDENCE: {
    en: 'A grant allows it; in the evidence days the access system never let this card in here.',
    zh: '有授权允许，但取证期内门禁从未在此门放行该卡。',
  },
} as const satisfies Record<string, { readonly en: string; readonly zh: string }>;
export type ExplanationCode = keyof typeof EXPLANATIONS;

export interface Explanation {
  readonly code: ExplanationCode;
  /** Counts and the upstream's own words that the explanation stands on; no card number. */
  readonly detail: string;
}

export interface Difference {
  readonly event: DoorEvent;
  readonly segment: Segment;
  readonly decision: Pick<Decision, 'decision' | 'reason'>;
  readonly evidence: Observation;
  readonly day: CardDay | undefined;
  readonly cardChangedAt?: (cardKey: string) => number | undefined;
}

/** Reasons that a card's own state gives, whatever the door. */
const STATE_REASONS: ReadonlySet<string> = new Set([
  'DENY_LOST',
  'DENY_FROZEN',
  'DENY_REPLACED',
  'DENY_CLOSED',
  'DENY_EXPIRED',
  'DENY_NOT_ISSUED',
  'DENY_DAMAGED',
  'DENY_LOCKED',
  'DENY_OUT_OF_SCOPE',
  'DENY_HOLDER_LEFT',
  'DENY_UNKNOWN_CARD',
]);

export function explainDifference(difference: Difference): Explanation {
  const { event, decision } = difference;
  const code = decision.decision ? whyRefused(difference) : whyAdmitted(difference);
  return { code, detail: [evidenceText(difference), upstreamText(event)].filter(Boolean).join('; ') };
}

function whyAdmitted({ event, segment, decision, evidence, cardChangedAt }: Difference): ExplanationCode {
  if (segment === 'UNKNOWN_CARD') return 'UNKNOWN_CARD_ADMITTED';
  if (segment === 'AMBIGUOUS_CARD') return 'AMBIGUOUS_CARD_ADMITTED';
  const cardKey = event.cardKey ?? '';
  if (STATE_REASONS.has(decision.reason)) {
    const changedAt = cardChangedAt?.(cardKey);
    return changedAt !== undefined && changedAt > event.occurredAt ? 'CARD_CHANGED_SINCE' : 'CARD_STATE';
  }
  if (decision.reason !== 'DENY_NO_RIGHT') return 'OUR_RULE';
  if (segment === 'KNOWN_REFUSED_HERE') return 'REFUSED_BEFORE';
  if (segment === 'KNOWN_ALLOWED_HERE') return 'NO_GRANT_DESPITE_EVIDENCE';
  return evidence.doorsOf(cardKey).length > 0 ? 'NEVER_SEEN_HERE' : 'NEVER_SEEN';
}

function whyRefused({ event, decision, evidence, day }: Difference): ExplanationCode {
  if (decision.reason === 'ALLOW_EXIT_SAFETY') return 'EXIT_FREE';
  const use = evidence.use(event.cardKey ?? '', event.doorKey);
  if (use !== undefined && use.allowed > 0 && use.refused > 0) return 'REFUSED_BEFORE_TOO';
  if (day?.allowedAt.has(event.doorKey) === true) return 'ADMITTED_SAME_DAY';
  if (day !== undefined && day.allowed === 0 && day.refused > 1) return 'REFUSED_ALL_DAY';
  return use !== undefined && use.allowed > 0 ? 'REFUSED_NOW' : 'GRANT_WITHOUT_EVIDENCE';
}

function evidenceText({ event, evidence }: Difference): string {
  if (event.cardKey === null) return '';
  const here = evidence.use(event.cardKey, event.doorKey);
  const others = evidence.doorsOf(event.cardKey).length - (here === undefined ? 0 : 1);
  return `evidence here: ${here?.allowed ?? 0} allowed, ${here?.refused ?? 0} refused; other doors: ${others}`;
}

function upstreamText({ upstreamReason }: DoorEvent): string {
  return upstreamReason === null ? '' : `upstream: ${upstreamReason}`;
}
