/**
 * Decisions about subjects and resources that stand in the policy itself: the first rule that fits decides, and
 * what no rule permits is denied.
 */
import { traceRules } from './trace.js';
import type { Decision, DecisionOptions, SentAttributes } from './model.js';
import type { Policy } from './policy.js';
import type { DenyReason } from './reasons.js';
import type { RuleTried } from './rules.js';

export interface EntityRequest {
  readonly subject: { readonly type: string; readonly id: string };
  readonly resource: { readonly type: string; readonly id: string };
  readonly action: string;
  readonly sent?: SentAttributes | undefined;
}

export function decideEntity(
  policy: Policy,
  { subject, resource, action, sent }: EntityRequest,
  now: number,
  options: DecisionOptions = {},
): Decision {
  const { trace } = options;
  const subjectStored = policy.entities.attributes(subject.type, subject.id);
  const resourceStored = policy.entities.attributes(resource.type, resource.id);
  if (subjectStored === undefined) {
    trace?.push({ step: 'subject', outcome: 'denies', reason: 'DENY_UNKNOWN_SUBJECT' });
    return decided(policy, 'DENY_UNKNOWN_SUBJECT');
  }
  trace?.push({ step: 'subject', outcome: 'passes' });
  if (resourceStored === undefined) {
    trace?.push({ step: 'resource', outcome: 'denies', reason: 'DENY_UNKNOWN_RESOURCE' });
    return decided(policy, 'DENY_UNKNOWN_RESOURCE');
  }
  trace?.push({ step: 'resource', outcome: 'passes' });
  const tried: RuleTried[] | undefined = trace === undefined ? undefined : [];
  const rule = policy.rules.first(
    {
      subject: { ...subject, stored: subjectStored, sent: sent?.subject },
      resource: { ...resource, stored: resourceStored, sent: sent?.resource },
      action: { name: action, properties: sent?.action },
      context: sent?.context,
    },
    now,
    tried,
  );
  if (tried !== undefined) traceRules(options, tried, rule);
  if (rule === undefined) {
    trace?.push({ step: 'right', outcome: 'denies', reason: 'DENY_NO_RIGHT' });
    return decided(policy, 'DENY_NO_RIGHT');
  }
  return decided(policy, rule.effect === 'permit' ? undefined : (rule.reason ?? 'DENY_RULE'));
}

function decided(policy: Policy, deny: DenyReason | undefined): Decision {
  return {
    decision: deny === undefined,
    reason: deny ?? 'ALLOW',
    policyVersion: policy.version,
    ttlMs: policy.document.ttl.allowMs,
    facts: [],
  };
}
