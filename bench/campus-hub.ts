/** hub.yaml for the campus simulator over its sockets. */
import type { CampusCredentials } from '../campus/credentials.js';

export interface CampusAddress {
  readonly urls: { readonly core: string; readonly access: string; readonly control: string };
  readonly credentials: CampusCredentials;
}

export interface CampusHubOptions {
  /** Absent: the default of the connector. */
  readonly pollMs?: number;
  readonly pageRows?: number;
  /** Calls a second; absent: the default of the connector. */
  readonly perSecond?: number;
}

export function campusYaml({ urls, credentials }: CampusAddress, options: CampusHubOptions): string {
  const { core, access } = credentials;
  const { pollMs, pageRows, perSecond } = options;
  const text = (value: string): string => JSON.stringify(value);
  const pem = (value: string): string => text(value.replaceAll('\n', '\\n'));
  return `version: 1
tenant: bench
data: ./data
secrets: { pseudonymKey: 'a key for benchmarks only' }
facade: { host: 127.0.0.1, port: 0 }
sources:
  core:
    connector: card-core/gateway
    options:
      url: ${urls.core}
      appKey: ${text(core.appKey)}
      tripleDesKey: ${text(core.tripleDesKeyHex)}
      privateKey: ${pem(core.privateKeyPem)}
      corePublicKey: ${pem(core.corePublicKeyPem)}
      ${pageRows === undefined ? '' : `pageRows: ${pageRows}`}
      ${perSecond === undefined ? '' : `http: { perSecond: ${perSecond} }`}
    streams: { cards: { enabled: true${pollMs === undefined ? '' : `, poll: ${pollMs}ms`} } }
  gate:
    connector: access-control/rest
    options:
      url: ${urls.access}
      apiKey: ${text(access.apiKey)}
    streams: { swipes: { after: [core/cards] } }
    mapping: { cardSource: core, personSource: core }
`;
}
