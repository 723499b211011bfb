"""All tables of one generation at once: what a batch needs is one question, what it changed one
statement. A small batch costs by the statement rather than by the row.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from psycopg.pq.abc import PGresult
from psycopg.sql import SQL, Composable, Literal

from infra.postgres import binary_arrays
from infra.postgres.binary_arrays import to_integer
from infra.postgres.pipeline import Pipeline, Statement
from infra.readmodels.tables import PhysicalTable, encode, physical_tables
from projections.projection import Projection

# Numbers that the answer's rows bear instead of a table's.
PARKED, LATELY_PARKED = -1, -2

_PARKED = SQL("""
    SELECT CASE WHEN parked_at > now() - interval '1 minute' THEN -2 ELSE -1 END::bigint, stream_id
      FROM read.parked WHERE projection = {} AND generation = {}
""")


class Found(NamedTuple):
    """Rows as JSON by table, and the streams that are parked: whether that was lately."""

    rows: Sequence[tuple[PhysicalTable, bytes]]
    parked: Mapping[str, bool]


class TableSet:
    """The tables of a generation of a read model."""

    def __init__(self, projection: Projection, generation: int) -> None:
        self.tables = physical_tables(projection, generation)
        parked = _PARKED.format(Literal(projection.name), Literal(generation))
        self._ask_parked = _statement("parked", parked)
        self._ask = _statement("ask", self._build_ask(parked))
        self._write = _statement("write", self._build_write())

    def ask(self, line: Pipeline, ids: Sequence[str]) -> None:
        """Ask for every row of these streams (bare ids), and for what is parked."""
        if ids:
            line.send(self._ask, binary_arrays.text_array(ids))
        else:
            line.send(self._ask_parked)

    def found(self, answer: PGresult) -> Found:
        rows: list[tuple[PhysicalTable, bytes]] = []
        parked = {}
        for row in range(answer.ntuples):
            number, text = to_integer(answer.get_value(row, 0) or b""), answer.get_value(row, 1)
            if number >= 0:
                rows.append((self.tables[number], text or b""))
            else:
                parked[(text or b"").decode()] = number == LATELY_PARKED
        return Found(rows, parked)

    def write(self, line: Pipeline, rows: Mapping[type, Iterable[object]]) -> None:
        """Insert or replace these rows, by their type. No two of them may have one key."""
        line.send(self._write, *[encode(list(rows.get(table.row, ()))) for table in self.tables])

    def _build_ask(self, parked: Composable) -> Composable:
        selects = [
            table.select(SQL(f"{number}::bigint"), SQL("$1::text[]"))
            for number, table in enumerate(self.tables)
            if not table.append_only
        ]
        return SQL(" UNION ALL ").join([parked, *selects])

    def _build_write(self) -> Composable:
        inserts = [
            SQL("{} AS ({})").format(SQL(f"rows_{number}"), table.insert(SQL(f"${number}")))
            for number, table in enumerate(self.tables, start=1)
        ]
        return SQL("WITH {} SELECT").format(SQL(", ").join(inserts))


def _statement(name: str, text: Composable) -> Statement:
    return Statement(name.encode(), text.as_bytes())
