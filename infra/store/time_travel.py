"""What was true then, as far as it was known: streams folded from history."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from domain.categories import CATEGORIES, decider_of
from infra.postgres.connections import Connection
from infra.store import codec
from infra.store.clock_epochs import epochs
from infra.store.envelope import envelope, with_position
from infra.store.event_log import TABLE, StoredRow, head, read_after, read_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class StateAt:
    """A stream as it was after the event at `position`, its last one until then."""

    stream_id: str
    version: int
    position: int
    recorded_at: datetime | None
    state: Any


def position_at(conn: Connection, moment: datetime) -> int:
    """The highest position that was recorded at or before this moment; 0 when there is none.

    Recording times never fall with position within a clock epoch, so the newest epoch that had
    begun by then can be searched by halves.
    """
    begins = epochs(conn)
    ends = [*begins[1:], head(conn)]
    for begin, end in zip(reversed(begins), reversed(ends), strict=True):
        found = _position_within(conn, begin, end, moment)
        if found is not None:
            return found
    return 0


def _position_within(conn: Connection, begin: int, end: int, moment: datetime) -> int | None:
    """The highest position in (begin, end] of that moment or before; None when there is none."""
    low, high = begin, end
    while low < high:
        middle = (low + high + 1) // 2
        row = _at_or_before(conn, middle, low)
        if row is None or envelope(row.state).recorded_at <= moment:
            low = middle
        else:
            high = row.position - 1
    return None if _at_or_before(conn, low, begin) is None else low


def _at_or_before(conn: Connection, position: int, floor: int) -> StoredRow | None:
    """The last event in (floor, position]: positions have legal gaps."""
    row = conn.execute(
        f"SELECT max(notification_id) FROM {TABLE}"
        " WHERE notification_id <= %s AND notification_id > %s",
        (position, floor),
    ).fetchone()
    if row is None or row[0] is None:
        return None
    return read_after(conn, row[0] - 1, 1)[0]


def state_at(
    conn: Connection,
    stream_id: str,
    position: int | None = None,
    true_at: datetime | None = None,
) -> StateAt:
    """The stream folded from what was known up to this position (None: up to now), without what
    happened after the moment `true_at`.

    Raises LookupError when nothing of the stream was so, or there can be none.
    """
    try:
        decider = decider_of(stream_id)
    except KeyError:
        raise LookupError(f"{stream_id} is no stream; there are {', '.join(CATEGORIES)}") from None
    rows = [
        row
        for row in read_stream(conn, stream_id)
        if (position is None or row.position <= position)
        and (true_at is None or happened(row) <= true_at)
    ]
    if not rows:
        raise LookupError(f"{stream_id} has no event up to there")
    state = decider.fold(codec.event_of(row.state) for row in rows)
    last = rows[-1]
    return StateAt(
        stream_id=stream_id,
        version=last.stream_version,
        position=last.position,
        recorded_at=envelope(last.state).recorded_at,
        state=state,
    )


def happened(row: StoredRow) -> datetime:
    """The one valid time of a stored event: what older ones state themselves, else that of the
    envelope.
    """
    known = envelope(row.state)
    stated: datetime | None = getattr(codec.event_of(row.state), "at", None)
    return known.occurred_at if stated is None else min(stated, known.recorded_at)


def as_line(row: StoredRow) -> bytes:
    """An event as one line of NDJSON: the stored object, with its position in front."""
    return with_position(row.position, row.state)


def as_json(found: StateAt) -> bytes:
    return msgspec.json.format(msgspec.json.encode(found), indent=2)


def lines(conn: Connection, after: int, until: int | None = None) -> Iterator[tuple[int, bytes]]:
    """The log behind a position as NDJSON, each line with its position, in bounded memory."""
    while rows := read_after(conn, after, 1_000, until=until):
        for row in rows:
            yield row.position, as_line(row)
        after = rows[-1].position
