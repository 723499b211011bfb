"""However long streams are, and however far behind: no statement asks for too much at once.

A statement that takes longer than its time limit is broken off; asked again it would be broken off
again, and whoever needs these streams would never get anything done.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import psycopg
from psycopg.pq import TransactionStatus

from domain.errors import Invalid
from infra.postgres.connections import connect_writer
from infra.write_path.append_session import Loaded, LogSession
from infra.write_path.group_commit import Writer
from infra.write_path.snapshots import Snapshots
from infra.write_path.stream_loader import FEW_STREAMS, PORTION, PORTIONS_UNDER_LOCK
from tests.infra.shop import (
    BIG_CACHE,
    MARKING,
    STOCK,
    Mark,
    check_log,
    do,
    refused,
    stock_of,
    writing,
)

SHORT = tuple(f"stock-X-{number}" for number in range(FEW_STREAMS + 50))


class Asked(NamedTuple):
    """One statement: the events that it brought, and whether the log was locked meanwhile."""

    events: int
    locked: bool


class NotingSession(LogSession):
    """Notes what is asked for."""

    def __init__(self, conn: psycopg.Connection[tuple[object, ...]], asked: list[Asked]) -> None:
        super().__init__(conn)
        self._asked = asked

    def load(
        self, stream_ids: Sequence[str], versions: Sequence[int], most: int
    ) -> Iterator[Loaded]:
        found = list(super().load(stream_ids, versions, most))
        locked = self.conn.info.transaction_status != TransactionStatus.IDLE
        self._asked.append(Asked(len(found), locked))
        return iter(found)


class NotingWriter(Writer):
    """A writer whose statements can be looked at."""

    def __init__(self, conninfo: str, snapshots: Snapshots | None = None) -> None:
        self.asked: list[Asked] = []
        super().__init__(
            lambda: connect_writer(conninfo), MARKING, cache_bytes=BIG_CACHE, snapshots=snapshots
        )

    def _open(self) -> LogSession:
        return NotingSession(super()._open().conn, self.asked)

    @property
    def locked(self) -> int:
        """Events that were read while everybody else waited."""
        return sum(each.events for each in self.asked if each.locked)


def lengthen(conninfo: str, events: int, streams: Sequence[str] = (STOCK,)) -> None:
    """By another writer, which goes away."""
    with writing(conninfo) as writer:
        for begin in range(0, events, PORTION // 2):
            count = min(PORTION // 2, events - begin)
            for name in streams:
                do(writer, Mark(streams=(name,) * count))


def test_a_cold_writer_loads_in_portions(ordinal_database: str) -> None:
    lengthen(ordinal_database, 2 * PORTION + 1)
    lengthen(ordinal_database, 60, SHORT)
    writer = NotingWriter(ordinal_database)
    assert do(writer, Mark(streams=(STOCK, *SHORT))).receipt.version == 2 * PORTION + 2
    writer.close()
    assert sum(each.events for each in writer.asked) == 2 * PORTION + 1 + 60 * len(SHORT)
    assert max(each.events for each in writer.asked) <= PORTION
    assert writer.locked == 0
    check_log(ordinal_database)
    assert stock_of(ordinal_database).on_hand == 2 * PORTION + 2


def test_what_others_wrote_at_length_is_not_read_under_the_lock(ordinal_database: str) -> None:
    writer = NotingWriter(ordinal_database)
    do(writer, Mark(streams=(STOCK, *SHORT)))
    much = (PORTIONS_UNDER_LOCK + 2) * PORTION
    lengthen(ordinal_database, much)
    lengthen(ordinal_database, 3, SHORT)
    writer.asked.clear()
    assert do(writer, Mark(streams=(STOCK, *SHORT))).receipt.version == much + 2
    writer.close()
    assert max(each.events for each in writer.asked) <= PORTION
    assert writer.locked <= PORTIONS_UNDER_LOCK * PORTION
    assert sum(each.events for each in writer.asked) == much + 3 * len(SHORT)
    check_log(ordinal_database)
    assert stock_of(ordinal_database).on_hand == much + 2


def test_a_little_that_others_wrote_is_read_at_once(ordinal_database: str) -> None:
    writer = NotingWriter(ordinal_database)
    do(writer, Mark(streams=SHORT[:20]))
    lengthen(ordinal_database, 5, SHORT[:20])
    writer.asked.clear()
    do(writer, Mark(streams=SHORT[:20]))
    writer.close()
    assert writer.asked == [Asked(5 * 20, locked=True)]


def test_a_failed_command_does_not_have_a_long_stream_read_under_the_lock(
    ordinal_database: str,
) -> None:
    snapshots = Snapshots(lambda: connect_writer(ordinal_database), every=PORTION // 4)
    writer = NotingWriter(ordinal_database, snapshots)
    for _ in range(6):
        do(writer, Mark(streams=(STOCK,) * (PORTION // 4 + 1)))
    snapshots.close()
    writer.asked.clear()
    assert isinstance(refused(writer, Mark(fails=Invalid())), Invalid)
    assert writer.locked <= PORTION // 4
    assert do(writer, Mark()).receipt.version == 6 * (PORTION // 4 + 1) + 1
    writer.close()
    check_log(ordinal_database)
    assert stock_of(ordinal_database).on_hand == 6 * (PORTION // 4 + 1) + 1
