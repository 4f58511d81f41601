import { createPublicKey, sign, verify, X509Certificate } from 'node:crypto';
import iconv from 'iconv-lite';
import { DOMParser } from '@xmldom/xmldom';
import { SignedXml } from 'xml-crypto';
import { sm2 } from 'sm-crypto-v2';
import type { BankKeys } from './keys.js';

/**
 * The banks' side of SOAP, written from the WSDL files by hand, so that it and the hub's side (which is written by
 * the WSDL itself) prove each other. A message is an element and its fields; a field that repeats is an array.
 */
export type Fields = { readonly [name: string]: string | Fields | readonly Fields[] };
export interface Message {
  readonly element: string;
  readonly fields: Fields;
}

const SOAP = 'http://schemas.xmlsoap.org/soap/envelope/';
const OASIS = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss';
const WSU = `${OASIS}-wssecurity-utility-1.0.xsd`;
const WSSE = `${OASIS}-wssecurity-secext-1.0.xsd`;
const C14N = 'http://www.w3.org/2001/10/xml-exc-c14n#';

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function xmlOf(fields: Fields): string {
  return Object.entries(fields)
    .flatMap(([name, value]) =>
      Array.isArray(value)
        ? (value as Fields[]).map((one) => [name, one] as const)
        : [[name, value as string | Fields] as const],
    )
    .map(
      ([name, value]) => `<b:${name}>${typeof value === 'string' ? escape(value) : xmlOf(value)}</b:${name}>`,
    )
    .join('');
}

const bodyOf = ({ element, fields }: Message, namespace: string): string =>
  `<b:${element} xmlns:b="${namespace}">${xmlOf(fields)}</b:${element}>`;

export interface Sealing {
  readonly keys: BankKeys;
  readonly now: number;
  /** Certificate to show; default the bank's own. */
  readonly certificatePem?: string;
}

/** WS-Security X.509, signed Body and Timestamp. */
export function sealWss(message: Message, namespace: string, { keys, now, certificatePem }: Sealing): string {
  const { bank } = keys.secrets;
  const token = new X509Certificate(certificatePem ?? bank.certificatePem).raw.toString('base64');
  const stamp = (ms: number): string => new Date(ms).toISOString();
  const xml =
    `<S:Envelope xmlns:S="${SOAP}"><S:Header><o:Security xmlns:o="${WSSE}" xmlns:u="${WSU}">` +
    `<o:BinarySecurityToken u:Id="x509-1" EncodingType="${OASIS}-soap-message-security-1.0#Base64Binary" ValueType="${OASIS}-x509-token-profile-1.0#X509v3">${token}</o:BinarySecurityToken>` +
    `<u:Timestamp u:Id="ts-1"><u:Created>${stamp(now)}</u:Created><u:Expires>${stamp(now + 300_000)}</u:Expires></u:Timestamp>` +
    `</o:Security></S:Header><S:Body xmlns:u="${WSU}" u:Id="b-1">${bodyOf(message, namespace)}</S:Body></S:Envelope>`;
  const signed = new SignedXml({
    privateKey: bank.privateKeyPem,
    idMode: 'wssecurity',
    signatureAlgorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    canonicalizationAlgorithm: C14N,
    getKeyInfoContent: () =>
      `<o:SecurityTokenReference xmlns:o="${WSSE}"><o:Reference URI="#x509-1"/></o:SecurityTokenReference>`,
  });
  for (const name of ['Timestamp', 'Body']) {
    signed.addReference({
      xpath: `//*[local-name(.)='${name}']`,
      transforms: [C14N],
      digestAlgorithm: 'http://www.w3.org/2001/04/xmlenc#sha256',
    });
  }
  signed.computeSignature(xml, {
    location: { reference: "//*[local-name(.)='Security']", action: 'append' },
  });
  return signed.getSignedXml();
}

/** `path=value` of every leaf, sorted, joined by `&`; a nested one as `Rec.0001.ICNo`. */
function leaves(fields: Fields, prefix = ''): string[] {
  return Object.entries(fields).flatMap(([name, value]) => {
    if (typeof value === 'string')
      return value === '' || name === 'Sign' ? [] : [`${prefix}${name}=${value}`];
    const list = Array.isArray(value) ? (value as Fields[]) : [value as Fields];
    return list.flatMap((one, i) => leaves(one, `${prefix}${name}.${String(i + 1).padStart(4, '0')}.`));
  });
}

