/**
 * Writes values in Avro binary (Avro 1.12, "Binary encoding"), checking them in the same pass. avsc does it in two
 * and took a fifth of a decision's time (docs/benchmarks.md); it still parses the schemas, reads every value, and
 * says what is wrong with one that does not fit.
 *
 *   value ──▶ write ──▶ bytes in a slab
 *               └─▶ DoesNotFit: the contract has no such value; ask avsc's `isValid` where
 */
import type avro from 'avsc';

/** The value is not of the type, or has a field that the type does not declare. */
export class DoesNotFit extends Error {
  override readonly name = 'DoesNotFit';
}

/** Made once: what is wrong is asked elsewhere, so its stack is of no use. */
const DOES_NOT_FIT = new DoesNotFit('the value is not of its type');
/** As avsc: the largest numbers whose neighbours are exact too. */
const LONG_MAX = Number.MAX_SAFE_INTEGER - 1;
const LONG_BYTES_MAX = 10;
/** A text of so few bytes has a length of one byte. */
const SHORT_MAX = 63;

/** Bytes of values, one after the other; a full slab is left to its readers and a new one begun. */
export class Slab {
  #bytes: Buffer;
  #start = 0;
  #at = 0;

  constructor(private readonly size: number) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(size, 64));
  }

  /** A new value begins; what was written of one that was not taken is forgotten. */
  begin(): void {
    this.#at = this.#start;
  }

  /** The value is whole. The view stays valid: its bytes are never written again. */
  take(): Uint8Array {
    const view = this.#bytes.subarray(this.#start, this.#at);
    this.#start = this.#at;
    return view;
  }

  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#at++] = value;
  }

  bigEndian32(value: number): void {
    this.#room(4);
    this.#at = this.#bytes.writeInt32BE(value, this.#at);
  }

  /** Zigzag, then 7 bits a byte, the lowest first. */
  long(value: number): void {
    this.#room(LONG_BYTES_MAX);
    if (value >= -0x4000_0000 && value < 0x4000_0000) {
      let rest = value >= 0 ? value << 1 : (~value << 1) | 1;
      while (rest > 0x7f) {
        this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
        rest >>= 7;
      }
      this.#bytes[this.#at++] = rest;
      return;
    }
    // Bit operations have 32 bits; 2^53 and its double are exact.
    let rest = value >= 0 ? value * 2 : -value * 2 - 1;
    while (rest > 0x7f) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at++] = rest;
  }

  /** Its length in bytes, then UTF-8. */
  text(value: string): void {
    if (value.length > SHORT_MAX || !this.#shortText(value)) this.#longText(value);
  }

  bytes(value: Uint8Array): void {
    this.long(value.length);
    this.#room(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** Behind a length of one byte; false: it does not fit there, and nothing was written. */
  #shortText(value: string): boolean {
    this.#room(1 + 3 * value.length);
    const bytes = this.#bytes;
    const from = this.#at + 1;
    let at = from;
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code < 0x80) bytes[at++] = code;
      else if (code < 0x800) {
        bytes[at++] = 0xc0 | (code >> 6);
        bytes[at++] = 0x80 | (code & 0x3f);
      } else if (code >= 0xd800 && code < 0xe000) return false;
      else {
        bytes[at++] = 0xe0 | (code >> 12);
        bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
        bytes[at++] = 0x80 | (code & 0x3f);
      }
    }
    if (at - from > SHORT_MAX) return false;
    bytes[this.#at] = (at - from) << 1;
    this.#at = at;
    return true;
  }

  #longText(value: string): void {
    const length = Buffer.byteLength(value, 'utf8');
    this.long(length);
    this.#room(length);
    this.#at += this.#bytes.write(value, this.#at, length, 'utf8');
  }

  #room(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const begun = this.#bytes.subarray(this.#start, this.#at);
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(this.size, 2 * (begun.length + count)));
    this.#bytes.set(begun);
    this.#start = 0;
    this.#at = begun.length;
  }
}

/** @throws DoesNotFit */
export type WriteValue = (value: unknown, to: Slab) => void;

