/**
 * The clients and the controllers of the demo, so that everything that asks who is calling can be tried:
 *
 *   service-desk   a secret             POST /oauth2/token, then identity checks with a balance, the library desk, searches
 *   registrar      private_key_jwt      the same endpoint with a signed statement; explanations, signing state
 *   gate-east      a static key         decisions at its doors, and the list and the events of the controller `east`
 *   bridge-west    a static key         the same for `west`, a UHPPOTE controller: `cardhub bridge uhppote`
 *
 * Their secrets are made at the first start, of mode 0600 in the folder `clients` of the demo's data; hub.yaml has digests
 * and a public key. Whoever brings none is let in as before, so that a first curl needs nothing.
 */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf, newSecret } from '../clients/secrets.js';
import { writeOnce } from '../operate/secrets.js';

/** Names of the files, in the folder `clients`. */
export const DEMO_CLIENTS = {
  desk: { id: 'service-desk', file: 'service-desk.secret' },
  registrar: { id: 'registrar', file: 'registrar.key.pem' },
  gate: { id: 'gate-east', file: 'gate-east.key' },
  bridge: { id: 'bridge-west', file: 'bridge-west.key' },
} as const;
/** The controller of `gate-east`. Its readers send the chip's number as the curl example does. */
export const DEMO_CONTROLLER = { id: 'east', readerProfile: 'uid-hex' } as const;

/**
 * The controller of `bridge-west`. The smallest campus has five doors, so its third one is another lane of the main
 * gate, which also lets people in at any hour.
 */
export const DEMO_UHPPOTE = {
  id: 'west',
  serial: 405_419_896,
  readerProfile: 'dec10-le',
  doors: { 1: 'gate:D-00003', 2: 'gate:D-00004', 3: 'gate:D-00000' },
} as const;

const DOORS = { 1: 'gate:D-00000', 2: 'gate:D-00001', 3: 'gate:D-00002' };
const PUBLIC_KEY = 'registrar.jwks.json';
const LOOPBACK = ['127.0.0.1', '::1'];

interface Sections {
  readonly clients: object;
  readonly controllers: object;
}

/**
 * The sections `clients` and `controllers` of the demo's hub.yaml.
 * @param dir of the demo's data
 * @param uhppotePort UDP port of its UHPPOTE controller; absent: there is none
 */
export function demoClients(dir: string, uhppotePort?: number): Sections {
  const folder = join(dir, 'clients');
  const secret = kept(folder, DEMO_CLIENTS.desk.file, () => newSecret().secret);
  const staticKey = kept(folder, DEMO_CLIENTS.gate.file, () => newSecret().secret);
  makeKeyPair(folder);
  const west = uhppotePort === undefined ? undefined : uhppote(folder, uhppotePort);
  return {
    clients: {
      [DEMO_CLIENTS.desk.id]: {
        description: 'Service hall: who is this, and what is on the card',
        credentials: { secrets: [digestOf(secret)] },
        scopes: ['decide', 'search', 'identity', 'balance', 'library'],
        purposes: ['door', 'library', 'identity'],
        fields: ['name', 'personClass', 'spendableOnCardFen'],
        doors: 'all',
        networks: LOOPBACK,
      },
      [DEMO_CLIENTS.registrar.id]: {
        description: 'Registrar: signs its requests for a token (private_key_jwt)',
        credentials: { keysFile: join('clients', PUBLIC_KEY) },
        scopes: ['identity', 'bank-signing', 'explain', 'operate'],
        purposes: ['door', 'identity'],
        fields: ['personClass', 'banks'],
        doors: 'all',
        networks: LOOPBACK,
      },
      [DEMO_CLIENTS.gate.id]: {
        description: 'A door controller with a key that never changes',
        credentials: { staticKeys: [digestOf(staticKey)] },
        scopes: ['decide', 'controller'],
        purposes: ['door'],
        doors: Object.values(DOORS),
        networks: LOOPBACK,
      },
      ...west?.clients,
    },
    controllers: {
      [DEMO_CONTROLLER.id]: { doors: DOORS, readerProfile: DEMO_CONTROLLER.readerProfile },
      ...west?.controllers,
    },
  };
}

function uhppote(folder: string, port: number): Sections {
  const { id, serial, readerProfile, doors } = DEMO_UHPPOTE;
  const staticKey = kept(folder, DEMO_CLIENTS.bridge.file, () => newSecret().secret);
  return {
    clients: {
      [DEMO_CLIENTS.bridge.id]: {
        description: 'The bridge to a UHPPOTE controller, with a key that never changes',
        credentials: { staticKeys: [digestOf(staticKey)] },
        scopes: ['decide', 'controller'],
        purposes: ['door'],
        doors: Object.values(doors),
        networks: LOOPBACK,
      },
    },
    controllers: { [id]: { doors, readerProfile, uhppote: { serial, address: `127.0.0.1:${port}` } } },
  };
}

/** The text of the file; made where there is none. */
function kept(folder: string, name: string, make: () => string): string {
  const path = join(folder, name);
  if (!existsSync(path)) writeOnce(folder, name, Buffer.from(`${make()}\n`));
  return readFileSync(path, 'utf8').trim();
}

/** The public half is made anew of the private one at each start: nobody can lose only one of them. */
function makeKeyPair(folder: string): void {
  const pem = kept(folder, DEMO_CLIENTS.registrar.file, () =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString(),
  );
  const jwk = createPublicKey(pem).export({ format: 'jwk' });
  writeFileSync(join(folder, PUBLIC_KEY), JSON.stringify({ keys: [{ ...jwk, alg: 'ES256', use: 'sig' }] }));
}
