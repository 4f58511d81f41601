/** Money is an integer of fen, always below 2^52, and never passes through a fraction. */
export const FEN_LIMIT = 2 ** 52;

export type MoneyUnit = 'fen' | 'yuan';

/** Fen, or undefined when the text is no amount. */
export type ParsedFen =
  { readonly ok: true; readonly fen: number } | { readonly ok: false; readonly detail: string };

const MAX_TEXT = 24;

/**
 * Reads an amount. `fen`: an integer (`-1751`). `yuan`: up to two decimals (`17.5`, `-0.01`; more only when they
 * are zeros). A sign may be `-` or `+`; thousands separators, exponents and currency signs are refused, since
 * each of them has meant something else somewhere.
 */
export function parseFen(text: string, unit: MoneyUnit): ParsedFen {
  const fail = (came: string): ParsedFen => ({
    ok: false,
    detail: `expected an amount in ${unit} (digits${unit === 'yuan' ? ', at most two decimals' : ''}), came ${came}`,
  });
  if (text.length === 0 || text.length > MAX_TEXT) return fail(`${text.length} characters`);
  const sign = text[0];
  let at = sign === '-' || sign === '+' ? 1 : 0;
  let value = 0;
  let digits = 0;
  /** Decimals read so far; -1 before the point. */
  let decimals = -1;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x2e && unit === 'yuan' && decimals < 0 && digits > 0) {
      decimals = 0;
      continue;
    }
    const digit = code - 0x30;
    if (digit < 0 || digit > 9) return fail(`another character at ${at}`);
    if (decimals >= 0 && ++decimals > 2) {
      if (digit !== 0) return fail('a fraction of a fen');
      continue;
    }
    digits++;
    value = value * 10 + digit;
    if (value >= FEN_LIMIT) return fail('an amount of 2^52 or more');
  }
  if (digits === 0 || decimals === 0) return fail('no digits');
  if (unit === 'yuan') for (let i = Math.max(decimals, 0); i < 2; i++) value *= 10;
  if (value >= FEN_LIMIT) return fail('an amount of 2^52 or more');
  return { ok: true, fen: sign === '-' && value !== 0 ? -value : value };
}

/** Fen as yuan with two decimals, for showing: `-0.01`. */
export function formatYuan(fen: number): string {
  const digits = String(Math.abs(fen)).padStart(3, '0');
  return `${fen < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
