"""The number of every advisory lock that Ordinal takes, so that no two things share one.

The append lock is taken by `ordinal.append_lock()`, in the migrations; its number stands here too.
"""

from zlib import crc32

MIGRATION = 7093200
APPEND = 7093201
RELAY = 7093202
DEFINITION = 7093209
PROJECTOR = 7093210
REBUILD = 7093211
REACTIONS = 7093212


def named(number: int, name: str) -> int:
    """One lock of a kind that has many: a projector for each read model and version."""
    return (number << 32) | crc32(name.encode())
