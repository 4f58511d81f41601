/** Shown at most; a row that is longer ends with how much is left. */
const SHOWN_CHARACTERS = 4_000;
const DEPTH_MAX = 16;

/**
 * Raw bytes of a row for an operator's eyes: its shape without its content. Digits become `#`, Chinese
 * characters `□`, other letters `x`, one for one and by code point, so that lengths, separators and quotes
 * can still be compared with what was expected. Names of JSON fields stay, unless they hold digits. Control
 * characters become `·`: a row cannot write to the terminal.
 */
export function maskRaw(bytes: Uint8Array): string {
  const text = decode(bytes);
  const masked = maskJson(text) ?? maskText(text);
  const characters = [...masked];
  if (characters.length <= SHOWN_CHARACTERS) return masked;
  return `${characters.slice(0, SHOWN_CHARACTERS).join('')}… (${characters.length - SHOWN_CHARACTERS} more)`;
}

export function maskText(text: string): string {
  return text
    .replace(/\p{Script=Han}/gu, '□')
    .replace(/\p{N}/gu, '#')
    .replace(/[^\p{ASCII}□]/gu, (character) => (/\p{L}/u.test(character) ? 'x' : keepPunctuation(character)))
    .replace(/[A-Za-z]/g, 'x')
    .replace(/[^\x20-\x7e\n\t\u3000-\u303f\uff00-\uffef□·…]/gu, '·');
}

function keepPunctuation(character: string): string {
  return /\p{P}/u.test(character) ? character : '·';
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('gb18030').decode(bytes);
  }
}

function maskJson(text: string): string | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.stringify(maskValue(JSON.parse(text), 0));
  } catch {
    return undefined;
  }
}

function maskValue(value: unknown, depth: number): unknown {
  if (value === null || typeof value === 'boolean') return value;
  // A number's length in the text is not its length here (1e5); the kind is what matters.
  if (typeof value === 'number') return '#';
  if (typeof value === 'string') return maskText(value);
  if (depth >= DEPTH_MAX) return '…';
  if (Array.isArray(value)) return value.map((item) => maskValue(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value as object).map(([key, item]) => [
      /^[\p{L}_.-]{1,40}$/u.test(key) ? key : maskText(key),
      maskValue(item, depth + 1),
    ]),
  );
}
