"""All tables of one generation at once: what a batch needs is one question, what it changed one
statement. A small batch costs by the statement rather than by the row.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from psycopg.sql import SQL, Placeholder

from infra.event_log import Connection
from infra.tables import PhysicalTable, encode, physical_tables
from projections.projection import Projection

# Numbers that the answer's rows bear instead of a table's.
PARKED, LATELY_PARKED = -1, -2

_PARKED = SQL("""
    SELECT CASE WHEN parked_at > now() - interval '1 minute' THEN -2 ELSE -1 END, stream_id
      FROM read.parked WHERE projection = %(projection)s AND generation = %(generation)s
""")


class Found(NamedTuple):
    """Rows as JSON by table, and the streams that are parked: whether that was lately."""

    rows: Sequence[tuple[PhysicalTable, str]]
    parked: Mapping[str, bool]


class TableSet:
    """The tables of a generation of a read model."""

    def __init__(self, projection: Projection, generation: int) -> None:
        self.tables = physical_tables(projection, generation)
        self._names = {"projection": projection.name, "generation": generation}
        self._places = {table.row: f"rows_{n}" for n, table in enumerate(self.tables)}
        self._ask = self._build_ask()
        self._write = self._build_write()

    def ask(self, conn: Connection, ids: Sequence[str]) -> Any:
        """Ask for every row of these streams (bare ids), and for what is parked."""
        statement = self._ask if ids else _PARKED
        values = {**self._names, "ids": list(ids)} if ids else self._names
        return conn.cursor(binary=True).execute(statement, values, prepare=True)

    def found(self, answer: Any) -> Found:
        rows, parked = [], {}
        for number, text in answer.fetchall():
            if number >= 0:
                rows.append((self.tables[number], text))
            else:
                parked[text] = number == LATELY_PARKED
        return Found(rows, parked)

    def write(self, conn: Connection, rows: Mapping[type, Iterable[object]]) -> None:
        """Insert or replace these rows, by their type. No two of them may have one key."""
        values = {
            name: encode(list(rows.get(row, ()))).decode() for row, name in self._places.items()
        }
        conn.execute(self._write, values, prepare=True)

    def _build_ask(self) -> bytes:
        selects = [
            table.select(SQL(str(number)), Placeholder("ids"))
            for number, table in enumerate(self.tables)
            if not table.append_only
        ]
        return SQL(" UNION ALL ").join([_PARKED, *selects]).as_bytes()

    def _build_write(self) -> bytes:
        inserts = [
            SQL("{} AS ({})").format(SQL(name), table.insert(Placeholder(name)))
            for table, name in zip(self.tables, self._places.values(), strict=True)
        ]
        return SQL("WITH {} SELECT").format(SQL(", ").join(inserts)).as_bytes()
