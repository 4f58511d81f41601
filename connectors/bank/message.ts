import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import iconv from 'iconv-lite';
import { XMLSerializer } from '@xmldom/xmldom';
import { concatSign, concatVerify, leavesOf, type ConcatKeys } from './concat.js';
import { bankError } from './errors.js';
import type { PinnedCertificate } from './certificate.js';
import type { BankProfile, Field, Shape } from './profiles.js';
import type { openSigned, Signer, signEnvelope } from './wss.js';
import { childElements, decodeXml, onlyChild, parseXml, SOAP } from './xml.js';

/**
 * SOAP messages of one profile: values → signed bytes, and bytes → verified values. The `soap` library writes and
 * reads the elements by the WSDL; it is given only what a signature covers.
 */
/** Text of a field; a field that is absent or nested has none. */
export const textOf = (value: Values[string]): string => (typeof value === 'string' ? value : '');

export type Values = { readonly [field: string]: string | Values | readonly Values[] | undefined };

export interface Security {
  readonly wss?: { readonly signer: Signer; readonly pinned: readonly PinnedCertificate[] };
  readonly concat?: ConcatKeys;
}

export interface Message {
  /** Name of the Body's element. */
  readonly element: string;
  /** As the WSDL names them; numbers and booleans as text. */
  readonly values: Values;
}

/** The text of a WSDL of ours. It stands in `openapi/` at the package's root, beside the source or the build. */
export function wsdlText(file: string): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'openapi', file))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`openapi/${file} not found above ${import.meta.url}`);
    folder = parent;
  }
  return readFileSync(join(folder, 'openapi', file), 'utf8');
}

/** SHA-256 of what a WSDL promises: without documentation, blanks and the address of the service. */
export function wsdlDigest(text: string): string {
  const kept = text
    .replaceAll(/<\?xml[^>]*\?>/g, '')
    .replaceAll(/<(\w+:)?annotation>[\s\S]*?<\/(\w+:)?annotation>/g, '')
    .replaceAll(/<(\w+:)?documentation>[\s\S]*?<\/(\w+:)?documentation>/g, '')
    .replaceAll(/<(\w+:)?address\s[^>]*>/g, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/> </g, '><')
    .trim();
  return createHash('sha256').update(kept).digest('hex');
}

export interface Codec {
  /** A message as bytes, signed. */
  seal(element: string, values: Values, now: number): Buffer;
  /** @throws ConnectorError with a reason of `BANK_REASONS` */
  open(bytes: Uint8Array, now: number): Message;
}

export async function openCodec(profile: BankProfile, security: Security): Promise<Codec> {
  // Two large libraries, for whom a bank is configured and no other command.
  const [{ WSDL }, wss] = await Promise.all([import('soap'), import('./wss.js')]);
  const wsdl = new WSDL(wsdlText(profile.wsdl), profile.wsdl, {});
  await new Promise<void>((resolve, reject) => {
    wsdl.onReady((error: Error | undefined | null) => (error ? reject(error) : resolve()));
  });
  const write = (element: string, values: Values): string =>
    String(wsdl.objectToDocumentXML(element, values, 'tns', profile.namespace));
  const read = (body: Node): Message => {
    const message = messageOf(body, profile.namespace);
    // The Body's own attributes stay behind: the library would take them for a field.
    const xml = `<soap:Envelope xmlns:soap="${SOAP}"><soap:Body>${serialized(message)}</soap:Body></soap:Envelope>`;
    const parsed = wsdl.xmlToObject(xml) as { Body: Record<string, unknown> };
    return { element: message.localName, values: textsOf(parsed.Body[message.localName]) };
  };
  return profile.security === 'wss'
    ? wssCodec(profile, { ...(security.wss as NonNullable<Security['wss']>), ...wss }, write, read)
    : concatCodec(profile, security.concat as ConcatKeys, write, read);
}

type Write = (element: string, values: Values) => string;
/** What a signature covers → its one message. */
type Read = (body: Node) => Message;

const serialized = (element: Element): string => new XMLSerializer().serializeToString(element);

function messageOf(body: Node, namespace: string): Element {
  const [message, ...others] = childElements(body);
  if (message === undefined || others.length > 0 || message.namespaceURI !== namespace) {
    throw bankError('NOT_SOAP', 'expected one element of the bank’s namespace in the Body', 'now');
  }
  return message;
}

