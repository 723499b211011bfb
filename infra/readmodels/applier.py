"""Applying batches of events to one generation of a read model.

Rows and checkpoint move in one transaction. It begins with a compare-and-set of the checkpoint,
which locks that row: whatever is read after it is current, and a process that only believes to be
the active one gets no further.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import structlog

from infra.postgres.connections import Connection
from infra.postgres.pipeline import BEGIN, COMMIT, Pipeline
from infra.readmodels.checkpoints import Checkpoint, ProjectorHalted, moved, send_move
from infra.readmodels.feeds import FeedBatch
from infra.readmodels.folding import Fact, Failure, Folding, facts_of
from infra.readmodels.table_sets import Found, TableSet
from infra.readmodels.tables import UNSTORABLE
from infra.runtime.crash_points import crash_point
from infra.store.codec import UnknownEvent
from infra.store.envelope import event_id_of
from projections.projection import Projection

# More newly parked streams than this in a minute are no poison but a bad release.
PARKED_A_MINUTE = 20


class Applier:
    """Applies what follows its checkpoint, in its connection's transactions."""

    def __init__(self, conn: Connection, projection: Projection, checkpoint: Checkpoint) -> None:
        self._line = Pipeline(conn)
        self._projection = projection
        self._tables = TableSet(projection, checkpoint.generation)
        self.checkpoint = checkpoint
        self.parked = 0
        self._log = structlog.get_logger().bind(projection=projection.name)

    def apply(self, batch: FeedBatch) -> None:
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

    def _apply_before(self, batch: FeedBatch, facts: Sequence[Fact]) -> None:
        known = [row for row in batch.rows if facts and row.position <= facts[-1].position]
        if known:
            last = known[-1]
            self._apply_or_split(FeedBatch(known, last.position, event_id_of(last.state)), facts)

    def _apply_or_split(self, batch: FeedBatch, facts: Sequence[Fact]) -> None:
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

    def _apply_singly(self, batch: FeedBatch, facts: Iterable[Fact]) -> None:
        by_position = {fact.position: fact for fact in facts}
        for row in batch.rows:
            fact = by_position.get(row.position)
            single = FeedBatch([row], row.position, event_id_of(row.state))
            self._apply_or_split(single, [fact] if fact else [])

    def _transact(
        self, batch: FeedBatch, facts: Sequence[Fact], failures: Mapping[str, Failure]
    ) -> None:
        crash_point("P1")
        with self._transaction():
            checkpoint, found = self._begin(batch, facts)
            folding = self._fold(facts, found)
            failures = {**failures, **folding.failures}
            self._finish(folding, failures, found.parked)
        crash_point("P4")
        self.checkpoint = checkpoint
        self.parked = len(found.parked) + len(failures)
        for failure in failures.values():
            self._log.error("stream_parked", **failure._asdict())

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """BEGIN and COMMIT travel with other statements; this only sees to the failures."""
        try:
            yield
        except BaseException:
            if not self._line.broken:
                self._line.roll_back()
            raise

    def _begin(self, batch: FeedBatch, facts: Sequence[Fact]) -> tuple[Checkpoint, Found]:
        """Move the checkpoint, and read what the batch needs, in one round trip."""
        # A stream that begins in this batch has left no rows yet.
        owner = self._projection.owner
        new = {owner(fact.stream_id) for fact in facts if fact.first}
        ids = list({owner(fact.stream_id) for fact in facts} - new)
        line, old = self._line, self.checkpoint
        line.send(BEGIN)
        send_move(line, old, batch.to, batch.event_id)
        self._tables.ask(line, ids)
        _, answer, rows = line.results()
        return moved(answer, old, batch.to, batch.event_id), self._tables.found(rows)

    def _finish(
        self, folding: Folding, failures: Mapping[str, Failure], parked: Mapping[str, bool]
    ) -> None:
        """Write everything and commit, in one round trip."""
        changes = folding.changes()
        if any(changes.values()):
            self._tables.write(self._line, changes)
        crash_point("P2")
        self._park(failures, parked)
        crash_point("P3")
        self._line.send(COMMIT)
        self._line.results()

    def _fold(self, facts: Sequence[Fact], found: Found) -> Folding:
        ends = dict.fromkeys(found.parked, 0)
        folding = self._folded(facts, found, ends)
        if not folding.failures:
            return folding
        # A fold changes rows in place, so what failed half-way is undone by folding anew.
        ends |= {failure.stream_id: failure.position for failure in folding.failures.values()}
        again = self._folded(facts, found, ends)
        again.failures |= folding.failures
        return again

    def _folded(self, facts: Sequence[Fact], found: Found, ends: Mapping[str, int]) -> Folding:
        folding = Folding(self._projection, self._tables.tables)
        for table, text in found.rows:
            folding.loaded([table.decode(text)], table)
        folding.fold(facts, ends)
        return folding

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
        with self._line.quiet().cursor() as cursor:
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
