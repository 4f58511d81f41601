import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aliasesOf,
  bccOf,
  compileProfile,
  encodeCredential,
  isUnstableUid,
  maskNumber,
  parseCredential,
  SCHEMES,
} from './card-number.js';
import type { CompiledProfile, ReaderProfile } from './card-number.js';
import { readerProfiles } from './reader-profiles.js';

const { profiles } = readerProfiles();
const profile = (name: string): CompiledProfile => {
  const found = profiles.get(name);
  if (found === undefined) throw new Error(`no profile ${name}`);
  return found;
};
const parse = (name: string, text: string) => {
  const parsed = parseCredential(profile(name), text);
  return parsed.ok ? `${parsed.scheme} ${parsed.value}` : parsed.reason;
};
const encode = (name: string, uid: string) => encodeCredential(profile(name), { scheme: 'UID', value: uid });

/** Forms of one chip, from domain.md "Card UID / physical number": text a reader sends, and what it means. */
const VECTORS: readonly (readonly [uid: string, profile: string, text: string, credential: string])[] = [
  ['5630F009', 'uid-hex', '5630F009', 'UID 5630F009'],
  ['5630F009', 'uid-hex-reversed', '09F03056', 'UID 5630F009'],
  ['5630F009', 'dec10-be', '1446047753', 'UID 5630F009'],
  ['5630F009', 'dec10-le', '0166735958', 'UID 5630F009'],
  ['5630F009', 'wg26-3-5-be', '086,12528', 'UID24_FIRST 5630F0'],
  ['5630F009', 'wg26-3-5-le', '240,12374', 'UID24_FIRST 5630F0'],
  ['5630F009', 'wg34', '0010101100011000011110000000010011', 'UID 5630F009'],
  ['5630F009', 'wg26', '00101011000110000111100001', 'UID24_FIRST 5630F0'],
  ['026F6C3A', '8h10d', '0040856634', 'UID 026F6C3A'],
  ['026F6C3A', '6h8d', '07302202', 'UID24_LAST 6F6C3A'],
  ['026F6C3A', '2h4h', '111,27706', 'UID24_LAST 6F6C3A'],
  ['026F6C3A', '4h4h', '00623,27706', 'UID 026F6C3A'],
  ['2A83155E', 'dec10-be', '0713233758', 'UID 2A83155E'],
  ['2A83155E', 'dec10-le', '1578468138', 'UID 2A83155E'],
  ['2A83155E', 'uid-hex-bcc', '2A83155EE2', 'UID 2A83155E'],
  ['FEDCBA98', 'dec10-be', '4275878552', 'UID FEDCBA98'],
  ['FEDCBA98', 'dec-signed-be', '-19088744', 'UID FEDCBA98'],
  ['00A1B2C3', 'dec10-be', '0010597059', 'UID 00A1B2C3'],
  ['00A1B2C3', 'dec10-le', '3283263744', 'UID 00A1B2C3'],
  ['A1B2B2A1', 'uid-hex', 'A1B2B2A1', 'UID A1B2B2A1'],
  ['A1B2B2A1', 'uid-hex-reversed', 'A1B2B2A1', 'UID A1B2B2A1'],
  ['04A3B2C1D0E180', 'dec17-be', '01305888058040704', 'UID 04A3B2C1D0E180'],
  ['04A3B2C1D0E180', 'dec17-le', '36277083738120964', 'UID 04A3B2C1D0E180'],
  ['12345678', 'uid-hex', '12345678', 'UID 12345678'],
];

describe('the forms of one chip', () => {
  it.each(VECTORS)('%s by %s is sent as %s', (uid, name, text, credential) => {
    expect(encode(name, uid)).toBe(text);
    expect(parse(name, text)).toBe(credential);
  });

  it('the same digits are another card by another profile: 12345678 is hex and decimal', () => {
    expect(parse('uid-hex', '12345678')).toBe('UID 12345678');
    expect(parse('dec10-be-nozeros', '12345678')).toBe('UID 00BC614E');
    expect(parse('6h8d', '12345678')).toBe('UID24_LAST BC614E');
  });

  it('a number that lost its leading digit is refused where zeros are kept', () => {
    expect(parse('dec10-le', '578468138')).toBe('CARD_NUMBER_INVALID');
    expect(parse('dec10-be', '10597059')).toBe('CARD_NUMBER_INVALID');
    expect(parse('dec10-be-nozeros', '10597059')).toBe('UID 00A1B2C3');
  });

  it('the numbers of the 2019 campus are eight digits, zeros restored, and bound to no byte order', () => {
    expect(parse('wg26-3-5', '137899')).toBe('WG26_3_5 00137899');
    expect(parse('wg26-3-5', '19762330')).toBe('WG26_3_5 19762330');
    expect(parse('wg26-3-5', '25665536')).toBe('CARD_NUMBER_INVALID');
    expect(parse('wg26-3-5', '25665535')).toBe('CARD_NUMBER_INVALID');
    expect(parse('wg26-3-5', '25565535')).toBe('WG26_3_5 25565535');
    expect(parse('wg26-3-5', '25565536')).toBe('CARD_NUMBER_INVALID');
    expect(parse('wg26-3-5', '1,5')).toBe('WG26_3_5 00100005');
    expect(aliasesOf({ scheme: 'WG26_3_5', value: '00137899' }, SCHEMES)).toHaveLength(1);
  });
});

