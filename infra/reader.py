"""Pages of read models, and the wait until one has seen a position.

The API reads the generation of its own projection version, whatever analysts are shown.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from types import TracebackType
from typing import Any, NamedTuple, Self

import psycopg
from psycopg.rows import class_row
from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from infra.event_log import TABLE
from infra.sessions import parameters
from infra.tables import SCHEMA, PhysicalTable
from projections.projection import PositionAhead, Projection, Query, ReadModelBehind, Table

READER = "ordinal_writer"
# Seconds.
LONGEST_STATEMENT = 5.0
GENERATION_AGE = 1.0
SHORTEST_PAUSE = 0.002
LONGEST_PAUSE = 0.01
# Positions that a read model may lack and still be ready.
TOLERATED_LAG = 5_000


class ReadModelsAway(ReadModelBehind):
    """The database of the read models cannot be reached."""


class Shelf(NamedTuple):
    """Where a row class is read from now: a table of its generation, or a view."""

    source: Table | str
    projection: Projection

    def at(self, generation: int) -> Identifier:
        match self.source:
            case Table():
                return Identifier(SCHEMA, PhysicalTable(self.source, generation).name)
            case view:
                return Identifier(SCHEMA, view)


class Reader:
    """Read access for one process; use it as an async context manager."""

    def __init__(
        self, conninfo: str, projections: Sequence[Projection], *, wait_timeout: float
    ) -> None:
        self._projections = {projection.name: projection for projection in projections}
        self._shelves = {
            table.row: Shelf(table, projection)
            for projection in projections
            for table in projection.tables
        } | {
            row: Shelf(view, projection)
            for projection in projections
            for row, view in projection.view_rows.items()
        }
        self._wait_timeout = wait_timeout
        self._generations: dict[str, tuple[float, int | None]] = {}
        self._pool = AsyncConnectionPool(
            kwargs=parameters(
                conninfo,
                READER,
                default_transaction_read_only="on",
                statement_timeout=int(LONGEST_STATEMENT * 1000),
            )
            | {"autocommit": True, "application_name": "ordinal reader"},
            min_size=1,
            max_size=8,
            timeout=1.5,
            open=False,
        )

    async def __aenter__(self) -> Self:
        await self._pool.open(wait=False)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._pool.close()

    async def fetch(self, query: Query) -> Sequence[Any]:
        shelf = self._shelves[query.row]
        generation = await self._generation(shelf.projection)
        if generation is None:
            raise ReadModelBehind(f"{shelf.projection.name} is being built")
        statement, values = page_of(query, shelf.at(generation))
        try:
            async with self._pool.connection() as conn:
                cursor: psycopg.AsyncCursor[Any] = conn.cursor(row_factory=class_row(query.row))
                return await (await cursor.execute(statement, values)).fetchall()
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise ReadModelsAway(str(error)) from error

    async def wait_for(self, projection: str, position: int) -> None:
        deadline = time.monotonic() + self._wait_timeout
        pause = SHORTEST_PAUSE
        while True:
            seen = await self._position(projection)
            if seen >= position:
                return
            if position > await self._head():
                raise PositionAhead(f"the log has not come to position {position}")
            if time.monotonic() + pause > deadline:
                raise ReadModelBehind(f"{projection} stands at position {seen}, not {position}")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    async def missing(self) -> Mapping[str, str]:
        """What keeps this process from reading: by projection, and why."""
        try:
            head = await self._head()
            seen = {name: await self._position(name) for name in self._projections}
        except ReadModelsAway:
            return {"read_models": "the database is away"}
        return {
            name: f"at position {at} of {head}"
            for name, at in seen.items()
            if head - at > TOLERATED_LAG
        }

    async def _generation(self, projection: Projection) -> int | None:
        known = self._generations.get(projection.name)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        row = await self._one(
            "SELECT max(generation) FROM read.checkpoints"
            " WHERE projection = %s AND version = %s AND live",
            (projection.name, projection.version),
        )
        self._generations[projection.name] = (time.monotonic() + GENERATION_AGE, row)
        return row

    async def _position(self, name: str) -> int:
        seen = await self._one(
            "SELECT max(position) FROM read.checkpoints"
            " WHERE projection = %s AND version = %s AND live",
            (name, self._projections[name].version),
        )
        return seen if seen is not None else -1

    async def _head(self) -> int:
        return await self._one(f"SELECT max(notification_id) FROM {TABLE}", ()) or 0

    async def _one(self, statement: str, values: tuple[object, ...]) -> int | None:
        try:
            async with self._pool.connection() as conn:
                row = await (await conn.execute(statement.encode(), values)).fetchone()
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise ReadModelsAway(str(error)) from error
        return row[0] if row else None


def page_of(query: Query, table: Identifier) -> tuple[Composed, list[object]]:
    """The statement of a page, and its values."""
    conditions: list[Composable] = []
    values: list[object] = []
    for name, value in query.where.items():
        conditions.append(SQL("{} = %s").format(Identifier(name)))
        values.append(value)
    for name, (begin, end) in query.ranges.items():
        for sign, bound in ((">=", begin), ("<", end)):
            if bound is not None:
                conditions.append(SQL("{} {} %s").format(Identifier(name), SQL(sign)))
                values.append(bound)
    if query.after is not None:
        sign = "<" if query.descending else ">"
        marks = SQL(", ").join([Placeholder()] * len(query.after))
        conditions.append(SQL("({}) {} ({})").format(_names(query.order), SQL(sign), marks))
        values.extend(query.after)
    where = SQL(" WHERE ") + SQL(" AND ").join(conditions) if conditions else SQL("")
    direction = SQL(" DESC" if query.descending else "")
    ordered = SQL(", ").join(Identifier(name) + direction for name in query.order)
    order = SQL(" ORDER BY ") + ordered if query.order else SQL("")
    columns = _names([field.name for field in fields(query.row)])
    statement = SQL("SELECT {} FROM {}{}{} LIMIT %s").format(columns, table, where, order)
    return statement, [*values, query.limit]


def _names(names: Sequence[str]) -> Composed:
    return SQL(", ").join(map(Identifier, names))
