/**
 * Which partition a key belongs to: Kafka's default partitioner, the same function on both engines, so that
 * a topic copied from one to the other keeps every key where it was (rule 5).
 *
 * Source of fact: `org.apache.kafka.common.utils.Utils.murmur2` (MurmurHash2, 32 bit, seed 0x9747b28c) and
 * `toPositive` (`& 0x7fffffff`). The test has its published vectors.
 */

const MULTIPLIER = 0x5bd1e995;
const SEED = 0x9747b28c;

/** MurmurHash2 of the bytes as Kafka computes it; a signed 32-bit integer. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  let hash = SEED ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    word = Math.imul(word, MULTIPLIER);
    word ^= word >>> 24;
    word = Math.imul(word, MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ word;
  }
  const rest = length - at;
  if (rest === 3) hash ^= bytes[at + 2]! << 16;
  if (rest >= 2) hash ^= bytes[at + 1]! << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes[at]!, MULTIPLIER);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MULTIPLIER);
  hash ^= hash >>> 15;
  return hash | 0;
}

/** Partition of a key given as its UTF-8 bytes. `partitions` is the fixed count of the topic, at least 1. */
export function partitionOfBytes(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** Partition of a key. `partitions` is the fixed count of the topic, at least 1. */
export function partitionOf(key: string, partitions: number): number {
  return partitionOfBytes(Buffer.from(key, 'utf8'), partitions);
}
