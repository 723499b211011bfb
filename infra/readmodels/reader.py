"""Reading the read models: pages of rows, and waiting until a position has been applied."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from types import TracebackType
from typing import Any, NamedTuple, Self, cast

import psycopg
from psycopg.sql import SQL, Composable, Composed, Identifier

from infra.readmodels.read_pool import LIST, LOOK_UP, REPORT, ReadPool, Share
from infra.readmodels.read_statements import compose, shape_of, values_of
from infra.readmodels.tables import SCHEMA, PhysicalTable, physical_tables
from infra.runtime.json_decoders import decoder
from projections.projection import (
    DatabaseAway,
    DayRows,
    Narrowing,
    PositionAhead,
    Projection,
    Query,
    ReadModelBehind,
    Table,
    UnknownZone,
    narrowings,
)

# Seconds.
KNOWN_FOR = 1.0
SHORTEST_PAUSE = 0.002
LONGEST_PAUSE = 0.010
# Days that a page by day is looked for in, before all of them.
SPANS = (2, 16, 64, 256, 1_024)
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
    """Where the rows of a type are: in a table, or a view of this name."""

    projection: Projection
    table: Table | None = None
    view: str = ""
    days: DayRows | None = None

    def share_of(self, query: Query) -> Share:
        """A view sums up; rows of one stream, or a single one, are looked up."""
        if self.table is None:
            return REPORT
        return LOOK_UP if self.table.key[0] in query.where or query.limit == 1 else LIST

    def place(self, generation: int) -> Composable:
        """What stands behind FROM."""
        if self.days is not None:
            return SQL("({})").format(self.filled(self.days.select, generation))
        if self.table is None:
            return Identifier(SCHEMA, self.view)
        table = PhysicalTable(self.table, generation)
        if not self.table.computed:
            return table.identifier
        return SQL("({})").format(table.reading(table.shown))

    def filled(self, select: str, generation: int) -> Composed:
        """A statement with the tables of this generation in their places."""
        tables = physical_tables(self.projection, generation)
        return SQL(select).format(**{each.table.name: each.identifier for each in tables})


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
        source = self._sources[query.row]
        if source.days is None:
            return await self._rows(query)
        return await self._latest_days(query, source, source.days)

    async def _latest_days(self, query: Query, source: Source, days: DayRows) -> Sequence[Any]:
        """A page of the latest days needs no other days: more are asked for until it is full."""
        begin, end = await self._bounds(query, source, days)
        for span in SPANS:
            since = end - timedelta(days=span)
            if begin is not None and since <= begin:
                break
            found = await self._rows(_between(query, days.day, since, end))
            if len(found) == query.limit:
                return found
        return await self._rows(_between(query, days.day, begin, end))

    async def _bounds(
        self, query: Query, source: Source, days: DayRows
    ) -> tuple[date | None, date]:
        """The first day that may have rows, if there is one, and the day behind the last one."""
        begin, end = cast("tuple[Any, Any]", query.ranges.get(days.day, (None, None)))
        if query.after is not None:
            seen = cast(date, query.after[0]) + timedelta(days=1)
            end = seen if end is None else min(end, seen)
        until = source.filled(days.until, await self._generation_of(query.row))
        ((latest,),) = await self._pool.rows(until, {}, LIST)
        latest = latest or date.min + timedelta(days=SPANS[-1])
        return begin, latest if end is None else min(end, latest)

    async def _rows(self, query: Query) -> Sequence[Any]:
        narrowed = narrowings(query, self._reach)
        if narrowed is None:
            return []
        statement = await self._statement(query, narrowed)
        values = values_of(query) | {f"within_{each.column}": [*each.values] for each in narrowed}
        try:
            share = self._sources[query.row].share_of(query)
            rows = await self._pool.rows(statement, values, share)
        except psycopg.errors.InvalidParameterValue as error:
            raise UnknownZone(f"There is no time zone {query.zone}.") from error
        decode = self._decoders[query.row]
        return [decode(text) for (text,) in rows]

    async def _statement(self, query: Query, narrowed: Sequence[Narrowing]) -> Composed:
        beside = (*(each.row for each in query.having), *(each.like for each in narrowed))
        rows = {query.row, *(row for row in beside if row is not None)}
        generations = {row: await self._generation_of(row) for row in rows}
        reach = tuple((each.column, each.owner, each.like) for each in narrowed)
        shape = (frozenset(generations.items()), reach, *shape_of(query))
        known = self._statements.get(shape)
        if known is None:
            places = {row: self._sources[row].place(g) for row, g in generations.items()}
            known = self._statements[shape] = compose(query, places, narrowed)
        return known

    async def _generation_of(self, row: type) -> int:
        return await self._generation(self._sources[row].projection.name)


def _between(query: Query, day: str, begin: date | None, end: date) -> Query:
    return replace(query, ranges={**query.ranges, day: (begin, end)})


def _sources(projections: Sequence[Projection]) -> dict[type, Source]:
    found: dict[type, Source] = {}
    for projection in projections:
        for table in projection.tables:
            found[table.row] = Source(projection, table=table)
        for row, view in projection.view_rows.items():
            found[row] = Source(projection, view=view)
        for row, days in projection.day_rows.items():
            found[row] = Source(projection, days=days)
    return found
