import type { Hono } from 'hono';
import { ClientAccess } from '../clients/access.js';
import { Assertions } from '../clients/assertions.js';
import { openIssuer } from '../clients/issuer.js';
import { oauthApps, type TokenNote } from '../clients/oauth.js';
import { Clients, tenantClient } from '../clients/registry.js';
import { SigningKeys } from '../clients/signing-keys.js';
import { Tokens } from '../clients/tokens.js';
import type { ClientConfig, Config } from '../config/types.js';
import type { LocalHandler } from '../operate/local-socket.js';
import type { HubView } from '../views/view.js';
import { switchHandler, type SwitchParts } from './client-switch.js';
import type { HubParts } from './hub.js';
import type { Journal } from './journal.js';

/** Who may call the facade, and with what. */
export interface Rights {
  readonly clients: Clients;
  readonly access: ClientAccess;
  /** Undefined: the hub has no name (facade.publicUrl), so it gives no tokens. */
  readonly keys: SigningKeys | undefined;
  /** What the facade mounts: the token endpoint and its descriptions. */
  readonly apps: Readonly<Record<string, Hono>>;
}

export interface RightsOptions {
  readonly view: Pick<HubView, 'door'>;
  readonly now: () => number;
  readonly onToken?: (note: TokenNote) => void;
}

/**
 * Undefined: hub.yaml names no client and no tenant's token, so nobody has to say who they are.
 * @throws ClientsError
 */
export async function openRights(config: Config, options: RightsOptions): Promise<Rights | undefined> {
  const configs = clientsOf(config);
  if (configs.length === 0) return undefined;
  const { view, now } = options;
  const { publicUrl } = config.facade;
  const clients = new Clients(configs, (door) => view.door(door)?.groups ?? []);
  const named = config.clients.length > 0;
  const open = !named || config.facade.open;
  const issued =
    publicUrl === undefined || !named ? undefined : await openTokens(config, publicUrl, clients, now);
  const access = new ClientAccess({
    ...{ clients, now, open, verifier: issued?.tokens, keys: issued?.keys },
    proxies: config.facade.proxies,
  });
  if (issued === undefined || publicUrl === undefined) return { clients, access, keys: undefined, apps: {} };
  const endpoint = `${publicUrl}/oauth2/token`;
  const apps = oauthApps({
    ...{ publicUrl, clients, access, now, tokens: issued.tokens, keys: issued.keys },
    assertions: new Assertions(clients, [publicUrl, endpoint], now()),
    issuers: config.facade.issuers.map(({ issuer }) => issuer),
    ...(options.onToken && { onToken: options.onToken }),
  });
  return { clients, access, keys: issued.keys, apps };
}

async function openTokens(
  { facade, keys: { dir } }: Config,
  publicUrl: string,
  clients: Clients,
  now: () => number,
): Promise<{ readonly keys: SigningKeys; readonly tokens: Tokens }> {
  const keys = await SigningKeys.open(dir, facade.signingKeyAgeMs, now());
  const issuers = facade.issuers.map((issuer) => openIssuer(issuer, { audience: publicUrl }));
  const tokens = new Tokens({
    ...{ issuer: publicUrl, lifetimeMs: facade.tokenLifetimeMs, keys, clients, issuers },
  });
  return { keys, tokens };
}

export function switchParts({ log, codec, config }: HubParts): SwitchParts {
  return { log, codec, tenant: config.tenant };
}

/** A client as operators see it; no digest of any credential. */
export interface ClientState {
  readonly client: string;
  readonly state: 'ENABLED' | 'DISABLED' | 'ENDED';
  readonly scopes: readonly string[];
  readonly purposes: readonly string[];
  readonly tenant: string | null;
  readonly untilMs: number | null;
}

export function clientState(clients: Clients, now: number): ClientState[] {
  return [...clients.all()].map((one) => ({
    client: one.id,
    state: clients.barred(one, now) ?? 'ENABLED',
    scopes: one.config.scopes,
    purposes: one.config.purposes,
    tenant: one.config.tenant ?? null,
    untilMs: one.config.untilMs ?? null,
  }));
}

class RightsError extends Error {
  override readonly name = 'RightsError';
  readonly code = 'NO_CLIENTS';
  readonly retry = 'never';
}

/** What operators ask of a running hub on its local socket. */
export function rightsHandlers(
  hub: HubParts,
  journal: Journal,
  rights: Rights | undefined,
  onReload: () => void = () => undefined,
): Readonly<Record<string, LocalHandler>> {
  const needed = (): Rights => {
    if (rights !== undefined) return rights;
    throw new RightsError('this hub started without clients: name some in hub.yaml and start it again');
  };
  return {
    clients: async () => clientState(needed().clients, hub.now()),
    'client-switch': switchHandler(switchParts(hub), journal, rights?.clients, hub.now),
    /** The `clients` of hub.yaml as the command line has read and checked them; tenants' tokens stay. */
    'clients-reload': async (body) => {
      const { clients } = needed();
      const configs = body as readonly ClientConfig[];
      if (hub.config.clients.length === 0 || configs.length === 0) {
        throw new RightsError(
          'whether there are clients at all is settled at the start: start the hub again',
        );
      }
      clients.replace([...configs, ...clientsOf({ ...hub.config, clients: [] })]);
      onReload();
      return { clients: configs.length };
    },
    'rotate-keys': async (body) => {
      const { keys } = needed();
      if (keys === undefined) throw new RightsError('this hub gives no tokens: set facade.publicUrl');
      return { kid: await keys.rotate(hub.now(), (body as { revoke?: unknown } | null)?.revoke === true) };
    },
  };
}

/** The clients of hub.yaml, and those that bring a tenant's tokens. */
export function clientsOf({ clients, facade }: Config): ClientConfig[] {
  const tenants = facade.tenants.map(({ name, tokens }) =>
    tenantClient(
      name,
      tokens.map((one) => one.reveal()),
    ),
  );
  return [...clients, ...tenants];
}
