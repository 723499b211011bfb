"""Programs of somebody else that append with plain SQL, as the rules allow."""

from datetime import UTC, datetime
from uuid import uuid4

import msgspec

from infra.postgres.connections import Connection
from infra.store.envelope import Stored, event_id
from infra.store.event_log import TABLE


def append_in_turn(conn: Connection, stream_id: str, version: int) -> int:
    """Takes the log's lock first, so that no event behind it was recorded earlier."""
    conn.execute("SELECT ordinal.append_lock()")
    return append(conn, stream_id, version, max(_last_recorded(conn), datetime.now(UTC)))


def _last_recorded(conn: Connection) -> datetime:
    row = conn.execute(
        f"SELECT state FROM {TABLE} ORDER BY notification_id DESC LIMIT 1"
    ).fetchone()
    assert row is not None
    return msgspec.json.decode(row[0], type=Stored).recorded_at


def append(conn: Connection, stream_id: str, version: int, at: datetime | None = None) -> int:
    """A receipt of one unit with its command, in a transaction under way; returns the position."""
    command, now = uuid4(), at or datetime.now(UTC)
    state = Stored(
        event_id=event_id(command.bytes, 0),
        type="StockReceived",
        schema_version=1,
        stream_id=stream_id,
        stream_version=version,
        occurred_at=now,
        recorded_at=now,
        actor="psql",
        command_id=str(command),
        correlation_id="by hand",
        data=msgspec.Raw(b'{"quantity":1,"document":"by hand"}'),
    )
    row = conn.execute(
        f"INSERT INTO {TABLE} (originator_id, originator_version, topic, state)"
        " VALUES (%s, %s, 'StockReceived', %s) RETURNING notification_id",
        (stream_id, version, msgspec.json.encode(state)),
    ).fetchone()
    assert row is not None
    receipt = {"stream_id": stream_id, "changed": True, "version": version, "position": row[0]}
    conn.execute(
        "INSERT INTO ordinal.commands VALUES (%s, '', %s, %s, true)",
        (command, msgspec.json.encode(receipt), now),
    )
    return int(row[0])
