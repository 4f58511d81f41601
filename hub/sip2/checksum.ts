/**
 * Error detection of SIP2 (3M Standard Interchange Protocol 2.00, "Checksums and Sequence Numbers"): a message
 * ends in `AY<digit>AZ<checksum>`. The checksum is the two's complement of the sum of all bytes through `AZ`, as
 * four hex digits, so it is counted over bytes and not over characters.
 */

/** Four upper-case hex digits for everything up to and with `AZ`. */
export function checksumOf(bytes: Uint8Array, end = bytes.length): string {
  let sum = 0;
  for (let i = 0; i < end; i++) sum += bytes[i] ?? 0;
  return (-sum & 0xffff).toString(16).toUpperCase().padStart(4, '0');
}

/** What stands at the end of a message about its integrity. */
export type Trailer =
  /** Neither AY nor AZ: the client does not use error detection. */
  | { readonly kind: 'none'; readonly end: number }
  /** `sequence`: the digit of AY, to be echoed; absent in 96 and 97. `end`: where the trailer begins. */
  | { readonly kind: 'right'; readonly sequence: string | undefined; readonly end: number }
  | { readonly kind: 'wrong' };

/** Longest trailer that clients write: `AY1|AZFCA0|`. */
const TRAILER_MAX = 12;
const TRAILER = /(?:AY([0-9])\|?)?AZ([0-9A-Fa-f]{4})\|?$/;

/** Reads the trailer of a message without its terminator. */
export function trailerOf(bytes: Uint8Array): Trailer {
  const from = Math.max(0, bytes.length - TRAILER_MAX);
  const tail = Buffer.from(bytes.buffer, bytes.byteOffset + from, bytes.length - from).toString('latin1');
  const found = TRAILER.exec(tail);
  if (found === null) {
    // A checksum that lost some of its digits on the line is a damaged message, not one without a checksum.
    const torn = /AY[0-9]\|?(AZ[^|]*\|?)?$/.test(tail);
    return torn ? { kind: 'wrong' } : { kind: 'none', end: bytes.length };
  }
  const summed = from + found.index + found[0].indexOf('AZ') + 2;
  if (checksumOf(bytes, summed) !== (found[2] ?? '').toUpperCase()) return { kind: 'wrong' };
  return { kind: 'right', sequence: found[1], end: from + found.index };
}
