"""The API keys in force, in memory: asked on every request, read anew every second."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import structlog

from infra.postgres.connections import Connection
from infra.store.api_keys import COLUMNS, Key, digest, key_of

# Seconds. A key that was revoked opens nothing two seconds later, also when one answer is lost.
RELOAD_INTERVAL = 0.8
RETRY_INTERVAL = 0.05
ANSWER_LIMIT = 0.6
# How often it is written down that keys were used; the figure kept is to the minute.
NOTING_INTERVAL = 5.0
_USED = """
    UPDATE ordinal.api_keys SET last_used_at = now() WHERE key_id = ANY(%s)
    AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
"""
log = structlog.get_logger("keys")


class KeyRing:
    """The keys in force, read anew every second; a database that is away changes nothing.

    `connect` makes a session that waits no longer than ANSWER_LIMIT for an answer.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._conn: Connection | None = None
        self._keys: dict[bytes, Key] = {}
        self._used: set[str] = set()
        self._noted = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keys", daemon=True)

    def start(self) -> None:
        """Raises psycopg.Error: without the keys every caller would be turned away as unknown."""
        self._load()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def find(self, secret: str) -> Key | None:
        key = self._keys.get(digest(secret))
        if key is None or (key.expires_at is not None and key.expires_at <= datetime.now(UTC)):
            return None
        self._used.add(key.key_id)
        return key

    def _run(self) -> None:
        pause = RELOAD_INTERVAL
        while not self._stop.wait(pause):
            # A first failure may be a lost answer; a second one is a database that is away.
            again = RETRY_INTERVAL if pause == RELOAD_INTERVAL else RELOAD_INTERVAL
            pause = RELOAD_INTERVAL if self._reloaded() else again
        self._hang_up()

    def _reloaded(self) -> bool:
        try:
            self._load()
            self._note_used()
        except psycopg.Error as error:
            log.warning("keys_not_reloaded", error=str(error).strip())
            self._hang_up()
            return False
        return True

    def _load(self) -> None:
        if self._conn is None:
            self._conn = self._connect()
        rows = self._conn.execute(
            f"SELECT hash, {COLUMNS} FROM ordinal.api_keys WHERE revoked_at IS NULL"
        ).fetchall()
        # When it was last used changes often, and says nothing of what it may do.
        self._keys = {bytes(h): replace(key_of(row), last_used_at=None) for h, *row in rows}

    def _note_used(self) -> None:
        """Write down now and then which keys were used; a standby has nowhere to."""
        if self._conn is None or time.monotonic() - self._noted < NOTING_INTERVAL:
            return
        self._noted = time.monotonic()
        used, self._used = self._used, set()
        with suppress(psycopg.errors.ReadOnlySqlTransaction):
            self._conn.execute(_USED, ([*used],))

    def _hang_up(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            with suppress(psycopg.Error):
                conn.close()
