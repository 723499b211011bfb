"""Single values in PostgreSQL's binary form (see `infra.arrays` for many)."""

import struct
from datetime import UTC, datetime, timedelta

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_BIGINT = struct.Struct("!q")


def instant(moment: datetime) -> bytes:
    """A timestamptz."""
    return _BIGINT.pack((moment - EPOCH) // MICROSECOND)


def integer(number: int) -> bytes:
    """A bigint."""
    return _BIGINT.pack(number)


def to_integer(value: bytes) -> int:
    """From a bigint."""
    number: int = _BIGINT.unpack(value)[0]
    return number
