/**
 * What `JSON.parse` does not tell: it takes the last of two equal keys and is silent about the first. A body
 * `{"subject":{"id":"a","id":"b"}}` would then be answered for `b` while a proxy in front may have judged `a`
 * (RFC 8259, section 4: names SHOULD be unique; RFC 7493, section 2.3: they MUST be).
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const SPACE = 0x20;
/** From so many keys in one object on, they are looked up instead of compared one by one. */
const COMPARED_MAX = 16;
const SHOWN_CHARS_MAX = 100;

/** Index of the quote that closes the string opened at `open`; the text's length where none does. */
function stringEnd(text: string, open: number): number {
  let end = open;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end === -1) return text.length;
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return end;
  }
}

/** The keys of the objects that are open, in one array; `starts` has where each object's begin. */
class OpenObjects {
  readonly #keys: string[] = [];
  readonly #starts: number[] = [];
  readonly #sets: (Set<string> | undefined)[] = [];

  open(): void {
    this.#starts.push(this.#keys.length);
  }

  close(): void {
    this.#sets.length = Math.min(this.#sets.length, Math.max(0, this.#starts.length - 1));
    this.#keys.length = this.#starts.pop() ?? 0;
  }

  /** @returns false when the innermost object has this key already */
  add(key: string): boolean {
    const keys = this.#keys;
    const start = this.#starts.at(-1) ?? 0;
    if (keys.length - start < COMPARED_MAX) {
      for (let i = start; i < keys.length; i++) if (keys[i] === key) return false;
      keys.push(key);
      return true;
    }
    const set = (this.#sets[this.#starts.length - 1] ??= new Set(keys.slice(start)));
    if (set.has(key)) return false;
    set.add(key);
    keys.push(key);
    return true;
  }

  /** `subject.properties.key`: the key in which each open object lies, and this one. */
  path(key: string): string {
    const within = this.#starts.slice(1).map((start) => this.#keys[start - 1] ?? '');
    return [...within, key].join('.').slice(0, SHOWN_CHARS_MAX);
  }
}

/**
 * The first key that stands twice in one object of a JSON text, as a path (`subject.id`; places in arrays are
 * not named, at most 100 characters); null when there is none. One pass, no copy but of the keys.
 * @param text what `JSON.parse` accepts; of any other text the answer means nothing
 */
export function findDuplicateKey(text: string): string | null {
  const objects = new OpenObjects();
  const { length } = text;
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code === OPEN) objects.open();
    else if (code === CLOSE) objects.close();
    if (code !== QUOTE) continue;
    const end = stringEnd(text, at);
    let after = end + 1;
    while (text.charCodeAt(after) <= SPACE) after += 1;
    if (text.charCodeAt(after) === COLON) {
      const written = text.slice(at + 1, end);
      const key = written.includes('\\') ? (JSON.parse(`"${written}"`) as string) : written;
      if (!objects.add(key)) return objects.path(key);
    }
    at = end;
  }
  return null;
}
