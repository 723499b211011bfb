"""PostgreSQL arrays in their binary form, built at once.

psycopg would dump an array element by element through Python; a batch of events has thousands of
elements, and this is the hottest path of the program.
"""

import struct
from collections.abc import Sequence
from typing import Any, ClassVar

from psycopg import Connection
from psycopg.adapt import Dumper
from psycopg.pq import Format

_HEADER = struct.Struct("!iiIii").pack
_LENGTH = struct.Struct("!i").pack
TEXT, BIGINT, BYTEA, UUID, TIMESTAMPTZ, BOOLEAN = 25, 20, 17, 2950, 1184, 16
_ARRAY_OF = {TEXT: 1009, BIGINT: 1016, BYTEA: 1001, UUID: 2951, BOOLEAN: 1000}
_NULL = _LENGTH(-1)


class Array:
    """An array parameter, already encoded. One subclass for each element type."""

    __slots__ = ("data",)
    oid: ClassVar[int]

    def __init__(self, data: bytes) -> None:
        self.data = data


class TextArray(Array):
    """text[]"""

    __slots__ = ()
    oid = TEXT


class ByteaArray(Array):
    """bytea[]"""

    __slots__ = ()
    oid = BYTEA


class BigintArray(Array):
    """bigint[]"""

    __slots__ = ()
    oid = BIGINT


class UuidArray(Array):
    """uuid[]"""

    __slots__ = ()
    oid = UUID


class BooleanArray(Array):
    """boolean[]"""

    __slots__ = ()
    oid = BOOLEAN


def _varying(oid: int, elements: Sequence[bytes | None]) -> bytes:
    nulls = 0
    parts = [b""]
    for element in elements:
        if element is None:
            nulls = 1
            parts.append(_NULL)
        else:
            parts.append(_LENGTH(len(element)))
            parts.append(element)
    parts[0] = _HEADER(1, nulls, oid, len(elements), 1)
    return b"".join(parts)


def text_array(elements: Sequence[str | None]) -> TextArray:
    return TextArray(_varying(TEXT, [None if e is None else e.encode() for e in elements]))


def text_array_of(elements: Sequence[bytes | None]) -> TextArray:
    """From text that is encoded already."""
    return TextArray(_varying(TEXT, elements))


def bytea_array(elements: Sequence[bytes | None]) -> ByteaArray:
    return ByteaArray(_varying(BYTEA, elements))


def uuid_array(elements: Sequence[bytes]) -> UuidArray:
    """From the 16 bytes of each."""
    return UuidArray(_varying(UUID, elements))


def boolean_array(elements: Sequence[bool]) -> BooleanArray:
    return BooleanArray(_varying(BOOLEAN, [b"\1" if e else b"\0" for e in elements]))


def bigint_array(elements: Sequence[int]) -> BigintArray:
    flat: list[int] = []
    for element in elements:
        flat += (8, element)
    body = struct.pack("!" + "iq" * len(elements), *flat)
    return BigintArray(_HEADER(1, 0, BIGINT, len(elements), 1) + body)


def register(conn: Connection[Any]) -> None:
    """Teach a connection to send these."""
    for kind in (TextArray, ByteaArray, BigintArray, UuidArray, BooleanArray):
        conn.adapters.register_dumper(kind, _dumper(_ARRAY_OF[kind.oid]))


def _dumper(array_oid: int) -> type[Dumper]:
    class ArrayDumper(Dumper):
        format = Format.BINARY
        oid = array_oid

        def dump(self, obj: Array) -> bytes:
            return obj.data

    return ArrayDumper
