"""Connections that give a silent server up.

psycopg waits for an answer without any bound, and a network that swallows bytes looks alive to
the kernel's own timers while something in between still acknowledges them.
"""

from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

# Seconds.
LIMIT = 25.0


class WatchedConnection(psycopg.Connection[tuple[Any, ...]]):
    """Raises OperationalError, and is closed, when an answer takes longer than `limit` seconds."""

    limit = LIMIT

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, self.limit if timeout is None else timeout)
        except psycopg.OperationalError:
            # Its answer may still come, and would be taken for that of the next question.
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise
