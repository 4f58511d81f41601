import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Connector, ConnectorFactory, ConnectorNote } from '../../connectors/sdk.js';
import { closeAbsent, eventContent, eventTuple, kindOf, type StateValue } from '../../transforms/index.js';
import type { ReaderProfile } from '../../transforms/card-number.js';
import { readerProfiles } from '../../transforms/reader-profiles.js';
import type { Config, SourceConfig, StreamConfig } from '../config/types.js';
import type { Log } from '../log/log.js';
import type { Directory } from '../sync/directory.js';
import type { SealedRaw } from '../sync/rows.js';
import type { StreamDeps, StreamNote } from '../sync/stream.js';
import { recordCodec, type CatalogueCodecs } from './codec.js';

/** One configured upstream with its connector open. */
export interface OpenSource {
  readonly config: SourceConfig;
  readonly connector: Connector;
}

export interface OpenSourcesOptions {
  readonly config: Config;
  readonly connectors: readonly ConnectorFactory[];
  readonly now: () => number;
  readonly random: () => number;
  readonly note: (source: string, note: ConnectorNote) => void;
  /** `sync --once`: files are taken as they stand. */
  readonly once: boolean;
}

export function openSources(options: OpenSourcesOptions): OpenSource[] {
  return options.config.sources.map((config) => {
    const factory = options.connectors.find(({ spec }) => spec.kind === config.connector);
    if (factory === undefined) throw new Error(`no connector of the kind ${config.connector}`);
    const connector = factory.open(config.options, {
      source: config.name,
      now: options.now,
      random: options.random,
      baseDir: options.config.baseDir,
      note: (note) => options.note(config.name, note),
      once: options.once,
    });
    return { config, connector };
  });
}

/** Source partition of a stream. Streams have one shard today; the name keeps room for more. */
export function partitionId(tenant: string, stream: string): string {
  return `${tenant}/${stream}/0`;
}

export interface StreamParts {
  readonly config: Config;
  readonly log: Log;
  readonly codecs: CatalogueCodecs;
  readonly directory: Directory;
  readonly pseudonym: (text: string) => string;
  readonly seal: (raw: Uint8Array, id: string) => SealedRaw;
  readonly now: () => number;
  readonly note: (note: StreamNote) => void;
}

export interface PlannedStream {
  readonly deps: StreamDeps;
  readonly config: StreamConfig;
  /** Source partitions that come first. */
  readonly after: readonly string[];
}

const SNAPSHOT_EVERY_MS_DEFAULT = 6 * 3_600_000;

/** What the sync loop needs for each stream that is switched on. */
export function planStreams(sources: readonly OpenSource[], parts: StreamParts): PlannedStream[] {
  const ajv = new Ajv2020({ allErrors: false, strict: true, strictRequired: false, allowUnionTypes: true });
  const own = parts.config.readers.profiles as unknown as Record<string, ReaderProfile>;
  const { profiles } = readerProfiles(own);
  const shared: SharedByStreams = { ...parts, ajv, readerProfile: (name) => profiles.get(name) };
  return sources.flatMap((source) =>
    source.config.streams
      .filter((stream) => stream.enabled)
      .map((stream) => planStream(source, stream, shared)),
  );
}

interface SharedByStreams extends StreamParts {
  readonly ajv: Ajv2020;
  readonly readerProfile: StreamDeps['readerProfile'];
}

function planStream(source: OpenSource, stream: StreamConfig, parts: SharedByStreams): PlannedStream {
  const name = `${source.config.name}/${stream.name}`;
  const { tenant } = parts.config;
  const opened = source.connector.stream(stream.name);
  const kind = kindOf(opened.spec.maps);
  const profile = source.config.mapping;
  const codec = recordCodec(parts.codecs, `/${tenant}/${name}`, parts.now);
  const after = stream.after.map((other) => partitionId(tenant, other));
  const deps: StreamDeps = {
    id: partitionId(tenant, name),
    source: source.config.name,
    stream: opened,
    log: parts.log,
    codec,
    mapping: kind.map,
    validate: parts.ajv.compile<unknown>(opened.spec.rowSchema),
    profile,
    timing: {
      pollMs: stream.pollMs,
      snapshotEveryMs: stream.snapshotEveryMs ?? SNAPSHOT_EVERY_MS_DEFAULT,
    },
    limit: stream.absence.threshold,
    pseudonym: parts.pseudonym,
    readerProfile: parts.readerProfile,
    seal: parts.seal,
    readEvent: (topic, value) => {
      const event = codec.decode(topic, value);
      return { content: eventContent(topic, event), tuple: eventTuple(topic, event) };
    },
    lossOf: (row) => kind.lossOf?.(row, profile) ?? null,
    closeAbsent: (topic, value, asOf) => closeAbsent(topic, value as StateValue, { asOf }),
    lookups: () => parts.directory.lookups(after),
    now: parts.now,
    note: parts.note,
  };
  return { deps, config: stream, after };
}
