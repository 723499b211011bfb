"""The clock of the log: how far it may be ahead of ours, and its epochs.

Recording times never fall with position, so one wrong clock would date all that comes after it. An
operator begins a new clock epoch then; behind its position, and only there, the times may go back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from infra.postgres.connections import Connection
from infra.store.envelope import recorded_at_of
from infra.store.event_log import head, read_at
from infra.store.simulated_clock import simulated_clock

Clock = Callable[[], datetime]
EARLIEST = datetime.min.replace(tzinfo=UTC)
# Further ahead of ours, a clock is wrong, or ours is.
MOST_AHEAD = timedelta(minutes=5)


class ClockNotAccepted(Exception):
    """No clock epoch can begin, or none needs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockEpoch:
    """Events behind the position `after`; the one there says that it was recorded at `former`."""

    after: int
    former: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStatus:
    """How far the database's clock, and the last event's time, are ahead of this machine's.

    A store that is `simulated` has a time of its own, which is ahead of nothing.
    """

    epoch: int
    database_ahead: timedelta
    log_ahead: timedelta
    simulated: datetime | None = None


def system_clock() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


def epochs(conn: Connection) -> list[int]:
    """The positions behind which a clock epoch begins, the first one's included."""
    rows = conn.execute("SELECT after FROM ordinal.clock_epochs ORDER BY after").fetchall()
    return [0, *(int(after) for (after,) in rows)]


def clock_status(conn: Connection, clock: Clock = system_clock) -> ClockStatus:
    begins, last, here = epochs(conn), head(conn), clock()
    simulated = simulated_clock(conn)
    dated = last > begins[-1] and simulated is None
    recorded = _recorded_at(conn, last) if dated else EARLIEST
    return ClockStatus(
        epoch=len(begins),
        simulated=simulated,
        database_ahead=_database_clock(conn) - here,
        log_ahead=max(recorded - here, timedelta(0)),
    )


def accept_clock(conn: Connection, clock: Clock = system_clock) -> ClockEpoch:
    """Begin a new clock epoch behind the last event, as the owner of the database.

    Raises ClockNotAccepted while the clocks disagree, or when the log is not ahead of them.
    """
    with conn.transaction():
        conn.execute("SELECT ordinal.append_lock()")
        if simulated_clock(conn) is not None:
            raise ClockNotAccepted("this store is simulated: `ordinal store move-clock`")
        now = _database_clock(conn)
        _refuse_wrong(now, clock())
        last, begins = head(conn), epochs(conn)
        former = _recorded_at(conn, last) if last > begins[-1] else EARLIEST
        if former - now <= MOST_AHEAD:
            raise ClockNotAccepted("the log is not ahead of the clock: there is nothing to accept")
        conn.execute("INSERT INTO ordinal.clock_epochs VALUES (%s, %s, %s)", (last, former, now))
    return ClockEpoch(after=last, former=former)


def _refuse_wrong(database: datetime, here: datetime) -> None:
    if abs(database - here) > MOST_AHEAD:
        raise ClockNotAccepted(
            f"it is {database:%Y-%m-%d %H:%M:%S} UTC for the database and"
            f" {here:%Y-%m-%d %H:%M:%S} UTC for this machine: put the wrong one right first"
        )


def _database_clock(conn: Connection) -> datetime:
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    now: datetime = row[0]
    return now


def _recorded_at(conn: Connection, position: int) -> datetime:
    row = read_at(conn, position)
    return (recorded_at_of(row.state) if row else None) or EARLIEST


def said(ahead: timedelta) -> str:
    """How long that is, for people."""
    return f"{ahead.days} days" if ahead.days else f"{ahead.total_seconds():.0f} s"
