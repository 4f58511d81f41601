import { createCipheriv, createDecipheriv, createSign, createVerify, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/**
 * The gateway's envelope, written from the protocol text and not shared with the hub, so that one proves the
 * other. Legacy by nature (3DES with a zero IV, SHA-1): it stays inside this protocol.
 */
const ZERO_IV = Buffer.alloc(8);

/** base64(3DES-CBC, zero IV, PKCS#5, UTF-8). `key`: 24 bytes. */
export function encryptText(key: Buffer, text: string): string {
  const cipher = createCipheriv('des-ede3-cbc', key, ZERO_IV);
  return Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]).toString('base64');
}

/** The inverse of `encryptText`; throws when the padding is wrong. */
export function decryptText(key: Buffer, text: string): string {
  const decipher = createDecipheriv('des-ede3-cbc', key, ZERO_IV);
  return Buffer.concat([decipher.update(text, 'base64'), decipher.final()]).toString('utf8');
}

/** What is signed: key and value of every field but `sign`, sorted by key, without separators. */
export function canonical(fields: Readonly<Record<string, string>>): string {
  const keys = Object.keys(fields).filter((key) => key !== 'sign');
  return keys.sort().reduce((text, key) => text + key + (fields[key] ?? ''), '');
}

/** base64(RSA PKCS#1 v1.5 with SHA-1). */
export function signFields(privateKey: KeyObject | string, fields: Readonly<Record<string, string>>): string {
  return createSign('RSA-SHA1').update(canonical(fields), 'utf8').sign(privateKey, 'base64');
}

export function verifyFields(
  publicKey: KeyObject | string,
  fields: Readonly<Record<string, string>>,
  sign: string,
): boolean {
  return createVerify('RSA-SHA1').update(canonical(fields), 'utf8').verify(publicKey, sign, 'base64');
}

export function rsaPair(): { publicKey: string; privateKey: string } {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}
