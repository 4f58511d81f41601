import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rsaPair } from './card-core/crypto.js';

/** What the hub needs to talk to the campus; `credentials.json` in the campus folder holds exactly this. */
export interface CampusCredentials {
  readonly core: {
    readonly appKey: string;
    /** The hub's own key, PKCS#8 PEM; the core has its public half. */
    readonly privateKeyPem: string;
    /** The core's public key, SPKI PEM: verifies responses. */
    readonly corePublicKeyPem: string;
    /** 3DES key, 48 hex digits. */
    readonly tripleDesKeyHex: string;
  };
  readonly access: { readonly apiKey: string };
  readonly library: { readonly clientId: string; readonly clientSecret: string };
  readonly lockers: { readonly token: string };
  readonly classrooms: { readonly apiKey: string };
  /** The core's power applications, each with its own app_key beside the core's other keys; the power front's key. */
  readonly power: {
    readonly appKeys: { readonly east: string; readonly west: string };
    readonly formApiKey: string;
  };
}

/** The campus's own halves; never leave its folder. */
interface CampusSecrets {
  readonly hubPublicKeyPem: string;
  readonly corePrivateKeyPem: string;
}

export interface CampusKeys {
  readonly credentials: CampusCredentials;
  readonly secrets: CampusSecrets;
}

function writeWhole(path: string, value: unknown): void {
  writeFileSync(path + '.new', JSON.stringify(value, null, 2) + '\n', { mode: 0o600 });
  renameSync(path + '.new', path);
}

function tripleDesKey(): Buffer {
  const key = randomBytes(24);
  // Equal thirds would make it single DES.
  return key.subarray(0, 8).equals(key.subarray(8, 16)) ? tripleDesKey() : key;
}

function deskKeys(): Pick<CampusCredentials, 'library' | 'lockers' | 'classrooms'> {
  return {
    library: { clientId: randomBytes(8).toString('hex'), clientSecret: randomBytes(16).toString('hex') },
    lockers: { token: randomBytes(20).toString('hex') },
    classrooms: { apiKey: randomBytes(16).toString('hex') },
  };
}

function powerKeys(): Pick<CampusCredentials, 'power'> {
  const appKeys = { east: randomBytes(8).toString('hex'), west: randomBytes(8).toString('hex') };
  return { power: { appKeys, formApiKey: randomBytes(16).toString('hex') } };
}

/** Reads the keys of a campus folder, or makes them. The only thing of a campus that its seed does not give. */
export function openKeys(dir: string): CampusKeys {
  const publicFile = join(dir, 'credentials.json');
  const secretFile = join(dir, 'secrets.json');
  if (existsSync(publicFile) && existsSync(secretFile)) {
    // A folder of an earlier version lacks the keys of systems that came since.
    const kept = JSON.parse(readFileSync(publicFile, 'utf8')) as Partial<CampusCredentials>;
    const credentials = { ...deskKeys(), ...powerKeys(), ...kept } as CampusCredentials;
    if (Object.keys(credentials).length > Object.keys(kept).length) writeWhole(publicFile, credentials);
    return {
      credentials,
      secrets: JSON.parse(readFileSync(secretFile, 'utf8')) as CampusSecrets,
    };
  }
  const hub = rsaPair();
  const core = rsaPair();
  const credentials: CampusCredentials = {
    core: {
      appKey: randomBytes(8).toString('hex'),
      privateKeyPem: hub.privateKey,
      corePublicKeyPem: core.publicKey,
      tripleDesKeyHex: tripleDesKey().toString('hex'),
    },
    access: { apiKey: randomBytes(16).toString('hex') },
    ...powerKeys(),
    ...deskKeys(),
  };
  const secrets = { hubPublicKeyPem: hub.publicKey, corePrivateKeyPem: core.privateKey };
  writeWhole(secretFile, secrets);
  writeWhole(publicFile, credentials);
  return { credentials, secrets };
}
