import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

/*
 * Pseudonyms, and the sealing of raw rows in quarantine.
 *
 *   {keys.dir}/pseudonym.key               used when hub.yaml names no secrets.pseudonymKey
 *   {keys.dir}/quarantine-2026-03-01.key   32 random bytes; removing it makes that day's rows unreadable for
 *                                          ever, in every copy of the topic, which is how they are erased
 */

const PSEUDONYM_ALGORITHM = 'hmac-sha256';
/** 22 characters of base64url hold 132 of the 256 bits: two of 10^12 numbers collide with chance 10^-16. */
const PSEUDONYM_CHARACTERS = 22;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Keyed pseudonyms, `hmac-sha256:` and 22 characters of base64url (HMAC-SHA-256, RFC 2104, cut to 132 bits).
 * The same text gives the same pseudonym under the same key. Without the key nobody can try out all 10^8
 * card numbers, which a plain hash would allow.
 */
export function createPseudonym(key: string | Uint8Array): (text: string) => string {
  if (key.length === 0) throw new RangeError('expected a pseudonym key; it is empty');
  return (text) => {
    const digest = createHmac('sha256', key).update(text, 'utf8').digest('base64url');
    return `${PSEUDONYM_ALGORITHM}:${digest.slice(0, PSEUDONYM_CHARACTERS)}`;
  };
}

/** The key of pseudonyms where the configuration names none: made at first use, then always the same. */
export function pseudonymKeyFile(dir: string, random: RandomBytes = randomBytes): Uint8Array {
  return readKey(join(dir, 'pseudonym.key')) ?? createKey(dir, 'pseudonym.key', random);
}

export type RandomBytes = (size: number) => Uint8Array;

/** A calendar day, `YYYY-MM-DD`. */
export type Day = string;

export interface DayKeys {
  /** The key of a day; undefined when it is not there and `create` is not set (purged, or never made). */
  get(day: Day, create?: 'create'): Uint8Array | undefined;
  /** Removes the keys of all days before `before`; returns those days. */
  purge(before: Day): readonly Day[];
}

/** Keys for each day, as files of mode 0600 in `dir`. Any number of processes may share the folder. */
export function dayKeys(dir: string, random: RandomBytes = randomBytes): DayKeys {
  const known = new Map<Day, Uint8Array>();
  return {
    get(day, create) {
      if (!/^\d{4}-\d{2}-\d{2}$/.test(day)) throw new RangeError(`expected YYYY-MM-DD; came ${day}`);
      const name = `quarantine-${day}.key`;
      const key =
        known.get(day) ??
        readKey(join(dir, name)) ??
        (create === undefined ? undefined : createKey(dir, name, random));
      if (key !== undefined) known.set(day, key);
      return key;
    },
    purge(before) {
      const days = listDays(dir).filter((day) => day < before);
      for (const day of days) {
        known.delete(day);
        unlinkIfThere(join(dir, `quarantine-${day}.key`));
      }
      return days;
    },
  };
}

