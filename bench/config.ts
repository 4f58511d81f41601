import { loadConfigText } from '../hub/config/load.js';
import type { Config } from '../hub/config/types.js';
import { connectors } from '../connectors/index.js';
import { join } from 'node:path';

export type EngineChoice =
  | { readonly engine: 'embedded' }
  | { readonly engine: 'kafka'; readonly brokers: string; readonly prefix: string };

/** A checked configuration from the text of a hub.yaml, with its data in `dataDir`. */
export function configOf(text: string, dataDir: string, log: EngineChoice): Config {
  const result = loadConfigText(text, join(dataDir, 'hub.yaml'), {
    env: { CARDHUB_DATA: dataDir },
    cwd: dataDir,
    specs: Object.values(connectors).map(({ spec }) => spec),
  });
  if (!result.ok)
    throw new Error(result.problems.map(({ message, path }) => `${path}: ${message}`).join('\n'));
  if (log.engine === 'embedded') return result.config;
  const { prefix, brokers } = log;
  return {
    ...result.config,
    log: {
      engine: 'kafka',
      prefix,
      brokers: brokers.split(','),
      clientId: 'cardhub-bench',
      replicationFactor: undefined,
      ssl: false,
      sasl: undefined,
    },
  };
}
