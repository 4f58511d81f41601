import type { ConnectorFactory } from '../connectors/sdk.js';

/** Every connector that comes with Cardhub, imported when it is first asked for. */
export async function allConnectors(): Promise<readonly ConnectorFactory[]> {
  const { connectors } = await import('../connectors/index.js');
  return Object.values(connectors);
}
