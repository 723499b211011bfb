"""Which partition a key belongs to: the murmur2 of Kafka's Java client, so that every client of
every language agrees with us."""

import struct

_WORD = 0xFFFFFFFF
_FACTOR = 0x5BD1E995
_SEED = 0x9747B28C


def murmur2(key: bytes) -> int:
    length = len(key)
    words, rest = divmod(length, 4)
    mixed = _SEED ^ length
    for word in struct.unpack_from(f"<{words}I", key):
        word = word * _FACTOR & _WORD
        word = (word ^ word >> 24) * _FACTOR & _WORD
        mixed = (mixed * _FACTOR & _WORD) ^ word
    if rest:
        mixed = (mixed ^ int.from_bytes(key[-rest:], "little")) * _FACTOR & _WORD
    mixed = (mixed ^ mixed >> 13) * _FACTOR & _WORD
    return mixed ^ mixed >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, out of so many."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
