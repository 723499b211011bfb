"""A projector in a thread, for as long as a block lasts."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import psycopg

from infra.readmodels.feeds import Feed, StoreFeed
from infra.readmodels.projector import Projector
from projections.projection import Projection


def eventually(holds: Callable[[], bool], seconds: float = 15.0) -> None:
    """Wait until it holds, fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.005)


@contextmanager
def running(
    conninfo: str, projection: Projection, feed: Callable[[], Feed] | None = None
) -> Iterator[Projector]:
    """Whatever ends the projector is raised when the block ends."""
    projector = Projector(conninfo, projection, feed or partial(StoreFeed, conninfo))
    stop, raised = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            projector.run(stop)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield projector
    finally:
        stop.set()
        thread.join(20)
    if raised:
        raise raised[0]


def project(
    conninfo: str, projection: Projection, feed: Callable[[], Feed] | None = None
) -> Projector:
    """Apply the whole log and stop."""
    with psycopg.connect(conninfo) as conn:
        row = conn.execute("SELECT max(notification_id) FROM ordinal.stored_events").fetchone()
    head = row[0] if row and row[0] else 0
    with running(conninfo, projection, feed) as projector:
        eventually(lambda: projector.status.position >= head or _over(projector))
    return projector


def _over(projector: Projector) -> bool:
    return projector.status.state == "halted"