const concatText = (fields: Fields): Buffer =>
  iconv.encode(
    leaves(fields)
      .sort((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1))
      .join('&'),
    'gb18030',
  );
const pathOf = (leaf: string): string => leaf.slice(0, leaf.indexOf('='));

export type Algorithm = 'RSA-SHA256' | 'SM2-SM3';

export function sealConcat(
  message: Message,
  namespace: string,
  keys: BankKeys,
  algorithm: Algorithm,
): Buffer {
  const bytes = concatText(message.fields);
  const { bank, sm2BankPrivateKey } = keys.secrets;
  const Sign =
    algorithm === 'SM2-SM3'
      ? Buffer.from(
          sm2.doSignature(Uint8Array.from(bytes), sm2BankPrivateKey, { hash: true, der: true }),
          'hex',
        ).toString('base64')
      : sign('sha256', bytes, bank.privateKeyPem).toString('base64');
  const body = bodyOf({ ...message, fields: { ...message.fields, Sign } }, namespace);
  const xml = `<?xml version="1.0" encoding="GB18030"?><S:Envelope xmlns:S="${SOAP}"><S:Body>${body}</S:Body></S:Envelope>`;
  return iconv.encode(xml, 'gb18030');
}

/** The message of an envelope, and whether the school signed it. */
export function openMessage(
  bytes: Buffer,
  security: 'wss' | 'concat',
  keys: BankKeys,
): { message: Message; algorithm: Algorithm | null } | null {
  const text = security === 'wss' ? bytes.toString('utf8') : iconv.decode(bytes, 'gb18030');
  if (/<!/.test(text)) return null;
  try {
    const document = new DOMParser({
      errorHandler: {
        error: (error: string) => {
          throw new Error(error);
        },
      },
    }).parseFromString(text, 'text/xml');
    const [body] = Array.from(document.getElementsByTagNameNS(SOAP, 'Body'));
    const root = Array.from(body?.childNodes ?? []).find((node) => node.nodeType === 1) as
      Element | undefined;
    if (root === undefined) return null;
    const message = { element: root.localName, fields: fieldsOf(root) };
    return {
      message,
      algorithm: security === 'wss' ? wssSigned(text, document, keys) : concatSigned(message, keys),
    };
  } catch {
    return null;
  }
}

function fieldsOf(element: Element): Fields {
  const fields: Record<string, string | Fields | readonly Fields[]> = {};
  for (const child of Array.from(element.childNodes)) {
    if (child.nodeType !== 1) continue;
    const one = child as Element;
    const nested = Array.from(one.childNodes).some((node) => node.nodeType === 1);
    fields[one.localName] = nested ? fieldsOf(one) : (one.textContent ?? '');
  }
  return fields;
}

function wssSigned(text: string, document: Document, keys: BankKeys): Algorithm | null {
  const [node] = Array.from(
    document.getElementsByTagNameNS('http://www.w3.org/2000/09/xmldsig#', 'Signature'),
  );
  if (node === undefined) return null;
  const signed = new SignedXml({
    publicCert: keys.credentials.school.certificatePem,
    idMode: 'wssecurity',
    getCertFromKeyInfo: () => null,
  });
  signed.loadSignature(node);
  return signed.checkSignature(text) && signed.getSignedReferences().some((xml) => xml.includes(':Body'))
    ? 'RSA-SHA256'
    : null;
}

function concatSigned({ fields }: Message, keys: BankKeys): Algorithm | null {
  const given = Buffer.from(typeof fields['Sign'] === 'string' ? fields['Sign'] : '', 'base64');
  const bytes = concatText(fields);
  if (verify('sha256', bytes, createPublicKey(keys.credentials.school.certificatePem), given))
    return 'RSA-SHA256';
  const isSm2 = sm2.doVerifySignature(
    Uint8Array.from(bytes),
    given.toString('hex'),
    keys.secrets.sm2SchoolPublicKey,
    { hash: true, der: true },
  );
  return isSm2 ? 'SM2-SM3' : null;
}

export function soapFault(code: string, text: string): string {
  return `<S:Envelope xmlns:S="${SOAP}"><S:Body><S:Fault><faultcode>S:${code}</faultcode><faultstring>${escape(text)}</faultstring></S:Fault></S:Body></S:Envelope>`;
}
