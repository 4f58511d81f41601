import type { ConnectorFactory } from '../connectors/sdk.js';

/** Every connector that comes with Cardhub, imported when it is first asked for. */
export async function allConnectors(): Promise<readonly ConnectorFactory[]> {
  return [];
}
