/**
 * Before every handler that is not for everybody: who calls, and does it have the scope that this route asks for.
 *
 *   identify ─▶ refused: 401 │ 429 │ 503      in the same words whatever was wrong
 *            ─▶ tenant, scope: 403
 *            ─▶ setCaller, handler
 *
 * Without a promise where the credential is known already: it would cost more than the check.
 */
import type { Context } from 'hono';
import { echoed, text } from './authzen.js';
import { header, outgoingOf, remoteAddress } from './body.js';
import { AUDITED, noteOf } from './audit.js';
import type { AuditTrail } from './audit.js';
import { callerOf, OPEN, setCaller } from './caller.js';
import type { Caller, Scope } from './caller.js';
import { problem } from './problems.js';
import type { ProblemCode } from './problems.js';

export type Answerer = (c: Context) => Response | Promise<Response>;

/** Why a call was refused; clients learn the status only. */
export type RefusalCode =
  | 'CREDENTIAL_MISSING'
  | 'CREDENTIAL_INVALID'
  | 'DISABLED'
  | 'ENDED'
  | 'NETWORK'
  | 'RATE_LIMITED'
  | 'ISSUER_UNREACHABLE'
  | 'TENANT'
  | 'SCOPE';

/** What an agreement allows now; as `Rate` of hub/clients. */
export interface RateState {
  readonly perSecond: number;
  readonly burst: number;
  left(at: number): number;
}

export type Identified =
  | {
      readonly ok: true;
      readonly caller: Caller;
      readonly rate?: RateState | undefined;
      /** Requests that may pass now. */
      readonly left?: number;
    }
  | {
      readonly ok: false;
      readonly code: RefusalCode;
      /** Known where the credential was good. */
      readonly client?: string;
      readonly retryMs?: number;
      readonly rate?: RateState;
    };

/** Says who calls; `hub/clients` has the one that runs. */
export interface Access {
  /** Who brings no credential is admitted to the hub's own tenant. */
  readonly open: boolean;
  addressOf(socket: string | undefined, forwarded: string | undefined): string;
  identify(authorization: string | undefined, address: string): Identified | Promise<Identified>;
}

export interface Guarded {
  readonly scope: Scope;
  /** `any`: the handler looks at the caller's tenant itself. Default: the hub's own alone. */
  readonly tenant?: string;
  /** Path as in openapi/facade.yaml, for the audit trail. */
  readonly action: string;
  /** AuthZEN's errors are sentences; others are problem documents. */
  readonly form: 'sentence' | 'problem';
}

export interface Refused {
  readonly code: RefusalCode;
  readonly client: string | undefined;
  readonly scope: Scope;
  readonly action: string;
}

export interface GuardParts {
  /** Undefined: everybody may do in the hub's own tenant what an open facade lets them. */
  readonly access: Access | undefined;
  readonly onRefused: (refused: Refused) => void;
  readonly audit?: AuditTrail | undefined;
}

export type Guard = (route: Guarded, handler: Answerer) => Answerer;

export function createGuard({ access, onRefused, audit }: GuardParts): Guard {
  return (route, answerer) => {
    const handler = recorded(audit, route, answerer);
    const letsAllIn = (access?.open ?? true) && OPEN.may(route.scope);
    if (access === undefined) return letsAllIn ? handler : (c) => refusal(c, route, 'CREDENTIAL_MISSING');
    const refused = (code: RefusalCode, client: string | undefined): void =>
      onRefused({ code, client, scope: route.scope, action: route.action });
    const refuse = (c: Context, code: RefusalCode, client?: string): Response => {
      refused(code, client);
      return refusal(c, route, code);
    };
    const enter = (c: Context, { caller, rate, left = 0 }: Admitted): Response | Promise<Response> => {
      const { tenant = null, scope } = route;
      if (tenant !== 'any' && caller.tenant !== tenant) return refuse(c, 'TENANT', caller.client);
      if (!caller.may(scope)) return refuse(c, 'SCOPE', caller.client);
      setCaller(c, caller);
      return rate === undefined ? handler(c) : limited(c, rate, left, handler);
    };
    const judge = (c: Context, found: Identified): Response | Promise<Response> => {
      if (found.ok) return enter(c, found);
      if (found.code !== 'RATE_LIMITED') return refuse(c, found.code, found.client);
      refused(found.code, found.client);
      return tooMany(c, route, found);
    };
    const open = letsAllIn && (route.tenant === undefined || route.tenant === 'any');
    return (c) => {
      const authorization = header(c, 'authorization');
      if (authorization === undefined && open) {
        setCaller(c, OPEN);
        return handler(c);
      }
      const address = access.addressOf(remoteAddress(c), header(c, 'x-forwarded-for'));
      const found = access.identify(authorization, address);
      return found instanceof Promise ? found.then((late) => judge(c, late)) : judge(c, found);
    };
  };
}

