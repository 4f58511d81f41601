/**
 * `POST /access/v1/evaluation` of the OpenID AuthZEN Authorization API 1.0: may this subject pass this door?
 * A deny is 200; errors are 400 with a sentence; reasons are opt-in, since runners compare answers exactly.
 *
 *   subject   credential {id: what the reader sent, properties.readerProfile} | card {id} | person {id}
 *   resource  door {id}          action  enter | exit
 */
import type { Context } from 'hono';
import { decide } from '../decide/decide.js';
import type { Decision, DecisionRequest, Subject } from '../decide/model.js';
import { header, readJson, type Body } from './body.js';
import type { DecisionEntry } from './decision-log.js';
import type { FacadeParts } from './parts.js';

const ALLOW_BODY = '{"decision":true}';
const DENY_BODY = '{"decision":false}';
const JSON_HEADERS = { 'content-type': 'application/json' };
const TEXT_HEADERS = { 'content-type': 'text/plain; charset=utf-8' };
/** Longer ids are nobody's; refusing them keeps them out of every later step. */
const ID_LENGTH_MAX = 512;
const REQUEST_ID_LENGTH_MAX = 256;
const RETRY_AFTER_S = '1';

interface Evaluation extends DecisionRequest {
  readonly resourceType: string;
  readonly reasons: boolean;
}

type Parsed =
  { readonly ok: true; readonly request: Evaluation } | { readonly ok: false; readonly error: string };
type Bag = Readonly<Record<string, unknown>>;

export function accessEvaluation(parts: FacadeParts): (c: Context) => Response | Promise<Response> {
  const { view, decisions, now, counters } = parts;
  const answer = (body: Body, requestId: string | undefined): Response => {
    if (!body.ok) return text(body.code === 'BODY_TOO_LARGE' ? 413 : 400, body.detail, requestId);
    const parsed = parseEvaluation(body.value);
    if (!parsed.ok) return text(400, parsed.error, requestId);
    if (!parts.ready()) {
      return text(503, 'the hub has not read its log to the end yet: try again', requestId, RETRY_AFTER_S);
    }
    const { request } = parsed;
    if (decisions.full && view.door(request.resource)?.auditRequired === true) {
      counters.audit();
      return text(503, 'this door requires that decisions are logged: try again', requestId, RETRY_AFTER_S);
    }
    const decidedAt = now();
    const decision =
      request.resourceType === 'door'
        ? decide(view, view.policy(), request, decidedAt)
        : unsupported(view.policy().version);
    counters.decided(decision.reason);
    const entry: DecisionEntry = {
      decidedAt,
      purpose: 'door',
      action: request.action,
      subject: request.subject,
      resource: request.resource,
      decision,
    };
    const json =
      request.reasons || parts.alwaysReasons
        ? explained(decision, decisions.idOf(entry))
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
    return body instanceof Promise ? body.then((read) => answer(read, requestId)) : answer(body, requestId);
  };
}

/** Checks the shape that AuthZEN asks for; what it does not name is ignored. */
export function parseEvaluation(body: unknown): Parsed {
  if (!isBag(body)) return wrong('the body', 'an object', body);
  const { subject, resource, action, context, options } = body;
  if (!isBag(subject)) return wrong('subject', 'an object', subject);
  if (!isId(subject.type)) return wrong('subject.type', 'a string', subject.type);
  if (!isId(subject.id)) return wrong('subject.id', 'a string', subject.id);
  if (!isBag(resource)) return wrong('resource', 'an object', resource);
  if (!isId(resource.type)) return wrong('resource.type', 'a string', resource.type);
  if (!isId(resource.id)) return wrong('resource.id', 'a string', resource.id);
  if (!isBag(action)) return wrong('action', 'an object', action);
  if (!isId(action.name)) return wrong('action.name', 'a string', action.name);
  if (context !== undefined && !isBag(context)) return wrong('context', 'an object', context);
  for (const [name, of] of [
    ['subject', subject],
    ['resource', resource],
    ['action', action],
  ] as const) {
    if (of.properties !== undefined && !isBag(of.properties)) {
      return wrong(`${name}.properties`, 'an object', of.properties);
    }
  }
  const asks = (bag: unknown) => isBag(bag) && bag.reasons === true;
  return {
    ok: true,
    request: {
      subject: subjectOf(subject.type, subject.id, subject.properties),
      resource: resource.id,
      resourceType: resource.type,
      action: action.name,
      reasons: asks(options) || asks(context),
    },
  };
}

function subjectOf(type: string, id: string, properties: unknown): Subject {
  if (type === 'credential' && isBag(properties) && isId(properties.readerProfile)) {
    return { type, id, readerProfile: properties.readerProfile };
  }
  return { type, id } as Subject; // a type that is none of ours is denied as unsupported
}

function unsupported(policyVersion: string): Decision {
  return { decision: false, reason: 'DENY_UNSUPPORTED', policyVersion, ttlMs: null, facts: [] };
}

function explained(decision: Decision, decisionId: string): string {
  const { reason, warning, policyVersion, dataAgeMs, ttlMs } = decision;
  return JSON.stringify({
    decision: decision.decision,
    context: { reason, warning, policyVersion, dataAgeMs, ttlMs, decisionId },
  });
}

function text(status: number, message: string, requestId: string | undefined, retryAfter?: string): Response {
  return new Response(message, {
    status,
    headers: {
      ...TEXT_HEADERS,
      ...(requestId !== undefined && { 'x-request-id': requestId }),
      ...(retryAfter !== undefined && { 'retry-after': retryAfter }),
    },
  });
}

/** Only what may stand in a header, and not without end. */
function echoed(id: string | undefined): string | undefined {
  if (id === undefined || id === '' || id.length > REQUEST_ID_LENGTH_MAX) return undefined;
  return /^[\x20-\x7e]+$/.test(id) ? id : undefined;
}

function isBag(value: unknown): value is Bag {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= ID_LENGTH_MAX;
}

function wrong(path: string, expected: string, came: unknown): Parsed {
  const kind =
    came === undefined
      ? 'nothing'
      : came === null
        ? 'null'
        : Array.isArray(came)
          ? 'an array'
          : came === ''
            ? 'an empty string'
            : typeof came === 'string'
              ? `a string of ${came.length} characters`
              : `a ${typeof came}`;
  return { ok: false, error: `${path}: expected ${expected}, came ${kind}` };
}
