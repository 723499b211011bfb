"""A projector: the one process that keeps a read model up to date from a feed."""

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from time import monotonic
from typing import Literal

import psycopg
import structlog

from infra.postgres import advisory_locks
from infra.postgres.connections import Connection, connect_projector
from infra.postgres.leader_election import Leadership, LeadershipLost
from infra.readmodels.applier import Applier
from infra.readmodels.checkpoints import CheckpointMoved, age_of, read_generation, verify
from infra.readmodels.feeds import Feed, FeedBatch, FeedLost
from infra.readmodels.generations import ensure_generation, refresh_views
from infra.runtime.watchdog import Watchdog
from infra.store.event_log import head
from projections.projection import Projection

TRANSIENT = (psycopg.OperationalError, psycopg.InterfaceError, FeedLost)
# Seconds.
SHORTEST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
GENERATION_PAUSE = 1.0
HEAD_INTERVAL = 1.0

State = Literal["starting", "standby", "needs_rebuild", "running", "waiting", "halted", "stopped"]


@dataclass(slots=True)
class ProjectorStatus:
    """What a projector says of itself; lag is counted in log positions and in seconds."""

    projection: str
    state: State = "starting"
    generation: int = 0
    position: int = 0
    head: int = 0
    lag_seconds: float = 0.0
    batches: int = 0
    events: int = 0
    parked: int = 0
    failures: int = 0
    last_error: str | None = None

    @property
    def lag(self) -> int:
        return max(0, self.head - self.position)


def leader_lock_of(projection: Projection) -> int:
    """The number of the advisory lock that elects a read model's projector, one for each version:
    while a release is rolled out, old and new processes feed a generation each.
    """
    return advisory_locks.named(advisory_locks.PROJECTOR, f"{projection.name} {projection.version}")


class Projector:
    """Stands for election, applies batches while it leads, and outlives a lost database."""

    def __init__(self, conninfo: str, projection: Projection, feed: Callable[[], Feed]) -> None:
        self._conninfo = conninfo
        self._projection = projection
        self._feed = feed
        self._log = structlog.get_logger().bind(projection=projection.name)
        self._looked = 0.0
        self.status = ProjectorStatus(projection.name)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`. Raises ProjectorHalted when a person must look first."""
        try:
            with Watchdog(f"projector {self._projection.name}") as self._watchdog:
                self._run(stop)
        except BaseException as error:
            self.status.last_error = str(error)
            self._enter("halted", error=str(error))
            raise
        self._enter("stopped")

    def _run(self, stop: threading.Event) -> None:
        pause = SHORTEST_PAUSE
        while not stop.is_set():
            self._watchdog.ping()
            before = self.status.batches
            try:
                self._stand_and_lead(stop)
            except (*TRANSIENT, LeadershipLost, CheckpointMoved) as error:
                self.status.failures += 1
                self.status.last_error = str(error).strip()
                pause = SHORTEST_PAUSE if self.status.batches > before else pause
                self._enter("waiting", error=self.status.last_error)
                stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _stand_and_lead(self, stop: threading.Event) -> None:
        self._enter("standby")
        name = f"projector {self._projection.name}"
        with Leadership(self._conninfo, leader_lock_of(self._projection), name) as leader_lock:
            if leader_lock.acquire(stop, self._watchdog.ping):
                self._prepare(name)
                with closing(connect_projector(self._conninfo, name)) as conn:
                    applier = self._resume(conn, leader_lock, stop)
                    if applier:
                        self._lead(conn, leader_lock, applier, stop)

    def _prepare(self, name: str) -> None:
        """In a session that ends: what it learned of the catalogue, megabytes, goes with it."""
        with closing(connect_projector(self._conninfo, name)) as conn:
            ensure_generation(conn, self._projection)
            refresh_views(conn, self._projection)

    def _resume(
        self, conn: Connection, leader_lock: Leadership, stop: threading.Event
    ) -> Applier | None:
        """Go on where this version's generation stands; waits for a rebuild that makes it."""
        while not stop.is_set():
            self._watchdog.ping()
            leader_lock.check()
            found = read_generation(conn, self._projection.name, self._projection.version)
            if found:
                verify(conn, found)
                self.status.generation, self.status.position = found.generation, found.position
                return Applier(conn, self._projection, found)
            self._enter("needs_rebuild")
            stop.wait(GENERATION_PAUSE)
        return None

    def _lead(
        self, conn: Connection, leader_lock: Leadership, applier: Applier, stop: threading.Event
    ) -> None:
        self._enter("running", position=applier.checkpoint.position)
        with closing(self._feed()) as feed:
            while not stop.is_set():
                self._watchdog.ping()
                leader_lock.check()
                batch = feed.next(applier.checkpoint.position, stop)
                if batch:
                    applier.apply(batch)
                self._note(applier, batch)
                self._look(conn)

    def _note(self, applier: Applier, batch: FeedBatch | None) -> None:
        status = self.status
        status.position, status.parked = applier.checkpoint.position, applier.parked
        if batch is None:
            status.lag_seconds = 0.0
            return
        status.batches += 1
        status.events += len(batch.rows)
        status.lag_seconds = age_of(batch.rows[-1].state)
        self._log.debug("batch_applied", events=len(batch.rows), position=status.position)

    def _look(self, conn: Connection) -> None:
        """See how far the log is, once in a while."""
        if monotonic() - self._looked > HEAD_INTERVAL:
            self._looked = monotonic()
            self.status.head = head(conn)

    def _enter(self, state: State, **details: object) -> None:
        if state != self.status.state:
            self.status.state = state
            self._log.info("projector_state", state=state, **details)
