"""API keys: made here, hashed at rest, and looked up in memory on every request."""

import hashlib
import secrets
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psycopg
import structlog

from infra.postgres.connections import Connection

# Seconds. A key that was revoked opens nothing two seconds later, also when one answer is lost.
RELOAD_INTERVAL = 0.8
RETRY_INTERVAL = 0.05
ANSWER_LIMIT = 0.6
log = structlog.get_logger("keys")


@dataclass(frozen=True, slots=True)
class Key:
    """A key as an operator sees it; the secret itself is nowhere."""

    key_id: str
    name: str
    caller: str
    channel: str
    scopes: tuple[str, ...]
    revoked: bool


def digest(secret: str) -> bytes:
    """The secret is 256 random bits, so a plain hash is as good as a slow one."""
    return hashlib.sha256(secret.encode()).digest()


def create(
    conn: Connection, *, name: str, caller: str, channel: str, scopes: Sequence[str],
    secret: str | None = None,
) -> str:  # fmt: skip
    """Make a key and return its secret, which cannot be shown again."""
    given = secret or f"ordinal_{secrets.token_urlsafe(32)}"
    conn.execute(
        "INSERT INTO ordinal.api_keys (key_id, name, hash, caller, channel, scopes)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (key_id) DO NOTHING",
        (digest(given).hex()[:12], name, digest(given), caller, channel, list(scopes)),
    )
    return given


def revoke(conn: Connection, key_id: str) -> bool:
    """Let a key open nothing any more; False when there is no such key in force."""
    done = conn.execute(
        "UPDATE ordinal.api_keys SET revoked_at = now() WHERE key_id = %s AND revoked_at IS NULL",
        (key_id,),
    )
    return done.rowcount == 1


def listed(conn: Connection) -> list[Key]:
    rows = conn.execute(
        "SELECT key_id, name, caller, channel, scopes, revoked_at IS NOT NULL"
        " FROM ordinal.api_keys ORDER BY created_at, key_id"
    )
    return [Key(a, b, c, d, tuple(e), f) for a, b, c, d, e, f in rows]


class KeyRing:
    """The keys in force, read anew every second; a database that is away changes nothing.

    `connect` makes a session that waits no longer than ANSWER_LIMIT for an answer.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._conn: Connection | None = None
        self._keys: dict[bytes, Key] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keys", daemon=True)

    def start(self) -> None:
        """Raises psycopg.Error: without the keys every caller would be turned away as unknown."""
        self._load()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def find(self, secret: str) -> Key | None:
        return self._keys.get(digest(secret))

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
        except psycopg.Error as error:
            log.warning("keys_not_reloaded", error=str(error).strip())
            self._hang_up()
            return False
        return True

    def _load(self) -> None:
        if self._conn is None:
            self._conn = self._connect()
        rows = self._conn.execute(
            "SELECT hash, key_id, name, caller, channel, scopes"
            " FROM ordinal.api_keys WHERE revoked_at IS NULL"
        ).fetchall()
        self._keys = {
            bytes(mark): Key(key_id, name, caller, channel, tuple(scopes), revoked=False)
            for mark, key_id, name, caller, channel, scopes in rows
        }

    def _hang_up(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            with suppress(psycopg.Error):
                conn.close()
