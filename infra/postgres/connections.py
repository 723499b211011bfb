"""Connections, each in the role it needs, bounded on the server's side and on ours."""

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

Connection = psycopg.Connection[tuple[Any, ...]]

LONGEST_TRANSACTION_MS = 3_000
# Seconds that a server may be silent.
SILENCE_LIMIT = 25.0
PROJECTOR = "ordinal_projector"
# Milliseconds. A stopped projector must not hold its checkpoint's lock for long.
IDLE_IN_TRANSACTION = 10_000


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


def connect_projector(conninfo: str, name: str, **settings: object) -> Connection:
    """A connection that may change read models and read the log."""
    bounds = {"idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION, **settings}
    return psycopg.connect(
        **parameters(conninfo, PROJECTOR, **bounds),
        autocommit=True,
        application_name=f"ordinal {name}",
    )


SESSION = (
    "-c role={role} -c timezone=UTC -c jit=off -c max_parallel_workers_per_gather=0"
    " -c statement_timeout={milliseconds} -c lock_timeout={milliseconds}"
    " -c idle_in_transaction_session_timeout={milliseconds}"
)


def connect(conninfo: str, role: str, *, timeout: float = 2.0, options: str = "") -> Connection:
    """A session in one of the three roles; no statement, lock or pause outlasts `timeout`."""
    session = SESSION.format(role=role, milliseconds=int(timeout * 1000))
    return psycopg.connect(
        conninfo,
        autocommit=True,
        connect_timeout=2,
        application_name=role,
        options=f"{session} {options}".strip(),
    )


def connect_writer(conninfo: str) -> Connection:
    """The write path only ever looks up by index; a plan made while the log was small must not
    turn into a scan when it is large.
    """
    conn = connect(
        conninfo,
        "ordinal_writer",
        options="-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off",
    )
    if conn.info.server_version >= 17_00_00:
        # No other timeout runs while a pipeline is half sent.
        conn.execute(f"SET transaction_timeout = {LONGEST_TRANSACTION_MS}")
    return conn


class WatchedConnection(psycopg.Connection[tuple[Any, ...]]):
    """Raises OperationalError, and is closed, when an answer takes longer than `limit` seconds.

    psycopg waits for an answer without any bound, and a network that swallows bytes looks alive to
    the kernel's own timers while something in between still acknowledges them.
    """

    limit = SILENCE_LIMIT

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, self.limit if timeout is None else timeout)
        except psycopg.OperationalError:
            # Its answer may still come, and would be taken for that of the next question.
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise
