/**
 * Decisions about subjects and resources that stand in the policy itself: the first rule that fits decides, and
 * what no rule permits is denied.
 */
import { traceRules } from './trace.js';
import type { EvaluationRequest } from './evaluate.js';
import type { Decision, DecisionOptions, Fact } from './model.js';
import { askedFact } from './rule-request.js';
import type { Policy } from './policy.js';
import type { DenyReason } from './reasons.js';
import type { RuleTried } from './rules.js';

export function decideEntity(
  policy: Policy,
  request: EvaluationRequest,
  now: number,
  options: DecisionOptions = {},
): Decision {
  const { trace } = options;
  const { subject, action, sent } = request;
  const resource = { type: request.resourceType, id: request.resource };
  const subjectStored = policy.entities.attributes(subject.type, subject.id);
  const resourceStored = policy.entities.attributes(resource.type, resource.id);
  if (subjectStored === undefined) {
    trace?.push({ step: 'subject', outcome: 'denies', reason: 'DENY_UNKNOWN_SUBJECT' });
    return decided(policy, request, 'DENY_UNKNOWN_SUBJECT');
  }
  trace?.push({ step: 'subject', outcome: 'passes' });
  if (resourceStored === undefined) {
    trace?.push({ step: 'resource', outcome: 'denies', reason: 'DENY_UNKNOWN_RESOURCE' });
    return decided(policy, request, 'DENY_UNKNOWN_RESOURCE');
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
    return decided(policy, request, 'DENY_NO_RIGHT');
  }
  const deny = rule.effect === 'permit' ? undefined : (rule.reason ?? 'DENY_RULE');
  return decided(policy, request, deny, rule.id);
}

function decided(
  policy: Policy,
  request: EvaluationRequest,
  deny: DenyReason | undefined,
  rule?: string,
): Decision {
  const facts: Fact[] = [];
  if (rule !== undefined) facts.push({ kind: 'rule', key: rule, source: '', version: 0 });
  const asked = askedFact(policy, request);
  if (asked !== undefined) facts.push(asked);
  return {
    decision: deny === undefined,
    reason: deny ?? 'ALLOW',
    policyVersion: policy.version,
    ttlMs: policy.document.ttl.allowMs,
    facts,
  };
}