/** What may not go unrecorded is not answered while there is no room for a record. */
function recorded(audit: AuditTrail | undefined, route: Guarded, handler: Answerer): Answerer {
  const { scope, action, form } = route;
  const how = AUDITED[scope];
  if (audit === undefined || how === 'elsewhere') return handler;
  const note = (c: Context, status: number): void => {
    const { client, tenant } = callerOf(c);
    audit.call({ client, tenant, scope, action, status, note: noteOf(c) });
  };
  return (c) => {
    if (how === 'each' && audit.full) return answer(c, form, 'AUDIT_UNAVAILABLE', { 'retry-after': '1' });
    const noted = (response: Response): Response => {
      note(c, response.status);
      return response;
    };
    const failed = (error: unknown): never => {
      note(c, 500);
      throw error;
    };
    try {
      const response = handler(c);
      return response instanceof Promise ? response.then(noted, failed) : noted(response);
    } catch (error) {
      return failed(error);
    }
  };
}

function refusal(c: Context, route: Guarded, code: RefusalCode): Response {
  const { scope, form } = route;
  switch (code) {
    case 'CREDENTIAL_MISSING':
      return answer(c, form, 'UNAUTHORISED', { 'www-authenticate': 'Bearer realm="cardhub"' });
    case 'SCOPE':
      return answer(c, form, 'FORBIDDEN', {
        'www-authenticate': `Bearer realm="cardhub", error="insufficient_scope", scope="${scope}"`,
      });
    case 'ISSUER_UNREACHABLE':
      return answer(c, form, 'ISSUER_UNREACHABLE', { 'retry-after': '5' });
    default:
      return answer(c, form, 'UNAUTHORISED', {
        'www-authenticate': 'Bearer realm="cardhub", error="invalid_token"',
      });
  }
}

const DETAILS = {
  UNAUTHORISED: 'expected a bearer token that is valid here',
  FORBIDDEN: 'this client may not do this',
  RATE_LIMITED: 'more requests than the agreement of this client allows: wait as long as Retry-After says',
  ISSUER_UNREACHABLE: 'the issuer of the token does not give its keys: try again',
  AUDIT_UNAVAILABLE: 'what is asked here must be recorded, and there is no room for a record: try again',
} as const;
const STATUS = {
  AUDIT_UNAVAILABLE: 503,
  UNAUTHORISED: 401,
  FORBIDDEN: 403,
  RATE_LIMITED: 429,
  ISSUER_UNREACHABLE: 503,
} as const;

function answer(
  c: Context,
  form: Guarded['form'],
  code: keyof typeof DETAILS & ProblemCode,
  headers: Record<string, string>,
): Response {
  if (form === 'problem') return problem(code, DETAILS[code], headers);
  return text(STATUS[code], DETAILS[code], echoed(header(c, 'x-request-id')), headers);
}

type Admitted = Identified & { readonly ok: true };

const policies = new WeakMap<RateState, string>();

/** `q` requests within `w` seconds. */
function policyOf(rate: RateState): string {
  let policy = policies.get(rate);
  if (policy === undefined) {
    const { burst, perSecond } = rate;
    policies.set(rate, (policy = `"client";q=${burst};w=${Math.max(1, Math.ceil(burst / perSecond))}`));
  }
  return policy;
}

/** How much of its rate a client has left, on the answer: `r` requests, and after `t` seconds all of them again. */
function limited(c: Context, rate: RateState, left: number, handler: Answerer): Response | Promise<Response> {
  const seconds = Math.ceil((rate.burst - left) / rate.perSecond);
  const value = `"client";r=${left};t=${seconds}`;
  const node = outgoingOf(c);
  if (node !== undefined) {
    // On Node's own object: to touch those of the Response would make it, which costs more than the decision.
    node.setHeader('ratelimit-policy', policyOf(rate));
    node.setHeader('ratelimit', value);
    return handler(c);
  }
  const told = (response: Response): Response => {
    response.headers.set('ratelimit-policy', policyOf(rate));
    response.headers.set('ratelimit', value);
    return response;
  };
  const answered = handler(c);
  return answered instanceof Promise ? answered.then(told) : told(answered);
}

/** RateLimit headers as in draft-ietf-httpapi-ratelimit-headers: `q` requests within `w` seconds; `r` are left. */
function tooMany(c: Context, { form }: Guarded, found: Identified & { readonly ok: false }): Response {
  const seconds = Math.max(1, Math.ceil((found.retryMs ?? 1_000) / 1_000));
  const { rate } = found;
  const limits: Record<string, string> =
    rate === undefined
      ? {}
      : {
          'ratelimit-policy': policyOf(rate),
          ratelimit: `"client";r=0;t=${seconds}`,
        };
  return answer(c, form, 'RATE_LIMITED', { 'retry-after': String(seconds), ...limits });
}
