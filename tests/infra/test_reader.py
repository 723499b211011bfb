"""The reader on a real PostgreSQL: pages, waiting, readiness, a change of generations."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL

from infra.postgres.connections import connect_projector
from infra.readmodels.generations import (
    create_generation,
    drop_old,
    open_generation,
    show_generation,
)
from infra.readmodels.read_pool import LIST, LOOK_UP, REPORT, ReadPool, Share
from infra.readmodels.reader import RowReader
from projections.projection import (
    AnswerTooSlow,
    DatabaseAway,
    PositionAhead,
    Projection,
    Query,
    Reachable,
    ReadModelBehind,
    TooManyAsk,
)
from tests.infra.proxy import postgres_proxy
from tests.infra.running import project
from tests.infra.sample_projection import (
    EPOCH,
    SAMPLE,
    SAMPLE_2,
    LevelRow,
    ReceiptRow,
    append,
    receive,
)


@dataclass(slots=True, kw_only=True)
class TotalRow:
    on_hand: int


PROJECTIONS = [replace(SAMPLE, view_rows={TotalRow: "sample_total"})]
PAGE = Query(row=ReceiptRow, order=("document", "item"), limit=2)


def run(
    conninfo: str,
    test: Callable[[RowReader], Awaitable[Any]],
    timeout: float = 0.3,
    projections: Sequence[Projection] = PROJECTIONS,
) -> Any:
    async def inside() -> Any:
        async with RowReader(conninfo, projections, wait_timeout=timeout) as reader:
            return await test(reader)

    return asyncio.run(inside())


def receipts(conninfo: str) -> list[int]:
    """Five receipts: documents 1 to 5 in turn of items a and b."""
    positions = append(
        conninfo,
        [(f"stock-{'ab'[n % 2]}", receive(n, f"d{n}")) for n in range(1, 6)],
    )
    project(conninfo, SAMPLE)
    return positions


def test_pages_follow_each_other_without_gap_or_overlap(ordinal_database: str) -> None:
    receipts(ordinal_database)

    async def pages(reader: RowReader) -> list[list[str]]:
        found, query = [], PAGE
        while page := await reader.fetch(query):
            found.append([row.document for row in page])
            query = replace(query, after=(page[-1].document, page[-1].item))
        return found

    assert run(ordinal_database, pages) == [["d1", "d2"], ["d3", "d4"], ["d5"]]


def test_rows_come_as_their_type(ordinal_database: str) -> None:
    receipts(ordinal_database)
    query = Query(row=LevelRow, where={"item": "b"}, order=("item",))
    assert run(ordinal_database, lambda reader: reader.fetch(query)) == [
        LevelRow(
            item="b",
            on_hand=9,
            last_document="d5",
            documents={"d1": 1, "d3": 3, "d5": 5},
            recent=(1, 3, 5),
            first_day=EPOCH.date(),
            updated_at=EPOCH + timedelta(seconds=3),
            position=5,
        )
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"descending": True, "limit": 9}, ["d5", "d4", "d3", "d2", "d1"]),
        ({"descending": True, "after": ("d3", "b")}, ["d2", "d1"]),
        ({"where": {"item": "a"}}, ["d2", "d4"]),
        ({"where": {"item": None}}, []),
        ({"ranges": {"quantity": (2, 5)}, "limit": 9}, ["d2", "d3", "d4"]),
        ({"ranges": {"quantity": (4, None)}}, ["d4", "d5"]),
        ({"ranges": {"quantity": (None, 2)}, "where": {"item": "b"}}, ["d1"]),
        ({"where": {"document": "'; DROP SCHEMA read; --"}}, []),
    ],
)
def test_conditions(ordinal_database: str, change: dict[str, Any], expected: list[str]) -> None:
    receipts(ordinal_database)
    rows = run(ordinal_database, lambda reader: reader.fetch(replace(PAGE, **change)))
    assert [row.document for row in rows] == expected


REACHED = replace(
    SAMPLE,
    reach={
        LevelRow: Reachable(columns={"location": "item"}),
        ReceiptRow: Reachable(
            columns={"channel": "document"}, owner="item", like=LevelRow,
            open=frozenset({"currency"}),
        ),
    },
)  # fmt: skip


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        ({"channel": ["d1", "d2", "d9"]}, ["d1", "d2"]),
        ({"location": ["a"]}, ["d2", "d4"]),
        ({"location": ["a"], "channel": ["d1", "d2"]}, ["d2"]),
        ({"location": ["a", "b"], "currency": ["EUR"]}, ["d1", "d2", "d3", "d4", "d5"]),
        ({"location": []}, []),
        ({"customer": ["d1"]}, []),
    ],
)
def test_rows_out_of_reach_are_not_there(
    ordinal_database: str, within: dict[str, list[str]], expected: list[str]
) -> None:
    receipts(ordinal_database)
    query = replace(PAGE, limit=9, within=within)
    rows = run(ordinal_database, lambda reader: reader.fetch(query), projections=[REACHED])
    assert [row.document for row in rows] == expected


def test_a_view_is_read_like_a_table(ordinal_database: str) -> None:
    receipts(ordinal_database)
    rows = run(ordinal_database, lambda reader: reader.fetch(Query(row=TotalRow)))
    assert rows == [TotalRow(on_hand=15)]


def test_waiting_ends_when_the_position_is_applied(ordinal_database: str) -> None:
    (position, *_) = receipts(ordinal_database)
    (later,) = append(ordinal_database, [("stock-a", receive(1))])

    async def wait(reader: RowReader) -> None:
        await reader.wait_for("sample", position)
        waiting = asyncio.gather(*(reader.wait_for("sample", later) for _ in range(20)))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        await asyncio.to_thread(project, ordinal_database, SAMPLE)
        await waiting

    run(ordinal_database, wait, timeout=10)


def test_catching_up_ends_when_all_that_was_stored_is_applied(ordinal_database: str) -> None:
    receipts(ordinal_database)

    async def wait(reader: RowReader) -> None:
        await reader.catch_up("sample")
        # A look that began before the event was there, and that others still wait for.
        old = asyncio.create_task(reader._look_again())
        await asyncio.sleep(0)
        reader._looking = asyncio.create_task(slowly(old))
        await asyncio.to_thread(append, ordinal_database, [("stock-a", receive(1))])
        waiting = asyncio.create_task(reader.catch_up("sample"))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await asyncio.to_thread(project, ordinal_database, SAMPLE)
        await waiting

    run(ordinal_database, wait, timeout=10)


def test_waiting_is_bounded(ordinal_database: str) -> None:
    receipts(ordinal_database)
    (later,) = append(ordinal_database, [("stock-a", receive(1))])
    with pytest.raises(ReadModelBehind):
        run(ordinal_database, lambda reader: reader.wait_for("sample", later))


def test_a_position_above_the_log_is_refused_at_once(ordinal_database: str) -> None:
    last = receipts(ordinal_database)[-1]
    with pytest.raises(PositionAhead, match=f"ends at {last}"):
        run(ordinal_database, lambda reader: reader.wait_for("sample", last + 1), timeout=30)


def test_a_position_that_came_while_others_looked_is_not_ahead(ordinal_database: str) -> None:
    receipts(ordinal_database)

    async def wait(reader: RowReader) -> None:
        # This look began before the event was there.
        old = asyncio.create_task(reader._look_again())
        await asyncio.sleep(0)
        reader._looking = held = asyncio.create_task(slowly(old))
        (later,) = await asyncio.to_thread(append, ordinal_database, [("stock-a", receive(1))])
        waiting = asyncio.create_task(reader.wait_for("sample", later))
        await held
        await asyncio.to_thread(project, ordinal_database, SAMPLE)
        await waiting

    run(ordinal_database, wait, timeout=10)


async def slowly(task: asyncio.Task[Any]) -> Any:
    found = await task
    await asyncio.sleep(0.2)
    return found


def test_a_version_that_is_not_built_is_not_ready(ordinal_database: str) -> None:
    receipts(ordinal_database)

    async def read(reader: RowReader) -> tuple[Any, Any]:
        return await reader.missing(), await reader.fetch(PAGE)

    async def inside() -> Any:
        async with RowReader(ordinal_database, [SAMPLE_2], wait_timeout=0.1) as reader:
            return await read(reader)

    assert run(ordinal_database, read)[0] == {}
    with pytest.raises(ReadModelBehind, match="not built"):
        asyncio.run(inside())


def test_a_read_model_is_ready_when_it_has_caught_up(
    ordinal_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.readmodels.reader.NEARLY", 1)
    receipts(ordinal_database)
    append(ordinal_database, [("stock-a", receive(1)), ("stock-a", receive(1))])

    async def ask(reader: RowReader) -> list[Any]:
        before = await reader.missing()
        await asyncio.to_thread(project, ordinal_database, SAMPLE)
        ready = await reader.missing()
        await asyncio.to_thread(
            append, ordinal_database, [("stock-a", receive(1)) for _ in range(3)]
        )
        return [before, ready, await reader.missing()]

    assert run(ordinal_database, ask) == [{"sample": "stands at 5, the log at 7"}, {}, {}]


def test_a_new_generation_is_read_as_soon_as_the_old_one_is_gone(ordinal_database: str) -> None:
    receipts(ordinal_database)

    def renew() -> None:
        with connect_projector(ordinal_database, "test") as conn:
            number = create_generation(conn, SAMPLE).generation
            show_generation(conn, SAMPLE, number)
            open_generation(conn, SAMPLE, number)
            assert drop_old(conn, SAMPLE) == [1]

    async def read(reader: RowReader) -> tuple[Any, Any]:
        before = await reader.fetch(PAGE)
        await asyncio.to_thread(renew)
        return before, await reader.fetch(PAGE)

    before, after = run(ordinal_database, read)
    assert (len(before), after) == (2, [])


def terminate(conninfo: str, *, for_good: bool) -> None:
    name = str(conninfo_to_dict(conninfo)["dbname"])
    with psycopg.connect(make_conninfo(conninfo, dbname="postgres"), autocommit=True) as conn:
        if for_good:
            conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )


def test_lost_connections_are_no_loss_to_a_reader(ordinal_database: str) -> None:
    receipts(ordinal_database)

    async def read(reader: RowReader) -> list[int]:
        await reader.fetch(PAGE)
        terminate(ordinal_database, for_good=False)
        return [len(await reader.fetch(PAGE)) for _ in range(4)]

    assert run(ordinal_database, read) == [2, 2, 2, 2]


def test_a_database_that_is_away_is_said_so_in_time(ordinal_database: str) -> None:
    receipts(ordinal_database)

    async def read(reader: RowReader) -> float:
        await reader.fetch(PAGE)
        terminate(ordinal_database, for_good=True)
        began = asyncio.get_running_loop().time()
        with pytest.raises(DatabaseAway):
            await reader.fetch(PAGE)
        assert "read_models" in await reader.missing()
        return asyncio.get_running_loop().time() - began

    assert run(ordinal_database, read) < 4


# -- shares


SLEEP = SQL("SELECT pg_sleep(%(seconds)s)")


def pooled(conninfo: str, test: Callable[[ReadPool], Awaitable[Any]]) -> Any:
    async def inside() -> Any:
        async with ReadPool(conninfo) as pool:
            return await test(pool)

    return asyncio.run(inside())


def asleep(pool: ReadPool, share: Share, seconds: float) -> "asyncio.Task[Any]":
    return asyncio.create_task(pool.rows(SLEEP, {"seconds": seconds}, share))


def test_reports_and_lists_leave_connections_to_look_ups(ordinal_database: str) -> None:
    async def ask(pool: ReadPool) -> None:
        busy = [asleep(pool, REPORT, 2.5) for _ in range(12)]
        busy += [asleep(pool, LIST, 1.2) for _ in range(12)]
        await asyncio.sleep(0.3)
        for _ in range(5):
            assert await asyncio.wait_for(asleep(pool, LOOK_UP, 0), 0.8)
        ended = await asyncio.gather(*busy, return_exceptions=True)
        reports, lists = ended[:12], ended[12:]
        assert [type(e) for e in reports if isinstance(e, Exception)] == [TooManyAsk] * 10
        assert {type(e) for e in lists} == {list, TooManyAsk}

    pooled(ordinal_database, ask)


def test_an_answer_that_takes_too_long_is_not_called_a_database_that_is_away(
    ordinal_database: str,
) -> None:
    async def ask(pool: ReadPool) -> None:
        with pytest.raises(AnswerTooSlow):
            await asleep(pool, LOOK_UP, 5)
        assert await asleep(pool, REPORT, LOOK_UP.seconds + 0.5)

    pooled(ordinal_database, ask)


@pytest.mark.parametrize("share", [LOOK_UP, REPORT], ids=lambda share: share.name)
def test_a_database_that_falls_silent_is_noticed_in_time(
    ordinal_database: str, public_folder: Path, share: Share
) -> None:
    """Also by a report that might have worked for longer."""
    with postgres_proxy(ordinal_database, public_folder) as (proxy, conninfo):

        async def ask(pool: ReadPool) -> float:
            await asleep(pool, LOOK_UP, 0)
            working = asleep(pool, share, share.seconds - 0.1)
            await asyncio.sleep(0.2)
            proxy.swallow()
            began = asyncio.get_running_loop().time()
            with pytest.raises(DatabaseAway) as told:
                await working
            assert "socket" not in str(told.value)
            return asyncio.get_running_loop().time() - began

        assert pooled(conninfo, ask) < 2.5


def test_a_store_that_takes_no_writes_is_not_ready(ordinal_database: str) -> None:
    receipts(ordinal_database)
    name = str(conninfo_to_dict(ordinal_database)["dbname"])
    with psycopg.connect(ordinal_database, autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on".encode())
    missing = run(ordinal_database, lambda reader: reader.missing())
    assert missing == {"event_log": "the database takes no writes"}
