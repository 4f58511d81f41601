"""The digest by which topics are compared; the same definition as hub/log/digest.ts.

record digest = first 16 bytes of SHA-256(u32be(len key) + key + u32be(len value) + value);
                a tombstone has the length 0xFFFFFFFF and no value bytes
topic digest  = sum of record digests as big-endian integers modulo 2**128, 32 hex digits
                event topics: over all records
                state topics: over the newest record of each key; a tombstone removes its key
"""

import hashlib

MODULUS = 1 << 128


def record_digest(key: bytes, value: bytes | None) -> int:
    length = 0xFFFFFFFF if value is None else len(value)
    data = len(key).to_bytes(4, "big") + key + length.to_bytes(4, "big") + (value or b"")
    return int.from_bytes(hashlib.sha256(data).digest()[:16], "big")


class TopicDigest:
    """Count and digest of one topic, fed in offset order within each partition."""

    def __init__(self, state: bool) -> None:
        self.records = 0
        self._sum = 0
        # One key lives in one partition, so offset order within partitions is order by key.
        self._newest: dict[bytes, int] | None = {} if state else None

    def add(self, key: bytes, value: bytes | None) -> None:
        self.records += 1
        if self._newest is None:
            self._sum = (self._sum + record_digest(key, value)) % MODULUS
            return
        self._sum = (self._sum - self._newest.pop(key, 0)) % MODULUS
        if value is not None:
            digest = record_digest(key, value)
            self._newest[key] = digest
            self._sum = (self._sum + digest) % MODULUS

    @property
    def keys(self) -> int:
        return self.records if self._newest is None else len(self._newest)

    @property
    def hex(self) -> str:
        return f"{self._sum:032x}"
