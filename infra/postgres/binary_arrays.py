"""PostgreSQL arrays in their binary form, built at once, and single values.

psycopg would dump an array element by element through Python; a batch of events has thousands of
elements, and this is the hottest path of the program.
"""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

_HEADER = struct.Struct("!iiIii").pack
_LENGTH = struct.Struct("!i").pack
_NULL = _LENGTH(-1)
_LENGTHS = tuple(_LENGTH(length) for length in range(4_096))
# The types' numbers in PostgreSQL's catalogue.
TEXT, BIGINT, BYTEA, UUID, BOOLEAN = 25, 20, 17, 2950, 16


def _varying(oid: int, elements: Sequence[bytes | None]) -> bytes:
    nulls = 0
    parts = [b""]
    for element in elements:
        if element is None:
            nulls = 1
            parts.append(_NULL)
        else:
            length = len(element)
            parts.append(_LENGTHS[length] if length < 4_096 else _LENGTH(length))
            parts.append(element)
    parts[0] = _HEADER(1, nulls, oid, len(elements), 1)
    return b"".join(parts)


def text_array(elements: Sequence[str | None]) -> bytes:
    return _varying(TEXT, [None if e is None else e.encode() for e in elements])


def encoded_text_array(elements: Sequence[bytes | None]) -> bytes:
    """From text that is encoded already."""
    return _varying(TEXT, elements)


def bytea_array(elements: Sequence[bytes | None]) -> bytes:
    return _varying(BYTEA, elements)


def uuid_array(elements: Sequence[bytes]) -> bytes:
    """From the 16 bytes of each."""
    return _varying(UUID, elements)


def boolean_array(elements: Sequence[bool]) -> bytes:
    return _varying(BOOLEAN, [b"\1" if e else b"\0" for e in elements])


def bigint_array(elements: Sequence[int]) -> bytes:
    flat: list[int] = []
    for element in elements:
        flat += (8, element)
    body = struct.pack("!" + "iq" * len(elements), *flat)
    return _HEADER(1, 0, BIGINT, len(elements), 1) + body


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
