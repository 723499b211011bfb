"""Reading the event log, in position order or stream by stream.

Our own SQL: the library's readers retry on their own for longer than a caller may wait.
"""

from collections.abc import Sequence
from typing import NamedTuple

from infra.postgres.connections import Connection

TABLE = "ordinal.stored_events"
SEQUENCE = "ordinal.stored_events_notification_id_seq"


class StoredRow(NamedTuple):
    """One row of the log; `state` is the JSON envelope as stored."""

    position: int
    stream_id: str
    stream_version: int
    type: str
    state: bytes


COLUMNS = "notification_id, originator_id, originator_version, topic, state"


def head(conn: Connection) -> int:
    """The last position that was recorded, 0 for an empty log."""
    row = conn.execute(f"SELECT max(notification_id) FROM {TABLE}").fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def read_after(
    conn: Connection, position: int, limit: int, *, until: int | None = None
) -> Sequence[StoredRow]:
    """At most `limit` events behind `position` (exclusive) up to `until` (inclusive), in order."""
    cursor = conn.cursor(binary=True)
    cursor.execute(
        f"SELECT {COLUMNS} FROM {TABLE} WHERE notification_id > %s AND notification_id <= %s"
        " ORDER BY notification_id LIMIT %s",
        (position, 2**63 - 1 if until is None else until, limit),
        prepare=True,
    )
    return [StoredRow(*row) for row in cursor.fetchall()]


def read_stream(conn: Connection, stream_id: str, *, after: int = 0) -> Sequence[StoredRow]:
    """A stream's events behind a version, in order."""
    cursor = conn.cursor(binary=True)
    cursor.execute(
        f"SELECT {COLUMNS} FROM {TABLE} WHERE originator_id = %s AND originator_version > %s"
        " ORDER BY originator_version",
        (stream_id, after),
        prepare=True,
    )
    return [StoredRow(*row) for row in cursor.fetchall()]


def read_at(conn: Connection, position: int) -> StoredRow | None:
    """The event at exactly this position."""
    cursor = conn.cursor(binary=True)
    cursor.execute(f"SELECT {COLUMNS} FROM {TABLE} WHERE notification_id = %s", (position,))
    row = cursor.fetchone()
    return StoredRow(*row) if row else None


def store_epoch(conn: Connection) -> int:
    row = conn.execute("SELECT store_epoch FROM ordinal.store").fetchone()
    if row is None:
        raise LookupError("the store has no identity row")
    return int(row[0])
