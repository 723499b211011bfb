"""One active process of a kind, elected by a session advisory lock.

The lock belongs to a connection of its own that must be heard of: a leader that was stopped, or
cut off, is dropped by the server after `IDLE_LIMIT`, and another one takes over. It may not know
yet, so whatever it writes is protected a second time (fencing, compare-and-set).
"""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import psycopg
import structlog

from infra.postgres.connections import WatchedConnection

# Seconds.
IDLE_LIMIT = 10.0
PING_INTERVAL = 3.0
TRY_INTERVAL = 0.25
ANSWER_LIMIT = 5.0
# A ping that was answered longer ago than this says nothing any more.
TRUST_LIMIT = 8.0


class LeadershipLost(Exception):
    """Another process may lead by now: stop at once, and stand for election again."""


class Leadership:
    """A seat for one process; `name` appears in the log and as the session's application name."""

    def __init__(self, conninfo: str, key: int, name: str) -> None:
        self._conninfo = conninfo
        self._key = key
        self._name = name
        self._log = structlog.get_logger().bind(seat=name)
        self._conn: WatchedConnection | None = None
        self._answered = 0.0
        self._ended = threading.Event()
        self._pinger: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def acquire(self, stop: threading.Event, beat: Callable[[], None] = lambda: None) -> bool:
        """Wait until this process leads; False when `stop` came first.

        `beat` is called every time that the seat is asked for.
        """
        self.release()
        told = False
        while not stop.is_set():
            beat()
            if self._stand():
                self._take_seat()
                return True
            if not told:
                self._log.info("waiting_for_leadership")
                told = True
            stop.wait(TRY_INTERVAL)
        self._disconnect()
        return False

    def still_leader(self) -> bool:
        """Whether the lock was ours a moment ago; costs nothing."""
        return self._conn is not None and time.monotonic() - self._answered < TRUST_LIMIT

    def check(self) -> None:
        """Raise LeadershipLost unless this process still leads."""
        if not self.still_leader():
            raise LeadershipLost(f"{self._name} lost its leadership")

    def confirm(self) -> bool:
        """Ask the server whether the lock is still ours."""
        conn = self._conn
        if conn is None:
            return False
        try:
            conn.execute("SELECT 1")
        except psycopg.Error as error:
            self._log.warning("leadership_lost", error=str(error).strip())
            self._disconnect()
            return False
        self._answered = time.monotonic()
        return True

    def release(self) -> None:
        """Give the seat up."""
        self._ended.set()
        if self._pinger is not None:
            self._pinger.join()
            self._pinger = None
        self._disconnect()

    def _stand(self) -> bool:
        try:
            return self._try()
        except psycopg.OperationalError as error:
            self._disconnect()
            self._log.warning("election_failed", error=str(error).strip())
            return False

    def _try(self) -> bool:
        if self._conn is None:
            self._conn = self._connect()
        row = self._conn.execute("SELECT pg_try_advisory_lock(%s)", (self._key,)).fetchone()
        return bool(row and row[0])

    def _connect(self) -> WatchedConnection:
        conn = WatchedConnection.connect(
            self._conninfo,
            autocommit=True,
            application_name=f"ordinal {self._name} leadership",
            connect_timeout=2,
            tcp_user_timeout=8_000,
        )
        conn.silence = ANSWER_LIMIT
        conn.execute(f"SET idle_session_timeout = {IDLE_LIMIT * 1000:.0f}")
        return conn

    def _take_seat(self) -> None:
        self._answered = time.monotonic()
        self._ended = threading.Event()
        self._pinger = threading.Thread(target=self._ping, args=(self._ended,), daemon=True)
        self._pinger.start()
        self._log.info("leading")

    def _ping(self, ended: threading.Event) -> None:
        while not ended.wait(PING_INTERVAL) and self.confirm():
            pass

    def _disconnect(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.close()
