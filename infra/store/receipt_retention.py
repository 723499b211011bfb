"""What a store need not keep for ever: receipts of commands that nobody will repeat any more."""

import threading
from collections.abc import Callable

import psycopg
import structlog

from infra.postgres.connections import Connection

EVERY_SECONDS = 600.0
CHUNK = 5_000
log = structlog.get_logger("housekeeping")
FORGET = (
    "DELETE FROM ordinal.commands WHERE command_id IN (SELECT command_id FROM ordinal.commands"
    " WHERE NOT kept AND recorded_at < ordinal.clock() - make_interval(days => %s)"
    " ORDER BY recorded_at LIMIT %s)"
)


def forget_receipts(conn: Connection, days: int) -> int:
    """Forget commands older than this, in small chunks; those that are kept stay. Returns how many.

    The ids that the system gave itself, and those of imports and intake, are kept for ever.
    """
    forgotten = 0
    while (done := conn.execute(FORGET, (days, CHUNK)).rowcount) > 0:
        forgotten += done
    return forgotten


def knows_former_keys(conn: Connection, days: int) -> bool:
    """Whether receipts may be kept by the ids that keys had before they belonged to channels."""
    row = conn.execute(
        "SELECT former_keys_at > now() - make_interval(days => %s) FROM ordinal.store", (days,)
    ).fetchone()
    return bool(row and row[0])


class Housekeeper:
    """Tidies now and then in a thread of its own; a database that is away waits for next time."""

    def __init__(self, connect: Callable[[], Connection], *, idempotency_days: int) -> None:
        self._connect = connect
        self._days = idempotency_days
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            try:
                with self._connect() as conn:
                    forgotten = forget_receipts(conn, self._days)
            except psycopg.Error as error:
                log.warning("housekeeping_failed", error=str(error))
                continue
            log.info("receipts_forgotten", count=forgotten)
