/**
 * Errors outside AuthZEN: RFC 9457 problem details with a stable `type` and a closed code. The text says what
 * was expected and what came, never the value itself. `titleZh` says the title in Chinese.
 */
export type ProblemCode =
  | 'BAD_REQUEST'
  | 'UNAUTHORISED'
  | 'FORBIDDEN'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'BODY_TOO_LARGE'
  | 'METHOD_NOT_ALLOWED'
  | 'NOT_FOUND'
  | 'NOT_CONFIGURED'
  | 'CONFLICT'
  | 'IDEMPOTENCY_KEY'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'HEADERS_TOO_LARGE'
  | 'EXPECTATION_FAILED'
  | 'REQUEST_TIMEOUT'
  | 'RATE_LIMITED'
  | 'ISSUER_UNREACHABLE'
  | 'NOT_READY'
  | 'OVERLOADED'
  | 'LIBRARY_UNREACHABLE'
  | 'UNKNOWN_INSTITUTION'
  | 'AUDIT_UNAVAILABLE'
  | 'INTERNAL';

export const PROBLEM_TITLES: Readonly<
  Record<ProblemCode, readonly [status: number, title: string, zh: string]>
> = {
  BAD_REQUEST: [
    400,
    'The request is not what the description of this path asks for',
    '请求不符合该路径的说明',
  ],
  UNAUTHORISED: [401, 'This path asks for a credential', '该路径需要凭证'],
  FORBIDDEN: [
    403,
    'The sharing agreement of this client does not allow this',
    '该客户端的共享协议不允许此操作',
  ],
  UNSUPPORTED_MEDIA_TYPE: [415, 'This type or coding is not understood here', '不支持此内容类型或编码'],
  BODY_TOO_LARGE: [413, 'The body is larger than the limit', '请求体超过上限'],
  METHOD_NOT_ALLOWED: [405, 'This method is not defined for this path', '该路径不支持此方法'],
  NOT_FOUND: [404, 'Nothing is served at this path', '该路径没有内容'],
  NOT_CONFIGURED: [404, 'This hub is not configured for it', '本系统未配置此功能'],
  CONFLICT: [409, 'The same request is being answered already', '同一请求正在处理'],
  IDEMPOTENCY_KEY: [
    400,
    'This request changes something and needs an Idempotency-Key',
    '该请求会改变数据，需要 Idempotency-Key',
  ],
  IDEMPOTENCY_KEY_REUSED: [
    422,
    'This Idempotency-Key came with another request before',
    '该 Idempotency-Key 已用于另一请求',
  ],
  HEADERS_TOO_LARGE: [431, 'The headers are larger or more than the limit', '请求头大小或数量超过上限'],
  EXPECTATION_FAILED: [
    417,
    'Only Expect: 100-continue is understood here',
    '此处只接受 Expect: 100-continue',
  ],
  REQUEST_TIMEOUT: [408, 'The request did not come to its end in time', '请求未按时发送完'],
  RATE_LIMITED: [429, 'Too many requests', '请求过于频繁'],
  ISSUER_UNREACHABLE: [503, 'The token cannot be checked now', '暂时无法验证令牌'],
  NOT_READY: [503, 'The hub has not read its log to the end yet', '系统尚未读完日志'],
  OVERLOADED: [503, 'More requests come than can be answered', '请求过多，请稍后再试'],
  LIBRARY_UNREACHABLE: [
    503,
    'The library gave no answer, and nothing is known',
    '图书馆系统无响应，结果未知',
  ],
  UNKNOWN_INSTITUTION: [400, 'No library of this hub has this name', '本系统没有此名称的图书馆'],
  AUDIT_UNAVAILABLE: [
    503,
    'The decision could not be logged, which this door requires',
    '判定无法记录，而此门要求记录',
  ],
  INTERNAL: [500, 'Something went wrong in the hub', '系统内部错误'],
};

export function problem(code: ProblemCode, detail: string, headers: Record<string, string> = {}): Response {
  const [status] = PROBLEM_TITLES[code];
  return new Response(problemText(code, detail), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  });
}

export function problemText(code: ProblemCode, detail: string): string {
  const [status, title, titleZh] = PROBLEM_TITLES[code];
  const type = `urn:cardhub:problem:${code.toLowerCase().replaceAll('_', '-')}`;
  return JSON.stringify({ type, title, titleZh, status, code, detail });
}
