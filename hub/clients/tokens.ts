/**
 * Access tokens: those that the hub gives (RFC 9068), and those of the school's issuers. Which of them a token claims
 * to be is read from its `iss` before anything is verified; then that issuer's own keys, algorithms and audience
 * decide, and no other's.
 */
import { randomUUID } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose';
import type { TokenVerifier, Verified } from './access.js';
import type { Issuer } from './issuer.js';
import type { Client, Clients } from './registry.js';
import { SIGNING_ALGORITHM, type SigningKeys } from './signing-keys.js';

const CLOCK_TOLERANCE_S = 5;
const TYPE = 'at+jwt';

export interface TokensOptions {
  /** `iss` and `aud` of the hub's own tokens: facade.publicUrl. */
  readonly issuer: string;
  readonly lifetimeMs: number;
  readonly keys: SigningKeys;
  readonly clients: Clients;
  readonly issuers?: readonly Issuer[];
}

export interface Issued {
  readonly token: string;
  readonly expiresInS: number;
}

export class Tokens implements TokenVerifier {
  constructor(private readonly options: TokensOptions) {}

  async issue(client: Client, scopes: readonly string[], now: number): Promise<Issued> {
    const { issuer, keys } = this.options;
    const { kid, key } = await keys.current(now);
    const at = Math.floor(now / 1_000);
    const ends = client.config.untilMs ?? Infinity;
    // No token outlives its agreement.
    const expires = Math.floor(Math.min(now + this.options.lifetimeMs, ends) / 1_000);
    const token = await new SignJWT({ client_id: client.id, scope: scopes.join(' ') })
      .setProtectedHeader({ alg: SIGNING_ALGORITHM, typ: TYPE, kid })
      .setIssuer(issuer)
      .setAudience(issuer)
      .setSubject(client.id)
      .setJti(randomUUID())
      .setIssuedAt(at)
      .setExpirationTime(expires)
      .sign(key);
    return { token, expiresInS: Math.max(0, expires - at) };
  }

  async verify(token: string, now: number): Promise<Verified | undefined> {
    const claimed = issuerOf(token);
    if (claimed === undefined) return undefined;
    if (claimed === this.options.issuer) return this.verifyOwn(token, now);
    const { issuers = [], clients } = this.options;
    const issuer = issuers.find(({ config }) => config.issuer === claimed);
    const found = await issuer?.verify(token, now);
    if (issuer === undefined || found === undefined) return undefined;
    const client = clients.ofIssuer(issuer.config.name, found.client);
    return client && { client, scopes: found.scopes, expiresAt: found.expiresAt };
  }

  private async verifyOwn(token: string, now: number): Promise<Verified | undefined> {
    const { issuer, keys, clients } = this.options;
    try {
      const { kid = '' } = decodeProtectedHeader(token);
      const key = await keys.verifying(kid, now);
      if (key === undefined) return undefined;
      const { payload } = await jwtVerify(token, key, {
        algorithms: [SIGNING_ALGORITHM],
        typ: TYPE,
        issuer,
        audience: issuer,
        currentDate: new Date(now),
        clockTolerance: CLOCK_TOLERANCE_S,
        requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id', 'scope'],
      });
      const { client_id: id, sub, scope, exp = 0 } = payload;
      if (typeof id !== 'string' || id !== sub || typeof scope !== 'string') return undefined;
      const client = clients.get(id);
      return client && { client, scopes: scope.split(' '), expiresAt: exp * 1_000 };
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined;
      throw error;
    }
  }
}

/** `iss` as the token says it, unverified; undefined: it is no JWT. */
function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}