describe('numbers that identify nobody', () => {
  it('refuses random numbers (08), the cascade tag (88) and empty fields as identity', () => {
    expect(parse('uid-hex', '08A1B2C3')).toBe('UNSTABLE_UID');
    expect(parse('uid-hex', '8804A3B2')).toBe('UNSTABLE_UID');
    expect(parse('dec10-le', '3283263752')).toBe('UNSTABLE_UID');
    expect(parse('uid-hex', '00000000')).toBe('UNSTABLE_UID');
    expect(parse('uid-hex', 'FFFFFFFF')).toBe('UNSTABLE_UID');
    expect(parse('uid-hex', '08A3B2C1D0E180')).toBe('UID 08A3B2C1D0E180');
    expect(parse('8h10d', '0144814787')).toBe('UID 08A1B2C3');
  });

  it('refuses a wrong check byte and a wrong parity bit', () => {
    expect(parse('uid-hex-bcc', '2A83155EE3')).toBe('CARD_NUMBER_INVALID');
    expect(parse('wg34', '1010101100011000011110000000010011')).toBe('CARD_NUMBER_INVALID');
    expect(parse('wg26', '00101011000110000111100000')).toBe('CARD_NUMBER_INVALID');
  });

  it('refuses values that the bytes cannot hold', () => {
    expect(parse('dec10-be', '4294967296')).toBe('CARD_NUMBER_INVALID');
    expect(parse('dec-signed-be', '2147483648')).toBe('CARD_NUMBER_INVALID');
    expect(parse('6h8d', '16777216')).toBe('CARD_NUMBER_INVALID');
    expect(parse('wg37', '34359738368')).toBe('CARD_NUMBER_INVALID');
    expect(parse('wg37', '34359738367')).toBe('WG37 34359738367');
  });
});

/** A stable UID of 4, 7 or 10 bytes. */
const uids = fc
  .constantFrom(4, 7, 10)
  .chain((bytes) => fc.uint8Array({ minLength: bytes, maxLength: bytes }))
  .map((bytes) => Buffer.from(bytes).toString('hex').toUpperCase())
  .filter((uid) => !isUnstableUid(uid) && !/^(08|88|000000|FFFFFF)/u.test(uid));

describe.each([...profiles.keys()])('profile %s', (name) => {
  it('reads back what it sends, as the alias of the card', () => {
    fc.assert(
      fc.property(uids, (value) => {
        const compiled = profile(name);
        const credential = { scheme: 'UID', value } as const;
        const text = encodeCredential(compiled, credential);
        if (text === undefined) return;
        const parsed = parseCredential(compiled, text);
        expect(parsed).toEqual({ ok: true, ...aliasesOf(credential, [compiled.scheme])[0] });
      }),
    );
  });

  it('gives a clear answer for digits of every length from 0 to 40, and never throws', () => {
    const characters = fc.constantFrom(...'0123456789ABCDEFabcdef ,:-+x.\u0000０张');
    const texts = fc.oneof(
      fc.array(characters, { maxLength: 40 }).map((all) => all.join('')),
      fc.string({ unit: fc.constantFrom(...'0123456789'), maxLength: 40 }),
      fc.string({ unit: fc.constantFrom(...'01'), maxLength: 40 }),
      fc.string({ maxLength: 300 }),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = parseCredential(profile(name), text);
        if (parsed.ok) expect(SCHEMES).toContain(parsed.scheme);
        else {
          expect(parsed.detail).toMatch(/^expected .+, came /u);
          // Shorter digits stand in the expectation itself (000–255 and 00000–65535).
          if (text.trim().length > 6) expect(parsed.detail).not.toContain(text.trim());
        }
      }),
    );
    for (let length = 0; length <= 40; length++) {
      expect(parseCredential(profile(name), '1'.repeat(length))).toHaveProperty('ok');
    }
  });

  it('gives a canonical value that its own scheme takes again unchanged', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789'), maxLength: 18 }), (text) => {
        const compiled = profile(name);
        const parsed = parseCredential(compiled, text);
        if (!parsed.ok) return;
        const again = encodeCredential(compiled, parsed);
        expect(again).toBeDefined();
        expect(parseCredential(compiled, again!)).toEqual(parsed);
      }),
    );
  });
});

