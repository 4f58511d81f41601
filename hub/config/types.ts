/** What the rest of the hub sees of hub.yaml: defaults filled in, paths absolute, durations in milliseconds. */

import type { RightSockets } from '../operate/right-sockets.js';

/** A value that must not reach a log, a message or a JSON document by accident. */
export interface Secret {
  /** The value itself; call it where it is used, keep the Secret everywhere else. */
  reveal(): string;
  toString(): string;
  toJSON(): string;
}

export interface Config {
  /** Absolute path of hub.yaml. */
  readonly path: string;
  /** Its folder; relative files are resolved against it. */
  readonly baseDir: string;
  readonly tenant: string;
  /** Absolute. */
  readonly dataDir: string;
  readonly log: LogConfig;
  /** In the order of the file. */
  readonly sources: readonly SourceConfig[];
  /** Databases that `cardhub sink` writes the shared topics to. */
  readonly sinks: readonly SinkConfig[];
  /** Banks whose books are matched (docs/banks.md). */
  readonly banks: readonly BankConfig[];
  readonly readers: { readonly profiles: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
  /** Absolute; undefined: the policy that comes with Cardhub. */
  readonly policy: string | undefined;
  readonly facade: FacadeConfig;
  /** Empty: the facade is open. */
  readonly clients: readonly ClientConfig[];
  /** Undefined: no library desk is served. */
  readonly sip2: Sip2Config | undefined;
  /** Door controllers that fetch their list and upload their events (docs/controllers.md). */
  readonly controllers: readonly ControllerConfig[];
  readonly secrets: {
    /** Undefined: a key file in `keys.dir` (`pseudonymKeyFile` in operate/secrets.ts). */
    readonly pseudonymKey: Secret | undefined;
  };
  readonly keys: { readonly dir: string; readonly keepMs: number };
  /** Undefined: the hub's own socket alone, with all rights. */
  readonly operators: RightSockets | undefined;
  readonly logging: { readonly level: LogLevel };
}

export interface ControllerConfig {
  readonly id: string;
  readonly doors: readonly ControllerDoor[];
  /** How its readers send card numbers. */
  readonly readerProfile: string;
  /** A list denies every entry when it is older. */
  readonly validityMs: number;
  /** Most card numbers that it can hold. */
  readonly entriesMax: number;
  /** Undefined: it is not driven by `cardhub bridge uhppote`. */
  readonly uhppote: { readonly serial: number; readonly host: string; readonly port: number } | undefined;
}

export interface ControllerDoor {
  /** On the controller, from 1. */
  readonly number: number;
  /** Key of `master.door`. */
  readonly key: string;
  /** Which way its reader leads. */
  readonly action: 'enter' | 'exit';
}

/** Whose payments belong to a bank. */
export interface BankConfig {
  /** Source of the bank's reconciliation files. */
  readonly source: string;
  /** Card core whose top-ups through these channels the bank pays; undefined: loads are not matched. */
  readonly loads: { readonly source: string; readonly channels: readonly string[] } | undefined;
  /** Power vendors whose orders paid from these sources the bank pays. */
  readonly power: readonly { readonly source: string; readonly paySources: readonly string[] }[];
  /** So many days are matched again when something of them comes late, up to the newest of the bank's files. */
  readonly days: number;
  /** How often the bank is asked what became of a load (QueryLoad), at most. */
  readonly queries: { readonly perDay: number; readonly perMinute: number };
}

export interface FacadeConfig {
  readonly host: string;
  readonly port: number;
  readonly registry: boolean;
  /** `https://…` (`http://` on the loopback), without a slash at the end; undefined: no AuthZEN metadata. */
  readonly publicUrl: string | undefined;
  /** Answers everybody, said on purpose. */
  readonly open: boolean;
  /** Beyond the loopback without TLS: said on purpose. */
  readonly plaintext: boolean;
  /** Absolute paths of PEM files. */
  readonly tls: TlsConfig | undefined;
  /** CIDR; their X-Forwarded-For is believed. */
  readonly proxies: readonly string[];
  readonly tokenLifetimeMs: number;
  readonly signingKeyAgeMs: number;
  readonly issuers: readonly IssuerConfig[];
  readonly tenants: readonly TenantConfig[];
}

/** Absolute paths of PEM files. With `caFile` only clients with a certificate of that authority are admitted. */
export interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile?: string;
}

/** An issuer of the school (docs/clients.md). */
export interface IssuerConfig {
  readonly name: string;
  /** `iss` of its tokens. */
  readonly issuer: string;
  readonly jwksUrl: string;
  readonly audience: string | undefined;
  readonly algorithms: readonly string[];
  readonly type: 'at+jwt' | 'JWT';
  readonly clientClaim: 'client_id' | 'azp' | 'sub';
  readonly scopes: 'token' | 'agreement';
}

/** A client of the facade: its credentials and its sharing agreement (docs/clients.md). */
export interface ClientConfig {
  readonly id: string;
  readonly credentials: {
    /** `sha256:` and 43 characters of base64url, as `cardhub clients secret` prints them. */
    readonly secrets: readonly string[];
    /** Absolute; a JWK set of public keys. */
    readonly keysFile: string | undefined;
    readonly issuer: { readonly name: string; readonly client: string } | undefined;
    readonly staticKeys: readonly string[];
  };
  readonly scopes: readonly string[];
  /** door, library, locker, classroom, identity, entity. */
  readonly purposes: readonly string[];
  readonly fields: readonly string[];
  /** Undefined: the hub's own. */
  readonly tenant: string | undefined;
  readonly doors: 'all' | readonly string[];
  readonly doorGroups: readonly string[];
  /** CIDR; empty: anywhere. */
  readonly networks: readonly string[];
  readonly rate: { readonly perSecond: number; readonly burst: number };
  /** Epoch ms at which the agreement has ended; undefined: no end. */
  readonly untilMs: number | undefined;
  readonly enabled: boolean;
}

