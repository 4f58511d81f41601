/**
 * The keys that sign allow lists: ES256 (ECDSA on P-256 with SHA-256), which small controllers verify in one pass.
 *
 *   {keys.dir}/allow-list-{created ms}.jwk    private key as a JWK, mode 0600; its kid is the RFC 7638 thumbprint
 *
 * All keys of the folder are published. The newest signs once it has been published for OVERLAP_MS, or when it is
 * the only one: a controller has then seen it, so a key can be followed by another without a gap.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { calculateJwkThumbprint, CompactSign, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import { writeOnce } from '../operate/secrets.js';
import { STATEMENT_TYPE, type Statement } from './allow-list.js';

const ALGORITHM = 'ES256';
const OVERLAP_MS = 7 * 86_400_000;
const FILE = /^allow-list-(\d{1,16})\.jwk$/;

export interface Signer {
  /** A JWS in compact form. */
  sign(statement: Statement): Promise<string>;
  /** Public keys as a JWK set (RFC 7517). */
  readonly jwks: { readonly keys: readonly JWK[] };
}

export async function openSigner(dir: string, now: () => number): Promise<Signer> {
  if (readKeys(dir).length === 0) await createKey(dir, now());
  const keys = readKeys(dir);
  const opened = await Promise.all(
    keys.map(async ({ created, jwk }) => ({
      created,
      kid: await calculateJwkThumbprint(jwk),
      key: await importJWK(jwk, ALGORITHM),
      jwk,
    })),
  );
  return {
    async sign(statement) {
      const ready = opened.filter(({ created }) => now() - created >= OVERLAP_MS);
      const signing = ready.at(-1) ?? opened[0];
      if (signing === undefined) throw new Error(`no key in ${dir}`);
      const header = { alg: ALGORITHM, kid: signing.kid, typ: STATEMENT_TYPE };
      const payload = new TextEncoder().encode(JSON.stringify(statement));
      return new CompactSign(payload).setProtectedHeader(header).sign(signing.key);
    },
    jwks: {
      keys: opened.map(({ jwk: { kty, crv, x, y }, kid }) => ({
        ...{ kty, crv, x, y, kid },
        ...{ alg: ALGORITHM, use: 'sig' },
      })) as JWK[],
    },
  };
}

interface StoredKey {
  readonly created: number;
  readonly jwk: JWK;
}

/** The oldest first. */
function readKeys(dir: string): StoredKey[] {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return readdirSync(dir)
    .flatMap((name) => {
      const created = FILE.exec(name)?.[1];
      if (created === undefined) return [];
      const jwk = JSON.parse(readFileSync(join(dir, name), 'utf8')) as JWK;
      return { created: Number(created), jwk };
    })
    .sort((a, b) => a.created - b.created);
}

/** Makes a key; it signs when its turn comes. */
async function createKey(dir: string, now: number): Promise<void> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  const text = `${JSON.stringify(await exportJWK(privateKey))}\n`;
  writeOnce(dir, `allow-list-${Math.max(0, Math.floor(now))}.jwk`, new TextEncoder().encode(text));
}