type Wss = NonNullable<Security['wss']> & {
  readonly signEnvelope: typeof signEnvelope;
  readonly openSigned: typeof openSigned;
};

function wssCodec(profile: BankProfile, wss: Wss, write: Write, read: Read): Codec {
  return {
    seal: (element, values, now) =>
      Buffer.from(
        `<?xml version="1.0" encoding="UTF-8"?>${wss.signEnvelope(write(element, values), wss.signer, now)}`,
      ),
    open(bytes, now) {
      const text = decodeXml(bytes, profile.encoding);
      refuseFault(text);
      return read(parseXml(wss.openSigned(text, wss.pinned, now)).documentElement);
    },
  };
}

function concatCodec(profile: BankProfile, keys: ConcatKeys, write: Write, read: Read): Codec {
  return {
    seal(element, values) {
      const leaves = leavesOf(parseXml(write(element, values)).documentElement);
      const body = write(element, { ...values, [profile.fields.sign]: concatSign(leaves, keys) });
      const xml = `<?xml version="1.0" encoding="GB18030"?><soap:Envelope xmlns:soap="${SOAP}"><soap:Body>${body}</soap:Body></soap:Envelope>`;
      return iconv.encode(xml, 'gb18030');
    },
    open(bytes) {
      const text = decodeXml(bytes, profile.encoding);
      refuseFault(text);
      const envelope = parseXml(text).documentElement;
      const body = onlyChild(envelope, SOAP, 'Body');
      if (body === undefined) throw bankError('NOT_SOAP', 'expected a Body', 'now');
      concatVerify(leavesOf(messageOf(body, profile.namespace)), keys);
      return read(body);
    },
  };
}

/**
 * A fault is signed by nobody, so nothing follows from it but that the call failed. Its code is shown when it is one
 * of SOAP's own words.
 */
function refuseFault(text: string): void {
  const root = parseXml(text).documentElement;
  if (root.namespaceURI !== SOAP || root.localName !== 'Envelope') {
    throw bankError('NOT_SOAP', 'expected a SOAP 1.1 envelope', 'now');
  }
  const body = onlyChild(root, SOAP, 'Body');
  const fault = body === undefined ? undefined : onlyChild(body, SOAP, 'Fault');
  if (fault === undefined) return;
  const code = childElements(fault).find(({ localName }) => localName === 'faultcode')?.textContent ?? '';
  const known = /(Server|Client|VersionMismatch|MustUnderstand)$/.exec(code)?.[1] ?? 'of another kind';
  throw bankError('FAULT', `the bank answered with a SOAP fault ${known}`, 'now');
}

function textsOf(value: unknown): Values {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const texts: Record<string, string | Values | readonly Values[]> = {};
  for (const [name, one] of Object.entries(given)) {
    if (one === null || one === undefined) continue;
    if (Array.isArray(one)) texts[name] = one.map(textsOf);
    else if (typeof one === 'object') texts[name] = textsOf(one);
    else texts[name] = `${one as number | boolean | string}`;
  }
  return texts;
}

/** Values by our words; a field that is missing or that nobody knows is refused (a renamed one is both). */
export function fieldsOf(
  values: Values,
  shape: Shape,
  profile: BankProfile,
): Partial<Record<Field, Values[string]>> {
  const found: Partial<Record<Field, Values[string]>> = {};
  const known = new Set<string>(profile.security === 'concat' ? [profile.fields.sign] : []);
  for (const field of [...shape.must, ...shape.may]) {
    const name = profile.fields[field];
    known.add(name);
    if (values[name] !== undefined) found[field] = values[name];
  }
  const missing = shape.must
    .filter((field) => found[field] === undefined)
    .map((field) => profile.fields[field]);
  const unknown = Object.keys(values).filter((name) => !known.has(name));
  if (missing.length > 0 || unknown.length > 0) {
    const came = unknown.filter((name) => /^[A-Za-z]\w{0,31}$/.test(name)).slice(0, 5);
    throw bankError(
      'FIELDS',
      `fields missing: ${missing.join(', ') || 'none'}; not known: ${came.join(', ') || unknown.length}`,
      'later',
    );
  }
  return found;
}
