import { ClientAccess } from '../clients/access.js';
import { Clients, tenantClient } from '../clients/registry.js';
import type { ClientConfig, Config } from '../config/types.js';
import type { HubView } from '../views/view.js';

/** Who may call the facade, and with what. */
export interface Rights {
  readonly clients: Clients;
  readonly access: ClientAccess;
}

/** Undefined: hub.yaml names no client and no tenant's token, so nobody has to say who they are. */
export function openRights(
  config: Config,
  view: Pick<HubView, 'door'>,
  now: () => number,
): Rights | undefined {
  const configs = clientsOf(config);
  if (configs.length === 0) return undefined;
  const clients = new Clients(configs, (door) => view.door(door)?.groups ?? []);
  const access = new ClientAccess({
    ...{ clients, now, open: config.clients.length === 0 },
    proxies: config.facade.proxies,
  });
  return { clients, access };
}

function clientsOf({ clients, facade }: Config): ClientConfig[] {
  const tenants = facade.tenants.map(({ name, tokens }) =>
    tenantClient(
      name,
      tokens.map((one) => one.reveal()),
    ),
  );
  return [...clients, ...tenants];
}
