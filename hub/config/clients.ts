/** The `clients` and `facade.issuers` sections of hub.yaml: their checked form, and what fits together. */
import { BlockList } from 'node:net';
import { resolve } from 'node:path';
import { endOfDay, parseDate, parseInstant } from '../../transforms/time.js';
import type { SourceDocument } from './document.js';
import { parseDuration } from './duration.js';
import { asBlock, checkReference } from './refer.js';
import type { ClientConfig, ConfigProblem, IssuerConfig } from './types.js';

/** As hub.schema.json has accepted them and filled their defaults in. */
export type RawClients = Readonly<Record<string, RawClient>>;
export type RawIssuer = Omit<IssuerConfig, 'name' | 'audience'> & { readonly audience?: string };

interface RawClient extends Omit<ClientConfig, 'id' | 'credentials' | 'untilMs' | 'tenant'> {
  readonly credentials: Partial<ClientConfig['credentials']>;
  readonly tenant?: string;
  readonly until?: string;
}

/** Who brings no credential may be let in beside clients here only; absent: the default. */
const LOOPBACK: ReadonlySet<unknown> = new Set([undefined, '127.0.0.1', '::1', 'localhost']);
const TOKEN_LIFETIME_MS_MAX = 3_600_000;
/** What a key that never changes may ask for. */
const STATIC_SCOPES: ReadonlySet<unknown> = new Set(['decide', 'controller']);

export function buildClients(raw: RawClients, baseDir: string): ClientConfig[] {
  return Object.entries(raw).map(([id, client]) => {
    const { credentials, scopes, purposes, fields, tenant, doors, doorGroups, networks, rate, enabled } =
      client;
    const { secrets = [], keysFile, issuer, staticKeys = [] } = credentials;
    return {
      ...{ id, scopes, purposes, fields, tenant, doors, doorGroups, networks, rate, enabled },
      credentials: {
        ...{ secrets, issuer, staticKeys },
        keysFile: keysFile === undefined ? undefined : resolve(baseDir, keysFile),
      },
      untilMs: client.until === undefined ? undefined : endOf(client.until),
    };
  });
}

/** A day is over at its end in Shanghai. */
function endOf(text: string): number | undefined {
  const day = parseDate(text);
  if (day.ok) return endOfDay(day.days);
  const instant = parseInstant(text);
  return instant.ok ? instant.ms : undefined;
}

/** Whether the text is an address or a network in CIDR form. */
export function isNetwork(text: string): boolean {
  const [address = '', bits] = text.split('/');
  const family = address.includes(':') ? 'ipv6' : 'ipv4';
  try {
    new BlockList().addSubnet(address, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
    return true;
  } catch {
    return false;
  }
}

type Report = (code: ConfigProblem['code'], path: readonly string[], message: string) => void;
/** The name must stand under this section of `facade`. */
type Refer = (path: readonly string[], name: unknown, section: string) => void;

export function checkClients(document: SourceDocument): ConfigProblem[] {
  const data = asBlock(document.data);
  const facade = asBlock(data['facade']);
  const clients = Object.entries(asBlock(data['clients']));
  const problems: ConfigProblem[] = [];
  const report: Report = (code, path, message) =>
    problems.push({ code, ...document.place(path, 'value'), path: path.join('.'), message });
  const refer: Refer = (path, name, section) => {
    const known = Object.keys(asBlock(facade[section]));
    problems.push(...checkReference(document, { path, name, known, what: `one of facade.${section}` }));
  };
  if (clients.length > 0 && facade['open'] === true && !LOOPBACK.has(facade['host'])) {
    const message =
      'expected either facade.open or clients on an address beyond the loopback: an open facade asks nobody who they are';
    report('BAD_VALUE', ['facade', 'open'], message);
  }
  const lifetime = typeof facade['tokenLifetime'] === 'string' ? parseDuration(facade['tokenLifetime']) : 0;
  if ((lifetime ?? 0) > TOKEN_LIFETIME_MS_MAX) {
    report('BAD_VALUE', ['facade', 'tokenLifetime'], 'expected at most 1h: a token cannot be taken back');
  }
  checkNetworks(facade['proxies'], ['facade', 'proxies'], report);
  for (const [id, client] of clients)
    checkClient(id, asBlock(client), facade['publicUrl'], { report, refer });
  return problems;
}

function checkClient(
  id: string,
  client: Record<string, unknown>,
  publicUrl: unknown,
  { report, refer }: { readonly report: Report; readonly refer: Refer },
): void {
  const path = ['clients', id];
  const credentials = asBlock(client['credentials']);
  refer([...path, 'tenant'], client['tenant'], 'tenants');
  refer([...path, 'credentials', 'issuer', 'name'], asBlock(credentials['issuer'])['name'], 'issuers');
  checkNetworks(client['networks'], [...path, 'networks'], report);
  if (typeof client['until'] === 'string' && endOf(client['until']) === undefined) {
    report('BAD_VALUE', [...path, 'until'], 'expected a day (2027-07-31) or a time with its offset');
  }
  const tokens = ['secrets', 'keysFile', 'issuer'].some((name) => credentials[name] !== undefined);
  if (tokens && publicUrl === undefined) {
    const message = 'expected facade.publicUrl: tokens name the hub by it (issuer, audience)';
    report('MISSING_KEY', [...path, 'credentials'], message);
  }
  if (credentials['staticKeys'] !== undefined) checkStatic(path, client, report);
}

/** A key that never changes and stands in a controller's flash opens little, and only from there. */
function checkStatic(path: readonly string[], client: Record<string, unknown>, report: Report): void {
  const list = (name: string): readonly unknown[] =>
    Array.isArray(client[name]) ? (client[name] as unknown[]) : [];
  const at = [...path, 'credentials', 'staticKeys'];
  if (list('networks').length === 0) report('BAD_VALUE', at, 'expected networks beside static keys');
  if (client['doors'] === 'all' || list('doors').length + list('doorGroups').length === 0) {
    report('BAD_VALUE', at, 'expected doors or doorGroups by name beside static keys');
  }
  if (list('scopes').some((scope) => !STATIC_SCOPES.has(scope))) {
    report('BAD_VALUE', at, 'expected no other scopes than decide and controller beside static keys');
  }
}

function checkNetworks(networks: unknown, path: readonly string[], report: Report): void {
  for (const [index, network] of (Array.isArray(networks) ? (networks as unknown[]) : []).entries()) {
    if (typeof network !== 'string' || isNetwork(network)) continue;
    report('BAD_VALUE', [...path, String(index)], 'expected an address or a network such as 10.20.0.0/16');
  }
}
