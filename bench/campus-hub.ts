/** hub.yaml for the campus simulator over its sockets. */
import { digestOf } from '../hub/clients/secrets.js';
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
  /** UDP port of a controller of the UHPPOTE family; absent: no controllers. */
  readonly uhppotePort?: number;
}

/** The first doors of the campus, the gate that everybody passes among them. */
export const CONTROLLER_DOORS = ['gate:D-00000', 'gate:D-00001', 'gate:D-00002', 'gate:D-00003'] as const;
/** `fetching` takes its list over HTTP, `driven` is a UHPPOTE controller behind the bridge: the same doors. */
export const CONTROLLERS = {
  fetching: { id: 'fetching', profile: 'uid-hex' },
  driven: { id: 'driven', profile: 'dec10-le', serial: 405_419_896 },
} as const;
/** Static key of both; whoever brings none is let in to ask for decisions. */
export const CONTROLLERS_KEY = 'a static key for benchmarks only';

export function campusYaml({ urls, credentials }: CampusAddress, options: CampusHubOptions): string {
  const { core, access } = credentials;
  const { pollMs, pageRows, perSecond, uhppotePort } = options;
  const text = (value: string): string => JSON.stringify(value);
  const pem = (value: string): string => text(value.replaceAll('\n', '\\n'));
  return `version: 1
tenant: bench
data: ./data
secrets: { pseudonymKey: 'a key for benchmarks only' }
facade: { host: 127.0.0.1, port: 0, open: ${uhppotePort !== undefined} }
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
${uhppotePort === undefined ? '' : controllersYaml(uhppotePort)}`;
}

function controllersYaml(uhppotePort: number): string {
  const { fetching, driven } = CONTROLLERS;
  // As many as such a controller holds.
  const entriesMax = 40_000;
  const doors = CONTROLLER_DOORS.map((door, i) => `${i + 1}: ${door}`).join(', ');
  return `clients:
  gates:
    credentials: { staticKeys: ['${digestOf(CONTROLLERS_KEY)}'] }
    scopes: [decide, controller]
    purposes: [door]
    doors: [${CONTROLLER_DOORS.join(', ')}]
    networks: [127.0.0.1]
controllers:
  ${fetching.id}: { doors: { ${doors} }, readerProfile: ${fetching.profile}, entriesMax: ${entriesMax} }
  ${driven.id}:
    doors: { ${doors} }
    readerProfile: ${driven.profile}
    entriesMax: ${entriesMax}
    uhppote: { serial: ${driven.serial}, address: 127.0.0.1:${uhppotePort} }
`;
}
