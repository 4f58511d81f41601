import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Campus } from '../../campus/main.js';

export interface DemoConfigOptions {
  readonly dir: string;
  readonly campus: Campus;
  /** Absent: the embedded log. */
  readonly brokers?: string;
  readonly port: number;
  /** The `sip2` section; absent: no library desk. */
  readonly desk?: object;
}

/**
 * Writes the hub.yaml of the demo, so that every command works on it with `-c`. The keys in it are the
 * simulated campus's own and open nothing else, so they stand in the file; a real one takes them from the
 * environment.
 */
export function writeDemoConfig(options: DemoConfigOptions): string {
  const { campus, dir } = options;
  const { core, access } = campus.credentials;
  const config = {
    version: 1,
    tenant: 'demo',
    data: options.brokers === undefined ? './hub' : './hub-kafka',
    log:
      options.brokers === undefined
        ? { engine: 'embedded' }
        : { engine: 'kafka', brokers: [options.brokers], prefix: 'demo.' },
    facade: { host: '127.0.0.1', port: options.port },
    ...(options.desk === undefined ? {} : { sip2: options.desk }),
    sources: {
      core: {
        connector: 'card-core/gateway',
        options: {
          url: campus.urls.core,
          appKey: core.appKey,
          tripleDesKey: core.tripleDesKeyHex,
          privateKey: core.privateKeyPem,
          corePublicKey: core.corePublicKeyPem,
        },
        streams: { cards: { poll: '500ms' } },
      },
      gate: {
        connector: 'access-control/rest',
        options: { url: campus.urls.access, apiKey: access.apiKey },
        streams: {
          doors: { poll: '30s' },
          grants: { poll: '10s' },
          swipes: { poll: '1s', after: ['core/cards'] },
        },
        mapping: { personSource: 'core', cardSource: 'core' },
      },
    },
  };
  const path = join(dir, 'hub.yaml');
  const head =
    '# Written by `cardhub demo` at each start: the ports of the simulated campus change.\n' +
    '# 由 cardhub demo 每次启动时生成；其中的密钥只属于模拟校园。\n';
  writeFileSync(path, head + stringify(config), { mode: 0o600 });
  return path;
}
