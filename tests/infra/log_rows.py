"""Events put straight into the log, for tests of what stands behind it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple
from uuid import UUID, uuid5

import msgspec
import psycopg

from domain.order.events import HoldPlaced, OrderConfirmed
from domain.sourcing_policy import LocationClosed
from domain.stock.events import StockItemResumed, StockReceived
from infra.store.codec import encode_data
from infra.store.envelope import Stored

MOMENT = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
NAMESPACE = UUID("0d6f2a1e-8a55-4f5e-9d6a-2f0f4a7d1c11")

SIMPLE_EVENTS: dict[str, tuple[object, ...]] = {
    "order": (OrderConfirmed(), HoldPlaced(hold_id="h1", reason="fraud-check")),
    "stock": (StockItemResumed(), StockReceived(quantity=3, document="d1")),
    "sourcing": (LocationClosed(location="BERLIN", reason="rebuilt"),),
}


class LogRow(NamedTuple):
    """What is stored of one event, its position aside."""

    stream_id: str
    stream_version: int
    type: str
    state: bytes


class LogWriter:
    """Appends commands of simple events, each command its own transaction."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._versions: dict[str, int] = {}
        self._commands = 0

    def append(self, *stream_ids: str, traceparent: str | None = None) -> list[int]:
        """One command with one event for each stream named; returns the positions."""
        return self.append_all([stream_ids], traceparent=traceparent)

    def append_all(
        self, commands: Iterable[Sequence[str]], *, traceparent: str | None = None
    ) -> list[int]:
        """Several commands in one transaction."""
        rows = [row for streams in commands for row in self._rows(streams, traceparent)]
        return insert(self._conninfo, rows)

    def _rows(self, stream_ids: Sequence[str], traceparent: str | None) -> list[LogRow]:
        self._commands += 1
        command = uuid5(NAMESPACE, f"command {self._commands}")
        return [
            self._row(stream_id, command, index, traceparent)
            for index, stream_id in enumerate(stream_ids)
        ]

    def _row(self, stream_id: str, command: UUID, index: int, traceparent: str | None) -> LogRow:
        version = self._versions[stream_id] = self._versions.get(stream_id, 0) + 1
        known = SIMPLE_EVENTS[stream_id.partition("-")[0]]
        event = known[version % len(known)]
        state = Stored(
            event_id=str(uuid5(command, str(index))),
            type=type(event).__name__,
            schema_version=1,
            stream_id=stream_id,
            stream_version=version,
            occurred_at=MOMENT,
            recorded_at=MOMENT,
            actor="test",
            command_id=str(command),
            correlation_id=str(command),
            data=msgspec.Raw(encode_data(event)),
            traceparent=traceparent,
        )
        return LogRow(stream_id, version, type(event).__name__, encode_data(state))


def insert(conninfo: str, rows: Sequence[LogRow]) -> list[int]:
    """Put rows into the log in one transaction, and return their positions."""
    with psycopg.connect(conninfo) as conn:
        cursor = conn.cursor()
        cursor.executemany(
            "INSERT INTO ordinal.stored_events"
            " (originator_id, originator_version, topic, state) VALUES (%s, %s, %s, %s)"
            " RETURNING notification_id",
            rows,
            returning=True,
        )
        return [row[0] for result in cursor.results() for row in result.fetchall()]


def put_into_outbox(conninfo: str, topic: str, values: Sequence[bytes]) -> None:
    """Messages that are no events, keyed by their own value."""
    with psycopg.connect(conninfo) as conn:
        conn.cursor().executemany(
            "INSERT INTO ordinal.outbox (topic, key, value, headers, recorded_at)"
            ' VALUES (%s, %s, %s, \'{"outcome": "accepted"}\', %s)',
            [(topic, value, value, MOMENT) for value in values],
        )


def versions_by_stream(pairs: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    """The versions of each stream, in the order in which they came."""
    ordered = sorted(pairs, key=lambda pair: pair[0])
    return {key: [v for _, v in group] for key, group in groupby(ordered, key=lambda p: p[0])}
