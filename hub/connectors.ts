import type { ConnectorFactory } from '../connectors/sdk.js';

/** Every connector that comes with Cardhub, imported when it is first asked for. */
export async function allConnectors(): Promise<readonly ConnectorFactory[]> {
  const [cards, access] = await Promise.all([
    import('../connectors/card-core/files.js'),
    import('../connectors/access-control/files.js'),
  ]);
  return [cards.cardFiles, access.accessFiles];
}
