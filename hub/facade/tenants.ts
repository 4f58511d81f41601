/**
 * Tenants beside the hub's own: each has its own policy, and a view of its own that only its policy feeds. A
 * request reaches one by the base path or by its credential, never by its body.
 *
 *   /tenants/{name}/access/v1/…   its bearer token is asked for
 *   /access/v1/…                  a tenant's token leads to that tenant; another one is 401; none: the hub's own
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context } from 'hono';
import type { ViewValue } from '../views/fields.js';
import { createHubView } from '../views/view.js';
import type { HubView, ViewTopic } from '../views/view.js';
import type { Policy } from '../decide/policy.js';
import { echoed, text } from './authzen.js';
import { header } from './body.js';

export type Answerer = (c: Context) => Response | Promise<Response>;

export interface TenantOptions {
  readonly name: string;
  /** In force until `hub.policy` has one for this tenant. */
  readonly policy: Policy;
  /** Bearer tokens, any of which will do: two while one is being replaced. */
  readonly tokens: readonly string[];
}

export interface Tenant {
  readonly name: string;
  readonly view: HubView;
  /** Digests of its tokens: compared in constant time, and the tokens are not kept. */
  readonly digests: readonly Buffer[];
}

export function openTenant({ name, policy, tokens }: TenantOptions, now: () => number): Tenant {
  const view = createHubView({ tenant: name, profiles: new Map(), policy, now });
  return { name, view, digests: tokens.map(digestOf) };
}

/** The hub's own view, which hands policies on to the tenants that they are for. */
export function withTenants(view: HubView, tenants: readonly Tenant[]): HubView {
  if (tenants.length === 0) return view;
  return {
    ...view,
    apply<T extends ViewTopic>(topic: T, key: string, value: ViewValue[T] | null) {
      view.apply(topic, key, value);
      if (topic === 'hub.policy') for (const tenant of tenants) tenant.view.apply(topic, key, value);
    },
  };
}

/** Answers 401 unless one of the tenant's tokens comes with the request. */
export function guarded(tenant: Tenant, handler: Answerer): Answerer {
  return (c) => (holds(tenant, bearer(c)) ? handler(c) : unauthorised(c, tenant.name));
}

/** The handler of the tenant whose credential came; the hub's own where none came. */
export function byCredential(
  own: Answerer,
  others: readonly { readonly tenant: Tenant; readonly handler: Answerer }[],
): Answerer {
  if (others.length === 0) return own;
  return (c) => {
    if (header(c, 'authorization') === undefined) return own(c);
    const token = bearer(c);
    const other = others.find(({ tenant }) => holds(tenant, token));
    return other === undefined ? unauthorised(c, 'cardhub') : other.handler(c);
  };
}

function bearer(c: Context): Buffer | undefined {
  const match = /^Bearer ([\x21-\x7e]{1,4096})$/i.exec(header(c, 'authorization') ?? '');
  return match?.[1] === undefined ? undefined : digestOf(match[1]);
}

function holds(tenant: Tenant, digest: Buffer | undefined): boolean {
  return digest !== undefined && tenant.digests.some((one) => timingSafeEqual(one, digest));
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function unauthorised(c: Context, realm: string): Response {
  return text(401, 'expected a bearer token that is valid here', echoed(header(c, 'x-request-id')), {
    'www-authenticate': `Bearer realm="${realm}"`,
  });
}
