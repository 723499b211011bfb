"""The one process of a store that reacts: it reads the log, and has a writer of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Literal

import psycopg
import structlog

from consumers.reaction import Reactions
from infra.postgres import advisory_locks
from infra.postgres.connections import Connection, connect
from infra.postgres.leader_election import Leadership, LeadershipLost
from infra.reactions.follower import PORTION, Follower, Moment, Overtaken
from infra.reactions.store_view import GapInStream, StoreView
from infra.reactions.switches import Switch, register, switches
from infra.reactions.tasks import due_tasks
from infra.runtime.watchdog import Watchdog
from infra.store.codec import UnknownEvent
from infra.store.event_log import TABLE
from infra.write_path.group_commit import BatchRefused, LogUnavailable, Writer
from infra.write_path.snapshots import Snapshots

ROLE = "ordinal_writer"
# Seconds. A view folds streams from their beginning, and a sweep walks over many.
LONGEST_STATEMENT = 20.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.25
FIRST_RETRY, LONGEST_RETRY = 0.1, 2.0
SWITCHES_INTERVAL = 1.0

_MOMENT = f"SELECT ordinal.clock(), coalesce(max(notification_id), 0) FROM {TABLE}"

TRANSIENT = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    LogUnavailable,
    LeadershipLost,
    BatchRefused,
)
# Nothing here can go on until a person has looked, or a newer program runs.
HALTING = (UnknownEvent, GapInStream)
State = Literal["starting", "standby", "running", "waiting", "halted", "stopped"]

log = structlog.get_logger("reactions")


@dataclass(slots=True)
class RunnerStatus:
    """What the runner says of itself, since it leads."""

    state: State = "starting"
    position: int = 0
    accepted: int = 0
    refused: int = 0
    parked: int = 0
    on: int = 0
    last_error: str | None = None


class Runner:
    """Stands for election, works while it leads, and outlives a lost database."""

    def __init__(
        self,
        conninfo: str,
        reactions: Reactions,
        writer: Writer,
        *,
        cache_bytes: int,
    ) -> None:
        self._conninfo = conninfo
        self._reactions = reactions
        self._writer = writer
        self._cache_bytes = cache_bytes
        self._followers: dict[str, Follower] = {}
        self._looked = 0.0
        self.status = RunnerStatus()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`."""
        pause = FIRST_RETRY
        with Watchdog("reactions") as watchdog:
            while not stop.is_set():
                watchdog.ping()
                began = monotonic()
                try:
                    self._stand_and_lead(stop, watchdog.ping)
                except (*TRANSIENT, *HALTING) as error:
                    pause = FIRST_RETRY if monotonic() - began > LONGEST_RETRY else pause
                    self._wait(error, stop, pause)
                    pause = min(2 * pause, LONGEST_RETRY)
        self._enter("stopped")

    def _wait(self, error: Exception, stop: threading.Event, pause: float) -> None:
        self.status.last_error = f"{type(error).__name__}: {error}".strip()
        state: State = "halted" if isinstance(error, HALTING) else "waiting"
        self._enter(state, error=self.status.last_error)
        stop.wait(LONGEST_RETRY if state == "halted" else pause)

    def _stand_and_lead(self, stop: threading.Event, ping: Callable[[], None]) -> None:
        self._enter("standby")
        with Leadership(self._conninfo, advisory_locks.REACTIONS, "reactions") as leader_lock:
            if leader_lock.acquire(stop, ping):
                with closing(connect(self._conninfo, ROLE, timeout=LONGEST_STATEMENT)) as conn:
                    register(conn, self._reactions)
                    self._enter("running")
                    with self._forgetting():
                        self._lead(conn, leader_lock, stop, ping)

    @contextmanager
    def _forgetting(self) -> Iterator[None]:
        """Where everybody stands is looked up by whoever leads next."""
        self._looked = 0.0
        try:
            yield
        finally:
            self._followers.clear()
            self._writer.close()

    def _lead(
        self,
        conn: Connection,
        leader_lock: Leadership,
        stop: threading.Event,
        ping: Callable[[], None],
    ) -> None:
        snapshots = Snapshots(lambda: connect(self._conninfo, ROLE))
        view = StoreView(conn, snapshots, self._cache_bytes)
        pause = SHORTEST_PAUSE
        while not stop.is_set():
            ping()
            leader_lock.check()
            try:
                self._look_at_switches(conn, view)
                busy = self._round(conn, view)
            except Overtaken as overtaken:
                log.info("reaction_overtaken", reaction=str(overtaken))
                self._followers.pop(str(overtaken), None)
                self._looked, busy = 0.0, False
            pause = SHORTEST_PAUSE if busy else min(pause * 1.5, LONGEST_PAUSE)
            if not busy:
                stop.wait(pause)

    def _look_at_switches(self, conn: Connection, view: StoreView) -> None:
        if monotonic() - self._looked < SWITCHES_INTERVAL:
            return
        self._looked = monotonic()
        known = switches(conn)
        for name in self._reactions:
            self._follow_switch(conn, view, name, known.get(name))
        self.status.on = len(self._followers)

    def _follow_switch(
        self, conn: Connection, view: StoreView, name: str, known: Switch | None
    ) -> None:
        present = self._followers.get(name)
        if known is None or not known.on:
            self._followers.pop(name, None)
        elif present is None or not present.agrees(known):
            reaction = self._reactions[name]
            self._followers[name] = Follower(reaction, conn, view, self._writer, known.stands)

    def _round(self, conn: Connection, view: StoreView) -> bool:
        """What is due comes first; whether there was anything to do."""
        moment = _moment(conn)
        view.next_round()
        due = due_tasks(conn, list(self._followers), moment.now, PORTION)
        busy = [self._followers[name].do_tasks(tasks, moment) for name, tasks in due.items()]
        busy += [follower.follow(moment) for follower in list(self._followers.values())]
        self._note(moment)
        return any(busy)

    def _note(self, moment: Moment) -> None:
        followers, status = self._followers.values(), self.status
        status.position = min((each.at for each in followers), default=moment.head)
        status.accepted = sum(each.counts.accepted for each in followers)
        status.refused = sum(each.counts.refused for each in followers)
        status.parked = sum(each.counts.parked for each in followers)

    def _enter(self, state: State, **details: object) -> None:
        if state != self.status.state:
            self.status.state = state
            log.info("reactions_state", state=state, **details)


def _moment(conn: Connection) -> Moment:
    row = conn.execute(_MOMENT.encode(), prepare=True).fetchone()
    assert row is not None
    return Moment(*row)
