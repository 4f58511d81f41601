/** Times as a controller has them: of Shanghai, packed two digits a byte. */

const SHANGHAI_MS = 8 * 3_600_000;

/** `YYYY-MM-DDTHH:MM:SS` in Shanghai. */
export function localText(at: number): string {
  return new Date(at + SHANGHAI_MS).toISOString().slice(0, 19);
}

/** @param hex 14 digits, a time of Shanghai */
export function parseTime(hex: string): number {
  return Date.parse(hex.replace(/(....)(..)(..)(..)(..)(..)/, '$1-$2-$3T$4:$5:$6+08:00'));
}

/** `YYYY-MM-DD` of four bytes. */
export function dateAt(bytes: Buffer, at: number): string {
  return bytes.toString('hex', at, at + 4).replace(/(....)(..)(..)/, '$1-$2-$3');
}