function listDays(dir: string): Day[] {
  try {
    return readdirSync(dir).flatMap((name) => /^quarantine-(\d{4}-\d{2}-\d{2})\.key$/.exec(name)?.[1] ?? []);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function readKey(path: string): Uint8Array | undefined {
  try {
    const key = readFileSync(path);
    if (key.length !== KEY_BYTES) {
      throw new Error(
        `expected ${KEY_BYTES} bytes in ${path}; it has ${key.length}: restore it from a backup`,
      );
    }
    return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The file is written whole under another name and then linked to its own: `link` fails when the name is
 * taken, so of two processes one wins and both read the winner's key, and nobody ever sees half a key. Both
 * the file and the folder reach the disk before the key is used: a sealed row never outlives its key by a
 * power cut.
 */
function createKey(dir: string, name: string, random: RandomBytes): Uint8Array {
  writeOnce(dir, name, random(KEY_BYTES));
  const key = readKey(join(dir, name));
  if (key === undefined) throw new Error(`the key ${join(dir, name)} vanished while it was made`);
  return key;
}

/** Makes a file of mode 0600 as described for `createKey`; where there is one already it stays as it is. */
export function writeOnce(dir: string, name: string, bytes: Uint8Array): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, name);
  const draft = `${path}.${process.pid}.${randomBytes(6).toString('hex')}.draft`;
  const file = openSync(draft, 'wx', 0o600);
  try {
    writeSync(file, bytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkIfThere(draft);
  }
  const folder = openSync(dir, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** `CipherText` of `hub.quarantine`. */
export interface SealedRaw {
  readonly algorithm: 'AES-256-GCM';
  /** The day whose key it is. */
  readonly keyId: Day;
  /** 12 bytes. */
  readonly nonce: Buffer;
  /** Cipher text, then the 16 bytes of the tag. */
  readonly data: Buffer;
}

/**
 * Seals the bytes of one row with a day's key. `ceId` is the id of the quarantine record; the cipher text is
 * bound to it and opens under no other.
 *
 * The nonce is computed, not drawn: the first 96 bits of HMAC(nonce key, ceId ‖ SHA-256(raw)). So a redo
 * after a crash gives the same bytes (rule 3). This is safe for GCM, whose one rule is that a nonce never
 * serves two different texts under one key: equal nonces come from equal ceId and equal bytes, and then the
 * cipher text is equal as well and tells nothing but that; different inputs collide as random nonces would
 * (below 2^-32 for the 2^32 rows that NIST SP 800-38D allows a key; a key lives one day). Encryption and
 * nonce use keys of their own, both derived from the day key.
 */
export function sealRaw(
  raw: Uint8Array,
  { ceId, day, keys }: { readonly ceId: string; readonly day: Day; readonly keys: DayKeys },
): SealedRaw {
  const key = keys.get(day, 'create');
  if (key === undefined) throw new Error(`no key for ${day}`);
  const nonce = createHmac('sha256', derive(key, 'nonce'))
    .update(ceId, 'utf8')
    .update(createHash('sha256').update(raw).digest())
    .digest()
    .subarray(0, NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', derive(key, 'seal'), nonce);
  cipher.setAAD(Buffer.from(ceId, 'utf8'));
  const data = Buffer.concat([cipher.update(raw), cipher.final(), cipher.getAuthTag()]);
  return { algorithm: 'AES-256-GCM', keyId: day, nonce, data };
}

export type OpenedRaw =
  | { readonly ok: true; readonly raw: Buffer }
  /** KEY_GONE: kept no longer than `keys.keep`. DAMAGED: other bytes, other key or other ceId than sealed. */
  | { readonly ok: false; readonly code: 'KEY_GONE' | 'DAMAGED' | 'ALGORITHM_UNKNOWN' };

export function openRaw(
  sealed: Readonly<{ algorithm: string; keyId: string; nonce: Uint8Array; data: Uint8Array }>,
  { ceId, keys }: { readonly ceId: string; readonly keys: DayKeys },
): OpenedRaw {
  if (sealed.algorithm !== 'AES-256-GCM') return { ok: false, code: 'ALGORITHM_UNKNOWN' };
  const key = keys.get(sealed.keyId);
  if (key === undefined) return { ok: false, code: 'KEY_GONE' };
  if (sealed.nonce.length !== NONCE_BYTES || sealed.data.length < TAG_BYTES)
    return { ok: false, code: 'DAMAGED' };
  const end = sealed.data.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', derive(key, 'seal'), sealed.nonce);
  decipher.setAAD(Buffer.from(ceId, 'utf8'));
  decipher.setAuthTag(sealed.data.subarray(end));
  try {
    const raw = Buffer.concat([decipher.update(sealed.data.subarray(0, end)), decipher.final()]);
    return { ok: true, raw };
  } catch {
    return { ok: false, code: 'DAMAGED' };
  }
}

function derive(key: Uint8Array, purpose: 'nonce' | 'seal'): Buffer {
  return createHmac('sha256', key).update(`cardhub quarantine ${purpose}`).digest();
}
