/**
 * Secrets of clients are 256 random bits, kept as their digest only: `sha256:` and 43 characters of base64url. A slow
 * hash as for passwords would add nothing, since nobody can try out 2^256 of them; so these are made, never chosen.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const SECRET_BYTES = 32;
const ALGORITHM = 'sha256';

export interface NewSecret {
  /** Shown once, then in the client's hands alone. */
  readonly secret: string;
  /** For hub.yaml. */
  readonly digest: string;
}

export function newSecret(random: (size: number) => Uint8Array = randomBytes): NewSecret {
  const secret = Buffer.from(random(SECRET_BYTES)).toString('base64url');
  return { secret, digest: digestOf(secret) };
}

export function digestOf(secret: string): string {
  return `${ALGORITHM}:${createHash(ALGORITHM).update(secret, 'utf8').digest('base64url')}`;
}

/** Compares with all of them, each in constant time; with none it takes as long as with one. */
export function matches(secret: string, digests: readonly string[]): boolean {
  const came = Buffer.from(digestOf(secret));
  let found = false;
  for (const digest of digests.length === 0 ? [NOBODY] : digests) {
    const kept = Buffer.from(digest);
    if (kept.length === came.length && timingSafeEqual(kept, came)) found = true;
  }
  return found && digests.length > 0;
}

const NOBODY = `${ALGORITHM}:${'A'.repeat(43)}`;
