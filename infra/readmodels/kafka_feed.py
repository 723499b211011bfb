"""Events by way of Kafka, in position order.

The index topic says which events lie in each stretch of the log. A stretch is handed on when all
of it has arrived; where that cannot be, the store is read instead, up to an index record that
says from which offsets to go on.
"""

import threading
from collections.abc import Iterable

from infra.kafka.index_topic import IndexRecord
from infra.postgres.connections import Connection, connect_projector
from infra.readmodels.checkpoints import ProjectorHalted
from infra.readmodels.feeds import BATCH, FeedBatch, batch_of
from infra.readmodels.index_follower import Follower
from infra.store.event_log import StoredRow, head, read_after

# Positions behind the index's end from which the store, which is faster, is read first.
FAR_BEHIND = 5_000


class SharedSession:
    """Looks into the store for all feeds of a process, one statement at a time: while they follow
    the index there is next to nothing to ask.
    """

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._conn: Connection | None = None
        self._users = 0
        self._turn = threading.Lock()

    def enter(self) -> None:
        with self._turn:
            self._users += 1

    def leave(self) -> None:
        """The last one ends the session."""
        with self._turn:
            self._users -= 1
            if not self._users and self._conn is not None:
                self._conn.close()

    def get(self) -> Connection:
        """An open session; a lost one is replaced. Raises psycopg.OperationalError."""
        with self._turn:
            if self._conn is None or self._conn.closed:
                self._conn = connect_projector(self._conninfo, "feed")
            return self._conn


class KafkaFeed:
    """One read model's place among those that follow the index together."""

    def __init__(self, session: SharedSession, follower: Follower) -> None:
        self._session = session
        session.enter()
        self._follower = follower
        self._target: IndexRecord | None = None
        self._life = 0
        self._seen = 0
        follower.enter()

    def next(self, position: int, stop: threading.Event) -> FeedBatch | None:
        """Raises FeedLost when Kafka is away, ProjectorHalted when it contradicts the store."""
        # Positions that an index record counts no event for are behind us as well.
        position = max(position, self._seen)
        window = self._follower.window
        if window and window.life == self._life and window.begin <= position:
            return self._follow(position, stop)
        return self._catch_up(position)

    def close(self) -> None:
        try:
            self._follower.leave()
        finally:
            self._session.leave()

    def _follow(self, position: int, stop: threading.Event) -> FeedBatch | None:
        """Look for the index's end again when nothing comes although the log goes on.

        A broker that lost its tail and got it again may have written the very record that we wait
        for to an offset in front of ours.
        """
        batch = self._follower.next(self._life, position, stop)
        if batch is None and self._follower.quiet() and head(self._session.get()) > position:
            self._follower.refresh(self._life)
        return batch

    def _catch_up(self, position: int) -> FeedBatch | None:
        """Read the store up to an index record, and go on from its offsets when it is reached."""
        if self._target is None or position >= self._target.to:
            newest = self._follower.newest()
            if newest is None or newest.to - position < (FAR_BEHIND if self._target else 1):
                self._join(self._target or newest, position)
                return None
            self._target = newest
        rows = read_after(self._session.get(), position, BATCH, until=self._target.to)
        return self._agreed(rows, self._target)

    def _agreed(self, rows: Iterable[StoredRow], target: IndexRecord) -> FeedBatch | None:
        """What was read on the way to the target, which Kafka says is in the store."""
        found = list(rows)
        batch = batch_of(found) if found else None
        if batch and batch.to < target.to:
            return batch
        if target.count and (batch is None or (batch.event_id or "") != target.event_id):
            raise ProjectorHalted(
                f"Kafka holds event {target.event_id} at position {target.to}, the log does not:"
                " was a backup restored?"
            )
        if batch is None:
            self._join(target, target.to)
        return batch

    def _join(self, record: IndexRecord | None, position: int) -> None:
        """Follow from behind this record; what the others have left behind the store still has."""
        window = self._follower.join(record)
        self._seen = position
        if window.begin <= position:
            self._life, self._target = window.life, None
        else:
            self._target = window.record
