"""Connections of the read path, each in the role it needs and bounded on the server's side."""

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from infra.event_log import Connection

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
