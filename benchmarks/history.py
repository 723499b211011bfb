"""A long log in little time: a stretch of real trade, and as many copies of it as are wanted.

The stretch is what the program's own handlers recorded. A copy is the same events about other
orders: every id carries the copy's number, and so do skus whose stream begins in the stretch.
Streams that were there before go on from copy to copy.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import psycopg

from benchmarks.machines import new_writer
from consumers.simulation import demo_day
from domain.category import category_name
from domain.values import SOURCING_STREAM
from infra.postgres.connections import Connection
from infra.store.event_log import TABLE, StoredRow, read_after
from verbs.writing import patient_write

HOLE = b"\0"
# The last eight digits of an id make room for a copy's number.
_ID = rb"(?<=[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4})(?P<id>[0-9a-f]{8})"
_VERSION = re.compile(rb'(?<="stream_version":)\d+')
_COPY = f"COPY {TABLE} (originator_id, originator_version, topic, state) FROM STDIN (FORMAT BINARY)"


class Pattern(NamedTuple):
    """A row with holes; `step` is what a copy adds to the version of a stream that goes on."""

    stream_id: bytes
    version: int
    step: int
    name: str
    before: Sequence[bytes]
    after: Sequence[bytes]


def play_day(conninfo: str, orders: int) -> None:
    """The demo's day of trade, with so many orders."""
    writer = new_writer(conninfo)
    now = datetime(2026, 6, 30, 18, tzinfo=UTC)
    demo_day.play(patient_write(writer), now, lambda done, of: None, orders=orders)
    writer.close()


ALL = 2**31


class History:
    """A log that grows by copies of what stands behind a position now."""

    def __init__(self, conninfo: str, *, after: int = 0) -> None:
        self._conninfo = conninfo
        self._copies = 0
        with psycopg.connect(conninfo) as conn:
            self._patterns = _patterns(read_after(conn, after, ALL))
            row = conn.execute(f"SELECT count(*) FROM {TABLE}").fetchone()
        self.events = int(row[0]) if row else 0

    def lengthen(self, events: int) -> None:
        """Add copies until the log has at least so many events."""
        wanted = self._copies - (self.events - events) // len(self._patterns)
        with psycopg.connect(self._conninfo, autocommit=True) as conn:
            self._repeat(conn, wanted)
            # What the server would do by itself soon, and then during a measurement.
            conn.execute("VACUUM (ANALYZE)")
            conn.execute("CHECKPOINT")

    def _repeat(self, conn: Connection, wanted: int) -> None:
        with conn.transaction(), conn.cursor().copy(_COPY) as copy:
            copy.set_types(["text", "int8", "text", "bytea"])
            while self._copies < wanted:
                self._copies += 1
                self.events += len(self._patterns)
                for row in _copies(self._patterns, self._copies):
                    copy.write_row(row)


def _copies(patterns: Sequence[Pattern], number: int) -> Iterator[tuple[str, int, str, bytes]]:
    digits = b"%08x" % number
    for stream_id, version, step, name, before, after in patterns:
        version += step * number
        state = b"%b%d%b" % (digits.join(before), version, digits.join(after))
        yield stream_id.replace(HOLE, digits).decode(), version, name, state


def _patterns(rows: Sequence[StoredRow]) -> list[Pattern]:
    begun = {row.stream_id for row in rows if row.stream_version == 1}
    lengths = Counter(row.stream_id for row in rows if row.stream_id not in begun)
    skus = {stream.split("-", 2)[2] for stream in begun if category_name(stream) == "stock"}
    names = re.compile(_ID)
    if skus:
        longest = sorted(map(re.escape, skus), key=len, reverse=True)
        names = re.compile(_ID + b'|(?:%b)(?="|$)' % "|".join(longest).encode())
    return [
        _pattern(row, lengths[row.stream_id], names)
        for row in rows
        if row.stream_id != SOURCING_STREAM
    ]


def _pattern(row: StoredRow, step: int, names: re.Pattern[bytes]) -> Pattern:
    head, tail = _VERSION.split(row.state, 1)
    return Pattern(
        names.sub(_holed, row.stream_id.encode()),
        row.stream_version,
        step,
        row.type,
        names.sub(_holed, head).split(HOLE),
        names.sub(_holed, tail).split(HOLE),
    )


def _holed(found: re.Match[bytes]) -> bytes:
    """An id loses its last digits, a sku is made longer."""
    return HOLE if found.lastgroup == "id" else found.group() + b"-" + HOLE
