/**
 * What makes the audit trail tamper-evident.
 *
 *   record 0 ◀─ record 1 ◀─ record 2 ◀─ …      one chain for each writer and start: `previous` is the SHA-256 of the
 *                                              value before, as its bytes stand on the topic
 *   checkpoint: JWS (EdDSA, Ed25519) over the heads of all chains that moved since the one before
 *
 * A value cannot be changed, taken out or put elsewhere without another hash in the one after it; the end of a chain
 * cannot be cut without a head that a checkpoint names. Whoever has the signing key and can write the topic can make
 * another trail: so checkpoints leave the log (a file in the data folder, `cardhub audit checkpoint`), and are asked for
 * when the trail is verified.
 */
import { createHash, createPrivateKey, sign } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { calculateJwkThumbprint, compactVerify, errors, exportJWK, generateKeyPair, importJWK } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { writeOnce } from '../operate/secrets.js';

export const HASH_ALGORITHM = 'sha-256';
const SIGNATURE_ALGORITHM = 'EdDSA';
const KEY_FILE = 'audit-signing.jwk.json';
const TYPE = 'cardhub-audit-checkpoint+jws';

/** `{writer}/{start}`: the key of its records. */
export type ChainId = string;

export interface Head {
  readonly chain: ChainId;
  readonly sequence: number;
  readonly hash: string;
}

/** What a checkpoint signs. */
export interface Checkpoint {
  readonly writer: string;
  readonly start: string;
  readonly sequence: number;
  readonly previous: string;
  /** Epoch ms. */
  readonly at: number;
  readonly heads: readonly Head[];
}

/** Names its algorithm, so that another (SM3) can stand beside it one day. */
export function hashOf(value: Uint8Array): string {
  return `${HASH_ALGORITHM}:${createHash('sha256').update(value).digest('base64url')}`;
}

export interface AuditSigner {
  readonly kid: string;
  /** Compact JWS. At once, so that nothing comes between a head and the place of its checkpoint. */
  sign(checkpoint: Checkpoint): string;
}

/** The signing key of the folder, made at first use. Several hubs share it. */
export async function openSigner(dir: string): Promise<AuditSigner> {
  const jwk = readKey(dir) ?? (await makeKey(dir));
  const key = createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' });
  const kid = jwk.kid ?? '';
  const header = base64url({ alg: SIGNATURE_ALGORITHM, typ: TYPE, kid });
  return {
    kid,
    sign(checkpoint) {
      const input = `${header}.${base64url(checkpoint)}`;
      return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`;
    },
  };
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

async function makeKey(dir: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair(SIGNATURE_ALGORITHM, { crv: 'Ed25519', extractable: true });
  const jwk = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(jwk);
  writeOnce(dir, KEY_FILE, Buffer.from(JSON.stringify({ ...jwk, kid, alg: SIGNATURE_ALGORITHM })));
  const key = readKey(dir);
  if (key === undefined) throw new Error(`the key ${KEY_FILE} vanished while it was made`);
  return key;
}

function readKey(dir: string): JWK | undefined {
  try {
    return JSON.parse(readFileSync(join(dir, KEY_FILE), 'utf8')) as JWK;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The public half, for whoever verifies; undefined: nothing was signed here yet. */
export function publicKey(dir: string): JWK | undefined {
  const key = readKey(dir);
  if (key === undefined) return undefined;
  const { kty, crv, x, kid, alg } = key;
  return { kty, crv, x, kid, alg } as JWK;
}

/** Undefined: the signature is not that key's, or it is over something else than a checkpoint. */
export async function readCheckpoint(jws: string, key: JWK): Promise<Checkpoint | undefined> {
  try {
    const { payload, protectedHeader } = await compactVerify(
      jws.trim(),
      (await importJWK(key, SIGNATURE_ALGORITHM)) as CryptoKey,
      { algorithms: [SIGNATURE_ALGORITHM] },
    );
    if (protectedHeader.typ !== TYPE) return undefined;
    return JSON.parse(Buffer.from(payload).toString('utf8')) as Checkpoint;
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof SyntaxError || error instanceof TypeError)
      return undefined;
    throw error;
  }
}
