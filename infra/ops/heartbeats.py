"""What the processes behind the log say of themselves, for operators to see.

Told about once a second by a thread with a connection of its own, one for all parts of a process,
so that neither the work nor a halt waits for it. Nothing is ever decided by what is told.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

import psycopg
import structlog

from infra.postgres.connections import Connection, connect

# Seconds.
INTERVAL = 1.0
HEARTBEAT = 5.0
LAST_WORD = 1.0
# A part that was not heard of for this long is away.
SILENCE = 15.0

_TELL = """
    INSERT INTO ordinal.progress AS known (part, state, position, outbox, detail, lag)
    VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (part) DO UPDATE SET
        state = excluded.state, detail = excluded.detail, updated_at = now(),
        position = coalesce(excluded.position, known.position),
        outbox = coalesce(excluded.outbox, known.outbox), lag = coalesce(excluded.lag, known.lag)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """What a part says of itself; a position that it does not know yet stays as it was told.

    `lag` is how many messages wait for an intake.
    """

    state: str
    position: int | None = None
    outbox: int | None = None
    detail: str | None = None
    lag: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What was last heard of a part, and how many seconds ago."""

    name: str
    state: str
    position: int
    outbox: int
    detail: str
    age: float
    lag: int = 0

    @property
    def works(self) -> bool:
        # Who cannot reach its broker starts again and again: that is no work yet.
        return self.state == "running" and self.age < SILENCE


def parts(conn: Connection) -> list[Part]:
    """Every part that was ever heard of, by name."""
    rows = conn.execute(
        "SELECT part, state, coalesce(position, 0), coalesce(outbox, 0), coalesce(detail, ''),"
        " extract(epoch FROM clock_timestamp() - updated_at)::float8, coalesce(lag, 0)"
        " FROM ordinal.progress ORDER BY part"
    ).fetchall()
    names = "name", "state", "position", "outbox", "detail", "age", "lag"
    return [Part(**dict(zip(names, row, strict=True))) for row in rows]


News = Callable[[], Heartbeat | None]


@contextmanager
def reporting(conninfo: str, role: str, part: str, news: News) -> Iterator[None]:
    """Tell the news of a part as long as the block lasts, and once more when it ends."""
    with reporting_each(conninfo, role, {part: news}):
        yield


@contextmanager
def reporting_each(conninfo: str, role: str, news: Mapping[str, News]) -> Iterator[None]:
    """The same for several parts of one process, by their names."""
    writer = HeartbeatWriter(conninfo, role, news)
    writer.start()
    try:
        yield
    finally:
        writer.stop()


class HeartbeatWriter:
    """Writes down what is new, and from time to time that nothing is."""

    def __init__(self, conninfo: str, role: str, news: Mapping[str, News]) -> None:
        self._conninfo = conninfo
        self._role = role
        self._news = news
        self._conn: Connection | None = None
        self._told: dict[str, tuple[Heartbeat, float]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeats", daemon=True)
        self._log = structlog.get_logger()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Have the last word, unless the database takes too long to hear it."""
        self._over.set()
        self._thread.join(LAST_WORD)

    def _run(self) -> None:
        while not self._over.wait(INTERVAL):
            self._tell_all()
        self._tell_all()
        self._hang_up()

    def _tell_all(self) -> None:
        for part, news in self._news.items():
            self._tell(part, news())

    def _tell(self, part: str, news: Heartbeat | None) -> None:
        told, told_at = self._told.get(part, (None, 0.0))
        now = monotonic()
        if news is None or (news == told and now - told_at < HEARTBEAT):
            return
        try:
            self._write(part, news)
            self._told[part] = news, now
        except psycopg.Error as error:
            self._log.debug("progress_not_told", part=part, error=str(error).strip())
            self._hang_up()

    def _write(self, part: str, news: Heartbeat) -> None:
        if self._conn is None:
            self._conn = connect(self._conninfo, self._role, options="-c synchronous_commit=off")
        told = news.state, news.position, news.outbox, news.detail, news.lag
        self._conn.execute(_TELL, (part, *told))

    def _hang_up(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.close()
