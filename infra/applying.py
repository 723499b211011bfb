"""Applying batches of events to one generation of a read model.

Rows and checkpoint move in one transaction. It begins with a compare-and-set of the checkpoint,
which locks that row: whatever is read after it is current, and a process that only believes to be
the active one gets no further.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
import structlog

from infra.checkpoints import Checkpoint, ProjectorHalted, event_id_of, move
from infra.codec import UnknownEvent
from infra.crash_points import crash_point
from infra.event_log import Connection
from infra.feeds import Batch
from infra.folding import Fact, Failure, Folding, bare_id, facts_of
from infra.tables import PhysicalTable, physical_tables
from projections.projection import Projection

# More newly parked streams than this in a minute are no poison but a bad release.
PARKED_A_MINUTE = 20

# What the database says of a row it cannot hold; one event of the batch is to blame.
UNSTORABLE = (psycopg.DataError, psycopg.IntegrityError, UnicodeEncodeError, OverflowError)


class _Begun(NamedTuple):
    """What a transaction found: parked streams (whether lately), and rows as JSON by table."""

    checkpoint: Checkpoint
    parked: Mapping[str, bool]
    loaded: Sequence[tuple[PhysicalTable, Sequence[tuple[str]]]]


class Applier:
    """Applies what follows its checkpoint, in its connection's transactions."""

    def __init__(self, conn: Connection, projection: Projection, checkpoint: Checkpoint) -> None:
        self._conn = conn
        self._projection = projection
        self._tables = physical_tables(projection, checkpoint.generation)
        self.checkpoint = checkpoint
        self.parked = 0
        self._log = structlog.get_logger().bind(projection=projection.name)

    def apply(self, batch: Batch) -> None:
        """Apply a batch that begins behind the checkpoint.

        Raises CheckpointMoved when another process applied something meanwhile, ProjectorHalted
        at an event that this program is too old for, after applying what comes before it.
        """
        facts: list[Fact] = []
        try:
            facts.extend(facts_of(self._projection, batch.rows))
        except UnknownEvent as error:
            self._apply_before(batch, facts)
            raise ProjectorHalted(
                f"{error} behind position {self.checkpoint.position}: this program is too old"
            ) from error
        self._apply_or_split(batch, facts)

    def _apply_before(self, batch: Batch, facts: Sequence[Fact]) -> None:
        known = [row for row in batch.rows if facts and row.position <= facts[-1].position]
        if known:
            last = known[-1]
            self._apply_or_split(Batch(known, last.position, event_id_of(last.state)), facts)

    def _apply_or_split(self, batch: Batch, facts: Sequence[Fact]) -> None:
        try:
            self._transact(batch, facts, {})
        except UNSTORABLE as error:
            if len(facts) > 1:
                self._apply_singly(batch, facts)
            else:
                (fact,) = facts
                what = f"{type(error).__name__}: {error}".partition("\n")[0]
                blamed = Failure(fact.stream_id, fact.position, what)
                self._transact(batch, (), {fact.stream_id: blamed})

    def _apply_singly(self, batch: Batch, facts: Iterable[Fact]) -> None:
        by_position = {fact.position: fact for fact in facts}
        for row in batch.rows:
            fact = by_position.get(row.position)
            single = Batch([row], row.position, event_id_of(row.state))
            self._apply_or_split(single, [fact] if fact else [])

    def _transact(
        self, batch: Batch, facts: Sequence[Fact], failures: Mapping[str, Failure]
    ) -> None:
        crash_point("P1")
        with self._conn.transaction():
            begun = self._begin(batch, facts)
            folding = self._fold(facts, begun)
            failures = {**failures, **folding.failures}
            self._write(folding)
            self._park(failures, begun.parked)
            crash_point("P3")
        crash_point("P4")
        self.checkpoint = begun.checkpoint
        self.parked = len(begun.parked) + len(failures)
        for failure in failures.values():
            self._log.error("stream_parked", **failure._asdict())

    def _begin(self, batch: Batch, facts: Sequence[Fact]) -> _Begun:
        """Move the checkpoint, and read what the batch needs, in one round trip."""
        with self._conn.pipeline():
            moved = move(self._conn, self.checkpoint, batch.to, batch.event_id)
            parked = self._ask_parked()
            loads = self._ask_rows(facts)
        checkpoint = moved.confirmed()
        streams = {str(stream): bool(fresh) for stream, fresh in parked.fetchall()}
        return _Begun(checkpoint, streams, [(table, answer.fetchall()) for table, answer in loads])

    def _ask_parked(self) -> Any:
        return self._conn.execute(
            "SELECT stream_id, parked_at > now() - interval '1 minute' FROM read.parked"
            " WHERE projection = %s AND generation = %s",
            (self._projection.name, self.checkpoint.generation),
            prepare=True,
        )

    def _ask_rows(self, facts: Sequence[Fact]) -> list[tuple[PhysicalTable, Any]]:
        # A stream that begins in this batch has left no rows yet.
        new = {bare_id(fact.stream_id) for fact in facts if fact.first}
        ids = list({bare_id(fact.stream_id) for fact in facts} - new)
        tables = [table for table in self._tables if ids and not table.append_only]
        return [(table, table.ask(self._conn, ids)) for table in tables]

    def _fold(self, facts: Sequence[Fact], begun: _Begun) -> Folding:
        ends = dict.fromkeys(begun.parked, 0)
        folding = self._folded(facts, begun, ends)
        if not folding.failures:
            return folding
        # A fold changes rows in place, so what failed half-way is undone by folding anew.
        ends |= {failure.stream_id: failure.position for failure in folding.failures.values()}
        again = self._folded(facts, begun, ends)
        again.failures |= folding.failures
        return again

    def _folded(self, facts: Sequence[Fact], begun: _Begun, ends: Mapping[str, int]) -> Folding:
        folding = Folding(self._projection, self._tables)
        for table, texts in begun.loaded:
            folding.loaded((table.decode(text) for (text,) in texts), table)
        folding.fold(facts, ends)
        return folding

    def _write(self, folding: Folding) -> None:
        for table, created, changed in folding.changes():
            table.write(self._conn, created + changed)
            crash_point("P2")

    def _park(self, failures: Mapping[str, Failure], parked: Mapping[str, bool]) -> None:
        if not failures:
            return
        worst = min(failures.values(), key=lambda failure: failure.position)
        if len(failures) + sum(parked.values()) > PARKED_A_MINUTE:
            raise ProjectorHalted(
                f"more than {PARKED_A_MINUTE} streams of {self._projection.name} failed within a"
                f" minute, now {worst.stream_id} at position {worst.position}: {worst.error}"
            )
        name, generation = self._projection.name, self.checkpoint.generation
        with self._conn.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO read.parked (projection, generation, stream_id, position, error)"
                " VALUES (%s, %s, %s, %s, %s)",
                [
                    (name, generation, f.stream_id, f.position, _storable(f.error))
                    for f in failures.values()
                ],
            )


def _storable(text: str) -> str:
    """What a handler says in an error may be as unstorable as the event was."""
    return text.replace("\0", "\\0").encode(errors="backslashreplace").decode()
