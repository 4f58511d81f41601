import type { Struck } from '../faults.js';

/** Answers that attack whoever reads them. Each is a fault switch. */
export interface Spoiled {
  /** Sent in place of the answer. */
  readonly instead?: Buffer;
  /** Made out of the signed answer. */
  readonly change: (bytes: Buffer) => Buffer;
}

const keep = (bytes: Buffer): Buffer => bytes;

/** Ten entities of ten each: three billion "lol" (the "billion laughs"). */
const BOMB = `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">${Array.from({ length: 9 }, (_, i) => `<!ENTITY lol${i + 1} "${`&lol${i === 0 ? '' : i};`.repeat(10)}">`).join('')}]><S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>&lol9;</S:Body></S:Envelope>`;
const EXTERNAL = `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>&f;</S:Body></S:Envelope>`;
const HUGE_BYTES = 100 * 1024 * 1024;

/**
 * The body that was signed moves into a wrapper in the header, where its signature still holds; the Body that is read
 * by the careless says that all is well.
 */
function wrapped(bytes: Buffer): Buffer {
  const text = bytes.toString('utf8');
  const body = /<S:Body[\s\S]*<\/S:Body>/.exec(text)?.[0] ?? '';
  const forged = body.replace(/u:Id="[^"]*"/, 'u:Id="b-2"').replace(/<b:code>\d+/, '<b:code>0000');
  return Buffer.from(
    text
      .replace('</S:Header>', `<w:Wrap xmlns:w="urn:wrap">${body}</w:Wrap></S:Header>`)
      .replace(/(<\/S:Header>)[\s\S]*<\/S:Envelope>/, `$1${forged}</S:Envelope>`),
  );
}

const flipped = (bytes: Buffer): Buffer =>
  Buffer.from(
    bytes
      .toString('latin1')
      .replace(/(<b:(?:code|RetCode)>)0000/, '$10001')
      .replace(/(<b:(?:bankTime|TransDatTim)>)2/, '$13'),
    'latin1',
  );

export function spoilXml(struck: Struck): Spoiled | null {
  if (struck.has('entity-bomb')) return { instead: Buffer.from(BOMB), change: keep };
  if (struck.has('external-entity')) return { instead: Buffer.from(EXTERNAL), change: keep };
  if (struck.has('deep-xml'))
    return { instead: Buffer.from(`${'<a>'.repeat(100_000)}${'</a>'.repeat(100_000)}`), change: keep };
  if (struck.has('huge-body')) return { instead: Buffer.alloc(HUGE_BYTES, 0x20), change: keep };
  if (struck.has('wrapped-signature')) return { change: wrapped };
  if (struck.has('wrong-signature')) return { change: flipped };
  if (struck.has('unsigned')) return { change: unsigned };
  return null;
}

const unsigned = (bytes: Buffer): Buffer => {
  const text = bytes.toString('latin1');
  return Buffer.from(
    text.replace(/<S:Header>[\s\S]*<\/S:Header>/, '').replace(/<b:Sign>[^<]*<\/b:Sign>/, ''),
    'latin1',
  );
};
