import type { Struck } from '../faults.js';
import type { World } from '../world/world.js';

/**
 * What the gateway's methods answer, before encryption. Every value is a string; `retcode` is the business
 * layer's own error. `synjones.*` is the vendor's, `cardhub.*` is ours: no public document has a listing or
 * a change feed.
 */
export type Payload = Readonly<Record<string, unknown>> & {
  readonly retcode: string;
  readonly errmsg: string;
};
export type Request = Readonly<Record<string, string>>;

export interface MethodContext {
  readonly world: World;
  readonly struck: Struck;
  /** The core's clock, skewed by its fault. */
  readonly now: number;
  /** Per method, the request before this one (for `duplicate-page`); changed by the gateway. */
  readonly asked: Map<string, Request>;
}
export type Method = (context: MethodContext, request: Request) => Payload;

export const LIMIT_MAX = 5000;
export const LOOKUP_MAX = 200;
export const ok = { retcode: '0', errmsg: '' } as const;
export const failed = (retcode: string, errmsg: string): Payload => ({ retcode, errmsg });

export function limitOf(request: Request): number | null {
  const limit = Number(request.limit ?? '500');
  return Number.isInteger(limit) && limit >= 1 && limit <= LIMIT_MAX ? limit : null;
}

/** `duplicate-page` answers the request before this one again; a first page is never a repetition. */
export function orEarlier(context: MethodContext, method: string, request: Request): Request {
  const before = context.asked.get(method);
  const first = method.endsWith('list') && (request.after ?? '') === '' && (request.page ?? '1') === '1';
  const answered = !first && before !== undefined && context.struck.has('duplicate-page') ? before : request;
  context.asked.set(method, request);
  return answered;
}
