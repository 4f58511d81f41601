/**
 * `POST /access/v1/evaluation` of the OpenID AuthZEN Authorization API 1.0: may this subject do this?
 * A deny is 200; errors are 400 with a sentence; reasons are opt-in, since runners compare answers exactly.
 *
 *   subject   credential {id: what the reader sent, properties.readerProfile} | card {id} | person {id}
 *   resource  door {id}          action  enter | exit
 *             library | locker | classroom | identity {id}, with their actions: decide/purposes.ts
 *             in a tenant of entities: what its policy knows
 */
import type { Context } from 'hono';
import { evaluate, purposeName } from '../decide/evaluate.js';
import { echoed, explanation, parseEvaluation, text } from './authzen.js';
import { header, readJson, type Body } from './body.js';
import { callerOf, clientOf, outsideAgreement, uncovered, type Caller } from './caller.js';
import type { DecisionEntry } from './decision-log.js';
import type { FacadeParts } from './parts.js';

const ALLOW_BODY = '{"decision":true}';
const DENY_BODY = '{"decision":false}';
const JSON_HEADERS = { 'content-type': 'application/json' };
const RETRY_AFTER = { 'retry-after': '1' };

export function accessEvaluation(parts: FacadeParts): (c: Context) => Response | Promise<Response> {
  const { view, decisions, now, counters } = parts;
  const answer = (body: Body, requestId: string | undefined, caller: Caller): Response => {
    if (!body.ok) return text(body.code === 'BODY_TOO_LARGE' ? 413 : 400, body.detail, requestId);
    const parsed = parseEvaluation(body.value);
    if (!parsed.ok) return text(400, parsed.error, requestId);
    if (!parts.ready()) {
      return text(503, 'the hub has not read its log to the end yet: try again', requestId, RETRY_AFTER);
    }
    const { request } = parsed;
    const outside = uncovered(caller, request.resourceType, request.resource);
    if (outside !== undefined) return text(403, outsideAgreement(outside), requestId);
    if (decisions.full && view.door(request.resource)?.auditRequired === true) {
      counters.audit();
      return text(503, 'this door requires that decisions are logged: try again', requestId, RETRY_AFTER);
    }
    const decidedAt = now();
    const decision = evaluate(view, view.policy(), request, decidedAt);
    counters.decided(decision.reason);
    const entry: DecisionEntry = {
      decidedAt,
      purpose: purposeName(request.resourceType),
      action: request.action,
      subject: request.subject,
      resource: request.resource,
      decision,
      tenant: parts.tenant,
      client: clientOf(caller),
    };
    const json =
      request.reasons || parts.alwaysReasons
        ? JSON.stringify({
            decision: decision.decision,
            context: explanation(decision, decisions.idOf(entry)),
          })
        : decision.decision
          ? ALLOW_BODY
          : DENY_BODY;
    decisions.add(entry);
    return new Response(json, {
      headers: requestId === undefined ? JSON_HEADERS : { ...JSON_HEADERS, 'x-request-id': requestId },
    });
  };
  return (c) => {
    const requestId = echoed(header(c, 'x-request-id'));
    const body = readJson(c);
    // Almost always read already: a promise would cost more than the decision.
    const caller = callerOf(c);
    return body instanceof Promise
      ? body.then((read) => answer(read, requestId, caller))
      : answer(body, requestId, caller);
  };
}
