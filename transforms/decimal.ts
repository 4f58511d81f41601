/** Decimal figures as integers of a smaller unit, without a fraction on the way. */

/** Figures stay below this, as every long of a contract. */
const LIMIT = 2 ** 52;
const MAX_TEXT = 24;

/**
 * `36.78` with a shift of 3 is 36,780. More decimals than the shift has are refused unless they are zeros; so are
 * separators, exponents and units. Undefined: the text is no such figure.
 */
export function parseScaled(text: string, shift: number): number | undefined {
  if (text.length > MAX_TEXT) return undefined;
  const match = /^([-+]?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', decimals = ''] = match;
  if (/[^0]/.test(decimals.slice(shift))) return undefined;
  const value = Number(whole + decimals.slice(0, shift).padEnd(shift, '0'));
  if (value >= LIMIT) return undefined;
  return sign === '-' && value !== 0 ? -value : value;
}
