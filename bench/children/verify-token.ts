/**
 * Access tokens verified in one process, in turn: by the hub's own access (first seen, then known), and by jose's
 * `jwtVerify` alone with the same key and the same checks. One after the other, as one connection would.
 */
import { jwtVerify } from 'jose';
import type { ClientAccess } from '../../hub/clients/access.js';
import { SIGNING_ALGORITHM } from '../../hub/clients/signing-keys.js';
import { ISSUER, openBenchClient } from '../bench-client.js';

export interface VerifyTokenArgument {
  readonly tokens: number;
  readonly rounds: number;
}

/** Microseconds for one token, by round. */
export interface Cost {
  readonly clockUs: number;
  /** Of all threads: the signature is verified on one of its own. */
  readonly cpuUs: number;
}
export interface VerifyTokenAnswer {
  readonly bare: readonly Cost[];
  readonly cold: readonly Cost[];
  readonly warm: readonly Cost[];
  readonly bytes: number;
}

/** Each known token comes so often in a round: once takes too little time to be measured. */
const WARM_TIMES = 20;
/** New tokens from one address are limited, so they come from many. */
const TOKENS_AN_ADDRESS = 100;

const { tokens: count, rounds } = JSON.parse(process.argv[2] as string) as VerifyTokenArgument;
const client = await openBenchClient();
const tokens = await client.issue(count);
const { kid } = await client.keys.current(Date.now());
const key = await client.keys.verifying(kid, Date.now());
if (key === undefined) throw new Error('the key that signs does not verify');
const addresses = tokens.map((_, i) => {
  const n = Math.floor(i / TOKENS_AN_ADDRESS);
  return `10.0.${n >> 8}.${n & 255}`;
});

async function bare(): Promise<void> {
  for (const token of tokens) {
    await jwtVerify(token, key as CryptoKey, {
      algorithms: [SIGNING_ALGORITHM],
      ...{ typ: 'at+jwt', issuer: ISSUER, audience: ISSUER },
      requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id', 'scope'],
    });
  }
}

async function cold(access: ClientAccess): Promise<void> {
  for (const [i, token] of tokens.entries()) {
    const found = await access.identify(`Bearer ${token}`, addresses[i] as string);
    if (!found.ok) throw new Error(`a good token was refused: ${found.code}`);
  }
}

/** What is known is answered without a promise. */
function warm(access: ClientAccess): void {
  for (let time = 0; time < WARM_TIMES; time++) {
    for (const [i, token] of tokens.entries()) {
      const found = access.identify(`Bearer ${token}`, addresses[i] as string);
      if (found instanceof Promise || !found.ok) throw new Error('a known token was not known');
    }
  }
}

async function costOf(of: number, work: () => Promise<void> | void): Promise<Cost> {
  const cpu = process.cpuUsage();
  const from = performance.now();
  await work();
  const clockUs = (1_000 * (performance.now() - from)) / of;
  const { user, system } = process.cpuUsage(cpu);
  return { clockUs, cpuUs: (user + system) / of };
}

const answer: Record<'bare' | 'cold' | 'warm', Cost[]> = { bare: [], cold: [], warm: [] };
for (let round = -1; round < rounds; round++) {
  const access = client.access();
  const costs = {
    bare: await costOf(count, bare),
    cold: await costOf(count, () => cold(access)),
    warm: await costOf(WARM_TIMES * count, () => warm(access)),
  };
  if (round < 0) continue; // until the compiler has settled
  for (const side of ['bare', 'cold', 'warm'] as const) answer[side].push(costs[side]);
}
process.send?.({ ...answer, bytes: tokens[0]?.length ?? 0 }, () => process.exit());
