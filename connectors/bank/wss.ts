import { SignedXml } from 'xml-crypto';
import { bankError } from './errors.js';
import { presentedCertificate, type PinnedCertificate } from './certificate.js';
import { childElements, escapeXml, onlyChild, parseXml, SOAP } from './xml.js';

/**
 * WS-Security X.509 signatures (OASIS WSS 1.0, X.509 token profile), one narrow form of them in both directions:
 * one signature in `Envelope/Header/Security`, RSA-SHA256 over exclusive c14n, that covers the Body and the
 * Timestamp. Everything else is refused, since each freedom of XML signatures has been an attack.
 */
const OASIS = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss';
export const WSSE = `${OASIS}-wssecurity-secext-1.0.xsd`;
export const WSU = `${OASIS}-wssecurity-utility-1.0.xsd`;
const X509V3 = `${OASIS}-x509-token-profile-1.0#X509v3`;
const BASE64 = `${OASIS}-soap-message-security-1.0#Base64Binary`;
const DS = 'http://www.w3.org/2000/09/xmldsig#';
const EXC_C14N = 'http://www.w3.org/2001/10/xml-exc-c14n#';
const RSA_SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256';
const SHA256 = 'http://www.w3.org/2001/04/xmlenc#sha256';

/** How long a message of ours may travel, and how far the bank's signed time may be off. */
const VALID_MS = 300_000;
export const STALE_MS_MAX = 600_000;

export interface Signer {
  readonly privateKeyPem: string;
  readonly certificate: PinnedCertificate;
}

/** Body XML (one element) → signed SOAP envelope. */
export function signEnvelope(body: string, signer: Signer, now: number): string {
  const created = new Date(now).toISOString();
  const expires = new Date(now + VALID_MS).toISOString();
  const token = signer.certificate.der.toString('base64');
  const envelope =
    `<soap:Envelope xmlns:soap="${SOAP}" xmlns:wsu="${WSU}"><soap:Header>` +
    `<wsse:Security xmlns:wsse="${WSSE}" soap:mustUnderstand="1">` +
    `<wsse:BinarySecurityToken EncodingType="${BASE64}" ValueType="${X509V3}" wsu:Id="token">${token}</wsse:BinarySecurityToken>` +
    `<wsu:Timestamp wsu:Id="time"><wsu:Created>${escapeXml(created)}</wsu:Created><wsu:Expires>${escapeXml(expires)}</wsu:Expires></wsu:Timestamp>` +
    `</wsse:Security></soap:Header><soap:Body wsu:Id="body">${body}</soap:Body></soap:Envelope>`;
  const signature = new SignedXml({
    privateKey: signer.privateKeyPem,
    signatureAlgorithm: RSA_SHA256,
    canonicalizationAlgorithm: EXC_C14N,
    idMode: 'wssecurity',
    getKeyInfoContent: () =>
      `<wsse:SecurityTokenReference xmlns:wsse="${WSSE}"><wsse:Reference URI="#token" ValueType="${X509V3}"/></wsse:SecurityTokenReference>`,
  });
  for (const name of ['Body', 'Timestamp']) {
    signature.addReference({
      xpath: `//*[local-name(.)='${name}']`,
      transforms: [EXC_C14N],
      digestAlgorithm: SHA256,
    });
  }
  signature.computeSignature(envelope, {
    prefix: 'ds',
    location: { reference: `//*[local-name(.)='Security']`, action: 'append' },
  });
  return signature.getSignedXml();
}

/**
 * The signed Body of an envelope, as canonical XML: what xml-crypto has verified, never nodes of the document that
 * came. @throws ConnectorError with one of the SIGNATURE, DIGEST, CERTIFICATE and XML reasons
 */
export function openSigned(text: string, pinned: readonly PinnedCertificate[], now: number): string {
  const envelope = parseXml(text).documentElement;
  if (envelope.namespaceURI !== SOAP || envelope.localName !== 'Envelope') {
    throw bankError('NOT_SOAP', 'expected a SOAP 1.1 envelope', 'now');
  }
  const body = onlyChild(envelope, SOAP, 'Body');
  const header = onlyChild(envelope, SOAP, 'Header');
  const security = header === undefined ? undefined : onlyChild(header, WSSE, 'Security');
  const signature = security === undefined ? undefined : onlyChild(security, DS, 'Signature');
  if (body === undefined || security === undefined || signature === undefined) {
    throw bankError('SIGNATURE_MISSING', 'expected a signed Body; came none', 'later');
  }
  const time = onlyChild(security, WSU, 'Timestamp');
  refuseAmbiguity(envelope, signature);
  const token = onlyChild(security, WSSE, 'BinarySecurityToken')?.textContent ?? '';
  const certificate = presentedCertificate(token, pinned, now);
  const expected = [body, time].flatMap((element) =>
    element === undefined ? [] : [`#${element.getAttributeNS(WSU, 'Id') ?? ''}`],
  );
  refuseOtherForms(signature, expected);
  const [signedBody, signedTime] = verified(text, signature, certificate);
  assertFresh(signedTime, now);
  return signedBody;
}

