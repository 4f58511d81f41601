/**
 * `private_key_jwt` (RFC 7523, OpenID Connect Core 9): a client signs a short statement with its own key, and the hub
 * has only the public half. Each statement is good once.
 *
 * Which ones were used is kept in memory, for five minutes at most: the longest that a statement may live. After a
 * start the hub refuses those that were made before it, since it cannot know. A replica knows only what came to it.
 */
import { decodeJwt, errors, jwtVerify } from 'jose';
import type { Client, Clients } from './registry.js';

export const ASSERTION_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'] as const;
export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const LIFETIME_S_MAX = 300;
const CLOCK_TOLERANCE_S = 5;
const JTI_CHARACTERS_MAX = 256;
const USED_MAX = 20_000;
const TYPES: ReadonlySet<unknown> = new Set([undefined, 'JWT', 'jwt', 'client-authentication+jwt']);

export class Assertions {
  /** `client jti` → when it ends, epoch ms. */
  private readonly used = new Map<string, number>();
  private readonly startedAtS: number;

  /** @param audiences the hub's issuer and its token endpoint */
  constructor(
    private readonly clients: Clients,
    private readonly audiences: readonly string[],
    startedAt: number,
  ) {
    this.startedAtS = Math.floor(startedAt / 1_000);
  }

  /** Undefined: no good statement of any client. `full`: nobody can tell now. */
  async verify(assertion: string, now: number): Promise<Client | 'full' | undefined> {
    try {
      const id = decodeJwt(assertion).sub ?? '';
      const client = this.clients.get(id);
      if (client?.keys === undefined) return undefined;
      const { payload, protectedHeader } = await jwtVerify(assertion, client.keys, {
        algorithms: [...ASSERTION_ALGORITHMS],
        issuer: id,
        subject: id,
        audience: [...this.audiences],
        currentDate: new Date(now),
        clockTolerance: CLOCK_TOLERANCE_S,
        maxTokenAge: LIFETIME_S_MAX,
        requiredClaims: ['exp', 'iat', 'jti'],
      });
      const { jti, exp = 0, iat = 0, aud } = payload;
      // Several audiences: it was made for somebody else as well, who could bring it here.
      if (!TYPES.has(protectedHeader.typ) || (Array.isArray(aud) && aud.length !== 1)) return undefined;
      if (typeof jti !== 'string' || jti === '' || jti.length > JTI_CHARACTERS_MAX) return undefined;
      if (exp - iat > LIFETIME_S_MAX || iat < this.startedAtS) return undefined;
      const use = this.use(`${id} ${jti}`, (exp + CLOCK_TOLERANCE_S) * 1_000, now);
      return use === 'good' ? client : use === 'full' ? 'full' : undefined;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }

  /** To forget one would make it good again, so when all is full new ones wait. */
  private use(key: string, until: number, now: number): 'good' | 'used' | 'full' {
    if (this.used.has(key)) return 'used';
    if (this.used.size >= USED_MAX) {
      for (const [old, ends] of this.used) if (ends <= now) this.used.delete(old);
      if (this.used.size >= USED_MAX) return 'full';
    }
    this.used.set(key, until);
    return 'good';
  }
}
