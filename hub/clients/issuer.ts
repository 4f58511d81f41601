/**
 * An issuer of the school: its public keys, fetched from its JWKS URL and kept.
 *
 *   first token ─▶ fetch          at most 5 s and 256 KB, no redirects
 *   every 10 min while asked ─▶ fetch beside, the kept keys go on; for at most a day, then they are too old
 *   unknown kid ─▶ fetch          at most every 30 s
 *   fetch failed ─▶ not again for 5 s; without any keys nobody knows whether a token is good: IssuerUnreachable
 */
import { createRemoteJWKSet, customFetch, errors, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import type { IssuerConfig } from '../config/types.js';
import { IssuerUnreachable } from './access.js';

const TIMEOUT_MS = 5_000;
const BYTES_MAX = 262_144;
const COOL_DOWN_MS = 30_000;
const FAILED_FOR_MS = 5_000;
const REFRESH_MS = 10 * 60_000;
const KEPT_MS = 24 * 3_600_000;
const CLOCK_TOLERANCE_S = 5;

export interface IssuedToken {
  readonly client: string;
  /** Undefined: the token names none, or the issuer is not asked for scopes. */
  readonly scopes: readonly string[] | undefined;
  readonly expiresAt: number;
}

export interface Issuer {
  readonly config: IssuerConfig;
  /** Undefined: not a good token of this issuer for this hub. @throws IssuerUnreachable */
  verify(token: string, now: number): Promise<IssuedToken | undefined>;
}

export interface IssuerOptions {
  /** Audience where the configuration names none. */
  readonly audience: string;
  readonly fetch?: typeof fetch;
  readonly clock?: () => number;
}

export function openIssuer(config: IssuerConfig, options: IssuerOptions): Issuer {
  const { clock = () => performance.now() } = options;
  const keys = remoteKeys(config, options.fetch ?? fetch, clock);
  const audience = config.audience ?? options.audience;
  return {
    config,
    async verify(token, now) {
      try {
        const { payload } = await jwtVerify(token, keys, {
          algorithms: [...config.algorithms] as never,
          issuer: config.issuer,
          typ: config.type,
          audience,
          currentDate: new Date(now),
          clockTolerance: CLOCK_TOLERANCE_S,
          requiredClaims: ['exp', 'iat', config.clientClaim],
        });
        return issued(config, payload);
      } catch (error) {
        if (error instanceof IssuerUnreachable) throw error;
        // Without a key of that id the token is none of theirs; every other failure of jose's says the same.
        if (error instanceof errors.JOSEError) return undefined;
        throw error;
      }
    },
  };
}

function issued({ clientClaim, scopes }: IssuerConfig, payload: JWTPayload): IssuedToken | undefined {
  const client = payload[clientClaim];
  if (typeof client !== 'string' || client === '') return undefined;
  const { scope, exp = 0 } = payload;
  if (scopes === 'agreement') return { client, scopes: undefined, expiresAt: exp * 1_000 };
  const named = typeof scope === 'string' ? scope.split(' ') : [];
  return { client, scopes: named, expiresAt: exp * 1_000 };
}

function remoteKeys(config: IssuerConfig, fetcher: typeof fetch, clock: () => number) {
  let failedAt = -Infinity;
  let fetchedAt = -Infinity;
  const set = createRemoteJWKSet(new URL(config.jwksUrl), {
    timeoutDuration: TIMEOUT_MS,
    cooldownDuration: COOL_DOWN_MS,
    cacheMaxAge: KEPT_MS,
    [customFetch]: async (url, init) => {
      if (clock() - failedAt < FAILED_FOR_MS) throw new IssuerUnreachable(`${config.name}: failed just now`);
      try {
        const response = await bounded(await fetcher(url, init));
        fetchedAt = clock();
        return response;
      } catch (cause) {
        failedAt = clock();
        throw new IssuerUnreachable(`the keys of ${config.name} cannot be had from ${config.jwksUrl}`, {
          cause,
        });
      }
    },
  });
  const resolve: typeof set = Object.assign(async (...args: Parameters<typeof set>) => {
    const due = clock() - fetchedAt >= REFRESH_MS && clock() - failedAt >= FAILED_FOR_MS;
    if (due && set.jwks() !== undefined) void set.reload().catch(() => undefined);
    try {
      return await set(...args);
    } catch (error) {
      // A key that is not among them is the token's fault; that they could not be read is not.
      if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) {
        throw new IssuerUnreachable(`the keys of ${config.name} cannot be read`, { cause: error });
      }
      throw error;
    }
  }, set);
  return resolve;
}

/** The answer with its body read, within its limit. */
async function bounded(response: Response): Promise<Response> {
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`expected status 200, came ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.byteLength;
    if (length > BYTES_MAX) {
      await reader.cancel();
      throw new Error(`expected at most ${BYTES_MAX} bytes`);
    }
    chunks.push(value);
  }
  return new Response(Buffer.concat(chunks), {
    status: 200,
    headers: { 'content-type': 'application/json' },
  });
}
