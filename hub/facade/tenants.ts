/**
 * Tenants beside the hub's own: each has its own policy, and a view of its own that only its policy feeds. A
 * request reaches one by the base path or by its credential, never by its body.
 *
 *   /tenants/{name}/access/v1/…   a credential of one of its clients is asked for
 *   /access/v1/…                  the tenant of the client whose credential came
 */
import type { ViewValue } from '../views/fields.js';
import { createHubView } from '../views/view.js';
import type { HubView, ViewTopic } from '../views/view.js';
import type { Policy } from '../decide/policy.js';
import { callerOf } from './caller.js';
import type { Answerer } from './gate.js';

export interface TenantOptions {
  readonly name: string;
  /** In force until `hub.policy` has one for this tenant. */
  readonly policy: Policy;
}

export interface Tenant {
  readonly name: string;
  readonly view: HubView;
}

export function openTenant({ name, policy }: TenantOptions, now: () => number): Tenant {
  const view = createHubView({ tenant: name, profiles: new Map(), policy, now });
  return { name, view };
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

/** The handler of the caller's tenant. */
export function byTenant(own: Answerer, others: ReadonlyMap<string, Answerer>): Answerer {
  if (others.size === 0) return own;
  return (c) => {
    const { tenant } = callerOf(c);
    return ((tenant === null ? undefined : others.get(tenant)) ?? own)(c);
  };
}
