/**
 * Texts kept once, as bytes: text ↔ small integer. A million card keys as JavaScript strings in a Map cost
 * some 100 MB and as many objects for the collector to visit; here they cost their bytes and twelve more.
 *
 * Texts are never removed: an id stays valid for the life of the table, so that columns may hold ids. What a
 * view forgets leaves its text behind (a few bytes, until the view is rebuilt from the log).
 */
import { Buffer } from 'node:buffer';

const FIRST_CAPACITY = 1_024;
/** Open addressing slows down when fuller than this. */
const LOAD_MAX = 0.6;

export class TextTable {
  private bytes = Buffer.alloc(16 * FIRST_CAPACITY);
  private starts = new Uint32Array(FIRST_CAPACITY + 1);
  /** Pairs of id + 1 (0: free) and hash: with a million texts every array that is touched is a cache miss. */
  private slots = new Int32Array(4 * FIRST_CAPACITY);
  private count = 0;
  private scratch = Buffer.alloc(1_024);
  private length = 0; // of the text in scratch
  /** What was read last is often looked up next: a card's key gives its facts, and these its rights. */
  private lastText: string | undefined;
  private lastId = -1;

  get size(): number {
    return this.count;
  }

  /** Of its arrays, what is not used yet included. */
  get heldBytes(): number {
    return this.bytes.length + this.starts.byteLength + this.slots.byteLength + this.scratch.length;
  }

  /** The id of the text, or -1. */
  find(text: string): number {
    if (text === this.lastText) return this.lastId;
    return (this.slots[this.slotOf(this.load(text))] ?? 0) - 1;
  }

  /** The id of the text, a new one when it has none. */
  intern(text: string): number {
    const hash = this.load(text);
    const slot = this.slotOf(hash);
    const known = (this.slots[slot] ?? 0) - 1;
    if (known >= 0) return known;
    const id = this.count++;
    const start = this.starts[id] ?? 0;
    const end = start + this.length;
    if (end > this.bytes.length) {
      const larger = Buffer.alloc(Math.max(2 * this.bytes.length, end));
      this.bytes.copy(larger, 0, 0, start);
      this.bytes = larger;
    }
    // Short texts: a loop is faster than a call into the runtime.
    for (let i = 0; i < this.length; i++) this.bytes[start + i] = this.scratch[i] ?? 0;
    this.starts[id + 1] = end;
    this.slots[slot] = id + 1;
    this.slots[slot + 1] = hash;
    this.grow();
    return id;
  }

  text(id: number): string {
    if (id === this.lastId && this.lastText !== undefined) return this.lastText;
    const text = this.bytes.toString('utf8', this.starts[id] ?? 0, this.starts[id + 1] ?? 0);
    if (id < 0 || id >= this.count) return text;
    this.lastText = text;
    this.lastId = id;
    return text;
  }

  /** Puts the UTF-8 bytes of the text into scratch and returns their FNV-1a hash. */
  private load(text: string): number {
    if (text.length * 3 > this.scratch.length) this.scratch = Buffer.alloc(text.length * 3);
    const scratch = this.scratch;
    let hash = 0x811c9dc5;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) return this.loadUtf8(text);
      scratch[i] = code;
      hash = Math.imul(hash ^ code, 0x01000193);
    }
    this.length = text.length;
    return finish(hash);
  }

  private loadUtf8(text: string): number {
    this.length = this.scratch.write(text, 0, 'utf8');
    let hash = 0x811c9dc5;
    for (let i = 0; i < this.length; i++) hash = Math.imul(hash ^ (this.scratch[i] ?? 0), 0x01000193);
    return finish(hash);
  }

  /** Index in `slots` of the text in scratch, or of the free place where it would go. */
  private slotOf(hash: number): number {
    const { slots } = this;
    const mask = slots.length - 1;
    for (let slot = (2 * hash) & mask; ; slot = (slot + 2) & mask) {
      const id = (slots[slot] ?? 0) - 1;
      if (id < 0 || (slots[slot + 1] === hash && this.equals(id))) return slot;
    }
  }

  private equals(id: number): boolean {
    const { bytes, scratch, length } = this;
    const start = this.starts[id] ?? 0;
    if ((this.starts[id + 1] ?? 0) - start !== length) return false;
    for (let i = 0; i < length; i++) if (bytes[start + i] !== scratch[i]) return false;
    return true;
  }

  private grow(): void {
    const { count } = this;
    if (count === this.starts.length - 1) {
      const { starts } = this;
      this.starts = new Uint32Array(2 * count + 1);
      this.starts.set(starts);
    }
    if (2 * count > LOAD_MAX * this.slots.length) {
      const before = this.slots;
      const slots = new Int32Array(2 * before.length);
      const mask = slots.length - 1;
      for (let from = 0; from < before.length; from += 2) {
        const id = before[from] ?? 0;
        if (id === 0) continue;
        const hash = before[from + 1] ?? 0;
        let slot = (2 * hash) & mask;
        while (slots[slot] !== 0) slot = (slot + 2) & mask;
        slots[slot] = id;
        slots[slot + 1] = hash;
      }
      this.slots = slots;
    }
  }
}

/** FNV alone leaves keys that differ in the last digit close together. */
function finish(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  return mixed ^ (mixed >>> 15);
}
