/**
 * `POST /access/v1/evaluations`: several questions in one request, answered in their order.
 *
 *   defaults (subject, resource, action, context at the top) ─┐
 *   evaluations[i] ── its own objects stand in for them whole ─┴─▶ type, id or name that is missing in an
 *                     item's object is taken from the default alone; `properties` never are ─▶ decide
 *   semantic: execute_all · deny_on_first_deny · permit_on_first_permit (cut right after the trigger)
 *
 * Without evaluations the request is a single one. An item that is incomplete, or that the caller's agreement does
 * not cover, is a deny of its own: the others are answered.
 */
import type { Context } from 'hono';
import { evaluate, purposeName } from '../decide/evaluate.js';
import {
  asksReasons,
  echoed,
  explanation,
  isBag,
  parseEvaluation,
  text,
  wrong,
  wrongProperties,
} from './authzen.js';
import type { Bag, Evaluation } from './authzen.js';
import { header, readJson } from './body.js';
import { callerOf, clientOf, outsideAgreement, uncovered } from './caller.js';
import type { Caller } from './caller.js';
import type { DecisionEntry } from './decision-log.js';
import type { FacadeParts } from './parts.js';

/** Items of one request; more are refused, since nobody would wait for them at a door. */
export const EVALUATIONS_MAX = 1_000;

const SEMANTICS = ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'] as const;
type Semantic = (typeof SEMANTICS)[number];

/** An item that is not decided. */
interface ItemError {
  readonly status: 400 | 403;
  readonly message: string;
}

interface Batch {
  /** Read one by one as they are answered: what comes behind a cut costs nothing. */
  readonly items: Iterable<Evaluation | ItemError>;
  readonly semantic: Semantic;
  readonly reasons: boolean;
}

type ParsedBatch =
  | { readonly ok: true; readonly single: Evaluation }
  | { readonly ok: true; readonly batch: Batch }
  | { readonly ok: false; readonly error: string };

export function accessEvaluations(parts: FacadeParts): (c: Context) => Promise<Response> {
  return async (c) => {
    const requestId = echoed(header(c, 'x-request-id'));
    const body = await readJson(c);
    if (!body.ok) return text(body.code === 'BODY_TOO_LARGE' ? 413 : 400, body.detail, requestId);
    const parsed = parseBatch(body.value);
    if (!parsed.ok) return text(400, parsed.error, requestId);
    const caller = callerOf(c);
    if ('single' in parsed) {
      const outside = uncovered(caller, parsed.single.resourceType, parsed.single.resource);
      if (outside !== undefined) return text(403, outsideAgreement(outside), requestId);
    }
    const unready = unavailable(parts, 'single' in parsed ? [parsed.single] : parsed.batch.items);
    if (unready !== undefined) return text(503, unready, requestId, { 'retry-after': '1' });
    const answer =
      'single' in parsed
        ? answerOne(parts, parsed.single, parsed.single.reasons, clientOf(caller))
        : { evaluations: answerAll(parts, parsed.batch, caller) };
    return new Response(JSON.stringify(answer), {
      headers: {
        'content-type': 'application/json',
        ...(requestId !== undefined && { 'x-request-id': requestId }),
      },
    });
  };
}

function unavailable(parts: FacadeParts, items: Batch['items']): string | undefined {
  if (!parts.ready()) return 'the hub has not read its log to the end yet: try again';
  if (!parts.decisions.full) return undefined;
  for (const item of items) {
    if ('status' in item || parts.view.door(item.resource)?.auditRequired !== true) continue;
    parts.counters.audit();
    return 'one of the doors requires that decisions are logged: try again';
  }
  return undefined;
}

interface Answer {
  readonly decision: boolean;
  readonly context?: object;
}

function answerAll(parts: FacadeParts, { items, semantic, reasons }: Batch, caller: Caller): Answer[] {
  const answers: Answer[] = [];
  const last = semantic === 'deny_on_first_deny' ? false : semantic === 'permit_on_first_permit';
  for (const item of items) {
    const answer = answerOne(parts, covered(caller, item), reasons, clientOf(caller));
    answers.push(answer);
    if (semantic !== 'execute_all' && answer.decision === last) break;
  }
  return answers;
}

