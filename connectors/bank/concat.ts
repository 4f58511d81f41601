import { createPrivateKey, createPublicKey, sign, verify, X509Certificate } from 'node:crypto';
import iconv from 'iconv-lite';
import { sm2 } from 'sm-crypto-v2';
import { ConnectorError } from '../sdk.js';
import { bankError } from './errors.js';
import { childElements } from './xml.js';

/**
 * The signature of most Chinese bank interfaces: the message's fields as `path=value`, empty ones left out, in
 * order of path (by code unit), joined by `&`, in GB18030, signed. It stands in the message's own field `Sign`.
 * RSA-SHA256 (PKCS #1 v1.5) or SM2 with SM3 (GB/T 32918, user id 1234567812345678).
 */
export type ConcatAlgorithm = 'RSA-SHA256' | 'SM2-SM3';
export const SIGN_FIELD = 'Sign';

export interface ConcatKeys {
  readonly algorithm: ConcatAlgorithm;
  /** PKCS#8 PEM, or 64 hex digits for SM2. */
  readonly privateKey: string;
  /** The bank's: X.509 PEM for RSA; 130 hex digits (04…) for SM2. One of these must fit. */
  readonly bankKeys: readonly string[];
}

/** A leaf of the message: path from below the message's element, and its text. */
export type Leaf = readonly [path: string, value: string];

/** Leaves of an element in document order; a repeated element is numbered, `Rec.0002.ICNo`. */
export function leavesOf(element: Element, prefix = ''): Leaf[] {
  const children = childElements(element);
  const total = new Map<string, number>();
  for (const { localName } of children) total.set(localName, (total.get(localName) ?? 0) + 1);
  const seen = new Map<string, number>();
  return children.flatMap((child): Leaf[] => {
    const name = child.localName;
    const nested = childElements(child).length > 0;
    const nth = (seen.get(name) ?? 0) + 1;
    seen.set(name, nth);
    if (!nested && (total.get(name) ?? 0) > 1) {
      throw bankError('FIELDS', `the field ${name} stands twice`, 'now');
    }
    const path = `${prefix}${name}`;
    // Without this, `a=1&b=2` could be one field or two: what is signed must mean one message only.
    if (!nested && child.textContent?.includes('&'))
      throw bankError('FIELDS', 'a value with & cannot be signed', 'later');
    if (nested) return leavesOf(child, `${path}.${String(nth).padStart(4, '0')}.`);
    return [[path, child.textContent ?? '']];
  });
}

/** The bytes that are signed. */
export function signedBytes(leaves: readonly Leaf[]): Buffer {
  const text = leaves
    .filter(([path, value]) => path !== SIGN_FIELD && value !== '')
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([path, value]) => `${path}=${value}`)
    .join('&');
  return iconv.encode(text, 'gb18030');
}

export function concatSign(leaves: readonly Leaf[], keys: ConcatKeys): string {
  const bytes = signedBytes(leaves);
  if (keys.algorithm === 'RSA-SHA256')
    return sign('sha256', bytes, createPrivateKey(keys.privateKey)).toString('base64');
  const hex = sm2.doSignature(Uint8Array.from(bytes), keys.privateKey, { hash: true, der: true });
  return Buffer.from(hex, 'hex').toString('base64');
}

/** @throws ConnectorError SIGNATURE_MISSING, SIGNATURE_WRONG */
export function concatVerify(leaves: readonly Leaf[], keys: ConcatKeys): void {
  const given = leaves.find(([path]) => path === SIGN_FIELD)?.[1].trim() ?? '';
  if (given === '')
    throw bankError('SIGNATURE_MISSING', `expected the field ${SIGN_FIELD}; came none`, 'later');
  const signature = Buffer.from(given, 'base64');
  const bytes = signedBytes(leaves);
  if (!keys.bankKeys.some((key) => isSignedBy(key, bytes, signature, keys.algorithm))) {
    throw bankError('SIGNATURE_WRONG', 'the signature does not fit the fields', 'now');
  }
}

function isSignedBy(key: string, bytes: Buffer, signature: Buffer, algorithm: ConcatAlgorithm): boolean {
  try {
    if (algorithm === 'RSA-SHA256')
      return verify('sha256', bytes, new X509Certificate(key).publicKey, signature);
    return sm2.doVerifySignature(Uint8Array.from(bytes), signature.toString('hex'), key, {
      hash: true,
      der: true,
    });
  } catch {
    return false;
  }
}

/** @throws ConnectorError CONFIG */
export function assertConcatKeys(keys: ConcatKeys): void {
  if (keys.algorithm === 'SM2-SM3') {
    const fits =
      /^[\da-f]{64}$/i.test(keys.privateKey) && keys.bankKeys.every((key) => /^04[\da-f]{128}$/i.test(key));
    if (!fits)
      throw new ConnectorError(
        'CONFIG',
        'options privateKey, bankPublicKeys: expected SM2 keys in hex (64 and 130 digits)',
        'never',
      );
    return;
  }
  try {
    createPrivateKey(keys.privateKey);
    for (const key of keys.bankKeys)
      createPublicKey(new X509Certificate(key).publicKey.export({ format: 'pem', type: 'spki' }));
  } catch (cause) {
    throw new ConnectorError('CONFIG', 'option privateKey: expected a PKCS#8 PEM', 'never', { cause });
  }
}
