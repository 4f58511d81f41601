import { createPrivateKey } from 'node:crypto';
import {
  ConnectorError,
  type CheckResult,
  type Connector,
  type ConnectorContext,
  type ConnectorFactory,
  streamsOf,
} from '../sdk.js';
import type { HttpLimits } from '../sdk-http.js';
import { checked } from '../sdk-pages.js';
import { agreementsStream, bankTime } from './agreements.js';
import { EXPIRY_WARNING_DAYS, expiryLine, pinnedCertificate, type PinnedCertificate } from './certificate.js';
import { openClient, type BankClient } from './client.js';
import { assertConcatKeys, type ConcatAlgorithm } from './concat.js';
import { knowsLoads } from './loads.js';
import type { Security } from './message.js';
import { receiveNotice } from './notices.js';
import { addDays, compactDay, PROFILES, type BankProfile, type ProfileName } from './profiles.js';
import type { Layout } from './recon-file.js';
import { reconStream } from './recon.js';
import { bankSoapSpec, bankStreams } from './spec.js';
import { DEFAULT_WINDOW, minutesOf, type ServiceWindow } from './window.js';

export interface BankOptions {
  readonly profile: ProfileName;
  readonly url: string;
  readonly merchant: string;
  readonly privateKey: string;
  readonly certificate?: string;
  readonly bankCertificates?: readonly string[];
  readonly algorithm?: ConcatAlgorithm;
  readonly bankPublicKeys?: readonly string[];
  readonly pageRows?: number;
  readonly window?: { readonly closes?: string; readonly opens?: string };
  readonly description?: 'check' | 'ignore';
  readonly recon?: {
    readonly layout?: Layout;
    readonly from?: string;
    readonly recheckDays?: number;
    readonly fileBytes?: number;
  };
  readonly http?: Partial<HttpLimits>;
}

const RECON_DAYS_BEFORE = 7;
const DAY_MS = 86_400_000;
const CLOCK_MS_MAX = 60_000;

/** `bank/soap` */
export const bankSoap: ConnectorFactory = {
  spec: bankSoapSpec,
  open(given: Record<string, unknown>, context: ConnectorContext): Connector {
    const options = given as unknown as BankOptions;
    const profile = PROFILES[options.profile];
    const { security, watched } = securityOf(options);
    const window = windowOf(options);
    const client = openClient(
      {
        url: options.url,
        merchant: options.merchant,
        profile,
        security,
        window,
        checkDescription: options.description !== 'ignore',
        http: options.http ?? {},
      },
      context,
    );
    warnOfExpiry(watched, context);
    const pageRows = options.pageRows ?? 200;
    const streams = {
      agreements: agreementsStream(bankStreams.agreements, client, profile, pageRows),
      recon: reconStream(bankStreams.recon, {
        client,
        profile,
        now: context.now,
        note: (detail) => context.note({ kind: 'skipped', detail }),
        options: {
          layout: options.recon?.layout ?? 'total',
          from: options.recon?.from ?? addDays(compactDay(context.now()), -RECON_DAYS_BEFORE),
          recheckDays: options.recon?.recheckDays ?? 7,
          fileBytes: options.recon?.fileBytes ?? 16_777_216,
          pageRows,
          window,
        },
      }),
    } as const;
    const skew = (signal: AbortSignal): Promise<number> => clockSkew(client, context, signal);
    return {
      spec: bankSoapSpec,
      check: (signal) => check({ client, profile, watched, context, skew }, signal),
      stream: streamsOf(bankSoapSpec.kind, [streams.agreements, streams.recon]),
      loads: knowsLoads(client, profile, window, context.now),
      receive: (body) =>
        receiveNotice(body, { client, profile, merchant: options.merchant, now: context.now }),
      clockSkewMs: skew,
      close: () => client.close(),
    };
  },
};

interface Watched {
  readonly name: string;
  readonly certificates: readonly PinnedCertificate[];
}

