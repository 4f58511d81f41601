import type { ConnectorFactory, ConnectorNote } from '../../connectors/sdk.js';
import { TOPICS } from '../../contracts/types.js';
import { kindOf } from '../../transforms/kinds.js';
import type { Config } from '../config/types.js';
import { LogError, type Log } from '../log/log.js';
import { Directory, type CardSource } from '../sync/directory.js';
import type { RecordCodec } from '../sync/rows.js';
import type { StreamNote } from '../sync/stream.js';
import { openCodecs, recordCodec, type CatalogueCodecs } from './codec.js';
import { openLog } from './open-log.js';
import { openKeys, type Keys } from './keys.js';
import { openSources, planStreams, type OpenSource, type PlannedStream } from './sources.js';

/** What a process that may write has open: the log, the upstreams, and what the streams share. */
export interface HubParts {
  readonly config: Config;
  readonly log: Log;
  readonly codecs: CatalogueCodecs;
  /** Codec of the hub's own records. */
  readonly codec: RecordCodec;
  readonly directory: Directory;
  readonly sources: readonly OpenSource[];
  readonly streams: readonly PlannedStream[];
  readonly keys: Keys;
  readonly now: () => number;
  /**
   * Starts following what the streams share: positions, doors, and cards where a stream looks them up, unless a view in
   * this process holds them.
   */
  follow(signal: AbortSignal, cards?: CardSource): void;
  close(): Promise<void>;
}

export interface HubOptions {
  readonly connectors: readonly ConnectorFactory[];
  readonly now?: () => number;
  readonly random?: () => number;
  /** Beside a running hub: nothing can be written. */
  readonly readOnly?: boolean;
  /** `sync --once`. */
  readonly once?: boolean;
  readonly onStream?: (note: StreamNote) => void;
  readonly onConnector?: (source: string, note: ConnectorNote) => void;
}

/** Opens the log for writing, creates missing topics, opens the connectors. Follows nothing yet. */
export async function openHub(config: Config, options: HubOptions): Promise<HubParts> {
  const now = options.now ?? Date.now;
  const log = await openLog(config, { now, readOnly: options.readOnly ?? false });
  try {
    if (options.readOnly !== true) await applyTopics(log);
    const codecs = openCodecs();
    const codec = recordCodec(codecs, `/${config.tenant}/hub`, now);
    const keys = openKeys(config, now);
    const directory = new Directory(log, codec);
    const sources = openSources({
      config,
      connectors: options.connectors,
      now,
      random: options.random ?? Math.random,
      note: options.onConnector ?? (() => undefined),
      once: options.once ?? false,
    });
    const streams = planStreams(sources, {
      config,
      log,
      codecs,
      directory,
      now,
      pseudonym: keys.pseudonym,
      seal: keys.seal,
      note: options.onStream ?? (() => undefined),
    });
    const close = async (): Promise<void> => {
      await Promise.allSettled(sources.map(({ connector }) => connector.close()));
      await log.close();
    };
    const looked = streams.map(({ deps }) => kindOf(deps.stream.spec.maps));
    const cards = looked.some(({ looksUpCards }) => looksUpCards === true);
    const rooms = looked.some(({ looksUpRooms }) => looksUpRooms === true);
    return {
      config,
      log,
      codecs,
      codec,
      directory,
      sources,
      streams,
      keys,
      now,
      follow: (signal, source) => directory.follow(signal, { cards: cards && (source ?? true), rooms }),
      close,
    };
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** Creates what is missing; a topic that is there with other settings is refused, not repaired. */
async function applyTopics(log: Log): Promise<void> {
  const reports = await log.applyTopics(TOPICS);
  const wrong = reports.filter(({ outcome }) => outcome === 'wrong');
  if (wrong.length === 0) return;
  const details = wrong.map(({ topic, detail }) => `${topic}: ${detail ?? 'wrong settings'}`).join('; ');
  throw new LogError('MISUSE', `topics differ from the contracts: ${details}`, 'never');
}
