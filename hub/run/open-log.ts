import { join } from 'node:path';
import { TOPICS } from '../../contracts/types.js';
import type { Config } from '../config/types.js';
import { openEmbeddedLog } from '../log/embedded/index.js';
import type { Log } from '../log/log.js';
import { readFileSync } from 'node:fs';

/** Folder of the embedded store inside the data folder. */
export function embeddedDir(config: Config): string {
  return join(config.dataDir, 'log');
}

export interface OpenLogOptions {
  /** A reader beside the running hub: no lock, no writers. */
  readonly readOnly?: boolean;
  readonly now?: () => number;
}

/** Opens the engine that the configuration names, with the topics of the contracts. */
export async function openLog(config: Config, options: OpenLogOptions = {}): Promise<Log> {
  const now = options.now ?? Date.now;
  if (config.log.engine === 'embedded') {
    const { mapSizeBytes } = config.log;
    return openEmbeddedLog({
      dir: embeddedDir(config),
      topics: TOPICS,
      now,
      readOnly: options.readOnly ?? false,
      ...(mapSizeBytes === undefined ? {} : { mapSizeBytes }),
    });
  }
  const { brokers, prefix, clientId, replicationFactor, ssl, sasl } = config.log;
  // A large client, which nobody with an embedded log needs.
  const { openKafkaLog } = await import('../log/kafka/kafka-log.js');
  return openKafkaLog({
    brokers,
    prefix,
    clientId,
    topics: TOPICS,
    now,
    ...(replicationFactor === undefined ? {} : { replicationFactor }),
    ...(ssl === false ? {} : { ssl: ssl === true ? true : tlsOf(ssl) }),
    ...(sasl === undefined
      ? {}
      : {
          sasl: {
            mechanism: sasl.mechanism as 'plain',
            username: sasl.username,
            password: sasl.password.reveal(),
          },
        }),
  });
}

function tlsOf(files: { caFile?: string; certFile?: string; keyFile?: string }): {
  ca?: string;
  cert?: string;
  key?: string;
} {
  const read = (file: string): string => readFileSync(file, 'utf8');
  return {
    ...(files.caFile === undefined ? {} : { ca: read(files.caFile) }),
    ...(files.certFile === undefined ? {} : { cert: read(files.certFile) }),
    ...(files.keyFile === undefined ? {} : { key: read(files.keyFile) }),
  };
}