function securityOf(options: BankOptions): { security: Security; watched: readonly Watched[] } {
  const privateKey = options.privateKey.replaceAll('\\n', '\n');
  const algorithm = options.algorithm ?? 'RSA-SHA256';
  const bank = (options.bankCertificates ?? []).map((pem, i) =>
    pinnedCertificate(pem, `bankCertificates.${i}`),
  );
  const watched: Watched[] =
    bank.length === 0 ? [] : [{ name: 'certificate of the bank', certificates: bank }];
  if (options.profile === 'concat-gb18030') {
    const bankKeys = algorithm === 'SM2-SM3' ? (options.bankPublicKeys ?? []) : bank.map(({ pem }) => pem);
    if (bankKeys.length === 0) throw missing(algorithm === 'SM2-SM3' ? 'bankPublicKeys' : 'bankCertificates');
    const concat = { algorithm, privateKey, bankKeys };
    assertConcatKeys(concat);
    return { security: { concat }, watched };
  }
  if (options.certificate === undefined) throw missing('certificate');
  if (bank.length === 0) throw missing('bankCertificates');
  try {
    createPrivateKey(privateKey);
  } catch (cause) {
    throw new ConnectorError('CONFIG', 'option privateKey: expected a PKCS#8 PEM', 'never', { cause });
  }
  const certificate = pinnedCertificate(options.certificate, 'certificate');
  watched.push({ name: 'certificate of the school', certificates: [certificate] });
  return { security: { wss: { signer: { privateKeyPem: privateKey, certificate }, pinned: bank } }, watched };
}

const missing = (option: string): ConnectorError =>
  new ConnectorError('CONFIG', `option "${option}" is missing; this profile needs it`, 'never');

function windowOf({ window }: BankOptions): ServiceWindow {
  return {
    closesAt: minutesOf(window?.closes ?? '') ?? DEFAULT_WINDOW.closesAt,
    opensAt: minutesOf(window?.opens ?? '') ?? DEFAULT_WINDOW.opensAt,
  };
}

function warnOfExpiry(watched: readonly Watched[], { now, note }: ConnectorContext): void {
  for (const { name, certificates } of watched) {
    const end = Math.max(...certificates.map(({ notAfter }) => notAfter));
    if (end - now() > EXPIRY_WARNING_DAYS * DAY_MS) continue;
    note({ kind: 'certificate', detail: `${name}: ${expiryLine(name, certificates, now()).detail}` });
  }
}

async function clockSkew(
  client: BankClient,
  context: ConnectorContext,
  signal: AbortSignal,
): Promise<number> {
  const before = context.now();
  const answer = await client.call('QuerySigning', { rows: '1' }, signal);
  return bankTime(answer) - (before + context.now()) / 2;
}

interface CheckParts {
  readonly client: BankClient;
  readonly profile: BankProfile;
  readonly watched: readonly Watched[];
  readonly context: ConnectorContext;
  readonly skew: (signal: AbortSignal) => Promise<number>;
}

async function check(parts: CheckParts, signal: AbortSignal): Promise<readonly CheckResult[]> {
  const { client, profile, watched, context, skew } = parts;
  const lines = watched.map(({ name, certificates }) => expiryLine(name, certificates, context.now()));
  const described = await checked('WSDL', signal, async () => {
    const same = await client.description(signal);
    if (same === null) return { ok: true, detail: 'the bank does not serve it' };
    const ours = `openapi/${profile.wsdl}`;
    return {
      ok: same,
      detail: same ? `the same as ${ours}` : `WSDL_CHANGED: other than ${ours}; compare them`,
    };
  });
  const signing = await checked('query and clock', signal, async () => {
    const ms = Math.round(await skew(signal));
    return { ok: Math.abs(ms) <= CLOCK_MS_MAX, detail: `the bank’s clock is ${ms} ms from ours` };
  });
  return [...lines, described, signing];
}
