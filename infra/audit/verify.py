"""The invariant checker: reads a whole system, live or at rest, and names the first breach of each.

Log and read models are looked at in one snapshot of the database, so that a system under load can
be checked; memory is bounded by the streams of one chunk and by what is promised and open.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
import psycopg

from domain.categories import CATEGORIES
from domain.category import category_name
from domain.invariants import Books
from infra.audit.findings import Finding, Findings
from infra.audit.verify_commands import verify_commands
from infra.audit.verify_guards import verify_guards, verify_views
from infra.postgres.connections import Connection
from infra.readmodels.folding import Folding, facts_of
from infra.readmodels.tables import PhysicalTable, physical_tables
from infra.store import codec
from infra.store.envelope import Place, Undecodable, event_id_of, place_of
from infra.store.event_log import SEQUENCE, TABLE, StoredRow
from projections.projection import Projection

__all__ = ["Finding", "Findings", "verify_store", "wait_for_lag_zero"]

CHUNK_STREAMS = 500
FETCH = 5_000
_canonical = msgspec.json.Encoder(order="sorted").encode


def verify_store(conn: Connection, projections: Sequence[Projection], findings: Findings) -> None:
    """I1 to I6, I11 and the store's side of I10; the log and the read models in one snapshot."""
    conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        verify_guards(conn, findings)
        verify_commands(conn, findings)
        _offsets(conn, findings)
        _streams(conn, projections, findings)
    finally:
        conn.execute("ROLLBACK")
    verify_views(conn, projections, findings)


def _offsets(conn: Connection, findings: Findings) -> None:
    """Nobody stands beyond the log, and each checkpoint's event is the log's."""
    finding = findings.begin("I10", "stored offsets never go back")
    row = conn.execute(f"SELECT last_value FROM {SEQUENCE}").fetchone()
    last = row[0] if row else 0
    for name, position, event in conn.execute(
        "SELECT projection || ' g' || generation, position, event_id FROM read.checkpoints"
    ).fetchall():
        stored = conn.execute(
            f"SELECT state FROM {TABLE} WHERE notification_id = %s", (position,)
        ).fetchone()
        known = position == 0 or (stored is not None and event == event_id_of(bytes(stored[0])))
        if not finding.holds(position <= last and known):
            finding.blame(f"{name} stands at {position}, where the log has another event or none")


# -- one pass over all streams


def _streams(conn: Connection, projections: Sequence[Projection], findings: Findings) -> None:
    versions = findings.begin("I2", "versions of each stream are 1 to n, columns as events say")
    invariants = _Invariants(findings)
    live = [Compared.of(conn, each) for each in projections]
    compared = [each for each in live if each is not None]
    finding = findings.begin("I4", "read models equal the fold of the log")
    for chunk in _chunks(conn):
        for stream_id, rows in chunk.items():
            found = [row.stream_version for row in rows]
            if not versions.holds(found == list(range(1, len(found) + 1))):
                versions.blame(f"{stream_id} has versions {found[:5]}…")
            for row in rows:
                _columns(row, versions)
            invariants.take(stream_id, rows)
        for each in compared:
            each.compare(conn, chunk, finding)
    for each in compared:
        each.count(conn, finding)
    invariants.close()


def _columns(row: StoredRow, finding: Finding) -> None:
    """Bytes that are no envelope are complained about elsewhere."""
    said = place_of(row.state)
    there = Place(row.stream_id, row.stream_version, row.type)
    if not finding.holds(said in (None, there)):
        finding.blame(f"the columns at position {row.position} say {there}, the event {said}")


def _chunks(conn: Connection) -> Iterator[dict[str, list[StoredRow]]]:
    """Whole streams, some hundred at a time."""
    with conn.cursor("verify", binary=True) as cursor:
        cursor.itersize = FETCH
        cursor.execute(
            "SELECT notification_id, originator_id, originator_version, topic, state"
            f" FROM {TABLE} ORDER BY originator_id, originator_version"
        )
        chunk: dict[str, list[StoredRow]] = {}
        rows = (StoredRow(*row) for row in cursor)
        for stream_id, group in groupby(rows, key=attrgetter("stream_id")):
            chunk[stream_id] = list(group)
            if len(chunk) == CHUNK_STREAMS:
                yield chunk
                chunk = {}
        yield chunk