/** One signature in the whole document, every id once: else signer and reader can mean different elements. */
function refuseAmbiguity(envelope: Element, signature: Element): void {
  const ids = new Set<string>();
  const walk = (element: Element): void => {
    if (element.namespaceURI === DS && element.localName === 'Signature' && element !== signature) {
      throw bankError('SIGNATURE_WRAPPED', 'a second signature', 'never');
    }
    for (const attribute of Array.from(element.attributes)) {
      if (!/^(id|ID|Id)$/.test(attribute.localName ?? attribute.name)) continue;
      if (ids.has(attribute.value)) throw bankError('SIGNATURE_WRAPPED', 'an id stands twice', 'never');
      ids.add(attribute.value);
    }
    for (const child of childElements(element)) walk(child);
  };
  walk(envelope);
}

/** The references are the Body and the Timestamp where they stand, with the algorithms that were agreed on. */
function refuseOtherForms(signature: Element, expected: readonly string[]): void {
  const info = onlyChild(signature, DS, 'SignedInfo');
  if (info === undefined) throw bankError('SIGNATURE_MISSING', 'a signature without SignedInfo', 'later');
  const algorithm = (name: string): string => onlyChild(info, DS, name)?.getAttribute('Algorithm') ?? '';
  if (algorithm('CanonicalizationMethod') !== EXC_C14N || algorithm('SignatureMethod') !== RSA_SHA256) {
    throw bankError('ALGORITHM', 'expected RSA-SHA256 over exclusive c14n', 'never');
  }
  const references = childElements(info).filter(({ localName }) => localName === 'Reference');
  for (const reference of references) {
    const transforms = childElements(reference).find(({ localName }) => localName === 'Transforms');
    const names =
      transforms === undefined ? [] : childElements(transforms).map((one) => one.getAttribute('Algorithm'));
    const digest = onlyChild(reference, DS, 'DigestMethod')?.getAttribute('Algorithm');
    if (names.length !== 1 || names[0] !== EXC_C14N || digest !== SHA256) {
      throw bankError('ALGORITHM', 'expected one exclusive c14n and SHA-256 for each reference', 'never');
    }
  }
  const uris = references.map((reference) => reference.getAttribute('URI') ?? '');
  if (
    expected.length !== 2 ||
    uris.length !== 2 ||
    !expected.every((uri) => uri !== '#' && uris.includes(uri))
  ) {
    throw bankError('SIGNATURE_WRAPPED', 'the signature does not cover exactly Body and Timestamp', 'never');
  }
}

function verified(text: string, node: Element, certificate: PinnedCertificate): readonly [string, string] {
  const signature = new SignedXml({
    publicCert: certificate.pem,
    idMode: 'wssecurity',
    // The key is the pinned one, whatever the message says about its own.
    getCertFromKeyInfo: () => null,
  });
  let valid = false;
  try {
    signature.loadSignature(node);
    valid = signature.checkSignature(text);
  } catch (cause) {
    // xml-crypto tells a wrong digest from a wrong signature only in its words; the reasons are ours.
    const digest = cause instanceof Error && /digest|reference/i.test(cause.message);
    throw digest
      ? bankError('DIGEST_WRONG', 'what was signed has been changed', 'now', { cause })
      : bankError('SIGNATURE_WRONG', 'the signature cannot be verified', 'now', { cause });
  }
  // With a good signature value the list is filled only when every digest fits.
  if (!valid) throw bankError('DIGEST_WRONG', 'the signature or a digest is not right', 'now');
  const signed = signature.getSignedReferences();
  const find = (namespace: string, name: string): string => {
    const found = signed.filter((xml) => {
      const root = parseXml(xml).documentElement;
      return root.namespaceURI === namespace && root.localName === name;
    });
    if (found.length !== 1) throw bankError('SIGNATURE_WRAPPED', `expected one signed ${name}`, 'never');
    return found[0] as string;
  };
  return [find(SOAP, 'Body'), find(WSU, 'Timestamp')];
}

function assertFresh(timestamp: string, now: number): void {
  const root = parseXml(timestamp).documentElement;
  const at = (name: string): number => Date.parse(onlyChild(root, WSU, name)?.textContent ?? '');
  const created = at('Created');
  if (Number.isNaN(created) || Math.abs(now - created) > STALE_MS_MAX || now > at('Expires') + STALE_MS_MAX) {
    throw bankError('STALE', 'the signed time is more than ten minutes from ours; look at the clocks', 'now');
  }
}
