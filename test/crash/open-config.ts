import { loadConfig } from '../../hub/config/load.js';
import type { Config } from '../../hub/config/types.js';
import { allConnectors } from '../../hub/connectors.js';

/** The configuration as `cardhub` would read it. @param log as `--log` takes it */
export async function openConfig(path: string, dataDir: string, log: string): Promise<Config> {
  const connectors = await allConnectors();
  const specs = connectors.map(({ spec }) => spec);
  const result = loadConfig(path, { env: { CARDHUB_DATA: dataDir }, specs, log });
  if (result.ok) return result.config;
  throw new Error(result.problems.map(({ message, path: at }) => `${at}: ${message}`).join('\n'));
}
