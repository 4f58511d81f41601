/**
 * The clients and the controller of the demo, so that everything that asks who is calling can be tried:
 *
 *   service-desk   a secret             POST /oauth2/token, then identity checks with a balance, the library desk, searches
 *   registrar      private_key_jwt      the same endpoint with a signed statement; explanations, signing state
 *   gate-east      a static key         decisions at its doors, and the list and the events of the controller `east`
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
} as const;
/** The controller of `gate-east`. Its readers send the chip's number as the curl example does. */
export const DEMO_CONTROLLER = { id: 'east', readerProfile: 'uid-hex' } as const;

const DOORS = { 1: 'gate:D-00000', 2: 'gate:D-00001', 3: 'gate:D-00002' };
const PUBLIC_KEY = 'registrar.jwks.json';
const LOOPBACK = ['127.0.0.1', '::1'];

/**
 * The sections `clients` and `controllers` of the demo's hub.yaml.
 * @param dir of the demo's data
 */
export function demoClients(dir: string): { readonly clients: object; readonly controllers: object } {
  const folder = join(dir, 'clients');
  const secret = kept(folder, DEMO_CLIENTS.desk.file, () => newSecret().secret);
  const staticKey = kept(folder, DEMO_CLIENTS.gate.file, () => newSecret().secret);
  makeKeyPair(folder);
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
    },
    controllers: {
      [DEMO_CONTROLLER.id]: { doors: DOORS, readerProfile: DEMO_CONTROLLER.readerProfile },
    },
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
