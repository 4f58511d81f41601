/** Notes what was asked and answered, for whoever has a decision explained. Nobody else pays for it. */
import type { DecisionOptions, TraceStep } from './model.js';
import type { DenyReason } from './reasons.js';
import type { PolicyRule, RuleTried } from './rules.js';

/** A question that denies, warns or passes. */
export function traceOf(
  trace: TraceStep[],
  step: TraceStep['step'],
  said: { readonly deny?: DenyReason | undefined; readonly warning?: DenyReason | undefined },
  on?: string,
): void {
  const reason = said.deny ?? said.warning;
  const outcome = said.deny !== undefined ? 'denies' : said.warning !== undefined ? 'warns' : 'passes';
  trace.push({ step, outcome, reason, on });
}

/** Each rule that was tried, in order; the one that fitted says what it did. */
export function traceRules(
  { trace }: DecisionOptions,
  tried: readonly RuleTried[],
  rule: PolicyRule | undefined,
): void {
  for (const { rule: id, fits, because } of tried) {
    if (!fits) trace?.push({ step: 'rule', outcome: 'skipped', on: id, detail: because });
  }
  if (rule === undefined) return;
  const deny = rule.effect === 'deny';
  const reason = deny ? (rule.reason ?? 'DENY_RULE') : undefined;
  trace?.push({ step: 'rule', outcome: deny ? 'denies' : 'permits', on: rule.id, reason });
}
