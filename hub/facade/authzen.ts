/** Shapes of the AuthZEN Authorization API 1.0: what a request must hold, and how its answers and errors look. */
import { CODES } from '../../contracts/codes.js';
import type { EvaluationRequest } from '../decide/evaluate.js';
import type { Decision, SentAttributes, Subject } from '../decide/model.js';

const TEXT_HEADERS = { 'content-type': 'text/plain; charset=utf-8' };
/** Longer ids are nobody's; refusing them keeps them out of every later step. */
export const ID_LENGTH_MAX = 512;
const REQUEST_ID_LENGTH_MAX = 256;

export type Bag = Readonly<Record<string, unknown>>;

export interface Evaluation extends EvaluationRequest {
  readonly reasons: boolean;
}

export type Parsed<T> =
  { readonly ok: true; readonly request: T } | { readonly ok: false; readonly error: string };

/** Checks the shape that AuthZEN asks for; what it does not name is ignored. */
export function parseEvaluation(body: unknown): Parsed<Evaluation> {
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
  const properties = wrongProperties(subject, resource, action);
  if (properties !== undefined) return properties;
  return {
    ok: true,
    request: {
      subject: subjectOf(subject.type, subject.id, subject.properties),
      resource: resource.id,
      resourceType: resource.type,
      action: action.name,
      sent: sentOf(subject, resource, action, context),
      reasons: asksReasons(options) || asksReasons(context),
    },
  };
}

/** `properties`, where there are any, must be objects. */
export function wrongProperties(
  subject: Bag | undefined,
  resource: Bag | undefined,
  action: Bag | undefined,
): { readonly ok: false; readonly error: string } | undefined {
  const of = (name: string, bag: Bag | undefined) =>
    bag?.properties === undefined || isBag(bag.properties)
      ? undefined
      : wrong(`${name}.properties`, 'an object', bag.properties);
  return of('subject', subject) ?? of('resource', resource) ?? of('action', action);
}

/** Undefined where nothing but ids was sent, as almost always at doors. */
export function sentOf(
  subject: Bag,
  resource: Bag,
  action: Bag,
  context: Bag | undefined,
): SentAttributes | undefined {
  if (
    context === undefined &&
    action.properties === undefined &&
    resource.properties === undefined &&
    subject.properties === undefined
  ) {
    return undefined;
  }
  return {
    subject: subject.properties as Bag | undefined,
    resource: resource.properties as Bag | undefined,
    action: action.properties as Bag | undefined,
    context,
  };
}

export function asksReasons(bag: unknown): boolean {
  return isBag(bag) && bag.reasons === true;
}

export function subjectOf(type: string, id: string, properties: unknown): Subject {
  if (type === 'credential' && isBag(properties) && isId(properties.readerProfile)) {
    return { type, id, readerProfile: properties.readerProfile };
  }
  return { type, id } as Subject; // a type that is none of ours is denied as unsupported
}

const TEXTS: ReadonlyMap<string, { readonly en: string; readonly zh: string }> = new Map(
  CODES['decision-reasons'].map(({ code, en, zh }) => [code, { en, zh }]),
);

/** The `context` of an answer whose caller asked for reasons. */
export function explanation(decision: Decision, decisionId: string): object {
  const { reason, warning, policyVersion, dataAgeMs, ttlMs } = decision;
  return {
    reason,
    reason_text: TEXTS.get(reason),
    warning,
    ...(warning !== undefined && { warning_text: TEXTS.get(warning) }),
    policyVersion,
    dataAgeMs,
    ttlMs,
    decisionId,
  };
}

/** An error: its body is a sentence, as AuthZEN asks. */
export function text(
  status: number,
  message: string,
  requestId: string | undefined,
  more?: Readonly<Record<string, string>>,
): Response {
  return new Response(message, {
    status,
    headers: { ...TEXT_HEADERS, ...(requestId !== undefined && { 'x-request-id': requestId }), ...more },
  });
}

/** Only what may stand in a header, and not without end. */
export function echoed(id: string | undefined): string | undefined {
  if (id === undefined || id === '' || id.length > REQUEST_ID_LENGTH_MAX) return undefined;
  return /^[\x20-\x7e]+$/.test(id) ? id : undefined;
}

export function isBag(value: unknown): value is Bag {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= ID_LENGTH_MAX;
}

export function wrong(
  path: string,
  expected: string,
  came: unknown,
): { readonly ok: false; readonly error: string } {
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
