/**
 * The clients of hub.yaml: who they are, what their sharing agreements allow, and whether they may call at all. The
 * switches of operators come from the log and stand beside, so that they outlive a restart and a reload.
 */
import { readFileSync } from 'node:fs';
import { createLocalJWKSet } from 'jose';
import type { JSONWebKeySet } from 'jose';
import type { ClientConfig } from '../config/types.js';
import type { Caller, Scope } from '../facade/caller.js';
import { Networks } from './networks.js';
import { Rate } from './rate.js';
import { digestOf } from './secrets.js';

const KEYS_FILE_BYTES_MAX = 65_536;
const KEYS_MAX = 8;

export class ClientsError extends Error {
  override readonly name = 'ClientsError';
  readonly retry = 'never';
  constructor(
    readonly code: 'KEYS_FILE' | 'KEY_TWICE' | 'UNKNOWN_CLIENT',
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** Why a client may not call now. */
export type Barred = 'DISABLED' | 'ENDED';

export interface Client {
  readonly id: string;
  readonly config: ClientConfig;
  readonly networks: Networks;
  readonly rate: Rate;
  /** For private_key_jwt; undefined: it has no keys. */
  readonly keys: ReturnType<typeof createLocalJWKSet> | undefined;
}

/** Doors of a group, asked when a client's agreement names groups. */
export type GroupsOf = (door: string) => readonly string[];

export class Clients {
  private clients: ReadonlyMap<string, Client>;
  private byKey: ReadonlyMap<string, Client>;
  private byIssuer: ReadonlyMap<string, Client>;
  /** Clients that an operator has switched off, and the version of each switch. */
  private readonly off = new Set<string>();
  private readonly versions = new Map<string, number>();
  /** Rises with each reload: what was learnt about a client before is void. */
  generation = 0;

  /** @throws ClientsError */
  constructor(
    configs: readonly ClientConfig[],
    private readonly groupsOf: GroupsOf = () => [],
  ) {
    [this.clients, this.byKey, this.byIssuer] = indexed(configs, new Map());
  }

  get size(): number {
    return this.clients.size;
  }

  all(): Iterable<Client> {
    return this.clients.values();
  }

  /** Takes the place of all clients at once. @throws ClientsError, and nothing has changed */
  replace(configs: readonly ClientConfig[]): void {
    [this.clients, this.byKey, this.byIssuer] = indexed(configs, this.clients);
    this.generation++;
  }

  /** The operators' switch; a client that hub.yaml does not name yet is remembered too. */
  switch(id: string, disabled: boolean, version = 0): void {
    this.versions.set(id, version);
    if (disabled) this.off.add(id);
    else this.off.delete(id);
  }

  /** 0: never switched. */
  switchVersion(id: string): number {
    return this.versions.get(id) ?? 0;
  }

  isOff(id: string): boolean {
    return this.off.has(id);
  }

  get(id: string): Client | undefined {
    return this.clients.get(id);
  }

  /** Found by the digest of its key: what time may tell about a digest tells nothing about the key. */
  withStaticKey(digest: string): Client | undefined {
    return this.byKey.get(digest);
  }

  ofIssuer(issuer: string, client: string): Client | undefined {
    return this.byIssuer.get(`${issuer} ${client}`);
  }

  barred({ id, config }: Client, now: number): Barred | undefined {
    if (!config.enabled || this.off.has(id)) return 'DISABLED';
    return config.untilMs !== undefined && now >= config.untilMs ? 'ENDED' : undefined;
  }

  /** @param granted scopes of its token; undefined: all of the agreement */
  caller({ id, config }: Client, granted?: readonly string[]): Caller {
    const given =
      granted === undefined ? config.scopes : config.scopes.filter((one) => granted.includes(one));
    const scopes = new Set(given);
    const purposes = new Set(config.purposes);
    const fields = new Set(config.fields);
    const doors = new Set(config.doors === 'all' ? [] : config.doors);
    const groups = new Set(config.doorGroups);
    return {
      client: id,
      tenant: config.tenant ?? null,
      may: (scope: Scope) => scopes.has(scope),
      mayFor: (purpose) => purposes.has(purpose),
      seesDoor: (door) =>
        config.doors === 'all' ||
        doors.has(door) ||
        (groups.size > 0 && this.groupsOf(door).some((group) => groups.has(group))),
      seesField: (field) => fields.has(field),
    };
  }
}

type Index = [ReadonlyMap<string, Client>, ReadonlyMap<string, Client>, ReadonlyMap<string, Client>];

function indexed(configs: readonly ClientConfig[], before: ReadonlyMap<string, Client>): Index {
  const clients = new Map<string, Client>();
  const byKey = new Map<string, Client>();
  const byIssuer = new Map<string, Client>();
  const put = (map: Map<string, Client>, key: string, client: Client, what: string): void => {
    const other = map.get(key);
    if (other !== undefined) {
      const message = `the clients ${other.id} and ${client.id} have the same ${what}: give each its own`;
      throw new ClientsError('KEY_TWICE', message);
    }
    map.set(key, client);
  };
  for (const config of configs) {
    const { id, credentials, rate } = config;
    const old = before.get(id)?.rate;
    const same = old?.perSecond === rate.perSecond && old.burst === rate.burst;
    const client: Client = {
      id,
      config,
      networks: new Networks(config.networks),
      rate: same ? old : new Rate(rate.perSecond, rate.burst), // a reload forgives nobody
      keys: credentials.keysFile === undefined ? undefined : readKeys(id, credentials.keysFile),
    };
    clients.set(id, client);
    for (const digest of credentials.staticKeys) put(byKey, digest, client, 'static key');
    const { issuer } = credentials;
    if (issuer !== undefined)
      put(byIssuer, `${issuer.name} ${issuer.client}`, client, `name at ${issuer.name}`);
  }
  return [clients, byKey, byIssuer];
}

/**
 * The public keys of a client.
 * @throws ClientsError KEYS_FILE for anything that is no set of public keys, a private key above all
 */
export function readKeys(id: string, path: string): ReturnType<typeof createLocalJWKSet> {
  const wrong = (what: string, cause?: unknown): ClientsError =>
    new ClientsError(
      'KEYS_FILE',
      `clients.${id}.credentials.keysFile: expected a JWK set with up to ${KEYS_MAX} public keys in ${path}; ${what}`,
      { cause },
    );
  let set: JSONWebKeySet;
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length > KEYS_FILE_BYTES_MAX) throw wrong('it is too large');
    set = JSON.parse(text) as JSONWebKeySet;
  } catch (error) {
    if (error instanceof ClientsError) throw error;
    throw wrong((error as NodeJS.ErrnoException).code ?? 'it is no JSON', error);
  }
  if (!Array.isArray(set.keys) || set.keys.length === 0 || set.keys.length > KEYS_MAX)
    throw wrong('it is none');
  for (const key of set.keys as unknown as readonly Record<string, unknown>[]) {
    if (key['kty'] === 'oct') throw wrong('it holds a symmetric key');
    if (key['d'] !== undefined) throw wrong('it holds a private key: the hub must never see one');
  }
  try {
    return createLocalJWKSet(set);
  } catch (error) {
    throw wrong('it is none', error);
  }
}

/** The tokens of a tenant, as a client of its own: its name cannot be one of hub.yaml's clients. */
export function tenantClient(name: string, tokens: readonly string[]): ClientConfig {
  return {
    id: `tenant:${name}`,
    credentials: {
      secrets: [],
      keysFile: undefined,
      issuer: undefined,
      staticKeys: tokens.map(digestOf),
    },
    scopes: ['decide', 'search', 'explain'],
    purposes: ['door', 'library', 'locker', 'classroom', 'identity', 'entity'],
    fields: [],
    tenant: name,
    doors: 'all',
    doorGroups: [],
    networks: [],
    rate: { perSecond: 100_000, burst: 100_000 },
    untilMs: undefined,
    enabled: true,
  };
}
