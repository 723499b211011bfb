"""Connections, each in the role it needs, bounded on the server's side and on ours."""

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

Connection = psycopg.Connection[tuple[Any, ...]]

LONGEST_TRANSACTION_MS = 3_000
# Seconds that a server may be silent; on the write path it ends a whole transaction before.
SILENCE_LIMIT = 25.0
WRITER_SILENCE = 5.0
# How much longer than the server's own bound we wait for its word.
PATIENCE = 1.25
PROJECTOR = "ordinal_projector"
# Milliseconds. A stopped projector must not hold its checkpoint's lock for long.
IDLE_IN_TRANSACTION = 10_000


class WatchedConnection(psycopg.Connection[tuple[Any, ...]]):
    """Raises OperationalError, and is closed, when an answer takes longer than `silence` seconds.

    psycopg waits for an answer without any bound, and a network that swallows bytes looks alive to
    the kernel's own timers while something in between still acknowledges them.
    """

    silence: float | None = SILENCE_LIMIT

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, self.silence if timeout is None else timeout)
        except psycopg.OperationalError:
            # Its answer may still come, and would be taken for that of the next question.
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


def parameters(conninfo: str, role: str, **settings: object) -> dict[str, Any]:
    """What to connect with so that the session has this role and these server settings."""
    given = conninfo_to_dict(conninfo)
    asked = {"role": role, "timezone": "UTC", **settings}
    options = [str(given.get("options") or ""), *(f"-c {n}={v}" for n, v in asked.items())]
    return {
        "connect_timeout": 5,
        "keepalives_idle": 5,
        "tcp_user_timeout": 10_000,
        **given,
        "options": " ".join(options).strip(),
    }


def connect_projector(
    conninfo: str, name: str, *, silence: float | None = SILENCE_LIMIT, **settings: object
) -> Connection:
    """A connection that may change read models and read the log.

    A person who sees how far it is may wait without a bound: `silence` is None then.
    """
    bounds = {"idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION, **settings}
    conn = WatchedConnection.connect(
        **parameters(conninfo, PROJECTOR, **bounds),
        autocommit=True,
        application_name=f"ordinal {name}",
    )
    conn.silence = silence
    return conn


SESSION = (
    "-c role={role} -c timezone=UTC -c jit=off -c max_parallel_workers_per_gather=0"
    " -c statement_timeout={milliseconds} -c lock_timeout={milliseconds}"
    " -c idle_in_transaction_session_timeout={milliseconds}"
)


def connect(
    conninfo: str, role: str, *, timeout: float = 2.0, options: str = ""
) -> WatchedConnection:
    """A session in one of the three roles; no statement, lock, pause or silence outlasts
    `timeout` by much.
    """
    session = SESSION.format(role=role, milliseconds=int(timeout * 1000))
    conn = WatchedConnection.connect(
        conninfo,
        autocommit=True,
        connect_timeout=2,
        application_name=role,
        options=f"{session} {options}".strip(),
    )
    conn.silence = timeout * PATIENCE
    return conn


def connect_login(conninfo: str) -> Connection:
    """A session of whoever the conninfo names, in no role of ours."""
    return WatchedConnection.connect(
        conninfo, autocommit=True, connect_timeout=5, application_name="ordinal"
    )


def connect_writer(conninfo: str) -> WatchedConnection:
    """The write path only ever looks up by index; a plan made while the log was small must not
    turn into a scan when it is large.
    """
    conn = connect(
        conninfo,
        "ordinal_writer",
        options="-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off",
    )
    conn.silence = WRITER_SILENCE
    if conn.info.server_version >= 17_00_00:
        # No other timeout runs while a pipeline is half sent.
        conn.execute(f"SET transaction_timeout = {LONGEST_TRANSACTION_MS}")
    return conn
