"""Tables of a generation: what PostgreSQL knows of a row type, and rows there and back."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, NewType, Optional

import psycopg
import pytest

from infra.postgres.connections import connect_projector
from infra.readmodels.generations import (
    ContractBroken,
    create_generation,
    ensure_generation,
    show_generation,
)
from infra.readmodels.tables import PhysicalTable, column_type
from projections.projection import Projection
from tests.infra.sample_projection import LEVEL, SAMPLE, SAMPLE_2, LevelRow

Connection = psycopg.Connection[tuple[Any, ...]]
Sku = NewType("Sku", str)
STATUS = Literal["open", "closed"]


@pytest.fixture
def conn(ordinal_database: str) -> Any:
    with connect_projector(ordinal_database, "test") as found:
        ensure_generation(found, SAMPLE)
        yield found


def level(item: str = "a", **changed: Any) -> LevelRow:
    row = LevelRow(
        item=item,
        on_hand=2**62,
        last_document='quote " and \\ and \u2028 and ü',
        documents={"d": 1, "": 2},
        recent=(3, 2, 1),
        first_day=date(2024, 2, 29),
        updated_at=datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
        position=1,
    )
    return replace(row, **changed)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str, ("text", False)),
        (Sku, ("text", False)),
        (STATUS, ("text", False)),
        (Annotated[int, "why"], ("bigint", False)),
        (bool, ("boolean", False)),
        (datetime | None, ("timestamptz", True)),
        (Optional[date], ("date", True)),  # noqa: UP045
        (dict[str, int], ("jsonb", False)),
        (list[str] | None, ("jsonb", True)),
        (tuple[int, ...], ("jsonb", False)),
    ],
)
def test_a_field_becomes_a_column(annotation: Any, expected: tuple[str, bool]) -> None:
    hint = annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation
    assert column_type(hint) == expected


@pytest.mark.parametrize("annotation", [float, int | str, object, bytes])
def test_a_field_that_has_no_column_type_is_refused(annotation: Any) -> None:
    with pytest.raises(TypeError, match="no column type"):
        column_type(annotation)


def test_the_database_knows_types_keys_and_indexes(conn: Connection) -> None:
    columns = conn.execute(
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns"
        " WHERE table_name = 'sample_level_g1' ORDER BY ordinal_position"
    ).fetchall()
    assert columns == [
        ("item", "text", "NO"),
        ("on_hand", "bigint", "NO"),
        ("last_document", "text", "YES"),
        ("counted", "boolean", "NO"),
        ("documents", "jsonb", "NO"),
        ("recent", "jsonb", "NO"),
        ("first_day", "date", "NO"),
        ("updated_at", "timestamp with time zone", "NO"),
        ("position", "bigint", "NO"),
    ]
    indexes = conn.execute(
        "SELECT indexdef FROM pg_indexes WHERE tablename = 'sample_level_g1' ORDER BY indexname"
    ).fetchall()
    assert [text.split(" USING ")[1] for (text,) in indexes] == [
        "btree (on_hand, item)",
        "btree (updated_at)",
        "btree (item)",
    ]


def test_every_table_view_and_column_is_documented(conn: Connection) -> None:
    undocumented = conn.execute(
        "SELECT c.relname, a.attname FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
        " WHERE c.relnamespace = 'read'::regnamespace AND c.relname LIKE 'sample%'"
        " AND c.relkind IN ('r', 'v') AND (obj_description(c.oid, 'pg_class') IS NULL"
        " OR col_description(c.oid, a.attnum) IS NULL)"
    ).fetchall()
    assert undocumented == []


def test_rows_come_back_as_they_went(conn: Connection) -> None:
    table = PhysicalTable(LEVEL, 1)
    rows = [level("a"), level("b", last_document=None, documents={}, recent=())]
    table.write(conn, rows)
    table.write(conn, [level("c")])
    assert sorted(table.load(conn, ["a", "b"]), key=lambda row: row.item) == rows


def test_writing_a_row_again_replaces_it(conn: Connection) -> None:
    table = PhysicalTable(LEVEL, 1)
    table.write(conn, [level("a"), level("b")])
    table.write(conn, [level("a", on_hand=1)])
    found = conn.execute("SELECT item, on_hand FROM read.sample_level ORDER BY item").fetchall()
    assert found == [("a", 1), ("b", 2**62)]


def test_analysts_read_and_change_nothing(ordinal_database: str, conn: Connection) -> None:
    PhysicalTable(LEVEL, 1).write(conn, [level()])
    conn.execute("RESET ROLE")
    with psycopg.connect(ordinal_database, autocommit=True) as analyst:
        analyst.execute("SET ROLE ordinal_analyst")
        for name in ("sample_level", "sample_level_g1", "sample_total"):
            assert analyst.execute(f"SELECT on_hand FROM read.{name}").fetchall()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            analyst.execute("DELETE FROM read.sample_level")


def second(projection: Projection, row: type) -> Projection:
    columns = {name: name for name in row.__annotations__}
    table = replace(LEVEL, row=row, columns=columns, indexes=())
    return replace(projection, tables=(table,), views={})


def test_columns_of_the_contract_are_only_appended(conn: Connection) -> None:
    @dataclass(slots=True, kw_only=True)
    class Grown:
        new: str
        item: str
        position: int
        on_hand: int
        last_document: str | None
        counted: bool
        documents: dict[str, int]
        recent: tuple[int, ...]
        first_day: date
        updated_at: datetime

    show(conn, second(SAMPLE_2, Grown))
    seen = conn.execute("SELECT * FROM read.sample_level").description
    assert seen
    assert [column.name for column in seen] == [*LevelRow.__annotations__, "new"]


def test_a_column_of_the_contract_is_never_taken_away(conn: Connection) -> None:
    @dataclass(slots=True, kw_only=True)
    class Shrunk:
        item: str

    with pytest.raises(ContractBroken, match="on_hand"):
        show(conn, second(SAMPLE_2, Shrunk))


def show(conn: Connection, projection: Projection) -> None:
    show_generation(conn, projection, create_generation(conn, projection).generation)
