/**
 * Passwords of desks are kept as scrypt hashes only (RFC 7914), in one line that names its parameters:
 *
 *   scrypt:16384:8:1:<salt, base64url>:<hash, base64url>
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

const COST = { N: 16_384, r: 8, p: 1 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** 128 · N · r bytes are what scrypt needs; more than this a configuration may not ask for. */
const MEMORY_BYTES_MAX = 64 * 1024 * 1024;

/** Form of a hash in hub.yaml; `hub.schema.json` has the same. */
const FORM = /^scrypt:(\d{4,6}):(\d{1,2}):(\d{1,2}):([A-Za-z0-9_-]{16,64}):([A-Za-z0-9_-]{43})$/;

/** The hash of a password, with a salt of its own. */
export async function hashPassword(
  password: string,
  random: (size: number) => Uint8Array = randomBytes,
): Promise<string> {
  const salt = random(SALT_BYTES);
  const hash = await derive(password, salt, COST);
  const { N, r, p } = COST;
  return ['scrypt', N, r, p, Buffer.from(salt).toString('base64url'), hash.toString('base64url')].join(':');
}

/** Whether the password is the one of the hash; false for a hash in another form. Takes about 50 ms. */
export async function passwordMatches(password: string, hash: string): Promise<boolean> {
  const found = FORM.exec(hash);
  if (found === null) return false;
  const [, N, r, p, salt = '', expected = ''] = found;
  const cost = { N: Number(N), r: Number(r), p: Number(p) };
  try {
    const derived = await derive(password, Buffer.from(salt, 'base64url'), cost);
    return timingSafeEqual(derived, Buffer.from(expected, 'base64url'));
  } catch {
    return false; // parameters that scrypt does not take
  }
}

function derive(
  password: string,
  salt: Uint8Array,
  cost: { N: number; r: number; p: number },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const text = password.normalize('NFC');
    scrypt(text, salt, HASH_BYTES, { ...cost, maxmem: MEMORY_BYTES_MAX }, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}
