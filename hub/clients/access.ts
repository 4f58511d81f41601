/**
 * Who calls: from the header `Authorization` and the address to a caller, or a refusal.
 *
 *   no header ───────────────────────▶ no clients at all: open │ else CREDENTIAL_MISSING
 *   Bearer x ─ digest of x ─┬─ static key of a client ─────────┐
 *                           ├─ token verified before (cache) ──┤
 *                           └─ JWT ─ verify (TokenVerifier) ───┤
 *                                                              ▼
 *            switched off? ended? ─▶ its networks? ─▶ its rate? ─▶ caller
 *
 * What is switched off, ended or called from elsewhere is refused in the same words as a wrong key. Only the audit
 * trail knows which it was.
 */
import { createHash } from 'node:crypto';
import type { Access, Identified, RefusalCode } from '../facade/gate.js';
import type { Caller } from '../facade/caller.js';
import { callersAddress, Networks } from './networks.js';
import { Rates } from './rate.js';
import type { Client, Clients } from './registry.js';
import type { SigningKeys } from './signing-keys.js';

/** Verified tokens that are remembered; a token of 600 bytes costs 100 to 200 µs to verify, and 2 µs to find here. */
const VERIFIED_MAX = 10_000;
const TOKEN_CHARACTERS_MAX = 8_192;
/** Tokens that were not seen before, from one address: verifying is what a stranger can make the hub do. */
const NEW_TOKENS = { perSecond: 50, burst: 200, addresses: 10_000 };

export interface Verified {
  readonly client: Client;
  /** Undefined: those of the agreement. */
  readonly scopes?: readonly string[] | undefined;
  /** Epoch ms. */
  readonly expiresAt: number;
}

export interface TokenVerifier {
  /** Undefined: no token that is good here. @throws IssuerUnreachable */
  verify(token: string, now: number): Promise<Verified | undefined>;
}

/** The keys of a school's issuer cannot be had: nobody knows whether the token is good. */
export class IssuerUnreachable extends Error {
  override readonly name = 'IssuerUnreachable';
  readonly code = 'ISSUER_UNREACHABLE';
  readonly retry = 'later';
}

interface Known {
  readonly client: Client;
  readonly caller: Caller;
  readonly expiresAt: number;
}

export interface AccessOptions {
  readonly clients: Clients;
  /** Undefined: no client has tokens. */
  readonly verifier?: TokenVerifier | undefined;
  /** Of the hub's own tokens: what they verified is forgotten when one of them goes. */
  readonly keys?: Pick<SigningKeys, 'generation' | 'look'> | undefined;
  /** Who comes without a credential is let in as the facade's own: no clients are configured. */
  readonly open: boolean;
  readonly proxies?: readonly string[];
  readonly now: () => number;
  /** Of a clock that never goes back, ms. */
  readonly clock?: () => number;
}

export class ClientAccess implements Access {
  readonly open: boolean;
  private readonly known = new Map<string, Known>();
  private readonly verifying = new Map<string, Promise<Known | undefined>>();
  private readonly newTokens = new Rates(NEW_TOKENS.perSecond, NEW_TOKENS.burst, NEW_TOKENS.addresses);
  private readonly proxies: Networks;
  private readonly clock: () => number;
  private generation = 0;

  constructor(private readonly options: AccessOptions) {
    this.open = options.open;
    this.proxies = new Networks(options.proxies ?? []);
    this.clock = options.clock ?? (() => performance.now());
  }

  addressOf(socket: string | undefined, forwarded: string | undefined): string {
    return callersAddress(socket, forwarded, this.proxies);
  }

  identify(authorization: string | undefined, address: string): Identified | Promise<Identified> {
    if (authorization === undefined) return refused('CREDENTIAL_MISSING');
    const token = bearer(authorization);
    if (token === undefined) return refused('CREDENTIAL_INVALID');
    this.options.keys?.look(this.options.now());
    if (this.generation !== this.newest) this.forgetAll();
    const digest = createHash('sha256').update(token).digest('base64url');
    const known = this.known.get(digest) ?? this.staticKey(digest);
    if (known !== undefined) {
      if (known.expiresAt > this.options.now()) return this.admit(known, address);
      this.known.delete(digest);
    }
    const { verifier } = this.options;
    if (verifier === undefined || !token.includes('.')) return refused('CREDENTIAL_INVALID');
    const wait = this.newTokens.take(address, this.clock());
    if (wait > 0) return { ok: false, code: 'RATE_LIMITED', retryMs: wait };
    return this.verified(verifier, token, digest).then(
      (found) => (found === undefined ? refused('CREDENTIAL_INVALID') : this.admit(found, address)),
      (error: unknown) => {
        if (error instanceof IssuerUnreachable) return refused('ISSUER_UNREACHABLE');
        throw error;
      },
    );
  }

  private admit({ client, caller }: Known, address: string): Identified {
    const barred = this.options.clients.barred(client, this.options.now());
    if (barred !== undefined) return { ok: false, code: barred, client: client.id };
    if (!client.networks.empty && !client.networks.has(address)) {
      return { ok: false, code: 'NETWORK', client: client.id };
    }
    const at = this.clock();
    const retryMs = client.rate.take(at);
    return retryMs > 0
      ? { ok: false, code: 'RATE_LIMITED', client: client.id, retryMs, rate: client.rate }
      : { ok: true, caller, rate: client.rate, left: client.rate.left(at) };
  }

  private staticKey(digest: string): Known | undefined {
    const { clients } = this.options;
    const client = clients.withStaticKey(`sha256:${digest}`);
    return client && this.remember(digest, { client, expiresAt: Infinity });
  }

  /** A token that comes on many connections at once is verified once. */
  private verified(verifier: TokenVerifier, token: string, digest: string): Promise<Known | undefined> {
    let verifying = this.verifying.get(digest);
    if (verifying === undefined) {
      const generation = this.newest;
      verifying = verifier
        .verify(token, this.options.now())
        .then((found) =>
          // A reload meanwhile: whoever asked gets an answer by the old agreement, the next one is verified anew.
          found === undefined || generation !== this.newest
            ? found && this.knownOf(found)
            : this.remember(digest, found),
        )
        .finally(() => this.verifying.delete(digest));
      this.verifying.set(digest, verifying);
    }
    return verifying;
  }

  private remember(digest: string, verified: Verified): Known {
    const known = this.knownOf(verified);
    if (this.known.size >= VERIFIED_MAX) {
      const [oldest] = this.known.keys();
      if (oldest !== undefined) this.known.delete(oldest);
    }
    this.known.set(digest, known);
    return known;
  }

  private knownOf({ client, scopes, expiresAt }: Verified): Known {
    return { client, caller: this.options.clients.caller(client, scopes), expiresAt };
  }

  private forgetAll(): void {
    this.known.clear();
    this.generation = this.newest;
  }

  /** Agreements are read anew, or a key that verified tokens has gone: both only count up. */
  private get newest(): number {
    return this.options.clients.generation + (this.options.keys?.generation ?? 0);
  }
}

function bearer(authorization: string): string | undefined {
  // One space or more (RFC 9110, 11.4).
  const token = /^Bearer +([\x21-\x7e]+)$/i.exec(authorization)?.[1];
  return token === undefined || token.length > TOKEN_CHARACTERS_MAX ? undefined : token;
}

const REFUSED = new Map<RefusalCode, Identified>();

function refused(code: RefusalCode): Identified {
  let identified = REFUSED.get(code);
  if (identified === undefined) REFUSED.set(code, (identified = { ok: false, code }));
  return identified;
}
