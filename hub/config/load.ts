import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { ConnectorSpec, JsonSchema } from '../../connectors/sdk.js';
import { checkBanks } from './banks.js';
import { buildConfig, type RawConfig } from './build.js';
import { checkClients } from './clients.js';
import { checkControllers } from './controllers.js';
import { readDocument, type SourceDocument } from './document.js';
import { parseLogOption, type LogOption } from './log-option.js';
import { nearest } from './nearest.js';
import { checkProfiles } from './profile-references.js';
import { checkReferences } from './references.js';
import { checkSip2 } from './sip2.js';
import { checkSchema, readHubSchema, unknownKey } from './schema-problems.js';
import type { ConfigProblem, ConfigResult } from './types.js';

export interface LoadOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly specs: readonly ConnectorSpec[];
  /** Folder that CARDHUB_DATA is resolved against. Default: the folder of hub.yaml. */
  readonly cwd?: string;
  /** `--log`, as typed. */
  readonly log?: string;
  /** Schema of `mapping` for a connector kind; undefined: not checked here. */
  readonly mappingSchema?: (connector: string) => JsonSchema | undefined;
  /** Schema of one reader profile; absent: not checked here. */
  readonly readerProfileSchema?: JsonSchema;
}

const FILE_BYTES_MAX = 1_000_000;

/**
 * Reads and checks hub.yaml. Reports every problem that it finds, in the order of the file, each with line
 * and column; no message holds the value of a secret.
 */
export function loadConfig(path: string, options: LoadOptions): ConfigResult {
  const absolute = resolve(path);
  const file = readText(absolute);
  if (typeof file !== 'string') return { ok: false, path: absolute, problems: [file] };
  return loadConfigText(file, absolute, options);
}

/** As `loadConfig`, with the text in hand; `path` is where it stands (or would stand). */
export function loadConfigText(text: string, path: string, options: LoadOptions): ConfigResult {
  const document = readDocument(text, options.env);
  const problems = [...document.problems];
  const logOption = options.log === undefined ? undefined : parseLogOption(options.log);
  if (options.log !== undefined && logOption === undefined) problems.push(badLogOption(options.log));
  if (document.data !== undefined && !problems.some(({ code }) => code === 'YAML_SYNTAX')) {
    // A value that could not be read says nothing about its form: no second complaint about it.
    const unread = new Set(document.problems.map(({ path: at }) => at));
    problems.push(...checkAll(document, options, logOption).filter(({ path: at }) => !unread.has(at)));
  }
  if (problems.length > 0) return { ok: false, path, problems: inOrder(problems) };
  const baseDir = dirname(path);
  const dataFromEnv = options.env['CARDHUB_DATA'];
  const config = buildConfig(document.data as RawConfig, {
    path,
    baseDir,
    specs: options.specs,
    log: logOption,
    dataDir: dataFromEnv ? resolve(options.cwd ?? baseDir, dataFromEnv) : undefined,
  });
  return { ok: true, config };
}

function readText(path: string): string | ConfigProblem {
  const nowhere = { line: undefined, column: undefined, path: '' };
  try {
    const bytes = readFileSync(path);
    if (bytes.length > FILE_BYTES_MAX) {
      const message = `expected a file of at most ${FILE_BYTES_MAX} bytes; ${path} has ${bytes.length}`;
      return { code: 'FILE_UNREADABLE', ...nowhere, message };
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') {
      return {
        code: 'FILE_MISSING',
        ...nowhere,
        message: `expected the configuration in ${path}; there is no such file`,
        hint: 'name it with -c, or write one with `cardhub init`',
      };
    }
    const reason = code === undefined || code.startsWith('ERR_ENCODING') ? 'it is not UTF-8 text' : code;
    const message = `expected a readable UTF-8 file at ${path}; ${reason}`;
    return { code: 'FILE_UNREADABLE', ...nowhere, message };
  }
}

function badLogOption(text: string): ConfigProblem {
  return {
    code: 'BAD_VALUE',
    line: undefined,
    column: undefined,
    path: '--log',
    message: `expected "embedded" or "kafka://host:port[,host:port][/prefix]"; came ${JSON.stringify(text)}`,
  };
}

