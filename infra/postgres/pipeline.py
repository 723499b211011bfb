"""Statements on bare libpq, many of them in one round trip.

psycopg opens the connection and knows its errors. But its cursors cost more than the server does
for statements as small and as frequent as those of the write path and of the projectors, so these
go through libpq itself, in its pipeline mode. Whoever waits for the server leaves the thread to the
event loop, if it has one.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import psycopg
from psycopg import errors
from psycopg.pq import ConnStatus, ExecStatus, Format, PipelineStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from infra.postgres.connections import Connection
from infra.runtime.loop_worker import await_line

_SOUND = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


class Statement(NamedTuple):
    """A statement that a session prepares when it is first asked for; values are binary."""

    name: bytes
    sql: bytes


def statement(name: str, sql: str) -> Statement:
    return Statement(name.encode(), sql.encode())


BEGIN = statement("begin", "BEGIN ISOLATION LEVEL READ COMMITTED")
COMMIT = statement("COMMIT", "COMMIT")
_ROLLBACK = statement("rollback", "ROLLBACK")


class Pipeline:
    """One connection that is used in this way. Raises psycopg's errors."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self._libpq = conn.pgconn
        self._prepared: set[bytes] = set()
        # What was sent and not answered yet: each a statement's name where it is a preparation.
        self._sent: list[bytes | None] = []
        self._syncs = 0
        self._unsent = 0

    @property
    def broken(self) -> bool:
        return self.conn.closed or self.conn.broken

    @property
    def unsent(self) -> int:
        """Bytes of values that are not on their way to the server yet."""
        return self._unsent

    def send(self, wanted: Statement, *values: bytes | None) -> None:
        if self._libpq.pipeline_status == PipelineStatus.OFF:
            self._start_sending()
        if wanted.name not in self._prepared and wanted.name not in self._sent:
            self._libpq.send_prepare(wanted.name, wanted.sql)
            self._sent.append(wanted.name)
        formats = [Format.BINARY] * len(values)
        self._sent.append(None)
        self._unsent += sum([len(value) for value in values if value is not None])
        self._libpq.send_query_prepared(wanted.name, values, formats, Format.BINARY)

    def hand_over(self) -> None:
        """Let the server work on what was sent so far, while we go on.

        It then awaits our next word as it does between two statements, with its timeout running:
        a process that is stopped now must not keep the lock.
        """
        if self._unsent:
            self._sync()
            self._flush()

    def results(self, meanwhile: Callable[[], None] | None = None) -> list[PGresult]:
        """End the round trip and wait for the results of all that was sent in it.

        Raises the first error among them, once all are there.
        """
        libpq = self._libpq
        self._sync()
        self._flush()
        if meanwhile is not None:
            meanwhile()
        results: list[PGresult] = []
        while self._syncs:
            if libpq.is_busy():
                self._await()
                libpq.consume_input()
                continue
            result = libpq.get_result()
            if result is None:
                self._still_there()
            elif result.status == ExecStatus.PIPELINE_SYNC:
                self._syncs -= 1
            else:
                results.append(result)
        libpq.exit_pipeline_mode()
        return self._answers(results)

    def quiet(self) -> Connection:
        """The connection for a question in between, once what was sent is done.

        Raises the first error of that. psycopg waits in its own way: see `elsewhere`.
        """
        if self._libpq.pipeline_status != PipelineStatus.OFF:
            self.results()
        return self.conn

    def roll_back(self) -> None:
        """Not psycopg's, which throws all prepared statements away, ours too."""
        if self._libpq.pipeline_status != PipelineStatus.OFF:
            with suppress(psycopg.Error):
                self.results()  # of what was sent before it was given up
        if self._libpq.transaction_status != TransactionStatus.IDLE:
            self.send(_ROLLBACK)
            self.results()

    def _start_sending(self) -> None:
        self._libpq.enter_pipeline_mode()
        self._sent, self._syncs, self._unsent = [], 0, 0

    def _flush(self) -> None:
        """Hand everything to the kernel; take in what the server says meanwhile, lest both wait."""
        while self._libpq.flush():
            self._await(writing=True)
            self._libpq.consume_input()

    def _await(self, *, writing: bool = False) -> None:
        """The bound is the connection's own, if it has one."""
        limit = getattr(self.conn, "silence", None)
        if not await_line(self._libpq.socket, writing=writing, limit=limit):
            self.conn.close()
            raise psycopg.OperationalError(f"the server was silent for {limit} s")

    def _sync(self) -> None:
        self._libpq.pipeline_sync()
        self._syncs += 1
        self._unsent = 0

    def _answers(self, results: Sequence[PGresult]) -> list[PGresult]:
        """The results of statements; raises the first error among them."""
        answers, failures = [], []
        for prepared, result in zip(self._sent, results, strict=True):
            if result.status not in _SOUND:
                failures.append(result)
            elif prepared is None:
                answers.append(result)
            else:
                self._prepared.add(prepared)
        if failures:
            raise errors.error_from_result(failures[0], self.conn.info.encoding)
        return answers

    def _still_there(self) -> None:
        """Between two results there is none; on a broken connection there never is one."""
        if self._libpq.status == ConnStatus.BAD:
            raise psycopg.OperationalError(self._libpq.get_error_message())
