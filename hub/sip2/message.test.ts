import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checksumOf, trailerOf } from './checksum.js';
import { LineSplitter } from './framing.js';
import type { Line } from './framing.js';
import { composeMessage, LAYOUTS, parseMessage, sipDate } from './message.js';
import type { MessageCode } from './message.js';

/** Published by others: what real desks send and real servers answer. */
const VECTORS = [
  '9300CNLoginUserID|COLoginPassword|CPLocationCode|AY5AZEC7B',
  '9900802.00AY1AZFCA0',
  '941AY3AZFDFA',
  '9300CNinfo@test.org|COtester|CPselfcheck_location|AY0AZEB8C',
];

describe('the checksum', () => {
  it.each(VECTORS)('agrees with %s', (line) => {
    const bytes = Buffer.from(line);
    expect(checksumOf(bytes.subarray(0, -4))).toBe(line.slice(-4));
    expect(trailerOf(bytes)).toMatchObject({ kind: 'right', sequence: /AY(\d)/.exec(line)?.[1] });
  });

  it('is that of the resend messages of the 3M document', () => {
    expect(checksumOf(Buffer.from('96AZ'))).toBe('FEF6');
    expect(checksumOf(Buffer.from('97AZ'))).toBe('FEF5');
  });

  it('finds every changed byte, and is right for every message that is not changed', () => {
    const value = fc.string({ unit: 'grapheme' }).map((text) => text.replace(/[|\r\n]/g, ''));
    fc.assert(
      fc.property(
        value,
        fc.nat(9),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (text, sequence, at, change) => {
          const head = Buffer.from(`2300120261123    100000AOmain|AA${text}|AY${sequence}AZ`);
          const line = Buffer.concat([head, Buffer.from(checksumOf(head))]);
          expect(trailerOf(line)).toEqual({
            kind: 'right',
            sequence: String(sequence),
            end: head.length - 5,
          });
          const index = at % (head.length - 5);
          line[index] = ((line[index] ?? 0) + change) & 0xff;
          expect(trailerOf(line).kind).toBe('wrong');
        },
      ),
    );
  });

  it('does not take a message with a torn checksum for one without', () => {
    for (const line of ['941AY3', '941AY3AZ', '941AY3AZFD', '941AY3AZFDF', '941AY3AZFDXY']) {
      expect(trailerOf(Buffer.from(line)).kind).toBe('wrong');
    }
    expect(trailerOf(Buffer.from('941'))).toEqual({ kind: 'none', end: 3 });
  });
});

describe('messages', () => {
  const codes = Object.keys(LAYOUTS) as MessageCode[];
  const value = fc.string({ unit: 'grapheme', maxLength: 40 });
  const name = fc.string({
    unit: fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'),
    minLength: 2,
    maxLength: 2,
  });

  it('read back as they were written, whatever the values hold', () => {
    const fields = fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 12 });
    fc.assert(
      fc.property(fc.constantFrom(...codes), fields, fc.string(), (code, written, filler) => {
        const fixed = Object.fromEntries(LAYOUTS[code].map(([key]) => [key, filler]));
        const parsed = parseMessage(composeMessage(code, fixed as never, written));
        expect(parsed.ok).toBe(true);
        if (!parsed.ok) return;
        expect(parsed.message.code).toBe(code);
        for (const [key, width] of LAYOUTS[code]) expect(parsed.message.fixed[key]).toHaveLength(width);
        const kept = written.map(([key, text]) => [key, text.replace(/[\u0000-\u001f|\u007f-\u009f]/g, '')]);
        expect([...parsed.message.fields]).toEqual(kept);
      }),
    );
  });

  it('are read from any text without an error thrown', () => {
    const start = fc.constantFrom(...codes, '', '17', '0');
    fc.assert(
      fc.property(start, fc.string({ unit: 'binary', maxLength: 300 }), (code, rest) => {
        expect(typeof parseMessage(code + rest).ok).toBe('boolean');
      }),
    );
  });

  it('say which field came twice, so that a message cannot mean two readers', () => {
    const parsed = parseMessage('2300120261123    100000AOmain|AA1|AA2|');
    expect(parsed.ok && [...parsed.message.repeated]).toEqual(['AA']);
    expect(parsed.ok && parsed.message.fields.get('AA')).toBe('1');
  });

  it('carry Shanghai time', () => {
    expect(sipDate(Date.parse('2026-11-23T16:30:05Z'))).toBe('20261124    003005');
  });
});

describe('lines', () => {
  const split = (chunks: readonly string[], max = 100): readonly Line[] | null => {
    const splitter = new LineSplitter(max);
    const lines: Line[] = [];
    for (const chunk of chunks) {
      const found = splitter.push(Buffer.from(chunk));
      if (found === null) return null;
      lines.push(...found);
    }
    return lines;
  };

  it('remember the terminator that the client sent', () => {
    const lines = split(['one\rtwo\r\nthree\n\r\nfour\r', '\nfive\r\n']);
    expect(lines?.map(({ bytes, terminator }) => [bytes.toString(), terminator])).toEqual([
      ['one', '\r'],
      ['two', '\r\n'],
      ['three', '\n'],
      ['four', '\r'],
      ['five', '\r\n'],
    ]);
  });

  it('are the same however the bytes are cut into chunks', () => {
    const text = fc.array(fc.constantFrom('a', 'bc', '|', '\r', '\n', '\r\n'), { maxLength: 40 });
    fc.assert(
      fc.property(text, fc.array(fc.nat(5), { maxLength: 40 }), (pieces, cuts) => {
        const whole = pieces.join('');
        const chunks: string[] = [];
        let at = 0;
        for (const cut of cuts) chunks.push(whole.slice(at, (at += cut)));
        chunks.push(whole.slice(at));
        const texts = (lines: readonly Line[] | null) => lines?.map(({ bytes }) => bytes.toString());
        expect(texts(split(chunks))).toEqual(texts(split([whole])));
      }),
    );
  });

  it('are refused when they are too long, ended or not', () => {
    expect(split(['x'.repeat(101)])).toBeNull();
    expect(split(['x'.repeat(60), 'x'.repeat(60)])).toBeNull();
    expect(split([`${'x'.repeat(101)}\r`])).toBeNull();
    expect(split([`${'x'.repeat(100)}\r`])).toHaveLength(1);
  });
});
