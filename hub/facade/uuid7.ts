import { randomFillSync } from 'node:crypto';

/** UUIDv7 (RFC 9562, 5.7): the time in milliseconds, then 74 random bits; drawn 256 ids at a time. */
export function createUuid7(fill: (into: Uint8Array) => unknown = randomFillSync): (now: number) => string {
  const pool = Buffer.alloc(256 * 10);
  let used = pool.length;
  return (now) => {
    if (used === pool.length) {
      fill(pool);
      used = 0;
    }
    const time = Math.floor(now).toString(16).padStart(12, '0');
    const hex = pool.toString('hex', used, (used += 10));
    const variant = '89ab'.charAt(parseInt(hex.charAt(3), 16) & 3);
    return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`;
  };
}
