/** One request, whatever it is about: a door, one of the other purposes, or what the policy itself knows. */
import { decide } from './decide.js';
import { decideEntity } from './entity-decision.js';
import type { Decision, DecisionOptions, DecisionRequest, DecisionView } from './model.js';
import type { Policy } from './policy.js';
import { decidePurpose, PURPOSE_ACTIONS } from './purposes.js';

export interface EvaluationRequest extends DecisionRequest {
  readonly resourceType: string;
}

/** Decides one request. Never throws, whatever the request says. */
export function evaluate(
  view: DecisionView,
  policy: Policy,
  request: EvaluationRequest,
  now: number,
  options?: DecisionOptions,
): Decision {
  const { resourceType } = request;
  if (resourceType === 'door') return decide(view, policy, request, now, options);
  if (Object.hasOwn(PURPOSE_ACTIONS, resourceType)) {
    return decidePurpose(view, policy, request, now, options);
  }
  if (policy.entities.count === 0) {
    options?.trace?.push({ step: 'resource', outcome: 'denies', reason: 'DENY_UNSUPPORTED' });
    return {
      decision: false,
      reason: 'DENY_UNSUPPORTED',
      policyVersion: policy.version,
      ttlMs: null,
      facts: [],
    };
  }
  return decideEntity(policy, request, now, options);
}

/** What is written on the decision: door, library, locker, classroom, identity, or `record`s of a tenant. */
export function purposeName(resourceType: string): string {
  return resourceType === 'door' || Object.hasOwn(PURPOSE_ACTIONS, resourceType) ? resourceType : 'entity';
}
