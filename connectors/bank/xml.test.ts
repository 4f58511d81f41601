import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConnectorError } from '../sdk.js';
import { decodeXml, parseXml, scanXml } from './xml.js';

const reasonOf = (run: () => unknown): string | undefined => {
  try {
    run();
  } catch (error) {
    return (error as ConnectorError).details.reason;
  }
  return undefined;
};

describe('XML from outside', () => {
  it.each([
    ['<!DOCTYPE a><a/>', 'XML_FORBIDDEN'],
    ['<a><!-- x --></a>', 'XML_FORBIDDEN'],
    ['<a><![CDATA[x]]></a>', 'XML_FORBIDDEN'],
    ['<a><?php x?></a>', 'XML_FORBIDDEN'],
    ['<a>&b;</a>', 'XML_FORBIDDEN'],
    ['<a b="&c;"/>', 'XML_FORBIDDEN'],
    ['<a', 'XML_MALFORMED'],
    ['<a></a></a>', 'XML_MALFORMED'],
    ['<a><b></a></b>', 'XML_MALFORMED'],
    ['系统繁忙', 'NOT_SOAP'],
    ['', 'NOT_SOAP'],
  ])('%j is refused: %s', (text, reason) => {
    expect(reasonOf(() => parseXml(text))).toBe(reason);
  });

  it('that is deep or has many elements is refused before it is parsed', () => {
    expect(reasonOf(() => parseXml('<a>'.repeat(30)))).toBe('XML_TOO_DEEP');
    expect(reasonOf(() => parseXml(`<a>${'<b/>'.repeat(60_000)}</a>`))).toBe('XML_TOO_MANY');
  });

  it('of the largest size is scanned in one pass', () => {
    const text = `<a>${'<b>x</b>'.repeat(49_000)}</a>`;
    const started = performance.now();
    scanXml(text);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('is taken as it was agreed on, in either encoding', () => {
    const text = '<?xml version="1.0" encoding="GBK"?><a b="1 &gt; 0">签约 &amp; &#x7b7e;</a>';
    expect(reasonOf(() => scanXml(text))).toBeUndefined();
    expect(parseXml(text).documentElement.textContent).toBe('签约 & 签');
    expect(reasonOf(() => decodeXml(Buffer.from(text), 'utf-8'))).toBe('ENCODING');
    expect(reasonOf(() => decodeXml(Buffer.from([0xff, 0xff]), 'utf-8'))).toBe('ENCODING');
    expect(reasonOf(() => decodeXml(Buffer.alloc(5_000_000, 0x20), 'utf-8'))).toBe('XML_TOO_LARGE');
  });

  it('of any text is parsed or refused with a reason, and never anything else', () => {
    const piece = fc.constantFrom(
      '<a>',
      '</a>',
      '<a/>',
      '&amp;',
      '&x;',
      '<!',
      '<?x?>',
      '"',
      "'",
      '<a b="',
      'text',
      '>',
      '<',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        try {
          parseXml(pieces.join(''));
        } catch (error) {
          expect((error as ConnectorError).details.reason).toMatch(/^(XML_|NOT_SOAP)/);
        }
      }),
    );
  });
});
