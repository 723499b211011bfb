"""A store made for a simulation or a test: its clock stands still until it is moved by command."""

from datetime import datetime

from infra.postgres.connections import Connection
from infra.store.event_log import head


class ClockNotMoved(Exception):
    """The store's clock cannot be set like this."""


def simulated_clock(conn: Connection) -> datetime | None:
    """What time it is in a store that is simulated; None in every other."""
    row = conn.execute("SELECT simulated_clock FROM ordinal.store").fetchone()
    found: datetime | None = row[0] if row else None
    return found


def simulate(conn: Connection, at: datetime) -> None:
    """Make an empty store one that is simulated, for good; as the owner of the database.

    Raises ClockNotMoved when anything was recorded, or it is one already.
    """
    with conn.transaction():
        conn.execute("SELECT ordinal.append_lock()")
        if simulated_clock(conn) is not None:
            raise ClockNotMoved("this store is simulated already: `ordinal store move-clock`")
        if not _is_empty(conn):
            raise ClockNotMoved("only an empty store may become one that is simulated")
        conn.execute("UPDATE ordinal.store SET simulated_clock = %s", (at,))


def move_clock(conn: Connection, to: datetime) -> None:
    """Set the clock of a store that is simulated forward. Raises ClockNotMoved."""
    with conn.transaction():
        conn.execute("SELECT ordinal.append_lock()")
        now = simulated_clock(conn)
        if now is None:
            raise ClockNotMoved("this store is not simulated: its time goes on by itself")
        if to < now:
            raise ClockNotMoved(
                f"it is {now:%Y-%m-%d %H:%M:%S} UTC there, and time never goes back"
            )
        conn.execute("UPDATE ordinal.store SET simulated_clock = %s", (to,))


def _is_empty(conn: Connection) -> bool:
    row = conn.execute("SELECT EXISTS (SELECT FROM ordinal.commands)").fetchone()
    return head(conn) == 0 and row == (False,)
