"""Where a projector gets its events from: the log itself, in position order."""

import threading
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from domain.decider import Recorded
from infra.postgres.connections import connect_projector
from infra.store.envelope import event_id_of
from infra.store.event_log import StoredRow, read_after

BATCH = 500
# Seconds between two looks at the log. A pause lets a busy log fill the next batch, which costs
# less than many small ones; an idle log is asked less often.
PAUSE = 0.006
IDLE_PAUSE = 0.015
# A feed comes back empty-handed after this long, so that its caller sees to other things.
PATIENCE = 0.25


class FeedLost(Exception):
    """The feed's source is away: wait, and open another feed."""


class SharedRow(StoredRow):
    """A row for several read models; `known` is its event once one of them has decoded it."""

    known: Recorded | None = None


class FeedBatch(NamedTuple):
    """Events behind the position that was asked for, without a gap, up to `to` inclusive."""

    rows: Sequence[StoredRow]
    to: int
    event_id: str | None


class Feed(Protocol):
    """A source of events for one projector."""

    def next(self, position: int, stop: threading.Event) -> FeedBatch | None:
        """What follows this position, at once or within a short time; None when nothing came."""
        ...

    def close(self) -> None: ...


def batch_of(rows: Sequence[StoredRow]) -> FeedBatch:
    """All of these rows, at least one."""
    last = rows[-1]
    return FeedBatch(rows, last.position, event_id_of(last.state))


class StoreFeed:
    """Polls the log."""

    def __init__(self, conninfo: str) -> None:
        self._conn = connect_projector(conninfo, "feed")
        self._full = False

    def next(self, position: int, stop: threading.Event) -> FeedBatch | None:
        pause, waited = PAUSE, 0.0
        while not stop.is_set():
            if not self._full:
                stop.wait(pause)
            rows = read_after(self._conn, position, BATCH)
            self._full = len(rows) == BATCH
            if rows:
                return batch_of(rows)
            waited += pause
            if waited > PATIENCE:
                break
            pause = IDLE_PAUSE
        return None

    def close(self) -> None:
        self._conn.close()