/** A tenant beside the hub's own. */
export interface TenantConfig {
  readonly name: string;
  /** Absolute. */
  readonly policy: string;
  readonly tokens: readonly Secret[];
}

/** The SIP2 server (docs/library-desk.md). */
export interface Sip2Config {
  readonly host: string;
  readonly port: number;
  readonly encoding: 'utf-8' | 'gb18030';
  /** Absolute paths of PEM files. With `caFile` only desks with a certificate of that authority are admitted. */
  readonly tls: { readonly certFile: string; readonly keyFile: string; readonly caFile?: string } | undefined;
  /** Beyond the loopback without TLS: said on purpose. */
  readonly plaintext: boolean;
  readonly limits: {
    readonly connections: number;
    readonly perAddress: number;
    readonly lineBytes: number;
    /** From the first byte of a line to its end. */
    readonly lineMs: number;
    readonly loginMs: number;
    readonly idleMs: number;
  };
  /** By the name that desks send as AO. */
  readonly institutions: Readonly<Record<string, Sip2Institution>>;
  /** By user name (CN). */
  readonly logins: Readonly<Record<string, Sip2Login>>;
}

export interface Sip2Institution {
  /** Shown on the desk (AM). */
  readonly name: string;
  readonly language: 'en' | 'zh';
  /** What a reader's number (AA) is here. */
  readonly reader: Sip2Reader;
  /** Answers 64 stay below 256 bytes. */
  readonly shortAnswers: boolean;
  readonly messages: Readonly<Record<string, { readonly en?: string; readonly zh?: string }>>;
}

export type Sip2Reader =
  | { readonly by: 'card-number'; readonly profile: string }
  | { readonly by: 'card-key'; readonly source: string }
  | { readonly by: 'school-number'; readonly source: string };

export interface Sip2Login {
  /** scrypt (`cardhub sip2 hash`). */
  readonly passwordHash: Secret;
  readonly institutions: readonly string[];
  /** Empty: any (CP). */
  readonly locations: readonly string[];
  readonly offlineUploads: boolean;
}

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

export type LogConfig = EmbeddedLogConfig | KafkaLogConfig;

export interface EmbeddedLogConfig {
  readonly engine: 'embedded';
  readonly prefix: string;
  readonly mapSizeBytes: number | undefined;
}

export interface KafkaLogConfig {
  readonly engine: 'kafka';
  readonly prefix: string;
  /** `host:port`, at least one. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly replicationFactor: number | undefined;
  readonly ssl: boolean | SslFiles;
  readonly sasl: SaslConfig | undefined;
}

/** Absolute paths of PEM files. */
export interface SslFiles {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

export interface SaslConfig {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: Secret;
}

export interface SourceConfig {
  /** Name of the instance, e.g. `core`; first part of every key. */
  readonly name: string;
  /** Kind of the connector. */
  readonly connector: string;
  /** Checked by the connector's schema, its defaults filled in. May hold secrets: never print it. */
  readonly options: Record<string, unknown>;
  /** Every stream of the connector's spec, in the spec's order, those switched off included. */
  readonly streams: readonly StreamConfig[];
  /** `MapContext.profile`. */
  readonly mapping: Readonly<Record<string, unknown>>;
}

export interface SinkConfig {
  readonly name: string;
  readonly dialect: 'postgresql' | 'mysql';
  readonly host: string;
  readonly port: number | undefined;
  readonly database: string;
  readonly user: string;
  readonly password: Secret;
  readonly tls: 'verify' | 'off';
  /** Absolute. */
  readonly caFile: string | undefined;
  readonly statementMs: number;
  /** PostgreSQL: schema of the tables. */
  readonly schema: string;
  /** Before the name of each table. */
  readonly prefix: string;
  /** Undefined: every shared topic. */
  readonly topics: readonly string[] | undefined;
  /** Restricted fields that the sharing agreement names, by topic. */
  readonly restricted: Readonly<Record<string, readonly string[]>>;
}

export interface StreamConfig {
  readonly source: string;
  readonly name: string;
  readonly enabled: boolean;
  /** `source/stream`: those of the connector's spec and those of hub.yaml, switched-off ones left out. */
  readonly after: readonly string[];
  readonly pollMs: number;
  /** Undefined: the loop's own default. */
  readonly snapshotEveryMs: number | undefined;
  /** More absent rows than either are held (rule 9). */
  readonly absence: { readonly threshold: { readonly count: number; readonly percent: number } };
}

export type ConfigProblemCode =
  | 'FILE_MISSING'
  | 'FILE_UNREADABLE'
  | 'YAML_SYNTAX'
  | 'ENV_MISSING'
  | 'UNKNOWN_KEY'
  | 'MISSING_KEY'
  | 'WRONG_TYPE'
  | 'BAD_VALUE'
  | 'UNKNOWN_CONNECTOR'
  | 'UNKNOWN_STREAM'
  | 'UNKNOWN_REFERENCE'
  | 'CYCLE';

/** One thing that is wrong with the configuration. Holds no value of a secret. */
export interface ConfigProblem {
  readonly code: ConfigProblemCode;
  /** 1-based; undefined when the problem has no place in the file (a missing file, an option of the command line). */
  readonly line: number | undefined;
  readonly column: number | undefined;
  /** `sources.core.options.url`; empty: the whole file. */
  readonly path: string;
  /** What was expected and what came. */
  readonly message: string;
  /** What to do. */
  readonly hint?: string;
}

export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly path: string; readonly problems: readonly ConfigProblem[] };