describe('aliases', () => {
  it('a truncated name is a piece of the UID, the same for every reader that keeps these bytes', () => {
    fc.assert(
      fc.property(uids, (value) => {
        const byScheme = new Map(
          aliasesOf({ scheme: 'UID', value }, SCHEMES).map((a) => [a.scheme, a.value]),
        );
        expect(value.startsWith(byScheme.get('UID24_FIRST')!)).toBe(true);
        expect(value.startsWith(byScheme.get('UID32_FIRST')!)).toBe(true);
        expect(value.endsWith(byScheme.get('UID24_LAST')!)).toBe(true);
        expect(value.endsWith(byScheme.get('UID32_LAST')!)).toBe(true);
        for (const name of ['wg26-3-5-be', 'wg26-3-5-le', '6h8d-le', 'wg26', 'wg26-le']) {
          expect(parse(name, encode(name, value)!)).toBe(`UID24_FIRST ${value.slice(0, 6)}`);
        }
      }),
    );
  });

  it('two cards that share three bytes share the truncated name', () => {
    const wanted = ['UID24_FIRST'] as const;
    expect(aliasesOf({ scheme: 'UID', value: '5630F009' }, wanted)).toEqual(
      aliasesOf({ scheme: 'UID', value: '5630F0AA' }, wanted),
    );
  });

  it('a truncated name never grows back', () => {
    expect(
      aliasesOf({ scheme: 'UID24_FIRST', value: '5630F0' }, ['UID', 'UID32_FIRST', 'UID24_LAST']),
    ).toEqual([]);
    expect(aliasesOf({ scheme: 'UID32_LAST', value: 'C1D0E180' }, ['UID24_LAST', 'UID24_FIRST'])).toEqual([
      { scheme: 'UID24_LAST', value: 'D0E180' },
    ]);
  });
});

describe('profiles of a school', () => {
  const wrong = (own: ReaderProfile) => {
    const compiled = compileProfile('own', own);
    return compiled.ok ? compiled.profile.scheme : compiled.detail;
  };

  it('a reader that keeps four bytes of a longer UID gives a truncated number', () => {
    const own = { base: 'dec', order: 'LE', bytesKept: 4, part: 'low' } as const;
    expect(wrong(own)).toBe('UID32_FIRST');
    expect(wrong({ ...own, part: 'first' })).toBe('UID32_LAST');
  });

  it('what does not fit together is refused with a sentence', () => {
    expect(wrong({ base: 'dec', order: 'BE', bytesKept: 3 })).toContain('say which');
    expect(wrong({ base: 'dec', order: 'BE', bytesKept: 'all' })).toContain('needs base hex');
    expect(wrong({ base: 'hex', order: 'BE', bytesKept: 3, part: 'low', form: '3+5' })).toContain(
      'needs base dec',
    );
    expect(wrong({ base: 'dec', order: 'BE', bytesKept: 4, width: 9 })).toContain('at least 10');
    const { errors, profiles: all } = readerProfiles({
      'uid-hex': { base: 'dec', order: 'BE', bytesKept: 'all' },
    });
    expect(errors).toHaveLength(1);
    expect(all.has('uid-hex')).toBe(false);
  });

  it('a wider decimal must have zeros in front', () => {
    const { profiles: all } = readerProfiles({ wide: { base: 'dec', order: 'BE', bytesKept: 4, width: 12 } });
    expect(parseCredential(all.get('wide')!, '001446047753')).toMatchObject({ ok: true, value: '5630F009' });
    expect(parseCredential(all.get('wide')!, '101446047753')).toMatchObject({ ok: false });
  });
});

it('logs show the last characters only, and never a whole short number', () => {
  expect(maskNumber('5630F009')).toBe('****F009');
  expect(maskNumber('5630F0')).toBe('****F0');
  expect(maskNumber('12')).toBe('****');
  expect(bccOf('2A83155E')).toBe('E2');
});