@dataclass(slots=True)
class Compared:
    """One live read model, held against the fold of the log up to its checkpoint."""

    projection: Projection
    position: int
    tables: tuple[PhysicalTable, ...]
    parked: set[str]
    expected: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, conn: Connection, projection: Projection) -> "Compared | None":
        row = conn.execute(
            "SELECT generation, position FROM read.checkpoints WHERE projection = %s"
            " AND version = %s AND live ORDER BY generation DESC LIMIT 1",
            (projection.name, projection.version),
        ).fetchone()
        if row is None:
            return None
        parked = conn.execute(
            "SELECT stream_id FROM read.parked WHERE projection = %s AND generation = %s",
            (projection.name, row[0]),
        ).fetchall()
        tables = physical_tables(projection, row[0])
        return cls(projection, row[1], tables, {stream_id for (stream_id,) in parked})

    def compare(
        self, conn: Connection, chunk: Mapping[str, Sequence[StoredRow]], finding: Finding
    ) -> None:
        folding = Folding(self.projection, self.tables)
        kinds = self.projection.categories
        streams = {s: rows for s, rows in chunk.items() if category_name(s) in kinds}
        for stream_id in self.parked & streams.keys():
            if not finding.holds(False):
                finding.blame(f"{self.projection.name}: {stream_id} is parked")
        for rows in streams.values():
            seen = [row for row in rows if row.position <= self.position]
            folding.fold(facts_of(self.projection, seen), {})
        for failure in folding.failures.values():
            if not finding.holds(failure.stream_id in self.parked):
                finding.blame(f"{failure.stream_id} at {failure.position}: {failure.error}")
        wanted = folding.changes()
        ids = [self.projection.owner(stream_id) for stream_id in streams]
        for table in self.tables:
            self._compare_table(conn, table, wanted[table.row], ids, finding)

    def _compare_table(
        self,
        conn: Connection,
        table: PhysicalTable,
        wanted: Iterable[Any],
        ids: Sequence[str],
        finding: Finding,
    ) -> None:
        folded = {table.key_of(row): _canonical(row) for row in wanted}
        self.expected[table.name] += len(folded)
        stored = table.load(conn, ids)
        found = {table.key_of(row): _canonical(row) for row in stored}
        for key in folded.keys() | found.keys():
            if key[0] in self._parked_ids():
                continue
            if not finding.holds(folded.get(key) == found.get(key)):
                finding.blame(
                    f"{table.name} {key}: stored {found.get(key)!r}, folded {folded.get(key)!r}"
                )

    def _parked_ids(self) -> set[str]:
        return {self.projection.owner(stream_id) for stream_id in self.parked}

    def count(self, conn: Connection, finding: Finding) -> None:
        """No row stands there that no stream explains."""
        if self.parked:
            return
        for table in self.tables:
            query = psycopg.sql.SQL("SELECT count(*) FROM {}").format(table.identifier)
            row = conn.execute(query).fetchone()
            there, wanted = row[0] if row else 0, self.expected[table.name]
            if not finding.holds(there == wanted):
                finding.blame(f"{table.name} has {there} rows, the log explains {wanted}")


class _Invariants:
    """I5: what each category promises of its streams, and of what they say together."""

    def __init__(self, findings: Findings) -> None:
        self._finding = findings.begin("I5", "stock conserved, never oversold, legal transitions")
        self._books = Books()

    def take(self, stream_id: str, rows: Sequence[StoredRow]) -> None:
        self._finding.checked += 1
        category = CATEGORIES.get(category_name(stream_id))
        if category is None:
            self._finding.blame(f"{stream_id} is a stream of no category")
            return
        try:
            events = [codec.event_of(row.state) for row in rows]
        except (Undecodable, codec.UnknownEvent) as error:
            self._finding.blame(f"{stream_id}: {error}")
            return
        for breach in self._books.take(stream_id, category.decider, category.invariants, events):
            self._finding.blame(breach)

    def close(self) -> None:
        for breach in self._books.close():
            self._finding.blame(breach)


# -- lag


def wait_for_lag_zero(
    lag: Callable[[], Mapping[str, int]], findings: Findings, *, seconds: float
) -> None:
    """I9: everybody who follows the log comes to its end within a time."""
    finding = findings.begin("I9", "lag comes to 0")
    deadline = time.monotonic() + seconds
    behind = lag()
    while any(behind.values()) and time.monotonic() < deadline:
        time.sleep(0.2)
        behind = lag()
    for name, positions in behind.items():
        if not finding.holds(positions == 0):
            finding.blame(f"{name} is {positions} positions behind after {seconds:.0f} s")
