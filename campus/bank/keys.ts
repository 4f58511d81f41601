import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sm2 } from 'sm-crypto-v2';
import { certify, identity, type Identity } from './x509.js';

/** What the hub needs to talk to the simulated banks. */
export interface BankCredentials {
  readonly merchant: string;
  /** The school's own identity; the banks have its certificate. */
  readonly school: Identity;
  /** The banks' certificates, PEM. */
  readonly bankCertificatePem: string;
  /** SM2, hex: the school's private key, and the bank's public one. */
  readonly sm2PrivateKey: string;
  readonly sm2BankPublicKey: string;
}

export interface BankKeys {
  readonly credentials: BankCredentials;
  readonly secrets: {
    readonly bank: Identity;
    /** The bank's key with a certificate that has ended. */
    readonly expiredCertificatePem: string;
    readonly sm2BankPrivateKey: string;
    readonly sm2SchoolPublicKey: string;
  };
}

const YEAR_MS = 366 * 86_400_000;

/** Reads the banks' keys of a campus folder, or makes them, valid around this time of the campus. */
export function openBankKeys(dir: string, now: number): BankKeys {
  const file = join(dir, 'bank-keys.json');
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as BankKeys;
  const valid = { from: now - YEAR_MS, to: now + 2 * YEAR_MS };
  const bank = identity('simulated bank', valid, 1);
  const ours = sm2.generateKeyPairHex();
  const theirs = sm2.generateKeyPairHex();
  const keys: BankKeys = {
    credentials: {
      merchant: '370214000001',
      school: identity('simulated school', valid, 2),
      bankCertificatePem: bank.certificatePem,
      sm2PrivateKey: ours.privateKey,
      sm2BankPublicKey: theirs.publicKey,
    },
    secrets: {
      bank,
      expiredCertificatePem: certify(
        bank.privateKeyPem,
        'simulated bank',
        { from: now - 3 * YEAR_MS, to: now - YEAR_MS },
        3,
      ),
      sm2BankPrivateKey: theirs.privateKey,
      sm2SchoolPublicKey: ours.publicKey,
    },
  };
  writeFileSync(`${file}.new`, JSON.stringify(keys, null, 2), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return keys;
}
