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

from domain.history import category, decider_of
from domain.order.state import Order
from domain.stock.events import StockShipped
from domain.stock.state import StockItem
from infra.audit.findings import Finding, Findings
from infra.audit.verify_commands import verify_commands
from infra.postgres.connections import Connection
from infra.readmodels.checkpoints import event_id_of
from infra.readmodels.folding import Folding, bare_id, facts_of
from infra.readmodels.tables import PhysicalTable, physical_tables
from infra.store import codec
from infra.store.event_log import SEQUENCE, TABLE, StoredRow
from projections.projection import Projection

__all__ = ["Finding", "Findings", "verify_store", "wait_for_lag_zero"]

CHUNK_STREAMS = 500
FETCH = 5_000
_canonical = msgspec.json.Encoder(order="sorted").encode


def verify_store(conn: Connection, projections: Sequence[Projection], findings: Findings) -> None:
    """I1, I2, I4, I5, I6 and the store's side of I10, in one snapshot."""
    conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        _guards(conn, findings)
        verify_commands(conn, findings)
        _offsets(conn, findings)
        _streams(conn, projections, findings)
    finally:
        conn.execute("ROLLBACK")


def _guards(conn: Connection, findings: Findings) -> None:
    """The triggers that order appends and refuse changes are there and armed."""
    rows = conn.execute(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = 'ordinal.stored_events'::regclass"
        " AND tgenabled IN ('O', 'A')"
    ).fetchall()
    armed = {name for (name,) in rows}
    finding = findings.begin("I3", "order of the log: guards, topics")
    for guard in ("append_guard", "append_only"):
        if not finding.holds(guard in armed):
            finding.blame(f"the trigger {guard} is missing or disabled")


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
    versions = findings.begin("I2", "versions of each stream are 1 to n")
    books = Books(findings)
    live = [Compared.of(conn, each) for each in projections]
    compared = [each for each in live if each is not None]
    finding = findings.begin("I4", "read models equal the fold of the log")
    for chunk in _chunks(conn):
        for stream_id, rows in chunk.items():
            found = [row.stream_version for row in rows]
            if not versions.holds(found == list(range(1, len(found) + 1))):
                versions.blame(f"{stream_id} has versions {found[:5]}…")
            books.take(stream_id, rows)
        for each in compared:
            each.compare(conn, chunk, finding)
    for each in compared:
        each.count(conn, finding)
    books.close()


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
        streams = {s: rows for s, rows in chunk.items() if category(s) in kinds}
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
        ids = [bare_id(stream_id) for stream_id in streams]
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
        return {bare_id(stream_id) for stream_id in self.parked}

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


TRANSITIONS = {
    "OrderConfirmed": {"placed"},
    "OrderRejected": {"placed", "confirmed"},
    "OrderCancelled": {"placed", "confirmed"},
    "OrderCompleted": {"confirmed"},
}


class Books:
    """I5: stock is conserved, never promised twice, and both sides of each promise agree."""

    def __init__(self, findings: Findings) -> None:
        self._finding = findings.begin("I5", "stock conserved, never oversold, legal transitions")
        self._promised: Counter[tuple[str, str]] = Counter()

    def take(self, stream_id: str, rows: Sequence[StoredRow]) -> None:
        decider = decider_of(stream_id)
        state = decider.initial()
        forced = False
        for row in rows:
            event = self._event(row)
            if event is None:
                return
            self._transition(row, state)
            forced = forced or (isinstance(event, StockShipped) and event.forced)
            state = decider.evolve(state, event)
        if isinstance(state, StockItem):
            self._stock(stream_id, state, forced=forced)
        elif isinstance(state, Order):
            self._order(bare_id(stream_id), state)

    def _event(self, row: StoredRow) -> object | None:
        try:
            return codec.event_of(row.state)
        except (codec.Undecodable, codec.UnknownEvent) as error:
            self._finding.blame(f"{row.stream_id} at position {row.position}: {error}")
            return None

    def _transition(self, row: StoredRow, state: object) -> None:
        if isinstance(state, Order) and row.type in TRANSITIONS:
            allowed = state.status in TRANSITIONS[row.type]
            if not self._finding.holds(allowed):
                self._finding.blame(
                    f"{row.type} at position {row.position} on an order that was {state.status}"
                )

    def _stock(self, stream_id: str, item: StockItem, *, forced: bool) -> None:
        unavailable = sum(item.unavailable.values())
        if not self._finding.holds(item.allocated + unavailable <= item.on_hand or forced):
            self._finding.blame(
                f"{stream_id}: {item.allocated} allocated of {item.on_hand} on hand"
            )
        if not self._finding.holds(
            item.allocated == sum(item.allocations.values())
            and item.backordered == sum(b.quantity for b in item.backorders.values())
            and item.reserved == sum(r.quantity for r in item.reservations.values())
        ):
            self._finding.blame(f"{stream_id}: a counter is not the sum of its owners")
        for owner, quantity in item.allocations.items():
            self._promised[f"{item.location} {item.sku}", owner] += quantity

    def _order(self, order_id: str, order: Order) -> None:
        for line in order.lines.values():
            held = sum(line.allocated.values()) + sum(line.backordered.values())
            if not self._finding.holds(
                line.kind != "stock" or held + line.unsourced + line.shipped == line.demand
            ):
                self._finding.blame(f"order {order_id} line {line.line}: its units do not add up")
            for location, quantity in line.allocated.items():
                self._promised[f"{location} {line.sku}", f"{order_id}/{line.line}"] -= quantity

    def close(self) -> None:
        """Σ of the stock's allocations of an order line = what the line says."""
        for (item, owner), difference in self._promised.items():
            if not self._finding.holds(difference == 0):
                self._finding.blame(f"{item} and order line {owner} disagree by {difference} units")


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
