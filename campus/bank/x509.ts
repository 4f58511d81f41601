import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';

/**
 * Self-signed X.509 v3 certificates, as small as they can be (RFC 5280): Node can read certificates but not make
 * them. For the simulated banks only.
 */
const tlv = (tag: number, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >>> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), body]);
};
const sequence = (...parts: readonly Buffer[]): Buffer => tlv(0x30, ...parts);
const NULL = tlv(0x05);
const hex = (text: string): Buffer => Buffer.from(text, 'hex');
/** sha256WithRSAEncryption, commonName */
const SHA256_RSA = sequence(tlv(0x06, hex('2a864886f70d01010b')), NULL);
const COMMON_NAME = tlv(0x06, hex('550403'));

const name = (common: string): Buffer =>
  sequence(tlv(0x31, sequence(COMMON_NAME, tlv(0x0c, Buffer.from(common, 'utf8')))));

/** UTCTime to 2049, GeneralizedTime after. */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().slice(0, 19).replaceAll(/[-T:]/g, '');
  return digits < '2050'
    ? tlv(0x17, Buffer.from(`${digits.slice(2)}Z`))
    : tlv(0x18, Buffer.from(`${digits}Z`));
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

export interface Identity {
  /** PKCS#8 PEM. */
  readonly privateKeyPem: string;
  readonly certificatePem: string;
}

/** A certificate for a key that there is. */
export function certify(
  privateKeyPem: string,
  common: string,
  valid: { readonly from: number; readonly to: number },
  serial: number,
): string {
  const publicKey = createPublicKey(privateKeyPem).export({ format: 'der', type: 'spki' });
  const content = sequence(
    tlv(0xa0, tlv(0x02, hex('02'))),
    tlv(0x02, Buffer.from([serial & 0x7f || 1])),
    SHA256_RSA,
    name(common),
    sequence(time(valid.from), time(valid.to)),
    name(common),
    publicKey,
  );
  const signature = sign('sha256', content, privateKeyPem);
  return pem(sequence(content, SHA256_RSA, tlv(0x03, hex('00'), signature)));
}

export function identity(
  common: string,
  valid: { readonly from: number; readonly to: number },
  serial: number,
): Identity {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  return { privateKeyPem: privateKey, certificatePem: certify(privateKey, common, valid, serial) };
}
