/**
 * Tokens that a hostile client may make of a good one: another issuer, audience, algorithm, key, time or type, none at
 * all, or good bytes with a bent one among them. Each is a bearer token that must open nothing.
 */
import fc from 'fast-check';
import { base64url, generateKeyPair, SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';

export interface Confusion {
  readonly name: string;
  readonly token: string;
}

export interface Confused {
  /** A token that the hub has given. */
  readonly good: string;
  /** The hub's own key: who has it can sign anything, and still no token for elsewhere or of yesterday is good here. */
  readonly key: CryptoKey;
  readonly publicKey: object;
  /** The hub's clock, epoch ms. */
  readonly now: number;
}

type Header = { alg: string; typ: string; kid: string };

const read = (part: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(base64url.decode(part)).toString()) as Record<string, unknown>;
const text = (value: object): string => base64url.encode(JSON.stringify(value));

/** Each way of confusing, by name. */
export async function confusedTokens({ good, key, publicKey, now }: Confused): Promise<Confusion[]> {
  const [head = '', body = '', signature = ''] = good.split('.');
  const header = read(head) as Header;
  const claims = read(body) as JWTPayload;
  const seconds = Math.floor(now / 1_000);
  const sign = (change: JWTPayload, headers: Partial<Header> = {}, by: CryptoKey | Uint8Array = key) =>
    new SignJWT({ ...claims, ...change }).setProtectedHeader({ ...header, ...headers }).sign(by);
  const without = (name: string): Promise<string> => {
    const { [name]: _gone, ...rest } = claims;
    return new SignJWT(rest).setProtectedHeader(header).sign(key);
  };
  const other = await generateKeyPair('ES256');
  const rsa = await generateKeyPair('RS256');
  const made: Record<string, string | Promise<string>> = {
    'another issuer': sign({ iss: 'https://cards.example.org' }),
    'no issuer': without('iss'),
    'another audience': sign({ aud: 'https://library.example.edu' }),
    'no audience': without('aud'),
    expired: sign({ iat: seconds - 7_200, exp: seconds - 3_600 }),
    'without an end': without('exp'),
    'not yet valid': sign({ nbf: seconds + 3_600 }),
    'another client': sign({ sub: 'nobody', client_id: 'nobody' }),
    'two clients': sign({ sub: 'nobody' }),
    'another type': sign({}, { typ: 'JWT' }),
    'another key': sign({}, {}, other.privateKey),
    'an unknown key': sign({}, { kid: 'x' }),
    'a path as key': sign({}, { kid: '../../etc/passwd' }),
    'the public key as a secret': sign(
      {},
      { alg: 'HS256' },
      new TextEncoder().encode(JSON.stringify(publicKey)),
    ),
    'another algorithm': sign({}, { alg: 'RS256' }, rsa.privateKey),
    'no algorithm': new UnsecuredJWT(claims).encode(),
    'none with its signature': `${text({ ...header, alg: 'none' })}.${body}.${signature}`,
    'no signature': `${head}.${body}.`,
    'a key of its own': `${text({ ...header, jwk: publicKey })}.${text({ ...claims, scope: 'operate' })}.${signature}`,
    'more scopes': `${head}.${text({ ...claims, scope: 'operate audit approve' })}.${signature}`,
    'two parts': `${head}.${body}`,
    'four parts': `${good}.x`,
    'itself twice': `${good} ${good}`,
  };
  return Promise.all(Object.entries(made).map(async ([name, token]) => ({ name, token: await token })));
}

/** A good token with one character changed; not the last ones, whose bits may mean nothing. */
export function bentTokens(good: string): fc.Arbitrary<Confusion> {
  return fc
    .tuple(fc.nat(good.length - 4), fc.constantFrom(...'ABCxyz019-_.=%'))
    .filter(([at, character]) => good[at] !== character)
    .map(([at, character]) => ({
      name: `character ${at}`,
      token: good.slice(0, at) + character + good.slice(at + 1),
    }));
}
