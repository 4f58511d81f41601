import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FEN_LIMIT, formatYuan, parseFen } from './money.js';

const fen = (text: string, unit: 'fen' | 'yuan') => {
  const parsed = parseFen(text, unit);
  return parsed.ok ? parsed.fen : 'refused';
};

it.each([
  ['1751', 'fen', 1751],
  ['-19', 'fen', -19],
  ['17.51', 'yuan', 1751],
  ['17.5', 'yuan', 1750],
  ['17', 'yuan', 1700],
  ['-0.01', 'yuan', -1],
  ['0.29', 'yuan', 29],
  ['1.005000', 'yuan', 'refused'],
  ['1.230000', 'yuan', 123],
  ['17.51', 'fen', 'refused'],
  ['1,751', 'fen', 'refused'],
  ['1e3', 'fen', 'refused'],
  ['.5', 'yuan', 'refused'],
  ['5.', 'yuan', 'refused'],
  ['-', 'fen', 'refused'],
  ['', 'fen', 'refused'],
  ['4503599627370495', 'fen', FEN_LIMIT - 1],
  ['4503599627370496', 'fen', 'refused'],
  ['45035996273704.96', 'yuan', 'refused'],
  ['-0', 'fen', 0],
] as const)('%s in %s is %s', (text, unit, expected) => {
  expect(fen(text, unit)).toBe(expected);
});

it('what is shown in yuan is read back to the fen', () => {
  fc.assert(
    fc.property(fc.integer({ min: -FEN_LIMIT + 1, max: FEN_LIMIT - 1 }), (amount) => {
      expect(fen(formatYuan(amount), 'yuan')).toBe(amount);
      expect(fen(String(amount), 'fen')).toBe(amount);
    }),
  );
});

it('any text gives an amount or a refusal that does not repeat it', () => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom('fen', 'yuan'), (text, unit) => {
      const parsed = parseFen(text, unit);
      if (parsed.ok) expect(Number.isSafeInteger(parsed.fen)).toBe(true);
      else expect(parsed.detail).toContain('expected an amount');
    }),
  );
});
