"""Reading the read models: pages of rows, and waiting until a position has been applied."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple, Self

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Placeholder

from infra.readmodels.read_pool import LIST, LOOK_UP, REPORT, ReadPool, Share
from infra.readmodels.tables import SCHEMA
from infra.runtime.json_decoders import decoder
from projections.projection import (
    DatabaseAway,
    Narrowing,
    PositionAhead,
    Projection,
    Query,
    ReadModelBehind,
    narrowings,
)

# Seconds.
KNOWN_FOR = 1.0
SHORTEST_PAUSE = 0.002
LONGEST_PAUSE = 0.010
# Positions that a read model may lag behind when it is first called ready.
NEARLY = 1_000

# The first row says where the log ends, and whether it takes no writes, as a standby.
_LOOK = """
    SELECT '', (current_setting('transaction_read_only') = 'on')::int, 0,
           coalesce(max(notification_id), 0) FROM ordinal.stored_events
    UNION ALL
    SELECT projection, version, generation, position FROM read.checkpoints WHERE live
"""


@dataclass(frozen=True, slots=True)
class Watermarks:
    """Where the log and the live generations stood; `began` is the event loop's time."""

    began: float
    head: int = 0
    standings: Mapping[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    read_only: bool = False


class Source(NamedTuple):
    """Where the rows of a type are; `owner` is the column of their stream's id."""

    projection: str
    name: str
    is_view: bool
    owner: str = ""

    def share_of(self, query: Query) -> Share:
        """A view sums up; rows of one stream, or a single one, are looked up."""
        if self.is_view:
            return REPORT
        return LOOK_UP if self.owner in query.where or query.limit == 1 else LIST


class RowReader:
    """Rows of this program's versions (see `projections.projection.Rows`)."""

    def __init__(
        self, conninfo: str, projections: Sequence[Projection], *, wait_timeout: float
    ) -> None:
        self._versions = {projection.name: projection.version for projection in projections}
        self._sources = _sources(projections)
        self._reach = {row: reach for each in projections for row, reach in each.reach.items()}
        self._decoders: dict[type, Callable[[str], Any]] = {
            row: decoder(row).decode for row in self._sources
        }
        self._wait_timeout = wait_timeout
        self._statements: dict[object, Composed] = {}
        self._caught_up: set[str] = set()
        self._look = Watermarks(float("-inf"))
        self._looking: asyncio.Task[Watermarks] | None = None
        self._pool = ReadPool(conninfo)

    async def __aenter__(self) -> Self:
        await self._pool.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._pool.__aexit__(kind, error, trace)

    async def fetch(self, query: Query) -> Sequence[Any]:
        """The rows of a page. Raises ReadModelBehind while this version is not built."""
        try:
            return await self._fetch(query)
        except psycopg.errors.UndefinedTable:
            # The generation was dropped after it was last seen to be the one.
            await self._look_again()
            return await self._fetch(query)

    async def wait_for(self, projection: str, position: int) -> None:
        loop = asyncio.get_running_loop()
        called, pause = loop.time(), SHORTEST_PAUSE
        while self._position(projection) < position:
            look = await self._look_again()
            if self._position(projection) >= position:
                return
            # A look that began before the call may be older than the position asked for.
            if look.head < position and look.began >= called:
                raise PositionAhead(f"The log ends at {look.head}.")
            if loop.time() - called > self._wait_timeout:
                raise ReadModelBehind(f"{projection} has not come to {position} yet")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    async def catch_up(self, projection: str) -> None:
        called = asyncio.get_running_loop().time()
        look = await self._look_again()
        while look.began < called:
            look = await self._look_again()
        await self.wait_for(projection, look.head)

    async def missing(self) -> Mapping[str, str]:
        """What cannot be read yet, or not written, and why; what was ready once stays so."""
        try:
            look = await self._look_again()
        except DatabaseAway:
            # Its words may name machines and files, and everybody may ask for these.
            return {"read_models": "the database is away"}
        found = {name: self._lack(name, look) for name in self._versions}
        if look.read_only:
            found["event_log"] = "the database takes no writes"
        return {name: reason for name, reason in found.items() if reason}

    def _lack(self, name: str, look: Watermarks) -> str:
        standing = look.standings.get((name, self._versions[name]))
        if standing is None:
            return f"version {self._versions[name]} is not built: run `ordinal rebuild {name}`"
        if look.head - standing[1] <= NEARLY:
            self._caught_up.add(name)
        if name in self._caught_up:
            return ""
        return f"stands at {standing[1]}, the log at {look.head}"

    def _position(self, projection: str) -> int:
        version = self._versions[projection]
        return self._look.standings.get((projection, version), (0, 0))[1]

    async def _generation(self, projection: str) -> int:
        now = asyncio.get_running_loop().time()
        look = self._look if now - self._look.began < KNOWN_FOR else await self._look_again()
        standing = look.standings.get((projection, self._versions[projection]))
        if standing is None:
            raise ReadModelBehind(f"{projection} is not built in this version")
        return standing[0]

    async def _look_again(self) -> Watermarks:
        """See where everything stands; whoever asks meanwhile gets the same answer."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._looking)

    async def _ask(self) -> Watermarks:
        began = asyncio.get_running_loop().time()
        (_, read_only, _, head), *live = await self._pool.rows(SQL(_LOOK), {}, LOOK_UP)
        standings: dict[tuple[str, int], tuple[int, int]] = {}
        for name, version, *standing in live:
            key = (name, version)
            standings[key] = max(standings.get(key, (0, 0)), tuple(standing))
        self._look = Watermarks(began, head, standings, bool(read_only))
        return self._look

    async def _fetch(self, query: Query) -> Sequence[Any]:
        narrowed = narrowings(query, self._reach)
        if narrowed is None:
            return []
        share = self._sources[query.row].share_of(query)
        statement = self._statement(
            query, await self._table(query.row), await self._narrow(narrowed)
        )
        values = _values(query) | {f"within_{each.column}": [*each.values] for each in narrowed}
        rows = await self._pool.rows(statement, values, share)
        decode = self._decoders[query.row]
        return [decode(text) for (text,) in rows]

    async def _table(self, row: type) -> str:
        source = self._sources[row]
        generation = await self._generation(source.projection)
        return source.name if source.is_view else f"{source.name}_g{generation}"

    async def _narrow(self, narrowed: Sequence[Narrowing]) -> list[tuple[Narrowing, str]]:
        """With the table of each that looks at other rows."""
        return [(each, await self._table(each.like) if each.like else "") for each in narrowed]

    def _statement(
        self, query: Query, table: str, narrowed: Sequence[tuple[Narrowing, str]] = ()
    ) -> Composed:
        reach = tuple((each.column, each.owner, looked_at) for each, looked_at in narrowed)
        shape = (table, reach, *_shape(query))
        known = self._statements.get(shape)
        if known is None:
            known = self._statements[shape] = compose(query, table, narrowed)
        return known


def compose(query: Query, table: str, narrowed: Sequence[tuple[Narrowing, str]] = ()) -> Composed:
    """The SQL of a query; its values are named after their place in it."""
    conditions = [*_equalities(query), *_bounds(query), *_after(query)]
    conditions += [_within(*each) for each in narrowed]
    where = SQL(" AND ").join(conditions) if conditions else SQL("true")
    direction = SQL(" DESC") if query.descending else SQL("")
    order = [SQL("{}{}").format(Identifier(column), direction) for column in query.order]
    return SQL("SELECT to_json(t)::text FROM {} t WHERE {}{}{} LIMIT %(limit)s").format(
        Identifier(SCHEMA, table),
        where,
        SQL(" ORDER BY ") if order else SQL(""),
        SQL(", ").join(order),
    )


def _equalities(query: Query) -> list[Composed]:
    return [
        SQL("{} IS NULL").format(Identifier(column))
        if value is None
        else SQL("{} = {}").format(Identifier(column), Placeholder(f"where_{column}"))
        for column, value in query.where.items()
    ]


def _bounds(query: Query) -> list[Composed]:
    return [
        SQL(test).format(Identifier(column), Placeholder(f"{end}_{column}"))
        for column, bounds in query.ranges.items()
        for test, end, value in zip(("{} >= {}", "{} < {}"), ("from", "to"), bounds, strict=True)
        if value is not None
    ]


def _after(query: Query) -> list[Composed]:
    if query.after is None:
        return []
    columns = SQL(", ").join(map(Identifier, query.order))
    values = SQL(", ").join(Placeholder(f"after_{column}") for column in query.order)
    test = "({}) < ({})" if query.descending else "({}) > ({})"
    return [SQL(test).format(columns, values)]


def _within(narrowing: Narrowing, looked_at: str) -> Composed:
    column, owner = Identifier(narrowing.column), Identifier(narrowing.owner)
    test = SQL("{} = ANY({})").format(column, Placeholder(f"within_{narrowing.column}"))
    if not looked_at:
        return test
    return SQL("{0} IN (SELECT {0} FROM {1} WHERE {2})").format(
        owner, Identifier(SCHEMA, looked_at), test
    )


def _values(query: Query) -> dict[str, object]:
    values: dict[str, object] = {f"where_{c}": value for c, value in query.where.items()}
    for column, (begin, end) in query.ranges.items():
        values |= {f"from_{column}": begin, f"to_{column}": end}
    after = zip(query.order, query.after or (), strict=query.after is not None)
    return values | {f"after_{column}": value for column, value in after} | {"limit": query.limit}


def _shape(query: Query) -> tuple[object, ...]:
    """What two queries of one statement have in common."""
    return (
        tuple((column, value is None) for column, value in query.where.items()),
        tuple((c, begin is None, end is None) for c, (begin, end) in query.ranges.items()),
        query.order,
        query.descending,
        query.after is None,
    )


def _sources(projections: Sequence[Projection]) -> dict[type, Source]:
    found: dict[type, Source] = {}
    for projection in projections:
        for table in projection.tables:
            found[table.row] = Source(projection.name, table.name, False, table.key[0])
        for row, view in projection.view_rows.items():
            found[row] = Source(projection.name, view, True)
    return found
