/** The one client of the guarded facade that the benchmarks call, and its access tokens. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClientAccess } from '../hub/clients/access.js';
import { Clients } from '../hub/clients/registry.js';
import { SigningKeys } from '../hub/clients/signing-keys.js';
import { Tokens } from '../hub/clients/tokens.js';
import type { ClientConfig } from '../hub/config/types.js';

export const ISSUER = 'https://hub.bench.example';
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Never reached: what is measured is what it costs to count. */
const RATE = { perSecond: 1e9, burst: 1e9 };

const CONFIG: ClientConfig = {
  ...{ id: 'doors', scopes: ['decide'], purposes: ['door'], fields: [], tenant: undefined },
  ...{ doors: 'all', doorGroups: [], networks: ['127.0.0.0/8', '10.0.0.0/8'], rate: RATE },
  ...{ untilMs: undefined, enabled: true },
  credentials: { secrets: [], keysFile: undefined, issuer: undefined, staticKeys: [] },
};

export interface BenchClient {
  readonly keys: SigningKeys;
  /** One that has seen no token yet. */
  access(): ClientAccess;
  /** So many tokens, each of its own. */
  issue(count: number): Promise<string[]>;
}

/** Keys are made anew, in a folder that goes with the process. */
export async function openBenchClient(): Promise<BenchClient> {
  const dir = mkdtempSync(join(tmpdir(), 'cardhub-bench-keys-'));
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
  const keys = await SigningKeys.open(dir, DAY_MS, Date.now());
  const clients = new Clients([CONFIG]);
  const tokens = new Tokens({ issuer: ISSUER, lifetimeMs: HOUR_MS, keys, clients });
  return {
    keys,
    access: () => new ClientAccess({ clients, open: false, verifier: tokens, now: Date.now }),
    async issue(count) {
      const client = clients.get(CONFIG.id);
      if (client === undefined) throw new Error(`there is no client ${CONFIG.id}`);
      const issued: string[] = [];
      for (let i = 0; i < count; i++) {
        issued.push((await tokens.issue(client, CONFIG.scopes, Date.now())).token);
      }
      return issued;
    },
  };
}
