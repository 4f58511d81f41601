/**
 * Bytes into lines. Clients end a message with CR, CRLF or (a few) LF, and some wait until they see the terminator
 * that they sent; so each line remembers its own. A CR at the very end of a chunk ends the line at once: an LF that
 * comes later belongs to it and is skipped.
 */
export type Terminator = '\r' | '\r\n' | '\n';

export interface Line {
  /** Without the terminator. */
  readonly bytes: Buffer;
  readonly terminator: Terminator;
}

const CR = 0x0d;
const LF = 0x0a;
const EMPTY = Buffer.alloc(0);

export class LineSplitter {
  private held: Buffer = EMPTY;
  private afterCarriageReturn = false;

  /** @param bytesMax longer lines are refused: `push` returns null */
  constructor(private readonly bytesMax: number) {}

  /** Some of a line has come and not its end. */
  get open(): boolean {
    return this.held.length > 0;
  }

  /** The lines that this chunk completes; null: a line is too long, and nothing more can be read. */
  push(chunk: Buffer): Line[] | null {
    const lines: Line[] = [];
    let from = 0;
    if (this.afterCarriageReturn && chunk.length > 0) {
      this.afterCarriageReturn = false;
      if (chunk[0] === LF) from = 1;
    }
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte !== CR && byte !== LF) continue;
      const bytes = this.join(chunk.subarray(from, at));
      if (bytes.length > this.bytesMax) return null;
      let terminator: Terminator = byte === LF ? '\n' : '\r';
      if (byte === CR) {
        if (at + 1 === chunk.length) this.afterCarriageReturn = true;
        else if (chunk[at + 1] === LF) {
          terminator = '\r\n';
          at++;
        }
      }
      from = at + 1;
      if (bytes.length > 0) lines.push({ bytes, terminator });
    }
    this.held = this.join(chunk.subarray(from));
    return this.held.length > this.bytesMax ? null : lines;
  }

  private join(rest: Buffer): Buffer {
    if (this.held.length === 0) return rest;
    const joined = rest.length === 0 ? this.held : Buffer.concat([this.held, rest]);
    this.held = EMPTY;
    return joined;
  }
}
