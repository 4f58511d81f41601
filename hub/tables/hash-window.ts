/**
 * The newest texts with a number each, as digests: for what is asked only whether it was seen, and whether it was the
 * same. 16 bytes a slot beside no object at all, so that a window of some hundred thousand costs the collector nothing.
 *
 *   slot        96 bits of SHA-256 of the text, 32 bits of its number; all zero: empty
 *   current ──full──▶ previous ──▶ forgotten        so between one and two windows are remembered
 */
import { createHash, hash } from 'node:crypto';

const SLOT_WORDS = 4;
const SLOTS_FIRST = 1_024;
/** Slots are doubled when more than this part of them is taken. */
const FILLED_MAX = 0.6;

/** As in log/digest.ts: a text of one character a byte costs less than a Buffer. */
const sha256: (text: string) => string =
  typeof hash === 'function'
    ? (text) => hash('sha256', text, 'binary')
    : (text) => createHash('sha256').update(text).digest('binary');

const wordOf = (digest: string, i: number): number =>
  ((digest.charCodeAt(i * 4) << 24) |
    (digest.charCodeAt(i * 4 + 1) << 16) |
    (digest.charCodeAt(i * 4 + 2) << 8) |
    digest.charCodeAt(i * 4 + 3)) >>>
  0;

/** A text as 32 bits: equal texts have equal numbers, others as good as never. */
export const numberOf = (text: string): number => wordOf(sha256(text), 0);

export class HashWindow {
  #current = new Generation();
  #previous = new Generation();
  /** The text that was asked about last: it is mostly the next to be asked about, or to be put. */
  #lastText: string | null = null;
  #last = '';

  /** @param size texts that are remembered at least */
  constructor(readonly size: number) {}

  /** Texts that are remembered, at most twice `size`. */
  get count(): number {
    return this.#current.count + this.#previous.count;
  }

  /** Of its slots, empty ones included. */
  get heldBytes(): number {
    return this.#current.heldBytes + this.#previous.heldBytes;
  }

  /** The number that was put with this text; undefined: not within the window. */
  get(text: string): number | undefined {
    const digest = this.#digest(text);
    return this.#current.get(digest) ?? this.#previous.get(digest);
  }

  /** @param number 32 bits */
  set(text: string, number: number): void {
    this.#current.set(this.#digest(text), number);
    if (this.#current.count < this.size) return;
    this.#previous = this.#current;
    this.#current = new Generation(this.#previous.slots);
  }

  #digest(text: string): string {
    if (text === this.#lastText) return this.#last;
    [this.#lastText, this.#last] = [text, sha256(text)];
    return this.#last;
  }
}

/** Open addressing; nothing is ever deleted. */
class Generation {
  count = 0;
  #words: Uint32Array;
  constructor(public slots = SLOTS_FIRST) {
    this.#words = new Uint32Array(slots * SLOT_WORDS);
  }

  get heldBytes(): number {
    return this.#words.byteLength;
  }

  get(digest: string): number | undefined {
    const at = this.#find(wordOf(digest, 0), wordOf(digest, 1), wordOf(digest, 2));
    return this.#isEmpty(at) ? undefined : this.#words[at + 3];
  }

  set(digest: string, number: number): void {
    this.#put(wordOf(digest, 0), wordOf(digest, 1), wordOf(digest, 2), number);
    if (this.count > this.slots * FILLED_MAX) this.#grow();
  }

  #put(a: number, b: number, c: number, number: number): void {
    const at = this.#find(a, b, c);
    if (this.#isEmpty(at)) this.count += 1;
    this.#words[at] = a;
    this.#words[at + 1] = b;
    this.#words[at + 2] = c;
    this.#words[at + 3] = number;
  }

  /** Where the digest stands, or would. */
  #find(a: number, b: number, c: number): number {
    const words = this.#words;
    // Slots are a power of two.
    for (let slot = a & (this.slots - 1); ; slot = (slot + 1) & (this.slots - 1)) {
      const at = slot * SLOT_WORDS;
      if (this.#isEmpty(at)) return at;
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c) return at;
    }
  }

  #isEmpty(at: number): boolean {
    const words = this.#words;
    return words[at] === 0 && words[at + 1] === 0 && words[at + 2] === 0;
  }

  #grow(): void {
    const old = this.#words;
    this.slots *= 2;
    this.count = 0;
    this.#words = new Uint32Array(this.slots * SLOT_WORDS);
    for (let at = 0; at < old.length; at += SLOT_WORDS) {
      const [a = 0, b = 0, c = 0, number = 0] = old.subarray(at, at + SLOT_WORDS);
      if (a !== 0 || b !== 0 || c !== 0) this.#put(a, b, c, number);
    }
  }
}
