"""The write path's session with PostgreSQL: every statement of an append.

A transaction takes two round trips: one up to the lock and what is read under it, one for all that
is written and the commit.
"""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg.pq.abc import PGresult

from infra.postgres import binary_arrays
from infra.postgres.binary_arrays import EPOCH, MICROSECOND, integer, to_integer
from infra.postgres.connections import Connection
from infra.postgres.pipeline import BEGIN, COMMIT, Pipeline, statement
from infra.store.event_log import SEQUENCE, TABLE

# More events than any stream has.
ALL = 2**31
# Bytes that the kernel surely takes at once, so that a server that got some got all of them.
SURELY_WHOLE = 32_000

# The lock and what is read after it are separate statements: in one, the read would be stale.
_LOCK = statement("lock", "SELECT ordinal.append_lock()")
_MOMENT = statement(
    "moment",
    "SELECT CASE WHEN is_called THEN last_value ELSE 0 END, ordinal.clock(),"
    " notification_id, state, (SELECT coalesce(max(after), 0) FROM ordinal.clock_epochs),"
    " (SELECT simulated_clock IS NOT NULL FROM ordinal.store)"
    f" FROM {SEQUENCE} LEFT JOIN LATERAL"
    f" (SELECT notification_id, state FROM {TABLE} ORDER BY notification_id DESC LIMIT 1) AS last"
    " ON true",
)
_RECEIPTS = statement(
    "receipts",
    "SELECT command_id, fingerprint, receipt FROM ordinal.commands"
    " WHERE command_id = ANY($1::uuid[])",
)
_LOAD = statement(
    "load",
    "SELECT originator_id, originator_version, state"
    f" FROM unnest($1::text[], $2::bigint[]) AS wanted(id, version) JOIN {TABLE}"
    " ON originator_id = wanted.id AND originator_version > wanted.version"
    " AND originator_version <= wanted.version + $3::bigint"
    " ORDER BY originator_id, originator_version",
)
# The division fails, and with it the transaction, when the events did not get the positions that
# their receipts were written with.
_APPEND = statement(
    "append",
    f"WITH appended AS (INSERT INTO {TABLE} (originator_id, originator_version, topic, state)"
    " SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bytea[])"
    " RETURNING notification_id), known AS ("
    "INSERT INTO ordinal.commands (command_id, fingerprint, receipt, recorded_at, kept)"
    " SELECT c, f, r, $5::timestamptz, k"
    " FROM unnest($6::uuid[], $7::bytea[], $8::bytea[], $9::boolean[]) AS given(c, f, r, k))"
    " SELECT 1 / (CASE WHEN count(*) = $11::bigint - $10::bigint + 1"
    " AND coalesce(min(notification_id), $10) = $10"
    " AND coalesce(max(notification_id), $11) = $11 THEN 1 ELSE 0 END) FROM appended",
)
_CONTACTS = statement(
    "contacts",
    "INSERT INTO ordinal.contacts (recorded_at, contact_id, name, email, phone, street, city,"
    " postal_code, region, country) SELECT $1::timestamptz, i::uuid, n, e, p, s, c, z, r, l"
    " FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],"
    " $8::text[], $9::text[], $10::text[]) AS given(i, n, e, p, s, c, z, r, l)"
    " ON CONFLICT (contact_id) DO NOTHING",
)


class LogUnavailable(Exception):
    """The log is away or too busy: the outcome is unknown, repeat with the same key."""


class ClockAhead(LogUnavailable):
    """The database's clock is too far ahead of this process's: nothing was written."""


class InDoubt(Exception):
    """The connection broke while the transaction was being committed."""


class LogHead(NamedTuple):
    """What the log looks like under the lock: the sequence's last value, the last event.

    Its clock epoch begins behind the position `epoch`; a `simulated` store has a time of its own.
    """

    sequence: int
    clock: datetime
    head: int
    last_state: bytes | None
    epoch: int
    simulated: bool


class Loaded(NamedTuple):
    """A stored event of a stream."""

    stream_id: str
    version: int
    state: bytes