/** A writer for what the contracts use. @throws RangeError for a type that they do not */
export function avroWriter(type: avro.Type): WriteValue {
  switch (type.typeName) {
    case 'null':
      return (value) => fits(value === null);
    case 'boolean':
      return (value, to) => {
        fits(typeof value === 'boolean');
        to.byte(value ? 1 : 0);
      };
    case 'int':
      return (value, to) => {
        fits(typeof value === 'number' && value === (value | 0));
        to.long(value as number);
      };
    case 'long':
      return (value, to) => {
        fits(Number.isSafeInteger(value) && Math.abs(value as number) <= LONG_MAX);
        to.long(value as number);
      };
    case 'string':
      return (value, to) => {
        fits(typeof value === 'string');
        to.text(value as string);
      };
    case 'bytes':
      return (value, to) => {
        fits(Buffer.isBuffer(value));
        to.bytes(value as Buffer);
      };
    case 'enum':
      return enumWriter((type as avro.types.EnumType).symbols);
    case 'array':
      return arrayWriter(avroWriter((type as avro.types.ArrayType).itemsType));
    case 'map':
      return mapWriter(avroWriter((type as unknown as { valuesType: avro.Type }).valuesType));
    case 'union:unwrapped':
      return optionalWriter((type as unknown as { types: readonly avro.Type[] }).types);
    case 'record':
      return recordWriter(type as avro.types.RecordType);
    default:
      throw new RangeError(
        `no contract has a field of the type ${type.typeName} yet: add it to avro-writer.ts`,
      );
  }
}

function fits(does: boolean): void {
  if (!does) throw DOES_NOT_FIT;
}

function enumWriter(symbols: readonly string[]): WriteValue {
  const indexes = new Map<unknown, number>(symbols.map((symbol, index) => [symbol, index]));
  return (value, to) => {
    const index = indexes.get(value);
    if (index === undefined) throw DOES_NOT_FIT;
    to.long(index);
  };
}

/** Blocks of a count and its items; here one, and the empty one that ends them. */
function arrayWriter(write: WriteValue): WriteValue {
  return (value, to) => {
    if (!Array.isArray(value)) throw DOES_NOT_FIT;
    if (value.length > 0) {
      to.long(value.length);
      for (let i = 0; i < value.length; i++) write(value[i], to);
    }
    to.byte(0);
  };
}

function mapWriter(write: WriteValue): WriteValue {
  return (value, to) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw DOES_NOT_FIT;
    const entries = Object.entries(value);
    if (entries.length > 0) to.long(entries.length);
    for (const [key, item] of entries) {
      to.text(key);
      write(item, to);
    }
    to.byte(0);
  };
}

/** `["null", T]` in either order, which the style of our schemas allows alone. */
function optionalWriter(types: readonly avro.Type[]): WriteValue {
  const nothing = types.findIndex(({ typeName }) => typeName === 'null');
  const other = types[1 - nothing];
  if (types.length !== 2 || nothing < 0 || other === undefined)
    throw new RangeError('a union of a contract is null and one other type');
  const write = avroWriter(other);
  return (value, to) => {
    to.long(value === null ? nothing : 1 - nothing);
    if (value !== null) write(value, to);
  };
}

function recordWriter(type: avro.types.RecordType): WriteValue {
  const fields = type.fields.map((field) => ({
    name: field.name,
    write: avroWriter(field.type),
    absent: field.defaultValue() as unknown,
  }));
  const declared = new Set(fields.map(({ name }) => name));
  return (value, to) => {
    if (typeof value !== 'object' || value === null) throw DOES_NOT_FIT;
    const record = value as Readonly<Record<string, unknown>>;
    let found = 0;
    for (let i = 0; i < fields.length; i++) {
      const { name, write, absent } = fields[i]!;
      const given = record[name];
      if (given !== undefined) found += 1;
      write(given === undefined ? absent : given, to);
    }
    let keys = 0;
    for (const _ in record) keys += 1;
    // A key whose value is undefined is none too few and none too many; a second look is rare.
    if (keys !== found) fits(Object.keys(record).every((key) => declared.has(key)));
  };
}
