import { DOMParser } from '@xmldom/xmldom';
import { bankError } from './errors.js';

/** Namespace of SOAP 1.1's envelope. */
export const SOAP = 'http://schemas.xmlsoap.org/soap/envelope/';

/**
 * XML from outside. Before a parser sees it, the text is scanned: size, depth, number of elements, and that it
 * holds nothing but elements, attributes, text and the five predefined entities. SOAP needs no document type
 * (the SOAP note forbids it), so whoever sends one attacks or errs.
 */
export interface XmlLimits {
  readonly bytes: number;
  readonly depth: number;
  readonly elements: number;
  readonly attributesPerElement: number;
}

export const XML_LIMITS: XmlLimits = {
  bytes: 4 * 1024 * 1024,
  depth: 24,
  elements: 50_000,
  attributesPerElement: 24,
};

export type XmlEncoding = 'utf-8' | 'gb18030';

const DECLARATION = /^<\?xml\s[^?<>]{0,200}\?>/;

/** Bytes → text by the encoding that was agreed on; a declaration that says another one is refused. */
export function decodeXml(bytes: Uint8Array, encoding: XmlEncoding, limits: XmlLimits = XML_LIMITS): string {
  if (bytes.length > limits.bytes) {
    throw bankError('XML_TOO_LARGE', `expected at most ${limits.bytes} bytes of XML`, 'never');
  }
  let text: string;
  try {
    text = new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw bankError('ENCODING', `the message is not ${encoding}`, 'now', { cause });
  }
  const declared = /\sencoding\s*=\s*["']([\w.-]{1,40})["']/.exec(DECLARATION.exec(text)?.[0] ?? '')?.[1];
  if (declared !== undefined && !sameEncoding(declared, encoding)) {
    throw bankError('ENCODING', `expected ${encoding}; the XML declaration says ${declared}`, 'never');
  }
  return text;
}

function sameEncoding(declared: string, expected: XmlEncoding): boolean {
  const name = declared.toLowerCase();
  return expected === 'utf-8' ? name === 'utf-8' || name === 'utf8' : /^gb(18030|k|2312)$/.test(name);
}

const NAME = /^[A-Za-z_][\w.:-]*/;
const NAME_MAX = 128;

/** @throws ConnectorError XML_FORBIDDEN, XML_TOO_DEEP, XML_TOO_MANY, XML_MALFORMED */
export function scanXml(text: string, limits: XmlLimits = XML_LIMITS): void {
  let at = DECLARATION.exec(text)?.[0].length ?? 0;
  refuseEntities(text);
  /** Names of the elements that are open: xmldom takes crossed ones without a word. */
  const within: string[] = [];
  let elements = 0;
  for (;;) {
    const open = text.indexOf('<', at);
    if (open < 0) break;
    const next = text[open + 1];
    if (next === '!' || next === '?') {
      throw bankError('XML_FORBIDDEN', 'expected elements and text alone, came a declaration', 'never');
    }
    const close = tagEnd(text, open + 1, limits);
    if (next === '/') {
      if (within.pop() !== text.slice(open + 2, close).trimEnd()) {
        throw bankError('XML_MALFORMED', 'an element ends that is not the one that is open', 'now');
      }
    } else {
      elements += 1;
      const name = NAME.exec(text.slice(open + 1, open + 1 + NAME_MAX))?.[0];
      if (name === undefined) throw bankError('XML_MALFORMED', 'an element without a name', 'now');
      if (text[close - 1] !== '/') within.push(name);
    }
    if (within.length > limits.depth) {
      throw bankError('XML_TOO_DEEP', `elements nest deeper than ${limits.depth}`, 'never');
    }
    if (elements > limits.elements) {
      throw bankError('XML_TOO_MANY', `more than ${limits.elements} elements`, 'never');
    }
    at = close + 1;
  }
  if (elements === 0) throw bankError('NOT_SOAP', 'expected an XML document, came other text', 'now');
  if (within.length > 0) throw bankError('XML_MALFORMED', 'the document ends before its elements do', 'now');
}

/** Index of the `>` that ends the tag; quoted values may hold one. */
function tagEnd(text: string, from: number, limits: XmlLimits): number {
  let quote = '';
  let attributes = 0;
  for (let i = from; i < text.length; i++) {
    const character = text[i] as string;
    if (quote !== '') {
      if (character === quote) {
        quote = '';
        attributes += 1;
        if (attributes > limits.attributesPerElement) {
          throw bankError('XML_TOO_MANY', 'an element with too many attributes', 'never');
        }
      } else if (character === '<') throw bankError('XML_MALFORMED', 'a < within an attribute', 'now');
    } else if (character === '"' || character === "'") {
      quote = character;
    } else if (character === '>') return i;
    else if (character === '<') break;
  }
  throw bankError('XML_MALFORMED', 'a tag does not end', 'now');
}

const ENTITY = /^&(?:lt|gt|amp|quot|apos|#\d{1,7}|#x[\da-fA-F]{1,6});/;

/** One pass over the text, wherever they stand: looking anew from each tag would be quadratic. */
function refuseEntities(text: string): void {
  for (let at = text.indexOf('&'); at >= 0; at = text.indexOf('&', at + 1)) {
    if (!ENTITY.test(text.slice(at, at + 12))) {
      throw bankError('XML_FORBIDDEN', 'an entity that is none of the five predefined ones', 'never');
    }
  }
}

/** Scanned text → document. @throws ConnectorError XML_MALFORMED */
export function parseXml(text: string, limits?: XmlLimits): Document {
  scanXml(text, limits);
  const refuse = (): never => {
    throw bankError('XML_MALFORMED', 'the message is not well-formed XML', 'now');
  };
  const parser = new DOMParser({ errorHandler: { warning: refuse, error: refuse, fatalError: refuse } });
  const document = parser.parseFromString(text, 'text/xml') as Document | undefined;
  return document?.documentElement === undefined || document.documentElement === null ? refuse() : document;
}

export function childElements(node: Node): Element[] {
  const found: Element[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (child.nodeType === 1) found.push(child as Element);
  }
  return found;
}

/** The only child of that name, or undefined; two are refused, since readers would disagree which one counts. */
export function onlyChild(parent: Node, namespace: string, name: string): Element | undefined {
  const found = childElements(parent).filter(
    (child) => child.namespaceURI === namespace && child.localName === name,
  );
  if (found.length > 1)
    throw bankError('SIGNATURE_WRAPPED', `expected one ${name}, came ${found.length}`, 'never');
  return found[0];
}

/** For the log's and error's sake: nothing of the content, only the names on the way. */
export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
