"""The tables of a read model, made from its row types; rows are loaded and written in bulk.

Rows travel as JSON, both ways: one parameter of one type for a whole batch, encoded by msgspec and
taken apart by the server. Against arrays and `unnest` the server works as long, and this process,
whose threads share one interpreter lock, a third as long.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import date, datetime
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Literal, LiteralString, Union, get_args, get_origin, get_type_hints

import msgspec
import psycopg
from psycopg.abc import Buffer
from psycopg.copy import Copy, Writer
from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder
from psycopg.sql import Literal as Quoted

from infra.postgres.connections import Connection
from infra.runtime.json_decoders import decoder
from projections.projection import Projection, Table

SCHEMA = "read"
# What the database says of a row it cannot hold; one event of the batch is to blame.
UNSTORABLE = (psycopg.DataError, psycopg.IntegrityError, UnicodeEncodeError, OverflowError)
COLUMN_TYPES: dict[object, LiteralString] = {
    str: "text",
    int: "bigint",
    bool: "boolean",
    datetime: "timestamptz",
    date: "date",
    dict: "jsonb",
    list: "jsonb",
    tuple: "jsonb",
}

# What PostgreSQL's binary form of a document begins with.
JSONB_VERSION = b"\1"

encode = msgspec.json.Encoder().encode


def column_type(annotation: Any) -> tuple[LiteralString, bool]:
    """The SQL type of a field, and whether it may be null."""
    kinds = set(_kinds(annotation))
    nullable = NoneType in kinds
    types = {COLUMN_TYPES.get(kind) for kind in kinds - {NoneType}}
    found = types.pop() if len(types) == 1 else None
    if found is None:
        raise TypeError(f"a row field of type {annotation} has no column type")
    return found, nullable


def _kinds(annotation: Any) -> Iterable[object]:
    origin = get_origin(annotation)
    if origin is Union or origin is UnionType:
        for part in get_args(annotation):
            yield from _kinds(part)
    elif origin is Literal:
        yield from map(type, get_args(annotation))
    else:
        yield origin or getattr(annotation, "__supertype__", annotation)


class PhysicalTable:
    """A table of one generation, with its statements ready."""

    def __init__(self, table: Table, generation: int) -> None:
        hints = get_type_hints(table.row)
        self.table = table
        self.row = table.row
        self.append_only = table.append_only
        kinds = {field.name: column_type(hints[field.name]) for field in fields(table.row)}
        self.columns = {name: kind for name, kind in kinds.items() if name not in table.computed}
        self._kinds, self.shown = kinds, tuple(kinds)
        self.name = f"{table.name}_g{generation}"
        self.identifier = Identifier(SCHEMA, self.name)
        self._regclass = f'{SCHEMA}."{self.name}"'
        self.key_of = _getter(table.key)
        self.owner_of: Callable[[object], Any] = attrgetter(table.key[0])
        self.rest_of = _getter(table.key[1:])
        self.decode: Callable[[bytes | str], Any] = decoder(table.row).decode
        self._copy = SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
            self.identifier, names_of(self.columns)
        )
        self._select = self.select(SQL("0"), Placeholder())
        self._write = self.insert(Placeholder())
        self._delete = SQL("DELETE FROM {} WHERE {} = %s").format(self.identifier, self._owner())

    def load(self, conn: Connection, ids: Sequence[str]) -> list[Any]:
        """Every row of these streams (bare ids)."""
        cursor = conn.cursor(binary=True).execute(self._select, (list(ids),), prepare=True)
        return [self.decode(text) for _, text in cursor.fetchall()]

    def write(self, conn: Connection, rows: Sequence[object]) -> None:
        """Insert or replace these rows. No two of them may have one key."""
        self.write_json(conn, encode(rows).decode())

    def write_json(self, conn: Connection, rows: str) -> None:
        """The same with the rows as a JSON array of objects."""
        conn.execute(self._write, (rows,), prepare=True)

    def copy(self, conn: Connection, binary: Iterable[Buffer]) -> None:
        """Insert rows whose keys are not there yet, several times as fast as `write`."""
        with conn.cursor().copy(self._copy) as copy:
            for part in binary:
                copy.write(part)

    def delete(self, conn: Connection, owner: str) -> None:
        """Remove every row of a stream."""
        conn.execute(self._delete, (owner,))

    def create(self, conn: Connection) -> None:
        """The bare table with its documentation, to be filled; `create_indexes` completes it.

        Rows that are only appended are not looked for by their key before that.
        """
        parts = [self._column(name) for name in self.columns]
        if not self.append_only:
            parts.append(self._primary_key())
        columns = SQL(", ").join(parts)
        # Vacuum would come by several times while it is filled.
        create = SQL("CREATE TABLE {} ({}) WITH (autovacuum_enabled = off)")
        conn.execute(create.format(self.identifier, columns))
        conn.execute(_comment("TABLE", self.identifier, self.table.about))
        self._comment_columns(conn, self.identifier, self.columns)

    def stands(self, conn: Connection) -> bool:
        """Whether the table is there with these columns."""
        rows = conn.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
            (SCHEMA, self.name),
        ).fetchall()
        return [name for (name,) in rows] == list(self.columns)

    def size(self, conn: Connection) -> int:
        """The bytes of its rows."""
        row = conn.execute("SELECT pg_table_size(%s::regclass)", (self._regclass,)).fetchone()
        return int(row[0]) if row else 0

    def create_indexes(self, conn: Connection) -> None:
        conn.execute(SQL("ALTER TABLE {} RESET (autovacuum_enabled)").format(self.identifier))
        if self.append_only and not self._has_key(conn):
            conn.execute(SQL("ALTER TABLE {} ADD {}").format(self.identifier, self._primary_key()))
        every = [(columns, "") for columns in self.table.indexes]
        some = [(columns, f" WHERE {rows}") for columns, rows in self.table.partial.items()]
        for number, (columns, rows) in enumerate([*every, *some], start=1):
            statement = SQL("CREATE INDEX IF NOT EXISTS {} ON {} ({}){}").format(
                Identifier(f"{self.name}_i{number}"),
                self.identifier,
                names_of(columns),
                SQL(rows),
            )
            conn.execute(statement)
        # The server itself looks at the other columns before long, and takes longer for it.
        looked_for = sorted(
            {
                *self.table.key,
                *(n for index in (*self.table.indexes, *self.table.partial) for n in index),
            }
        )
        conn.execute(SQL("ANALYZE {} ({})").format(self.identifier, names_of(looked_for)))

    def drop(self, conn: Connection) -> None:
        conn.execute(SQL("DROP TABLE IF EXISTS {}").format(self.identifier))

    def contract(self, conn: Connection, visible: Sequence[str]) -> None:
        """Point the view without a number here; `visible` columns keep their places."""
        view = Identifier(SCHEMA, self.table.name)
        columns = [*visible, *(name for name in self.shown if name not in visible)]
        body = self.reading(columns)
        conn.execute(SQL("CREATE OR REPLACE VIEW {} AS {}").format(view, body))
        conn.execute(_comment("VIEW", view, self.table.about))
        self._comment_columns(conn, view, self.shown)

    def reading(self, columns: Iterable[str]) -> Composed:
        """What a reader sees in these columns now."""
        seen = SQL(", ").join(map(self._seen, columns))
        return SQL("SELECT {} FROM {}").format(seen, self.identifier)

    def _seen(self, name: str) -> Composable:
        asked = self.table.computed.get(name)
        if asked is None:
            return Identifier(name)
        kind = self._kinds[name][0]
        return SQL("({})::{} AS {}").format(SQL(asked), SQL(kind), Identifier(name))

    def _primary_key(self) -> Composed:
        return SQL("PRIMARY KEY ({})").format(names_of(self.table.key))

    def _has_key(self, conn: Connection) -> bool:
        found = conn.execute(
            "SELECT FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'p'",
            (self._regclass,),
        )
        return found.fetchone() is not None

    def _comment_columns(self, conn: Connection, owner: Identifier, names: Iterable[str]) -> None:
        for name in names:
            column = SQL("{}.{}").format(owner, Identifier(name))
            conn.execute(_comment("COLUMN", column, self.table.columns[name]))

    def _column(self, name: str) -> Composed:
        kind, nullable = self.columns[name]
        rule = SQL("") if nullable else SQL(" NOT NULL")
        return SQL("{} {}{}").format(Identifier(name), SQL(kind), rule)

    def _owner(self) -> Identifier:
        return Identifier(self.table.key[0])

    def select(self, number: Composable, ids: Composable) -> Composed:
        """Every row of these streams as JSON, behind a number that marks them as ours."""
        return SQL("SELECT {}, to_json(t)::text FROM {} t WHERE {} = ANY({})").format(
            number, self.identifier, self._owner(), ids
        )

    def insert(self, rows: Composable) -> Composed:
        """Insert or replace rows that are given as a JSON array of objects."""
        names = names_of(self.columns)
        shape = SQL(", ").join(
            SQL("{} {}").format(Identifier(name), SQL(kind))
            for name, (kind, _) in self.columns.items()
        )
        return SQL(
            "INSERT INTO {} ({}) SELECT {} FROM json_to_recordset({}::json) AS given({}) {}"
        ).format(self.identifier, names, names, rows, shape, self._on_conflict())

    def _on_conflict(self) -> Composable:
        changing = [name for name in self.columns if name not in self.table.key]
        if self.append_only or not changing:
            return SQL("")
        sets = (SQL("{0} = EXCLUDED.{0}").format(Identifier(name)) for name in changing)
        return SQL("ON CONFLICT ({}) DO UPDATE SET {}").format(
            names_of(self.table.key), SQL(", ").join(sets)
        )


class RowWriter:
    """New rows of one table as COPY takes them; later changes of a row do not reach these bytes."""

    def __init__(self, conn: Connection, table: PhysicalTable) -> None:
        types = [kind for kind, _ in table.columns.values()]
        self._documents = [n for n, kind in enumerate(types) if kind == "jsonb"]
        self._values_of = _getter(tuple(table.columns))
        self._parts = Parts()
        self._copy = Copy(conn.cursor(), binary=True, writer=self._parts)
        # A document goes as the bytes that it is: psycopg would wrap each, and take it out again.
        self._copy.set_types(["bytea" if kind == "jsonb" else kind for kind in types])
        self._format = self._copy.formatter.write_row

    def add(self, row: object) -> None:
        values: Sequence[Any] = self._values_of(row)
        if self._documents:
            values = list(values)
            for n in self._documents:
                if values[n] is not None:
                    values[n] = JSONB_VERSION + encode(values[n])
        if part := self._format(values):
            self._parts.write(part)

    def finish(self) -> Sequence[Buffer]:
        """All that was added, for `PhysicalTable.copy`."""
        self._copy.finish(None)
        return self._parts.taken


class Parts(Writer):
    """Takes what COPY writes as it comes: put together, megabytes would be copied again."""

    def __init__(self) -> None:
        self.taken: list[Buffer] = []

    def write(self, data: Buffer) -> None:
        self.taken.append(data)


def physical_tables(projection: Projection, generation: int) -> tuple[PhysicalTable, ...]:
    return tuple(PhysicalTable(table, generation) for table in projection.tables)


def _getter(key: Sequence[str]) -> Callable[[object], tuple[Any, ...]]:
    """Row -> these columns of it as a tuple, also when it is only one or none."""
    if not key:
        return lambda row: ()
    if len(key) == 1:
        only = attrgetter(key[0])
        return lambda row: (only(row),)
    return attrgetter(*key)


def names_of(columns: Iterable[str]) -> Composed:
    return SQL(", ").join(map(Identifier, columns))


def _comment(kind: LiteralString, what: Composable, text: str) -> Composed:
    return SQL("COMMENT ON {} {} IS {}").format(SQL(kind), what, Quoted(text))
