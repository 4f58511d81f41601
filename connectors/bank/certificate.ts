import { X509Certificate } from 'node:crypto';
import { ConnectorError } from '../sdk.js';
import { bankError } from './errors.js';

/**
 * Certificates are pinned: the bank hands its own over at the counter, and its successor before the old one ends.
 * No chain is built and no trust store asked; who is not pinned is nobody.
 */
export interface PinnedCertificate {
  readonly pem: string;
  readonly der: Buffer;
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Days before the end from which `check` warns. */
export const EXPIRY_WARNING_DAYS = 30;
const DAY_MS = 86_400_000;
const DER_BYTES_MAX = 8_192;

/** @throws ConnectorError CONFIG naming the option */
export function pinnedCertificate(pem: string, option: string): PinnedCertificate {
  try {
    return described(new X509Certificate(pem.replaceAll('\\n', '\n')));
  } catch (cause) {
    throw new ConnectorError('CONFIG', `option ${option}: expected an X.509 certificate in PEM`, 'never', {
      cause,
    });
  }
}

function described(certificate: X509Certificate): PinnedCertificate {
  return {
    pem: certificate.toString(),
    der: certificate.raw,
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
  };
}

/** The pinned certificate that a message presents. @throws ConnectorError CERTIFICATE_* */
export function presentedCertificate(
  base64: string,
  pinned: readonly PinnedCertificate[],
  now: number,
): PinnedCertificate {
  const der = Buffer.from(base64.replaceAll(/\s/g, ''), 'base64');
  const known = pinned.find((certificate) => certificate.der.equals(der));
  if (known === undefined) {
    const expired = der.length > 0 && der.length <= DER_BYTES_MAX && isExpired(der, now);
    throw expired
      ? expiredError()
      : bankError(
          'CERTIFICATE_UNKNOWN',
          'signed with a certificate that is not pinned; ask the bank whether it changed, then set bankCertificates',
          'later',
        );
  }
  assertValid(known, now);
  return known;
}

export function assertValid(
  certificate: Pick<PinnedCertificate, 'notBefore' | 'notAfter'>,
  now: number,
): void {
  if (now > certificate.notAfter) throw expiredError();
  if (now < certificate.notBefore) {
    throw bankError('CERTIFICATE_NOT_YET', 'the certificate is not valid yet; look at the clocks', 'later');
  }
}

const expiredError = (): ConnectorError =>
  bankError('CERTIFICATE_EXPIRED', 'the certificate has expired; ask the bank for the new one', 'later');

function isExpired(der: Buffer, now: number): boolean {
  try {
    return now > Date.parse(new X509Certificate(der).validTo);
  } catch {
    return false;
  }
}

/** One line of `check`. */
export function expiryLine(
  name: string,
  certificates: readonly PinnedCertificate[],
  now: number,
): { readonly name: string; readonly ok: boolean; readonly detail: string } {
  const end = Math.max(...certificates.map(({ notAfter }) => notAfter));
  const days = Math.floor((end - now) / DAY_MS);
  const until = new Date(end).toISOString().slice(0, 10);
  if (days < 0) return { name, ok: false, detail: `CERTIFICATE_EXPIRED: ended on ${until}; get a new one` };
  const hint =
    days < EXPIRY_WARNING_DAYS ? `; only ${days} days left, get the next one now` : `, ${days} days`;
  return { name, ok: days >= EXPIRY_WARNING_DAYS, detail: `valid until ${until}${hint}` };
}
