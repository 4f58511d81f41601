import { join, resolve } from 'node:path';
import type { ConnectorSpec, StreamSpec } from '../../connectors/sdk.js';
import { buildBanks, type RawBanks } from './banks.js';
import { buildClients, type RawClients, type RawIssuer } from './clients.js';
import { buildControllers, controllerSource, type RawControllers } from './controllers.js';
import { parseDuration, parseSize } from './duration.js';
import type { LogOption } from './log-option.js';
import { buildSip2, type RawSip2 } from './sip2.js';
import type { RightSockets } from '../operate/right-sockets.js';
import { secret } from './secret.js';
import type {
  Config,
  FacadeConfig,
  LogConfig,
  LogLevel,
  SaslConfig,
  SinkConfig,
  SourceConfig,
  SslFiles,
  StreamConfig,
  TlsConfig,
} from './types.js';

/** hub.yaml after hub.schema.json has accepted it and filled its defaults in. */
export interface RawConfig {
  readonly tenant: string;
  readonly data: string;
  readonly log: {
    readonly engine: 'embedded' | 'kafka';
    readonly prefix: string;
    readonly brokers?: readonly string[];
    readonly embedded: { readonly mapSize?: string };
    readonly kafka: RawKafka;
  };
  readonly sources: Readonly<Record<string, RawSource>>;
  readonly sinks: Readonly<Record<string, RawSink>>;
  readonly banks: RawBanks;
  readonly readers: { readonly profiles: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
  readonly policy?: string;
  readonly facade: {
    readonly host: string;
    readonly port: number;
    readonly registry: boolean;
    readonly publicUrl?: string;
    readonly open: boolean;
    readonly plaintext: boolean;
    readonly tls?: TlsConfig;
    readonly proxies: readonly string[];
    readonly tokenLifetime: string;
    readonly signingKeyAge: string;
    readonly issuers: Readonly<Record<string, RawIssuer>>;
    readonly tenants: Readonly<
      Record<string, { readonly policy: string; readonly tokens: readonly string[] }>
    >;
  };
  readonly clients: RawClients;
  readonly sip2?: RawSip2;
  readonly controllers: RawControllers;
  readonly secrets: { readonly pseudonymKey?: string };
  readonly keys: { readonly dir?: string; readonly keep: string };
  readonly operators?: { readonly sockets: string; readonly groups: RightSockets['groups'] };
  readonly logging: { readonly level: LogLevel };
}

interface RawKafka {
  readonly clientId: string;
  readonly replicationFactor?: number;
  readonly ssl: boolean | SslFiles;
  readonly sasl?: { mechanism: SaslConfig['mechanism']; username: string; password: string };
}

interface RawSink {
  readonly dialect: SinkConfig['dialect'];
  readonly host: string;
  readonly port?: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly tls: SinkConfig['tls'];
  readonly caFile?: string;
  readonly statement: string;
  readonly schema: string;
  readonly prefix: string;
  readonly topics?: readonly string[];
  readonly agreement?: { readonly restricted: Readonly<Record<string, readonly string[]>> };
}

export interface RawSource {
  readonly connector: string;
  readonly options: Record<string, unknown>;
  readonly streams: Readonly<Record<string, RawStream>>;
  readonly mapping: Readonly<Record<string, unknown>>;
}

interface RawStream {
  readonly enabled?: boolean;
  readonly after?: readonly string[];
  readonly poll?: string;
  readonly snapshotEvery?: string;
  readonly absence?: { readonly threshold?: { readonly count: number; readonly percent: number } };
}

/** As in hub.schema.json; used for streams that hub.yaml does not mention. */
const ABSENCE_THRESHOLD = { count: 200, percent: 5 };

export interface BuildContext {
  readonly path: string;
  readonly baseDir: string;
  readonly specs: readonly ConnectorSpec[];
  /** `--log`; stands above the file. */
  readonly log: LogOption | undefined;
  /** CARDHUB_DATA, absolute; stands above the file. */
  readonly dataDir: string | undefined;
}

export function buildConfig(raw: RawConfig, context: BuildContext): Config {
  const { baseDir } = context;
  const dataDir = context.dataDir ?? resolve(baseDir, raw.data);
  const key = raw.secrets.pseudonymKey;
  return {
    path: context.path,
    baseDir,
    tenant: raw.tenant,
    dataDir,
    log: buildLog(raw, context),
    sources: [
      ...buildSources(raw, context.specs),
      ...controllerSource(raw.controllers, raw.sources, context),
    ],
    sinks: Object.entries(raw.sinks).map(([name, sink]) => buildSink(name, sink, baseDir)),
    banks: buildBanks(raw.banks),
    readers: { profiles: raw.readers.profiles },
    policy: raw.policy === undefined ? undefined : resolve(baseDir, raw.policy),
    facade: buildFacade(raw, baseDir),
    clients: buildClients(raw.clients, baseDir),
    sip2: raw.sip2 === undefined ? undefined : buildSip2(raw.sip2, baseDir),
    controllers: buildControllers(raw.controllers),
    secrets: { pseudonymKey: key === undefined || key === '' ? undefined : secret(key) },
    operators: raw.operators && {
      folder: resolve(baseDir, raw.operators.sockets),
      groups: raw.operators.groups,
    },
    keys: {
      dir: raw.keys.dir === undefined ? join(dataDir, 'keys') : resolve(baseDir, raw.keys.dir),
      keepMs: parseDuration(raw.keys.keep) ?? 0,
    },
    logging: raw.logging,
  };
}

function buildFacade({ facade }: RawConfig, baseDir: string): FacadeConfig {
  const { host, port, registry, publicUrl, open, plaintext, tls, proxies, tenants, issuers } = facade;
  return {
    ...{ host, port, registry, publicUrl, open, plaintext, proxies },
    tls: tls && (resolveFiles(tls, baseDir) as TlsConfig),
    tokenLifetimeMs: parseDuration(facade.tokenLifetime) ?? 0,
    signingKeyAgeMs: parseDuration(facade.signingKeyAge) ?? 0,
    issuers: Object.entries(issuers).map(([name, one]) => ({ ...one, name, audience: one.audience })),
    tenants: Object.entries(tenants).map(([name, { policy, tokens }]) => ({
      name,
      policy: resolve(baseDir, policy),
      tokens: tokens.map(secret),
    })),
  };
}

function buildLog(raw: RawConfig, context: BuildContext): LogConfig {
  const given = raw.log;
  if ((context.log?.engine ?? given.engine) === 'embedded') {
    const size = given.embedded.mapSize;
    return {
      engine: 'embedded',
      prefix: given.prefix,
      mapSizeBytes: size === undefined ? undefined : parseSize(size),
    };
  }
  const option = context.log?.engine === 'kafka' ? context.log : undefined;
  const { clientId, replicationFactor, ssl, sasl } = given.kafka;
  return {
    engine: 'kafka',
    prefix: option?.prefix ?? given.prefix,
    brokers: option?.brokers ?? given.brokers ?? [],
    clientId,
    replicationFactor,
    ssl: typeof ssl === 'boolean' ? ssl : resolveFiles(ssl, context.baseDir),
    sasl: sasl === undefined ? undefined : { ...sasl, password: secret(sasl.password) },
  };
}

function resolveFiles(files: SslFiles | TlsConfig, baseDir: string): SslFiles {
  return Object.fromEntries(
    Object.entries(files).map(([name, file]) => [name, resolve(baseDir, String(file))]),
  );
}

function buildSources(raw: RawConfig, specs: readonly ConnectorSpec[]): SourceConfig[] {
  const off = new Set<string>();
  for (const [name, source] of Object.entries(raw.sources)) {
    for (const [stream, given] of Object.entries(source.streams)) {
      if (given.enabled === false) off.add(`${name}/${stream}`);
    }
    for (const stream of unconfigured(source, specs)) off.add(`${name}/${stream}`);
  }
  return Object.entries(raw.sources).map(([name, source]) => {
    const streams = specs.find((spec) => spec.kind === source.connector)?.streams ?? [];
    return {
      name,
      connector: source.connector,
      options: source.options,
      streams: streams.map((spec) => buildStream(name, spec, source.streams[spec.name] ?? {}, off)),
      mapping: source.mapping,
    };
  });
}

/** Streams that the connector's options leave out and hub.yaml does not speak of either: those are off. */
function unconfigured(source: RawConfig['sources'][string], specs: readonly ConnectorSpec[]): string[] {
  const spec = specs.find(({ kind }) => kind === source.connector);
  const configured = spec?.configured?.(source.options);
  if (spec === undefined || configured === undefined) return [];
  const named = spec.streams.map(({ name }) => name);
  return named.filter((name) => !configured.includes(name) && source.streams[name]?.enabled !== true);
}

function buildSink(name: string, raw: RawSink, baseDir: string): SinkConfig {
  const { dialect, host, port, database, user, tls, schema, prefix, topics } = raw;
  return {
    ...{ name, dialect, host, port, database, user, tls, schema, prefix, topics },
    password: secret(raw.password),
    caFile: raw.caFile === undefined ? undefined : resolve(baseDir, raw.caFile),
    statementMs: parseDuration(raw.statement) ?? 60_000,
    restricted: raw.agreement?.restricted ?? {},
  };
}

function buildStream(
  source: string,
  spec: StreamSpec,
  given: RawStream,
  off: ReadonlySet<string>,
): StreamConfig {
  const after = [...spec.after.map((stream) => `${source}/${stream}`), ...(given.after ?? [])];
  return {
    source,
    name: spec.name,
    enabled: !off.has(`${source}/${spec.name}`),
    after: [...new Set(after)].filter((id) => !off.has(id)),
    pollMs: (given.poll === undefined ? undefined : parseDuration(given.poll)) ?? spec.pollMsDefault,
    snapshotEveryMs: given.snapshotEvery === undefined ? undefined : parseDuration(given.snapshotEvery),
    absence: { threshold: given.absence?.threshold ?? ABSENCE_THRESHOLD },
  };
}
