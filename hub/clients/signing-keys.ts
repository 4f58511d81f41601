/**
 * The keys that sign the hub's own access tokens, and their succession:
 *
 *   made ─▶ signs (the newest) ─ after `ageMs` ─▶ a new one is made ─▶ verifies only ─ an hour on ─▶ removed
 *
 *   {keys.dir}/token-{made, epoch ms}-{kid}.jwk.json      private JWK (ES256), mode 0600
 *
 * Several hubs share the folder: each signs with the newest key, and looks again when a token names one that it does
 * not know.
 */
import { readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { writeOnce } from '../operate/secrets.js';

export const SIGNING_ALGORITHM = 'ES256';
/** Tokens live for an hour at most (hub.yaml), and clocks differ. */
const VERIFIES_MS = 3_600_000 + 60_000;
/** An unknown kid makes the hub look into the folder, so strangers could make it look all the time. */
const LOOK_EVERY_MS = 5_000;
const KEYS_MAX = 32;
const NAME = /^token-(\d{13})-([A-Za-z0-9_-]{43})\.jwk\.json$/;

interface SigningKey {
  readonly kid: string;
  readonly madeAt: number;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly publicJwk: JWK;
}

export class SigningKeys {
  /** The newest first. */
  private keys: readonly SigningKey[] = [];
  private lookedAt = -Infinity;
  /** One more whenever a key has gone: what was verified with it is to be verified again. */
  generation = 0;

  private constructor(
    private readonly dir: string,
    private readonly ageMs: number,
  ) {}

  /** Opens the folder, and makes the first key where there is none. */
  static async open(dir: string, ageMs: number, now: number): Promise<SigningKeys> {
    const keys = new SigningKeys(dir, ageMs);
    await keys.maintain(now);
    return keys;
  }

  /** The one that signs. */
  async current(now: number): Promise<{ readonly kid: string; readonly key: CryptoKey }> {
    const [newest] = this.keys;
    if (newest === undefined || now - newest.madeAt >= this.ageMs) await this.maintain(now);
    const [key] = this.keys;
    if (key === undefined) throw new Error(`no signing key in ${this.dir}`);
    return { kid: key.kid, key: key.privateKey };
  }

  /** Undefined: no key of ours, or one that verifies no longer. */
  async verifying(kid: string, now: number): Promise<CryptoKey | undefined> {
    const known = this.keys.find((key) => key.kid === kid);
    if (known !== undefined || now - this.lookedAt < LOOK_EVERY_MS) return known?.publicKey;
    await this.read(now);
    return this.keys.find((key) => key.kid === kid)?.publicKey;
  }

  /** Another hub that shares the folder may have revoked keys: whoever asks notices within {@link LOOK_EVERY_MS}. */
  look(now: number): void {
    if (now - this.lookedAt >= LOOK_EVERY_MS) void this.read(now).catch(() => undefined);
  }

  /** Public keys, for `/oauth2/jwks`. */
  publicSet(): { readonly keys: readonly JWK[] } {
    return { keys: this.keys.map(({ publicJwk }) => publicJwk) };
  }

  /** A new key signs from now on. With `revoke` every token that was signed before is void at once. */
  async rotate(now: number, revoke = false): Promise<string> {
    const before = this.keys;
    const kid = await this.make(now);
    if (revoke) for (const key of before) this.remove(key);
    await this.read(now);
    return kid;
  }

  /** Makes the next key when it is time, removes those that verify nothing any more. */
  async maintain(now: number): Promise<void> {
    await this.read(now);
    const [newest] = this.keys;
    if (newest === undefined || now - newest.madeAt >= this.ageMs) await this.make(now);
    for (const [index, key] of this.keys.entries()) {
      const successor = this.keys[index - 1];
      if (successor !== undefined && now - successor.madeAt > VERIFIES_MS) this.remove(key);
    }
    await this.read(now);
  }

  private async make(now: number): Promise<string> {
    const { privateKey } = await generateKeyPair(SIGNING_ALGORITHM, { extractable: true });
    const jwk = await exportJWK(privateKey);
    const kid = await calculateJwkThumbprint(jwk);
    const name = `token-${String(Math.max(0, Math.floor(now))).padStart(13, '0')}-${kid}.jwk.json`;
    writeOnce(this.dir, name, Buffer.from(JSON.stringify({ ...jwk, kid, alg: SIGNING_ALGORITHM })));
    return kid;
  }

  private remove({ madeAt, kid }: SigningKey): void {
    try {
      unlinkSync(join(this.dir, `token-${String(madeAt).padStart(13, '0')}-${kid}.jwk.json`));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // another hub was first
    }
  }

  private async read(now: number): Promise<void> {
    this.lookedAt = now;
    const found = names(this.dir)
      .flatMap((name) => {
        const [, madeAt, kid] = NAME.exec(name) ?? [];
        return madeAt === undefined || kid === undefined ? [] : [{ name, madeAt: Number(madeAt), kid }];
      })
      .sort((a, b) => b.madeAt - a.madeAt || (a.kid < b.kid ? -1 : 1))
      .slice(0, KEYS_MAX);
    const keys: SigningKey[] = [];
    for (const { name, madeAt, kid } of found) {
      const known = this.keys.find((key) => key.kid === kid) ?? (await this.load(name, madeAt, kid));
      if (known !== undefined) keys.push(known);
    }
    if (this.keys.some((one) => !keys.includes(one))) this.generation += 1;
    this.keys = keys;
  }

  private async load(name: string, madeAt: number, kid: string): Promise<SigningKey | undefined> {
    let text: string;
    try {
      text = readFileSync(join(this.dir, name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined; // another hub removed it
      throw error;
    }
    const { kty, crv, x, y, d } = JSON.parse(text) as { [name: string]: string };
    const publicJwk = { kty, crv, x, y, kid, alg: SIGNING_ALGORITHM, use: 'sig' } as JWK;
    return {
      ...{ kid, madeAt, publicJwk },
      privateKey: (await importJWK({ kty, crv, x, y, d } as JWK, SIGNING_ALGORITHM)) as CryptoKey,
      publicKey: (await importJWK(publicJwk, SIGNING_ALGORITHM)) as CryptoKey,
    };
  }
}

function names(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
