"""What analysts query: views without a number over the tables of one generation, and whether they
are still as the program makes them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

from infra.postgres.connections import Connection
from infra.readmodels.tables import SCHEMA, physical_tables
from projections.projection import Projection

# Sums outgrow what they sum: a view may change so without a new name.
WIDER = {("bigint", "numeric")}


class ContractBroken(Exception):
    """The new tables lack a column that analysts may be using: keep it, or name the table anew."""


class Column(NamedTuple):
    name: str
    type: str


def show_views(conn: Connection, projection: Projection) -> None:
    """Make the projection's own views over those of its tables. Raises ContractBroken."""
    try:
        with conn.transaction():
            _create(conn, projection)
    except psycopg.errors.InvalidTableDefinition as error:
        _create_anew(conn, projection, error)


def differing(conn: Connection, projection: Projection, generation: int) -> list[str]:
    """Views that are not as the program makes them, or not there."""
    bodies = {**_contracts(conn, projection, generation), **_bodies(projection)}
    return [name for name, body in bodies.items() if _defined(conn, name) != _as_made(conn, body)]


def blockers(conn: Connection, projections: Sequence[Projection]) -> str:
    """The sessions that have looked at these views in a transaction which is not over."""
    names = [
        f'{SCHEMA}."{name}"'
        for projection in projections
        for name in (*(table.name for table in projection.tables), *projection.views)
    ]
    rows = conn.execute(
        "SELECT DISTINCT format('%%s (process %%s, %%s)', usename, pid,"
        " coalesce(nullif(application_name, ''), 'no name'))"
        " FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE granted AND pid <> pg_backend_pid() AND datname = current_database()"
        " AND relation IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS name) ORDER BY 1",
        (names,),
    )
    return ", ".join(who for (who,) in rows)


def _create(conn: Connection, projection: Projection) -> None:
    for name, body in _bodies(projection).items():
        view = Identifier(SCHEMA, name)
        conn.execute(SQL("CREATE OR REPLACE VIEW {} AS {}").format(view, body))
        about = Literal(projection.views[name][1])
        conn.execute(SQL("COMMENT ON VIEW {} IS {}").format(view, about))
        _comment_columns(conn, projection, name)


def _comment_columns(conn: Connection, projection: Projection, view: str) -> None:
    """A column of the name of a table's means the same, unless the view says otherwise."""
    known = {name: text for table in projection.tables for name, text in table.columns.items()}
    known |= projection.view_columns
    for column in columns_of(conn, view):
        if column.name in known:
            place = Identifier(SCHEMA, view, column.name)
            text = Literal(known[column.name])
            conn.execute(SQL("COMMENT ON COLUMN {} IS {}").format(place, text))


def _create_anew(conn: Connection, projection: Projection, error: psycopg.Error) -> None:
    """A column's type can't be changed in place; every column must still be there."""
    before = {name: columns_of(conn, name) for name in projection.views}
    there = [Identifier(SCHEMA, name) for name, columns in before.items() if columns]
    try:
        with conn.transaction():
            conn.execute(SQL("DROP VIEW {}").format(SQL(", ").join(there)))
            _create(conn, projection)
            for name, columns in before.items():
                _require_kept(name, columns, columns_of(conn, name), error)
    except psycopg.errors.DependentObjectsStillExist as depending:
        raise ContractBroken(f"{depending.diag.message_detail}: drop that first") from depending


def _require_kept(
    view: str, before: list[Column], after: list[Column], error: psycopg.Error
) -> None:
    for old, new in zip(before, [*after, *[Column("", "")] * len(before)], strict=False):
        if old != new and (old.name != new.name or (old.type, new.type) not in WIDER):
            raise ContractBroken(f"view {view}: {error}") from error


def columns_of(conn: Connection, name: str) -> list[Column]:
    """The columns of a table or view of schema `read`, in order; none when it is not there."""
    rows = conn.execute(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute"
        " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        (f'{SCHEMA}."{name}"',),
    )
    return [Column(*row) for row in rows]


def _bodies(projection: Projection) -> Mapping[str, Composed]:
    names = [*(table.name for table in projection.tables), *projection.views]
    places = {name: Identifier(SCHEMA, name) for name in names}
    return {name: SQL(select).format(**places) for name, (select, _) in projection.views.items()}


def _contracts(conn: Connection, projection: Projection, generation: int) -> Mapping[str, Composed]:
    """The views over single tables, whose columns keep the places that they once had."""
    found = {}
    for table in physical_tables(projection, generation):
        shown = [column.name for column in columns_of(conn, table.table.name)]
        columns = shown if set(shown) == set(table.shown) else table.shown
        found[table.table.name] = table.reading(columns)
    return found


def _defined(conn: Connection, name: str) -> str | None:
    where = f'{SCHEMA}."{name}"'
    row = conn.execute("SELECT pg_get_viewdef(to_regclass(%s))", (where,)).fetchone()
    return row[0] if row else None


def _as_made(conn: Connection, body: Composed) -> str | None:
    """The server's own words for it, from a view of this session that is gone at once."""
    asked = "SELECT pg_get_viewdef('pg_temp.ordinal_as_made'::regclass)"
    try:
        with conn.transaction(force_rollback=True):
            conn.execute(SQL("CREATE TEMP VIEW ordinal_as_made AS {}").format(body))
            row = conn.execute(asked).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn) as error:
        return str(error)  # what it stands on is gone
    return row[0] if row else None
