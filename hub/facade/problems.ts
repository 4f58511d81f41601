/**
 * Errors outside AuthZEN: RFC 9457 problem details with a stable `type` and a closed code. The text says what
 * was expected and what came, never the value itself.
 */
export type ProblemCode =
  | 'BAD_REQUEST'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'BODY_TOO_LARGE'
  | 'METHOD_NOT_ALLOWED'
  | 'NOT_FOUND'
  | 'NOT_READY'
  | 'AUDIT_UNAVAILABLE'
  | 'INTERNAL';

export const PROBLEM_TITLES: Readonly<Record<ProblemCode, readonly [status: number, title: string]>> = {
  BAD_REQUEST: [400, 'The request is not what the description of this path asks for'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'Only application/json is understood here'],
  BODY_TOO_LARGE: [413, 'The body is larger than the limit'],
  METHOD_NOT_ALLOWED: [405, 'This method is not defined for this path'],
  NOT_FOUND: [404, 'Nothing is served at this path'],
  NOT_READY: [503, 'The hub has not read its log to the end yet'],
  AUDIT_UNAVAILABLE: [503, 'The decision could not be logged, which this door requires'],
  INTERNAL: [500, 'Something went wrong in the hub'],
};

export function problem(code: ProblemCode, detail: string, headers: Record<string, string> = {}): Response {
  const [status, title] = PROBLEM_TITLES[code];
  const type = `urn:cardhub:problem:${code.toLowerCase().replaceAll('_', '-')}`;
  return new Response(JSON.stringify({ type, title, status, code, detail }), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  });
}
