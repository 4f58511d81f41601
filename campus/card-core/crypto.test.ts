import { describe, expect, it } from 'vitest';
import { canonical, decryptText, encryptText, rsaPair, signFields, verifyFields } from './crypto.js';

const KEY = Buffer.from('0123456789abcdeffedcba98765432100011223344556677', 'hex');

// Throw-away 1024-bit key and signature, made with `openssl genrsa` and `openssl dgst -sha1 -sign`.
const PUBLIC_KEY = `-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC9bKUcgdDfZeGAAt0n2eY2QL/v
mGsWJBZAHnuiHRt/6mLcxniGFkUBhl8fNnSmy6Jujh1Vjq8QkZZnRxS8QSWKxj+V
YQ3t15jBQk33J3t5cFYkhAD8ZI5XorADxqgzFQvDUcSdJr/M8xhKWDYwSX7d8WOL
U5vF5z0kCOc8V9rgowIDAQAB
-----END PUBLIC KEY-----
`;
const SIGNATURE =
  'LFTB1IdlPyUveaogjEjnSKqeRHg4PM6DIldRpmU+VhnEH1DeQXgLe0F8t+LtSuwtEKfWkl2d2bpluj9ZQNNZvPRC' +
  'e9AwlkAfhl1m+HqFZ2YSWQQYidCDZHlmKj/Pg0FWrr5KYTP/QazxTmuCdIwCKE9GzxknYh3F5uB426Ma34s=';

describe('the gateway envelope', () => {
  it('signs key and value of every field but sign, sorted by key, without separators', () => {
    expect(canonical({ v: '2.0', app_key: 'k', sign: 'ignored', method: 'm.n', access_token: '00' })).toBe(
      'access_token00app_keykmethodm.nv2.0',
    );
  });

  it('encrypts with 3DES-CBC, zero IV, PKCS#5: vector from `openssl enc -des-ede3-cbc -iv 0`', () => {
    const text = '{"retcode":"0","errmsg":"测试"}';
    expect(encryptText(KEY, text)).toBe('zqgDQ2nnlVvkaYyzDGgGcJGU3tU/HuPgThfLSsv2X6ZW60d846prBA==');
    expect(decryptText(KEY, 'zqgDQ2nnlVvkaYyzDGgGcJGU3tU/HuPgThfLSsv2X6ZW60d846prBA==')).toBe(text);
  });

  it('verifies the signature that openssl made of the same bytes', () => {
    const fields = { errcode: '0', request: 'AAECAw==' };
    expect(canonical(fields)).toBe('errcode0requestAAECAw==');
    expect(verifyFields(PUBLIC_KEY, fields, SIGNATURE)).toBe(true);
    expect(verifyFields(PUBLIC_KEY, { ...fields, errcode: '1' }, SIGNATURE)).toBe(false);
  });

  it('makes signatures that its other half accepts, and only for the same fields', () => {
    const { publicKey, privateKey } = rsaPair();
    const fields = { method: 'cardhub.card.head', request: 'x', app_key: '甲' };
    const sign = signFields(privateKey, fields);
    expect(verifyFields(publicKey, { ...fields, sign }, sign)).toBe(true);
    expect(verifyFields(publicKey, { ...fields, request: 'y' }, sign)).toBe(false);
  });
});