class TransactionStart(NamedTuple):
    """What a transaction starts with.

    `receipts` are fingerprint and receipt, by their ids, of those commands that were accepted
    before. `fresh` are the events of streams that were asked for; they were read before the lock
    was taken.
    """

    moment: LogHead
    receipts: dict[bytes, tuple[bytes, bytes]]
    fresh: list[Loaded]


class LogSession(Pipeline):
    """One connection of the write path. Raises psycopg's errors."""

    def begin(self, command_ids: Sequence[bytes], fresh: Sequence[str] = ()) -> TransactionStart:
        """Begin and load the fresh streams; take the append lock, and only then look."""
        self.send(BEGIN)
        if fresh:
            self._send_load(fresh, [0] * len(fresh), ALL)
        for wanted in (_LOCK, _MOMENT):
            self.send(wanted)
        self.send(_RECEIPTS, binary_arrays.uuid_array(command_ids))
        results = self.results()
        events = list(_events(results[1])) if fresh else []
        return TransactionStart(_moment(results[-2]), _receipts(results[-1]), events)

    def load(
        self, stream_ids: Sequence[str], versions: Sequence[int], most: int
    ) -> Iterator[Loaded]:
        """At most so many events of each stream behind these versions, stream by stream in order.

        Raises the first error of what was sent before, too.
        """
        self._send_load(stream_ids, versions, most)
        return _events(self.results()[-1])

    def append(self, *values: bytes) -> None:
        """Send events and commands (see `infra.write_path.append_batch`)."""
        self.send(_APPEND, *values)

    def keep_contacts(self, recorded_at: bytes, columns: Sequence[bytes]) -> None:
        self.send(_CONTACTS, recorded_at, *columns)

    def commit(self, meanwhile: Callable[[], None] | None = None) -> None:
        """Commit what was sent, and do something while the server does.

        Raises the first error of all that was sent with it, and InDoubt when the connection broke
        before the answer.
        """
        if self.unsent > SURELY_WHOLE:
            self.hand_over()
        self.send(COMMIT)
        try:
            self.results(meanwhile=meanwhile)
        except psycopg.Error as error:
            if self.broken:
                raise InDoubt(str(error)) from error
            raise

    def close(self) -> None:
        self.conn.close()

    def cut(self) -> None:
        """From another thread: break a connection that gives no answer, under whoever waits."""
        if self.conn.closed:
            return
        with suppress(OSError, psycopg.Error), _socket_of(self.conn) as line:
            line.shutdown(socket.SHUT_RDWR)

    def _send_load(self, stream_ids: Sequence[str], versions: Sequence[int], most: int) -> None:
        self.send(
            _LOAD,
            binary_arrays.text_array(stream_ids),
            binary_arrays.bigint_array(versions),
            integer(most),
        )


def _moment(found: PGresult) -> LogHead:
    values = (found.get_value(0, column) for column in range(6))
    sequence, clock, head, state, epoch, simulated = values
    return LogHead(
        _integer(sequence),
        EPOCH + _integer(clock) * MICROSECOND,
        _integer(head) if head is not None else 0,
        state,
        _integer(epoch),
        simulated == b"\x01",
    )


def _receipts(found: PGresult) -> dict[bytes, tuple[bytes, bytes]]:
    return {
        _present(found.get_value(row, 0)): (
            _present(found.get_value(row, 1)),
            _present(found.get_value(row, 2)),
        )
        for row in range(found.ntuples)
    }


def _events(found: PGresult) -> Iterator[Loaded]:
    for row in range(found.ntuples):
        yield Loaded(
            _present(found.get_value(row, 0)).decode(),
            _integer(found.get_value(row, 1)),
            _present(found.get_value(row, 2)),
        )


def _integer(value: bytes | None) -> int:
    return to_integer(_present(value))


def _present(value: bytes | None) -> bytes:
    if value is None:
        raise ValueError("the log has an empty cell where none may be")
    return value


def _socket_of(conn: Connection) -> socket.socket:
    return socket.socket(fileno=os.dup(conn.fileno()))