function checkAll(
  document: SourceDocument,
  options: LoadOptions,
  log: LogOption | undefined,
): ConfigProblem[] {
  if (typeof document.data !== 'object' || document.data === null) {
    const message = 'expected keys such as version, tenant and sources; the file has none';
    return [{ code: 'WRONG_TYPE', line: 1, column: 1, path: '', message }];
  }
  const problems = checkSchema(document, readHubSchema(), document.data, []);
  // Parts of a wrong shape are reported above; look only into those that are blocks.
  const data = document.data as { sources?: unknown; readers?: { profiles?: unknown } | null };
  for (const [name, source] of blocks(data.sources)) {
    problems.push(...checkSource(document, name, source, options));
  }
  if (options.readerProfileSchema !== undefined) {
    for (const [name, profile] of blocks(data.readers?.profiles)) {
      const base = ['readers', 'profiles', name];
      problems.push(...checkSchema(document, options.readerProfileSchema, profile, base));
    }
  }
  problems.push(
    ...checkKafka(document, log),
    ...checkReferences(document, options.specs),
    ...checkProfiles(document),
  );
  problems.push(
    ...checkSip2(document),
    ...checkControllers(document),
    ...checkBanks(document, options.specs),
    ...checkClients(document),
  );
  return problems;
}

function checkSource(
  document: SourceDocument,
  name: string,
  source: Record<string, unknown>,
  options: LoadOptions,
): ConfigProblem[] {
  const base = ['sources', name];
  const kind = source['connector'];
  if (typeof kind !== 'string') return [];
  const spec = options.specs.find((candidate) => candidate.kind === kind);
  if (spec === undefined) {
    const kinds = options.specs.map((candidate) => candidate.kind);
    const guess = nearest(kind, kinds);
    return [
      {
        code: 'UNKNOWN_CONNECTOR',
        ...document.place([...base, 'connector'], 'value'),
        path: [...base, 'connector'].join('.'),
        message: `expected one of the connectors: ${kinds.join(', ')}; came ${JSON.stringify(kind)}`,
        hint: guess === undefined ? 'see `cardhub connector list`' : `did you mean "${guess}"?`,
      },
    ];
  }
  const problems: ConfigProblem[] = [];
  source['options'] ??= {};
  const given = source['options'];
  if (typeof given === 'object') {
    problems.push(...checkSchema(document, spec.options, given, [...base, 'options']));
  }
  const mapping = options.mappingSchema?.(kind);
  if (mapping !== undefined) {
    source['mapping'] ??= {};
    problems.push(...checkSchema(document, mapping, source['mapping'], [...base, 'mapping']));
  }
  const names = spec.streams.map((stream) => stream.name);
  for (const [stream] of blocks(source['streams'])) {
    if (names.includes(stream)) continue;
    const path = [...base, 'streams', stream];
    const spot = { ...document.place(path, 'key'), path: path.join('.') };
    problems.push({ ...unknownKey(stream, names, spot), code: 'UNKNOWN_STREAM' });
  }
  return problems;
}

function checkKafka(document: SourceDocument, log: LogOption | undefined): ConfigProblem[] {
  const section = (document.data as { log?: { engine?: unknown; brokers?: unknown } }).log;
  if (log !== undefined || section?.engine !== 'kafka' || section.brokers !== undefined) return [];
  return [
    {
      code: 'MISSING_KEY',
      ...document.place(['log'], 'key'),
      path: 'log',
      message: 'expected the key "brokers" in log, since engine is kafka; it is not there',
      hint: "brokers: ['kafka-1:9092']",
    },
  ];
}

/** Entries of a block whose values are blocks themselves. */
export function blocks(value: unknown): [string, Record<string, unknown>][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).filter(
    (entry): entry is [string, Record<string, unknown>] => typeof entry[1] === 'object' && entry[1] !== null,
  );
}

function inOrder(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const unique = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  return [...unique.values()].sort(
    (a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  );
}