function covered(caller: Caller, item: Evaluation | ItemError): Evaluation | ItemError {
  if ('status' in item) return item;
  const outside = uncovered(caller, item.resourceType, item.resource);
  return outside === undefined ? item : { status: 403, message: outsideAgreement(outside) };
}

function answerOne(
  parts: FacadeParts,
  item: Evaluation | ItemError,
  reasons: boolean,
  client: string | undefined,
): Answer {
  const { view, decisions, now, counters } = parts;
  const wanted = reasons || parts.alwaysReasons;
  if ('status' in item) {
    return { decision: false, ...(wanted && { context: { error: item } }) };
  }
  const decidedAt = now();
  const decision = evaluate(view, view.policy(), item, decidedAt);
  counters.decided(decision.reason);
  const { action, subject, resource, resourceType } = item;
  const purpose = purposeName(resourceType);
  const { tenant } = parts;
  const entry: DecisionEntry = { decidedAt, purpose, action, subject, resource, decision, tenant, client };
  const context = wanted || item.reasons ? explanation(decision, decisions.idOf(entry)) : undefined;
  decisions.add(entry);
  return { decision: decision.decision, ...(context !== undefined && { context }) };
}

export function parseBatch(body: unknown): ParsedBatch {
  if (!isBag(body)) return wrong('the body', 'an object', body);
  const { evaluations, options } = body;
  if (evaluations !== undefined && !Array.isArray(evaluations)) {
    return wrong('evaluations', 'an array', evaluations);
  }
  if (options !== undefined && !isBag(options)) return wrong('options', 'an object', options);
  const semantic = options?.evaluations_semantic ?? 'execute_all';
  const known = SEMANTICS.find((one) => one === semantic);
  if (known === undefined) {
    return { ok: false, error: `options.evaluations_semantic: expected one of ${SEMANTICS.join(', ')}` };
  }
  if (evaluations === undefined || evaluations.length === 0) {
    const single = parseEvaluation(body);
    return single.ok ? { ok: true, single: single.request } : single;
  }
  if (evaluations.length > EVALUATIONS_MAX) {
    return {
      ok: false,
      error: `evaluations: expected at most ${EVALUATIONS_MAX}, came ${evaluations.length}`,
    };
  }
  for (const name of ['subject', 'resource', 'action', 'context'] as const) {
    if (body[name] !== undefined && !isBag(body[name])) return wrong(name, 'an object', body[name]);
  }
  const properties = wrongProperties(
    body.subject as Bag | undefined,
    body.resource as Bag | undefined,
    body.action as Bag | undefined,
  );
  if (properties !== undefined) return properties;
  const reasons = asksReasons(options) || asksReasons(body.context);
  return {
    ok: true,
    batch: { items: itemsOf(body, evaluations), semantic: known, reasons },
  };
}

function itemsOf(defaults: Bag, items: readonly unknown[]): Iterable<Evaluation | ItemError> {
  return {
    *[Symbol.iterator]() {
      for (const item of items) yield itemOf(defaults, item);
    },
  };
}

function itemOf(defaults: Bag, item: unknown): Evaluation | ItemError {
  if (!isBag(item)) return { status: 400, message: wrong('the evaluation', 'an object', item).error };
  const parsed = parseEvaluation({
    subject: merged(item.subject, defaults.subject, ['type', 'id']),
    resource: merged(item.resource, defaults.resource, ['type', 'id']),
    action: merged(item.action, defaults.action, ['name']),
    context: item.context ?? defaults.context,
    options: item.options,
  });
  return parsed.ok ? parsed.request : { status: 400, message: parsed.error };
}

function merged(own: unknown, fallback: unknown, required: readonly string[]): unknown {
  if (own === undefined) return fallback;
  if (!isBag(own) || !isBag(fallback)) return own;
  const missing = required.filter((key) => own[key] === undefined);
  if (missing.length === 0) return own;
  return { ...own, ...Object.fromEntries(missing.map((key) => [key, fallback[key]])) };
}
