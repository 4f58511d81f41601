/**
 * Cleaning of text. Upstreams pad with ordinary and full-width spaces, leave control characters in, and
 * show what they could not decode as U+FFFD or `?`.
 */

const IDEOGRAPHIC_SPACE = 0x3000;

function isBlank(code: number): boolean {
  return (
    code <= 0x20 ||
    (code >= 0x7f && code <= 0xa0) ||
    code === IDEOGRAPHIC_SPACE ||
    (code >= 0x2000 && code <= 0x200f) ||
    (code >= 0x2028 && code <= 0x202f) ||
    code === 0x1680 ||
    code === 0x205f ||
    code === 0x2060 ||
    code === 0xfeff
  );
}

/** Without blanks (any Unicode space, control and zero-width characters, U+3000, BOM) at either end. */
export function trim(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return from === 0 && to === text.length ? text : text.slice(from, to);
}

/** Only printable ASCII without a double space: nothing in it can need cleaning after `trim`. */
function isPlain(text: string): boolean {
  let before = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e || (code === 0x20 && before === 0x20)) return false;
    before = code;
  }
  return true;
}

/**
 * Trimmed, in NFC, every inner run of blanks one space. NFC and not NFKC: NFKC would rewrite rare characters
 * in names (`㊣` to `正`), and a name is kept as its owner writes it. Idempotent.
 */
export function cleanText(text: string): string {
  const trimmed = trim(text);
  if (isPlain(trimmed)) return trimmed;
  let out = '';
  let from = 0;
  let blank = false;
  for (let i = 0; i < trimmed.length; i++) {
    if (isBlank(trimmed.charCodeAt(i))) {
      if (!blank) out += `${trimmed.slice(from, i)} `;
      blank = true;
      from = i + 1;
    } else blank = false;
  }
  return (out + trimmed.slice(from)).normalize('NFC');
}

/** `cleanText`, or null when nothing is left. */
export function textOrNull(text: string | undefined): string | null {
  if (text === undefined || text === '') return null;
  const clean = cleanText(text);
  return clean === '' ? null : clean;
}

/**
 * For codes, numbers and ids: trimmed and in NFKC, so that full-width digits (`１２`) become ordinary ones.
 * Never for names.
 */
export function foldWidth(text: string): string {
  const trimmed = trim(text);
  return isPlain(trimmed) ? trimmed : trim(trimmed.normalize('NFKC'));
}

/**
 * True where characters were lost on the way: U+FFFD (bad decoding), a lone surrogate, a private-use
 * character (GBK's user-defined area, a rare character that only the upstream's font knows), or a question
 * mark, which no name has and which lossy converters write.
 */
export function hasLostCharacters(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0xfffd || code === 0x3f || code === 0xff1f) return true;
    if (code >= 0xe000 && code <= 0xf8ff) return true;
    if (code >= 0xdc00 && code <= 0xdfff) return true;
    if (code >= 0xd800 && code <= 0xdbff) {
      const next = text.charCodeAt(i + 1);
      if (!(next >= 0xdc00 && next <= 0xdfff)) return true;
      i++;
    }
  }
  return false;
}

/** Traditional to simplified, for the words of upstream messages only; no general converter. */
const SIMPLIFIED = new Map(
  Array.from('綁绑銀银進进約约簽签賬账戶户掛挂時时間间務务統统異异請请權权過过門门開开閉闭內内離离').reduce<
    [string, string][]
  >((pairs, character, index, all) => {
    if (index % 2 === 0) pairs.push([character, all[index + 1] ?? character]);
    return pairs;
  }, []),
);

/**
 * An upstream's message in a form that can be compared: NFKC (either comma becomes `,`), simplified script,
 * no blanks, no closing punctuation. `未綁定銀行卡,不能進行充值` equals `未绑定银行卡，不能进行充值`.
 */
export function comparableMessage(text: string): string {
  let out = '';
  for (const character of foldWidth(text)) {
    if (isBlank(character.charCodeAt(0))) continue;
    out += SIMPLIFIED.get(character) ?? character;
  }
  return out.replace(/[!.。]+$/u, '');
}
