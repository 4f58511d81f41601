import type { ClientConfig } from '../config/types.js';

/** A client that may nothing; tests add what they are about. */
export function client(id: string, change: Partial<ClientConfig> = {}): ClientConfig {
  return {
    id,
    scopes: [],
    purposes: [],
    fields: [],
    tenant: undefined,
    doors: [],
    doorGroups: [],
    networks: [],
    rate: { perSecond: 1_000, burst: 1_000 },
    untilMs: undefined,
    enabled: true,
    ...change,
    credentials: {
      ...{ secrets: [], keysFile: undefined, issuer: undefined, staticKeys: [] },
      ...change.credentials,
    },
  };
}
